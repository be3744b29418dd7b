from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from qa_service import __version__
from qa_service.api.app import create_app
from qa_service.config import Settings
from tests.test_api_probes import serving

_PROBLEM = "application/problem+json"
_ANNOTATIONS = {"title", "description", "default", "examples"}
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
# What each route can answer with beside a success.
_ERRORS = {
    ("/v1/ask", "post"): {"400", "408", "413", "422", "503"},
    ("/v1/ask/batch", "post"): {"400", "408", "413", "422", "503"},
    ("/v1/feedback", "post"): {"400", "404", "408", "409", "413", "422", "503"},
    ("/v1/mail", "post"): {"408", "413", "415", "503"},
    ("/v1/entries", "get"): {"422", "503"},
    ("/v1/entries/{entry_id}", "get"): {"404", "503"},
    ("/v1/info", "get"): {"422", "503"},
    ("/livez", "get"): set(),
    ("/readyz", "get"): {"503"},
    ("/metrics", "get"): set(),
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The OpenAPI document."""
    return create_app(Settings()).openapi()


def _violations(value: Any, schema: dict[str, Any], document: dict[str, Any], place: str = "$") -> Iterator[str]:
    """What breaks a schema; a keyword that is not known here is an error, so that none is passed over."""
    if "type" in schema and not _holds(value, "type", schema["type"]):
        yield f"{place}: not of type {schema['type']}"
        return
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/components/schemas/")
        yield from _violations(value, document["components"]["schemas"][name], document, place)
    for keyword, rule in schema.items():
        if keyword in _ANNOTATIONS or keyword in ("$ref", "additionalProperties"):
            continue
        if keyword == "anyOf":
            if all(list(_violations(value, choice, document, place)) for choice in rule):
                yield f"{place}: fits none of the choices"
        elif keyword == "properties":
            for name in rule.keys() & value.keys():
                yield from _violations(value[name], rule[name], document, f"{place}.{name}")
            if schema.get("additionalProperties") is False:
                yield from (f"{place}.{name}: unknown" for name in value.keys() - rule.keys())
        elif keyword == "items":
            for i, item in enumerate(value):
                yield from _violations(item, rule, document, f"{place}[{i}]")
        elif not _holds(value, keyword, rule):
            yield f"{place}: breaks {keyword} {rule}"


def _holds(value: Any, keyword: str, rule: Any) -> bool:
    checks: dict[str, Callable[[], object]] = {
        "type": lambda: isinstance(value, _TYPES[rule]) and (rule == "boolean" or not isinstance(value, bool)),
        "required": lambda: not set(rule) - value.keys(),
        "enum": lambda: value in rule,
        "minimum": lambda: value >= rule,
        "maximum": lambda: value <= rule,
        "minItems": lambda: len(value) >= rule,
        "maxItems": lambda: len(value) <= rule,
        "maxLength": lambda: len(value) <= rule,
        "pattern": lambda: re.search(rule, value) is not None,
        "format": lambda: rule == "date" and bool(date.fromisoformat(value)),
    }
    return bool(checks[keyword]())


def _examples(document: dict[str, Any]) -> dict[str, list[Any]]:
    return {n: s["examples"] for n, s in document["components"]["schemas"].items() if "examples" in s}


def test_the_checker_finds_violations(document: dict[str, Any]) -> None:
    """The checker of this file refuses what breaks a rule."""
    schema = {"$ref": "#/components/schemas/AskRequest"}
    assert list(_violations({"question": "a", "top": 3, "language": "en", "tags": ["x"]}, schema, document)) == []
    for wrong in (
        {},
        {"question": 1},
        {"question": "a", "top": 21},
        {"question": "a", "x": 1},
        {"question": "a", "tags": 1},
    ):
        assert len(list(_violations(wrong, schema, document))) == 1


def test_requests_and_the_answer_have_examples(document: dict[str, Any]) -> None:
    """Both requests and the answer have an example."""
    assert {"AskRequest", "BatchRequest", "AskResponse"} <= _examples(document).keys()


def test_examples_fit_their_schemas(document: dict[str, Any]) -> None:
    """Every example in the document validates against its own schema."""
    for name, examples in _examples(document).items():
        for example in examples:
            assert list(_violations(example, document["components"]["schemas"][name], document, name)) == []


def test_batch_example_holds_whole_requests(document: dict[str, Any]) -> None:
    """The objects in the batch's example are requests of their own."""
    (example,) = _examples(document)["BatchRequest"]
    objects = [item for item in example["questions"] if isinstance(item, dict)]
    assert objects
    for item in objects:
        assert list(_violations(item, {"$ref": "#/components/schemas/AskRequest"}, document)) == []


def test_example_is_the_official_answer(document: dict[str, Any], root: Path) -> None:
    """The example's answer is the bytes of the published file at its offsets, and the file's hash is right."""
    (example,) = _examples(document)["AskResponse"]
    (answer,) = example["answers"]
    source = answer["source"]
    raw = (root / "data" / source["document"]).read_bytes()
    assert source["document"] == "ctpat_top_faqs.md"
    assert raw[source["start"] : source["end"]].decode() == answer["answer"]
    assert source["sha256"] == hashlib.sha256(raw).hexdigest()
    assert answer["question"] in raw.decode()


def test_example_requests_are_answered(document: dict[str, Any], index: Path) -> None:
    """The examples of the requests can be sent as they are, and what comes back fits the documented schema."""
    with serving(index) as client:
        for path, name, answer in (
            ("/v1/ask", "AskRequest", "AskResponse"),
            ("/v1/ask/batch", "BatchRequest", "BatchResponse"),
        ):
            for example in _examples(document)[name]:
                response = client.post(path, json=example)
                assert response.status_code == 200
                assert list(_violations(response.json(), document["components"]["schemas"][answer], document)) == []


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/v1/entries", "/v1/entries"),
        ("/v1/entries/gamma", "/v1/entries/{entry_id}"),
        ("/v1/info", "/v1/info"),
        ("/readyz", "/readyz"),
    ],
)
def test_responses_fit_their_schemas(document: dict[str, Any], index: Path, path: str, route: str) -> None:
    """What the routes give fits what the document says of them."""
    schema = document["paths"][route]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    with serving(index) as client:
        body = client.get(path).json()
    assert schema
    assert list(_violations(body, schema, document)) == []


def test_problems_fit_their_schema(document: dict[str, Any], index: Path) -> None:
    """What an error gives fits the documented schema."""
    with serving(index) as client:
        problems = [client.post("/v1/ask", json=body).json() for body in ({}, {"question": ""})]
    for problem in problems:
        assert list(_violations(problem, document["components"]["schemas"]["Problem"], document)) == []


def test_every_route_is_listed(document: dict[str, Any]) -> None:
    """The document describes the routes of this service and no others, and its release."""
    assert {(path, method) for path, methods in document["paths"].items() for method in methods} == _ERRORS.keys()
    assert document["info"]["version"] == __version__


@pytest.mark.parametrize("route", _ERRORS)
def test_every_error_status_is_named(document: dict[str, Any], route: tuple[str, str]) -> None:
    """A route's description names every error status that it can give."""
    path, method = route
    assert _ERRORS[route] - document["paths"][path][method]["responses"].keys() == set()


@pytest.mark.parametrize("name", ["AnswerOut", "EntryOut", "SourceOut"])
def test_every_field_of_an_answer_is_always_sent(document: dict[str, Any], name: str) -> None:
    """A client may rely on each field of an answer, an entry and its source, those with a default as well."""
    schema = document["components"]["schemas"][name]
    assert schema["required"] == list(schema["properties"])


def test_keys_are_described(document: dict[str, Any]) -> None:
    """Everything below `/v1/` may need a key and says so; nothing else does."""
    assert document["components"]["securitySchemes"] == {"key": {"type": "http", "scheme": "bearer"}}
    for path, methods in document["paths"].items():
        guarded = path.startswith("/v1/")
        for operation in methods.values():
            assert operation.get("security") == ([{}, {"key": []}] if guarded else None), path
            assert ("401" in operation["responses"]) == guarded, path


@pytest.mark.parametrize(("prefix", "servers"), [("", None), ("/faq", [{"url": "/faq"}])])
def test_the_document_is_served(index: Path, document: dict[str, Any], prefix: str, servers: object) -> None:
    """The document is served as it was made, with a tag, and names the prefix that the service stands under."""
    with serving(index, log_level="error") as client:
        below = TestClient(client.app, root_path=prefix)
        got = below.get(f"{prefix}/openapi.json")
        held = below.get(f"{prefix}/openapi.json", headers={"If-None-Match": got.headers["etag"]})
    served = got.json()
    assert served.pop("servers", None) == servers
    assert served == document
    assert (got.headers["content-type"], got.headers["cache-control"]) == ("application/json", "no-cache")
    assert (held.status_code, held.content) == (304, b"")


def test_errors_are_documented_as_they_are_sent(document: dict[str, Any]) -> None:
    """Every error is described as problem+json in this service's shape."""
    described = {
        (path, status): response["content"]
        for path, methods in document["paths"].items()
        for operation in methods.values()
        for status, response in operation["responses"].items()
        if status >= "400"
    }
    problem = {_PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    assert described == dict.fromkeys(described, problem)


def test_metrics_are_documented_as_text(document: dict[str, Any]) -> None:
    """The figures are described as the text that they are."""
    assert list(document["paths"]["/metrics"]["get"]["responses"]["200"]["content"]) == ["text/plain"]
