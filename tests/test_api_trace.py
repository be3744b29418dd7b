from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from qa_service.api.guard.trace import Trace
from qa_service.observe import Metrics, logger
from tests.test_api_ask import calibrated
from tests.test_api_errors import Broken
from tests.test_api_probes import serving

CANARY = "zebra-canary"
_SECURITY = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What was logged of requests, each line a JSON object."""
    lines: list[dict[str, Any]] = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    return [line for line in lines if line["event"] == "request"]


def test_security_headers(index: Path) -> None:
    """Every response carries the security headers and an id of its own, whatever its status."""
    with serving(index) as client:
        responses = [
            client.post("/v1/ask", json={"question": "What is alpha?"}),
            client.post("/v1/ask", json={"question": ""}),
            client.post("/v1/ask", content=b"x" * 70_000),
            client.get("/v1/entries"),
            client.get("/zebra"),
            client.get("/v1/ask"),
            client.get("/livez"),
            client.get("/openapi.json"),
        ]
    assert [r.status_code for r in responses] == [200, 422, 413, 200, 404, 405, 200, 200]
    for response in responses:
        assert {name: response.headers[name] for name in _SECURITY} == _SECURITY
    ids = [response.headers["x-request-id"] for response in responses]
    assert len(set(ids)) == len(ids)
    assert {len(bytes.fromhex(i)) for i in ids} == {16}


def test_a_response_keeps_what_it_brings() -> None:
    """A response with a policy of its own keeps that one, once; the rest is added."""
    own = {
        "Content-Security-Policy": "default-src 'self'",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Cache-Control": "max-age=60",
    }
    client = TestClient(Trace(PlainTextResponse("page", headers=own), Metrics(), logger("error")))
    headers = client.get("/").headers
    assert {name: headers.get_list(name) for name in own} == {name: [value] for name, value in own.items()}
    assert {name: headers.get_list(name) for name in _SECURITY if name.title() not in own} == {
        "x-content-type-options": ["nosniff"],
        "referrer-policy": ["no-referrer"],
    }


def test_caching(index: Path) -> None:
    """Answers are not stored; what has an ETag is stored and asked for again."""
    with serving(index) as client:
        asked = client.post("/v1/ask", json={"question": "What is alpha?"})
        entries = client.get("/v1/entries")
    assert asked.headers.get_list("cache-control") == ["no-store"]
    assert entries.headers.get_list("cache-control") == ["no-cache"]


def test_unexpected_errors_are_traced(index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An error of the service carries the headers and the id as well, is logged under it, and without the question."""
    opened = calibrated()
    with serving(index, lambda folder: Broken(opened(folder).snapshot)) as client:
        capsys.readouterr()
        response = client.post("/v1/ask", json={"question": CANARY})
        logged = capsys.readouterr().err
    assert response.status_code == 500
    assert CANARY not in logged
    assert {name: response.headers.get(name) for name in _SECURITY} == _SECURITY
    assert f'"{response.headers["x-request-id"]}"' in logged


def test_log_line(index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A request is one line: its id, its route, its status, its time."""
    with serving(index) as client:
        capsys.readouterr()
        response = client.post("/v1/ask", json={"question": "What is alpha?"})
        (line,) = _lines(capsys)
    assert set(line) == {"event", "level", "timestamp", "id", "route", "status", "ms"}
    assert (line["level"], line["route"], line["status"]) == ("info", "/v1/ask", 200)
    assert line["id"] == response.headers["x-request-id"]
    assert line["ms"] >= 0


def test_nothing_that_was_asked_is_logged(index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No part of a request that a client chooses comes into the log."""
    with serving(index, log_level="debug") as client:
        client.post("/v1/ask", json={"question": CANARY})
        client.post("/v1/ask", json={"question": CANARY, CANARY: CANARY})
        client.post("/v1/ask", content=b'{"question": "' + CANARY.encode() + b'\\ud800"}')
        client.post("/v1/ask", content=CANARY.encode(), headers={"content-type": "application/json"})
        client.post("/v1/ask", json={"question": CANARY, "language": CANARY, "tags": [CANARY]})
        client.post("/v1/ask/batch", json={"questions": [CANARY, {"question": CANARY}, {CANARY: CANARY}]})
        client.post(f"/v1/ask?q={CANARY}", json={"question": CANARY}, headers={"x-request-id": CANARY})
        client.get(f"/{CANARY}", headers={"user-agent": CANARY, "referer": f"http://x/{CANARY}"})
        client.get(f"/v1/entries/{CANARY}?{CANARY}={CANARY}")
        client.get(f"/v1/entries?cursor={CANARY}&limit={CANARY}")
        client.request(CANARY.upper(), "/v1/ask")
        logged = capsys.readouterr()
    assert logged.err.count('"event": "request"') >= 11
    assert CANARY not in (logged.err + logged.out).lower()


def test_probes_are_quiet(index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Probes come into the log at the level debug only."""
    routes = []
    for level in ("info", "debug"):
        with serving(index, log_level=level) as client:
            capsys.readouterr()
            for path in ("/livez", "/readyz", "/metrics", "/v1/info"):
                client.get(path)
            routes.append([line["route"] for line in _lines(capsys)])
    assert routes == [["/v1/info"], ["/livez", "/readyz", "/metrics", "/v1/info"]]


def test_an_application_that_fails_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """An exception becomes a 500 of an unknown route, counted and logged by its type; its text goes nowhere."""
    metrics = Metrics()
    sent: list[Message] = []

    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ValueError(CANARY)

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(Trace(app, metrics, logger())({"type": "http", "path": f"/{CANARY}"}, receive, send))
    value = metrics.registry.get_sample_value
    assert value("qa_requests_total", {"route": "unknown", "status": "500"}) == 1.0
    failure, request = map(json.loads, capsys.readouterr().err.splitlines())
    assert (failure["error"], request["status"], sent[0]["status"]) == ("ValueError", 500, 500)
    assert CANARY not in f"{failure}{request}{sent}"


def test_other_scopes_pass(capsys: pytest.CaptureFixture[str]) -> None:
    """What is not an HTTP request is passed on and leaves no trace."""
    seen = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope["type"])

    async def receive() -> Message:
        raise AssertionError

    async def send(_: Message) -> None:
        raise AssertionError

    metrics = Metrics()
    asyncio.run(Trace(app, metrics, logger())({"type": "lifespan"}, receive, send))
    assert seen == ["lifespan"]
    assert capsys.readouterr().err == ""
    assert b'route="' not in metrics.render()
