from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message

from qa_service.api.guard.body import Bodies, BodyGuard
from qa_service.api.guard.cors import shared_with
from tests.test_api_ask import calibrated
from tests.test_api_errors import Broken
from tests.test_api_probes import running, serving

_ORIGIN, _FOREIGN = "https://www.example.gov", "https://elsewhere.example"
_SETTINGS: dict[str, Any] = {"origins": f"http://localhost:8080, {_ORIGIN}", "log_level": "error"}
_ASKED = {"question": "What is alpha?"}
_PREFLIGHT = {"Origin": _ORIGIN, "Access-Control-Request-Method": "POST"}
_KEYS: dict[str, Any] = {"key_sha256": "0" * 64, "admin_key_sha256": "1" * 64}


def _cors(response: Any) -> dict[str, str]:
    """The headers of the protocol that a response has."""
    return {name: value for name, value in response.headers.items() if name.startswith("access-control-")}


_SHARED = {"access-control-allow-origin": _ORIGIN, "access-control-expose-headers": "Retry-After, X-Request-Id"}


def test_answers_and_errors_are_shared(index: Path) -> None:
    """A page of an allowed origin reads answers and errors alike, of the short way and of the framework."""
    with serving(index, **_SETTINGS) as client:
        client.headers["Origin"] = _ORIGIN
        responses = [
            client.post("/v1/ask", json=_ASKED),
            client.post("/v1/ask", json={"question": ""}),
            client.post("/v1/ask", content=b"\xff", headers={"Content-Type": "application/json"}),
            client.post("/v1/ask", content=b"x" * 70_000),
            client.post("/v1/mail", content=b"x", headers={"Content-Type": "text/html"}),
            client.get("/v1/info"),
            client.get("/v1/info", headers={"If-None-Match": "*"}),
            client.head("/v1/info"),
            client.get("/v1/entries/zebra"),
            client.get("/v1/ask"),
            client.get("/zebra"),
        ]
    assert [r.status_code for r in responses] == [200, 422, 400, 413, 415, 200, 304, 200, 404, 405, 404]
    for response in responses:
        assert _cors(response) == _SHARED
        assert "Origin" in response.headers["vary"].split(", ")
        assert len(response.headers["x-request-id"]) == 32


def test_refusals_are_shared(index: Path, tmp_path: Path) -> None:
    """A page of an allowed origin learns that a key is needed, and when to come back."""
    with running(index, **_SETTINGS, **_KEYS) as client:
        keyless = client.post("/v1/ask", json=_ASKED, headers={"Origin": _ORIGIN})
    with running(tmp_path / "none", **_SETTINGS) as client:
        early = client.post("/v1/ask", json=_ASKED, headers={"Origin": _ORIGIN})
    assert [(r.status_code, _cors(r)) for r in (keyless, early)] == [(401, _SHARED), (503, _SHARED)]
    assert early.headers["retry-after"] == "1"


def test_unexpected_errors_are_shared(index: Path) -> None:
    """An error of the service itself can be read from an allowed origin, and from no other."""
    opened = calibrated()
    with serving(index, lambda folder: Broken(opened(folder).snapshot), **_SETTINGS) as client:
        near, far = (client.post("/v1/ask", json=_ASKED, headers={"Origin": o}) for o in (_ORIGIN, _FOREIGN))
    assert [r.status_code for r in (near, far)] == [500, 500]
    assert _cors(near) == _SHARED
    assert "access-control-allow-origin" not in far.headers
    assert len(near.headers["x-request-id"]) == 32


def test_a_slow_body_is_shared() -> None:
    """A body that does not arrive is refused in a way that the page can read."""
    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    app = shared_with([_ORIGIN])(BodyGuard(PlainTextResponse("behind"), Bodies(10, {}, receive_seconds=0.001)))
    headers = [(b"origin", _ORIGIN.encode())]

    async def call() -> None:
        await app({"type": "http", "method": "POST", "path": "/v1/ask", "headers": headers}, receive, send)

    asyncio.run(call())
    assert sent[0]["status"] == 408
    assert (b"access-control-allow-origin", _ORIGIN.encode()) in sent[0]["headers"]


def test_preflight(index: Path) -> None:
    """A preflight needs no key, is kept for a day, and allows what asking takes, without cookies."""
    with running(index, **_SETTINGS, **_KEYS) as client:
        for asked in ("content-type", "authorization,content-type", "Authorization"):
            headers = {**_PREFLIGHT, "Access-Control-Request-Headers": asked, "Content-Length": "999999"}
            response = client.options("/v1/ask", headers=headers)
            assert response.status_code == 200
            assert _cors(response) == {
                "access-control-allow-origin": _ORIGIN,
                "access-control-allow-methods": "GET, POST",
                "access-control-allow-headers": "Accept, Accept-Language, Authorization, Content-Language, Content-Type",
                "access-control-max-age": "86400",
            }
            assert len(response.headers["x-request-id"]) == 32


@pytest.mark.parametrize(
    "changes",
    [
        {"Origin": _FOREIGN},
        {"Origin": "null"},
        {"Origin": f"{_ORIGIN}.elsewhere.example"},
        {"Access-Control-Request-Method": "DELETE"},
        {"Access-Control-Request-Headers": "x-zebra"},
    ],
)
def test_refused_preflight(index: Path, changes: dict[str, str]) -> None:
    """Another origin, another method and another header are not allowed."""
    with running(index, **_SETTINGS) as client:
        response = client.options("/v1/ask", headers=_PREFLIGHT | changes)
    assert response.status_code == 400
    if "Origin" in changes:
        assert "access-control-allow-origin" not in response.headers


def test_other_origins_read_nothing(index: Path) -> None:
    """A response to a page of another origin, or to no page, does not name an origin, and says that it depends on it."""
    with serving(index, **_SETTINGS) as client:
        responses = [client.get("/v1/info", headers=h) for h in ({"Origin": _FOREIGN}, {"Origin": "null"}, {})]
    for response in responses:
        assert "access-control-allow-origin" not in response.headers
        assert "access-control-allow-credentials" not in response.headers
        assert "Origin" in response.headers["vary"].split(", ")


def test_every_origin(index: Path) -> None:
    """`*` lets pages of all origins ask, still without cookies."""
    with serving(index, log_level="error", origins="*") as client:
        asked = client.post("/v1/ask", json=_ASKED, headers={"Origin": _FOREIGN})
        preflight = client.options("/v1/ask", headers={**_PREFLIGHT, "Access-Control-Request-Headers": "authorization"})
    assert asked.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in asked.headers
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (200, "*")


def test_no_origins(index: Path) -> None:
    """Without the setting nothing is shared, and a preflight is a method that is not allowed."""
    with serving(index, log_level="error") as client:
        asked = client.post("/v1/ask", json=_ASKED, headers={"Origin": _ORIGIN})
        preflight = client.options("/v1/ask", headers=_PREFLIGHT)
    assert [(r.status_code, _cors(r)) for r in (asked, preflight)] == [(200, {}), (405, {})]
