from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from qa_service.api.problems import field_errors
from qa_service.domain import Query, Result
from qa_service.retriever import Retriever
from tests import fakes
from tests.test_api_ask import calibrated
from tests.test_api_probes import serving

CANARY = "zebra-canary"
_JSON = {"content-type": "application/json"}
_PATHS = ("/v1/ask", "/v1/ask/batch")
_BATCH_LIMIT = 8192
_LIMIT = 4096


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """One service for all bad requests, with small limits; it must outlive every one of them."""
    folder = tmp_path_factory.mktemp("errors")
    fakes.build_index(folder)
    limits: dict[str, Any] = {"max_body_bytes": _LIMIT, "max_batch_body_bytes": _BATCH_LIMIT}
    with serving(folder / "index", log_level="error", **limits) as served:
        yield served


@pytest.fixture(scope="module")
def roomy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service with the limits that are the default."""
    folder = tmp_path_factory.mktemp("roomy")
    fakes.build_index(folder)
    with serving(folder / "index", log_level="error") as served:
        yield served


def assert_problem(response: Any, status: int, code: str) -> dict[str, Any]:
    """What every error of this service is: small, ASCII, problem+json, and silent about the question."""
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    assert response.content.isascii()
    assert len(response.content) < 2000
    assert CANARY not in response.text
    problem: dict[str, Any] = response.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["type"] == f"urn:qa-service:problem:{code}"
    assert isinstance(problem["title"], str)
    assert isinstance(problem["detail"], str)
    return problem


_HOSTILE: dict[str, tuple[bytes, int, str]] = {
    "empty": (b"", 422, "request-invalid"),
    "spaces": (b" \n\t ", 422, "request-invalid"),
    "not JSON": (b"zebra-canary", 422, "request-invalid"),
    "cut": (b'{"question": "zebra-canary', 422, "request-invalid"),
    "two values": (b'{"question": "a"} {"question": "zebra-canary"}', 422, "request-invalid"),
    "null": (b"null", 422, "request-invalid"),
    "text": (b'"zebra-canary"', 422, "request-invalid"),
    "list": (b'["zebra-canary"]', 422, "request-invalid"),
    "number": (b"1", 422, "request-invalid"),
    "NaN": (b"NaN", 422, "request-invalid"),
    "no field": (b"{}", 422, "request-invalid"),
    "lone surrogate": (b'{"question": "zebra-canary \\ud800"}', 422, "question-invalid"),
    "surrogates the wrong way round": (b'{"question": "zebra-canary \\udc00\\ud800"}', 422, "question-invalid"),
    "lone surrogate in a key": (b'{"question": "zebra-canary", "\\ud800": 1}', 422, "request-invalid"),
    "lone surrogate in a tag": (b'{"question": "zebra-canary", "tags": ["\\ud800"]}', 422, "request-invalid"),
    "lone surrogate in the language": (b'{"question": "zebra-canary", "language": "\\ud8"}', 422, "request-invalid"),
    "question NaN": (b'{"question": NaN}', 422, "request-invalid"),
    "question Infinity": (b'{"question": -Infinity}', 422, "request-invalid"),
    "question 1e999": (b'{"question": 1e999}', 422, "request-invalid"),
    "top NaN": (b'{"question": "zebra-canary", "top": NaN}', 422, "request-invalid"),
    "top 1e999": (b'{"question": "zebra-canary", "top": 1e999}', 422, "request-invalid"),
    "top too large": (b'{"question": "zebra-canary", "top": 21}', 422, "request-invalid"),
    "top 0": (b'{"question": "zebra-canary", "top": 0}', 422, "request-invalid"),
    "top true": (b'{"question": "zebra-canary", "top": true}', 422, "request-invalid"),
    "top 3.0": (b'{"question": "zebra-canary", "top": 3.0}', 422, "request-invalid"),
    "top as text": (b'{"question": "zebra-canary", "top": "zebra-canary"}', 422, "request-invalid"),
    "top of 100 digits": (b'{"question": "zebra-canary", "top": ' + b"9" * 100 + b"}", 422, "request-invalid"),
    "top null": (b'{"question": "zebra-canary", "top": null}', 422, "request-invalid"),
    "question null": (b'{"question": null}', 422, "request-invalid"),
    "question in a list": (b'{"question": ["zebra-canary"]}', 422, "request-invalid"),
    "question in an object": (b'{"question": {"zebra-canary": "zebra-canary"}}', 422, "request-invalid"),
    "nested 500 deep": (b'{"question": ' + b"[" * 500 + b"]" * 500 + b"}", 422, "request-invalid"),
    "language not a text": (b'{"question": "zebra-canary", "language": 3}', 422, "request-invalid"),
    "language malformed": (b'{"question": "zebra-canary", "language": "zebra-canary/.."}', 422, "request-invalid"),
    "language with a line end": (b'{"question": "zebra-canary", "language": "en\\n"}', 422, "request-invalid"),
    "language too long": (b'{"question": "a", "language": "en' + b"-zebra" * 20 + b'"}', 422, "request-invalid"),
    "tags not a list": (b'{"question": "a", "tags": "zebra-canary"}', 422, "request-invalid"),
    "tags of numbers": (b'{"question": "a", "tags": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]}', 422, "request-invalid"),
    "too many tags": (b'{"question": "a", "tags": [' + b'"zebra-canary",' * 20 + b'"x"]}', 422, "request-invalid"),
    "tag too long": (b'{"question": "a", "tags": ["' + b"zebra-canary" * 9 + b'"]}', 422, "request-invalid"),
    "empty question": (b'{"question": ""}', 422, "question-invalid"),
    "invisible question": (b'{"question": "\\u200b\\u200d\\ufeff\\u2060 \\t\\u00a0\\u0000"}', 422, "question-invalid"),
    "2,001 characters": (b'{"question": "' + b"zebra-canary " * 153 + b"x" * 12 + b'"}', 422, "question-invalid"),
    "invalid UTF-8": (b'{"question": "zebra-canary \xff"}', 400, "bad-request"),
    "UTF-8 of a surrogate": (b'{"question": "zebra-canary \xed\xa0\x80"}', 422, "question-invalid"),
    "overlong UTF-8": (b'{"question": "zebra-canary \xc0\xaf"}', 400, "bad-request"),
    "question twice, the last wrong": (b'{"question": "zebra-canary", "question": 1}', 422, "request-invalid"),
    "unknown field": (b'{"question": "zebra-canary", "queston": "zebra-canary"}', 422, "request-invalid"),
    "unknown field NaN": (b'{"question": "zebra-canary", "queston": NaN}', 422, "request-invalid"),
    "long unknown field": (b'{"question": "zebra-canary", "' + b"k" * 1900 + b'": 1}', 422, "request-invalid"),
}


@pytest.mark.parametrize("name", _HOSTILE)
def test_hostile_bodies(client: TestClient, name: str) -> None:
    """A body that can't be asked gets a small 4xx that does not repeat it."""
    body, status, code = _HOSTILE[name]
    assert_problem(client.post("/v1/ask", content=body, headers=_JSON), status, code)


@pytest.mark.parametrize("name", _HOSTILE)
def test_hostile_batches(client: TestClient, name: str) -> None:
    """The same bodies are refused by the batch as well, for they hold no `questions`."""
    response = client.post("/v1/ask/batch", content=_HOSTILE[name][0], headers=_JSON)
    assert response.status_code in (400, 422)
    assert_problem(response, response.status_code, "bad-request" if response.status_code == 400 else "request-invalid")


@pytest.mark.parametrize("name", [n for n, (body, status, _) in _HOSTILE.items() if status == 422 and len(body) > 1])
def test_hostile_batch_items(client: TestClient, name: str) -> None:
    """As an item of a batch each of them is an error in its place that does not repeat it, if it is JSON at all."""
    body = b'{"questions": [' + _HOSTILE[name][0] + b', "What is alpha?"]}'
    try:
        items = json.loads(body)["questions"]
    except ValueError:
        assert_problem(client.post("/v1/ask/batch", content=body, headers=_JSON), 422, "request-invalid")
        return
    response = client.post("/v1/ask/batch", content=body, headers=_JSON)
    assert response.status_code == 200
    bad, good = response.json()["results"]
    assert CANARY not in json.dumps(bad) or items[0] == CANARY
    assert ("error" in bad) == (items[0] != CANARY)
    assert good["index_version"] == response.json()["index_version"]


def test_deep_nesting_and_huge_numbers(roomy: TestClient) -> None:
    """What Python's own JSON reader gives up on is a 4xx as well."""
    for value in (
        b"[" * 30_000,
        b"[" * 30_000 + b"]" * 30_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b"9" * 60_000,
    ):
        for path in _PATHS:
            response = roomy.post(path, content=b'{"question": ' + value + b"}", headers=_JSON)
            assert response.status_code in (400, 422)
            code = "bad-request" if response.status_code == 400 else "request-invalid"
            assert_problem(response, response.status_code, code)


def test_unknown_field_is_named(client: TestClient) -> None:
    """An unknown field is refused by its name."""
    problem = assert_problem(
        client.post("/v1/ask", json={"question": CANARY, "queston": CANARY}), 422, "request-invalid"
    )
    assert problem["detail"] == "queston: unknown field"
    assert problem["errors"] == [{"field": "queston", "message": "unknown field"}]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"question": 1}, "question"),
        ({}, "question"),
        ({"question": "a", "top": 0}, "top"),
        ({"question": "a", "tags": ["a", 1]}, "tags.1"),
        ({"question": "a", "language": "?"}, "language"),
        ({"question": "a", "\u00e9t\u00e9": 1}, "\\xe9t\\xe9"),
        ({"question": "a", "": 1}, "body"),
        ([], "body"),
    ],
)
def test_wrong_field_is_named(client: TestClient, body: object, field: str) -> None:
    """The field that breaks a rule is named."""
    problem = assert_problem(client.post("/v1/ask", json=body), 422, "request-invalid")
    assert [error["field"] for error in problem["errors"]] == [field]


@pytest.mark.parametrize("character", ["k", '"', "\\", "\u0001", "\u00e9", "\u2603", "\U0001f600"])
def test_many_long_unknown_fields_stay_small(roomy: TestClient, character: str) -> None:
    """However many unknown fields there are, however long, of whatever characters: the error stays small."""
    body = {f"{character * 20}{i:02}{character * 45}": 1 for i in range(20)}
    raw = json.dumps({"question": "a", **body}, ensure_ascii=False).encode()
    response = roomy.post("/v1/ask", content=raw, headers=_JSON)
    assert len(assert_problem(response, 422, "request-invalid")["errors"]) == 10


def test_too_many_characters_are_counted(client: TestClient) -> None:
    """The refusal of a long question says how long it is and how long it may be."""
    problem = assert_problem(client.post("/v1/ask", json={"question": "x" * 2001}), 422, "question-invalid")
    assert problem["detail"] == "the question has 2001 characters; 2000 are allowed"


def _chunks(body: bytes) -> Iterator[bytes]:
    for i in range(0, len(body), 1000):
        yield body[i : i + 1000]


@pytest.mark.parametrize(("path", "limit"), [("/v1/ask", _LIMIT), ("/v1/ask/batch", _BATCH_LIMIT)])
@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_over_the_limit(client: TestClient, path: str, limit: int, chunked: bool) -> None:
    """A body of one byte over its path's limit is refused, whether or not its length is declared."""
    body = b'{"question": "zebra-canary"}'.ljust(limit + 1)
    response = client.post(path, content=_chunks(body) if chunked else body, headers=_JSON)
    problem = assert_problem(response, 413, "body-too-large")
    more = f"more than {limit} bytes" if chunked else f"{limit + 1} bytes; {limit} are allowed"
    assert problem["detail"] == f"the body has {more}"
    assert response.headers["connection"] == "close"


@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_at_the_limit(client: TestClient, chunked: bool) -> None:
    """A body of exactly the limit is asked."""
    for path, body, limit in (
        ("/v1/ask", b'{"question": "What is alpha?"}', _LIMIT),
        ("/v1/ask/batch", b'{"questions": ["What is alpha?"]}', _BATCH_LIMIT),
    ):
        padded = body.ljust(limit)
        response = client.post(path, content=_chunks(padded) if chunked else padded, headers=_JSON)
        assert response.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/ask", "POST"),
        ("PUT", "/v1/ask/batch", "POST"),
        ("DELETE", "/v1/entries/alpha", "GET, HEAD"),
        ("POST", "/v1/entries", "GET, HEAD"),
        ("PROPFIND", "/v1/info", "GET, HEAD"),
        ("POST", "/readyz", "GET, HEAD"),
    ],
)
def test_method_not_allowed(client: TestClient, method: str, path: str, allow: str) -> None:
    """A method that a path does not have is refused, with the one that it has."""
    response = client.request(method, path)
    assert_problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == allow


@pytest.mark.parametrize(
    "path", ["/zebra-canary", "/v1/zebra-canary", "/v1/ask/zebra-canary", "/docs", "/redoc", "/v1/entries/a/b"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_unknown_paths(client: TestClient, method: str, path: str) -> None:
    """A path that does not exist is not found, and the answer does not repeat it."""
    assert_problem(client.request(method, path), 404, "not-found")


@pytest.mark.parametrize("entry_id", ["zebra-canary", "%00", "%ff", "%ed%a0%80", "%E2%98%83", "a%2fb", "x" * 5000])
def test_unknown_entries(client: TestClient, entry_id: str) -> None:
    """An id that no entry has is not found."""
    assert_problem(client.get(f"/v1/entries/{entry_id}"), 404, "not-found")


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", "zebra-canary"])
def test_content_types(client: TestClient, content_type: str | None) -> None:
    """A body that is not declared as JSON is refused."""
    headers = {"content-type": content_type} if content_type else {}
    response = client.post("/v1/ask", content=b'{"question": "zebra-canary"}', headers=headers)
    assert_problem(response, 422, "request-invalid")


def test_overload(index: Path) -> None:
    """More questions than may wait get 503 and when to come back."""
    with serving(index, max_waiting_questions=2, log_level="error") as client:
        response = client.post("/v1/ask/batch", json={"questions": [CANARY] * 3})
        assert_problem(response, 503, "overloaded")
        assert response.headers["retry-after"] == "1"
        assert client.post("/v1/ask/batch", json={"questions": ["What is alpha?"] * 2}).status_code == 200


class Broken(Retriever):
    """Fails as no caller expects, with the question in its message, once it is warm."""

    _warm = False

    def ask(self, queries: Sequence[Query]) -> list[Result]:
        if self._warm:
            raise RuntimeError(queries[0].text)
        return super().ask(queries)

    def warm(self) -> None:
        super().warm()
        self._warm = True


def test_unexpected_error(index: Path) -> None:
    """An error of the service itself is a 500 that says nothing of what was asked, and the service goes on."""
    opened = calibrated()
    with serving(index, lambda folder: Broken(opened(folder).snapshot), log_level="error") as client:
        problem = assert_problem(client.post("/v1/ask", json={"question": CANARY}), 500, "internal")
        assert problem["detail"] == "an error of this service; see its log"
        assert client.get("/readyz").status_code == 200


def test_field_errors_are_few() -> None:
    """Ten errors are named at most, each without what was sent."""
    found = [{"type": "t", "loc": ("body", "tags", i), "msg": "m" * 300, "input": CANARY} for i in range(12)]
    errors = field_errors(found)
    assert [e.field for e in errors] == [f"tags.{i}" for i in range(10)]
    assert {e.message for e in errors} == {"m" * 200}


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(CANARY) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
_NAMES = st.sampled_from(["question", "questions", "top", "language", "tags", "other"])
_FRAGMENTS = st.lists(
    st.sampled_from(
        [
            b"{",
            b"}",
            b"[",
            b"]",
            b":",
            b",",
            b'"',
            b'"question"',
            b'"questions"',
            b'"top"',
            b"1e999",
            b"NaN",
            b"-",
            b"\\",
            *(b"\\ud800", b"\xff", b"\xed\xa0\x80", b"null", b"0", b"9" * 400, b" ", b"\x00", b'"alpha"'),
        ]
    ),
    max_size=30,
).map(b"".join)
_BODIES = (
    st.binary(max_size=200)
    | _FRAGMENTS
    | st.dictionaries(_NAMES, _VALUES, max_size=4).map(lambda v: json.dumps(v).encode())
)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(body=_BODIES, path=st.sampled_from(_PATHS))
def test_no_body_breaks_the_service(client: TestClient, body: bytes, path: str) -> None:
    """No body whatever gets a 5xx; what is refused is small, ASCII and problem+json."""
    response = client.post(path, content=body, headers=_JSON)
    assert response.status_code in (200, 400, 413, 422)
    if response.status_code != 200:
        assert_problem(response, response.status_code, response.json()["code"])


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(
    cursor=st.text(max_size=40) | st.binary(max_size=40).map(lambda b: b.decode("latin-1")), limit=st.text(max_size=6)
)
def test_no_query_string_breaks_the_service(client: TestClient, cursor: str, limit: str) -> None:
    """No cursor and no limit gets a 5xx."""
    for params in ({"cursor": cursor}, {"limit": limit}):
        try:
            response = client.get("/v1/entries", params=params)
        except UnicodeEncodeError:  # the client can't send half a character
            continue
        assert response.status_code in (200, 422)
