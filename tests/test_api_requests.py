from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.types import Message

from qa_service.api.requests import read
from qa_service.api.schemas import AskRequest, BatchRequest, FeedbackRequest

_MODELS: tuple[type[BaseModel], ...] = (AskRequest, BatchRequest, FeedbackRequest)
_NAMES = sorted({name for model in _MODELS for name in model.model_fields} | {"other", "\u00e9"})
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 30)
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(("en", "en-US", "outdated", "0" * 32, "\ud800", "\ud83d\ude00", "\x00")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=3),
    max_leaves=6,
)
# What fits, so that more than errors is compared, and anything else; a name may stand there twice.
_PAIRS = st.lists(
    st.tuples(st.sampled_from(_NAMES), _VALUES)
    | st.tuples(st.just("question"), st.text(max_size=8))
    | st.tuples(st.just("questions"), st.lists(_VALUES, min_size=1, max_size=3))
    | st.tuples(st.just("tags"), st.lists(st.text(max_size=4), max_size=3))
    | st.tuples(st.just("top"), st.integers(1, 20))
    | st.tuples(st.just("query_id"), st.just("0" * 32))
    | st.tuples(st.sampled_from(("helpful", "explain")), st.booleans()),
    max_size=5,
)


def plain(body: bytes, model: type[BaseModel]) -> object:
    """What Python's reader and then the model make of a body of JSON, or the error."""
    try:
        value = json.loads(body)
    except json.JSONDecodeError as exc:
        return "json_invalid", ("body", exc.pos)
    except (ValueError, RecursionError):
        return 400
    try:
        return told(model.model_validate(value))
    except ValidationError as exc:
        return [(one["type"], ("body", *one["loc"]), one["msg"]) for one in exc.errors()]


def told(held: BaseModel) -> object:
    """A model with all that tells it from another; numbers that are none are equal as they are written."""
    return type(held), repr(held), held.model_fields_set


def read_as(body: bytes, model: type[BaseModel], content_type: bytes = b"application/json") -> object:
    """What the service makes of it."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"accept", b"*/*"), (b"content-type", content_type)]
    try:
        return told(asyncio.run(read(Request({"type": "http", "headers": headers}, receive), model)))
    except HTTPException as exc:
        return exc.status_code
    except RequestValidationError as exc:
        errors = [(one["type"], tuple(one["loc"]), one["msg"]) for one in exc.errors()]
        return errors[0][:2] if errors[0][0] == "json_invalid" else errors


def written(pairs: list[tuple[str, Any]], *, escaped: bool) -> str:
    """An object of these names and values, in their order."""
    inside = ", ".join(
        f"{json.dumps(n, ensure_ascii=escaped)}: {json.dumps(v, ensure_ascii=escaped)}" for n, v in pairs
    )
    return f"{{{inside}}}"


@given(st.sampled_from(_MODELS), _PAIRS, st.booleans())
@example(AskRequest, [("question", 1), ("question", "the last counts")], True)
@example(AskRequest, [("question", "the last counts"), ("question", 1)], True)
@example(AskRequest, [("question", "a"), ("top", 1), ("top", 2)], True)
@example(AskRequest, [("question", "a"), ("top", 3.0)], True)
@example(AskRequest, [("question", "a"), ("top", True)], True)
@example(AskRequest, [("question", "a"), ("explain", 1)], True)
@example(AskRequest, [("question", "a\ud800")], True)
@example(BatchRequest, [("questions", [float("nan"), 10**30, -0.0, 1e400, {"top": 1, "question": "a"}])], True)
@example(FeedbackRequest, [("query_id", "0" * 32), ("helpful", False), ("reason", "outdated")], True)
@example(FeedbackRequest, [("query_id", "0" * 32), ("helpful", True), ("reason", "outdated")], True)
def test_a_body_is_read_as_python_reads_it(model: type[BaseModel], pairs: list[tuple[str, Any]], escaped: bool) -> None:
    """However a body of JSON is read, it is taken, and understood, and refused as by Python's reader and the model."""
    body = written(pairs, escaped=escaped).encode("utf-8", "surrogatepass")
    assert read_as(body, model) == plain(body, model)


@given(
    st.sampled_from(_MODELS),
    _PAIRS,
    st.sampled_from(("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "latin-1")),
    st.lists(st.tuples(st.integers(0, 80), st.binary(max_size=2)), max_size=2),
)
def test_a_body_that_is_broken(
    model: type[BaseModel], pairs: list[tuple[str, Any]], charset: str, changes: list[tuple[int, bytes]]
) -> None:
    """So is one in another encoding, or with some of its bytes changed."""
    errors = "replace" if charset == "latin-1" else "surrogatepass"
    body = written(pairs, escaped=False).encode(charset, errors)
    for place, changed in changes:
        body = body[:place] + changed + body[place + 1 :]
    if body:
        assert read_as(body, model) == plain(body, model)


@pytest.mark.parametrize(
    "value",
    [
        *(
            "NaN",
            "Infinity",
            "-Infinity",
            "-NaN",
            "Inf",
            "nan",
            "1e999",
            "-0",
            "-0.0",
            "01",
            "1.",
            ".5",
            "+1",
            "1E5",
            "0x1",
        ),
        *("9" * 18, "9" * 20, "9" * 100, "9" * 4300, "9" * 4301, "-" + "9" * 19, "1" + "0" * 400 + ".0"),
        *(
            '"\\ud800"',
            '"\\udc00\\ud800"',
            '"\\ud83d\\ude00"',
            '"\\u0000"',
            '"\\x41"',
            '"\t"',
            '"\x7f"',
            "'a'",
            '"\\/"',
        ),
        *("[" * n + "]" * n for n in (100, 190, 200, 210, 500, 900, 30_000)),
        *('{"a":' * n + "1" + "}" * n for n in (100, 200, 500, 30_000)),
        *("true", "True", "null", "None", "[1,]", "[,1]", "{,}", "1 // one", "/* one */ 1", "1\x0b", "\u00a01", ""),
    ],
    ids=lambda value: value[:20],
)
@pytest.mark.parametrize("field", ["question", "questions", "top", "tags", "other"])
def test_values_that_readers_differ_in(value: str, field: str) -> None:
    """What readers of JSON are known to differ in is read as Python does, as a value and within one."""
    for model, before in ((AskRequest, '"question": "a"'), (BatchRequest, '"questions": ["a"]')):
        for inside in (value, f"[{value}]", f'{{"top": {value}}}', f'[{{"question": "a", "top": {value}}}]'):
            body = f'{{{before}, "{field}": {inside}}}'.encode()
            assert read_as(body, model) == plain(body, model)
    assert read_as(value.encode() or b" ", AskRequest) == plain(value.encode() or b" ", AskRequest)


@pytest.mark.parametrize(
    ("content_type", "is_json"),
    [
        (b"application/json", True),
        (b"application/json; charset=utf-8", True),
        (b" Application/JSON ;x", True),
        (b"application/problem+json", True),
        (b"\xa0application/json", True),
        (b"application/jsonl", False),
        (b"text/json", False),
        (b"text/plain", False),
        (b"\xff", False),
        (b"", False),
    ],
)
def test_content_types(content_type: bytes, is_json: bool) -> None:
    """A body is read as JSON where its type says so; as anything else it is no object."""
    body = b'{"question": "What is alpha?"}'
    expected = told(AskRequest(question="What is alpha?"))
    got = read_as(body, AskRequest, content_type)
    if is_json:
        assert got == expected
    else:
        assert isinstance(got, list)
        assert [one[:2] for one in got] == [("model_type", ("body",))]


def test_the_first_content_type_counts() -> None:
    """Where there are several, the first one says what the body is."""

    async def receive() -> Message:
        return {"type": "http.request", "body": b'{"question": "a"}'}

    types = [(b"content-type", b"text/plain"), (b"content-type", b"application/json")]
    with pytest.raises(RequestValidationError):
        asyncio.run(read(Request({"type": "http", "headers": types}, receive), AskRequest))
    held = asyncio.run(read(Request({"type": "http", "headers": types[::-1]}, receive), AskRequest))
    assert held == AskRequest(question="a")


def test_no_body() -> None:
    """A body that is missing is said to be."""
    assert read_as(b"", AskRequest) == [("missing", ("body",), "Field required")]
