from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qa_service.api.guard.body import Bodies, BodyGuard

_LIMIT = 10
_LIMITS = {"/large": 20}


class _Echo:
    """The smallest application: answers with the body it got, and counts how often it was called."""

    def __init__(self) -> None:
        self.calls = 0
        self.after: list[Message] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.calls += 1
        body = b""
        more = scope["type"] == "http"
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        if scope.get("extensions", {}).get("wait"):
            self.after.append(await receive())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})


def _scope(path: str = "/", method: str = "POST", length: bytes | None = None, **more: Any) -> Scope:
    headers = [] if length is None else [(b"content-length", length)]
    return {"type": "http", "method": method, "path": path, "headers": headers, **more}


def _part(body: bytes, more: bool) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def _call(
    scope: Scope, messages: Iterable[Message], app: ASGIApp, receive_seconds: float = 60.0
) -> tuple[list[Message], int]:
    """Send messages to an application behind the limit; what it sent, and how many messages it took."""
    waiting = list(messages)
    sent: list[Message] = []
    taken = 0

    async def receive() -> Message:
        nonlocal taken
        if not waiting:
            await asyncio.Event().wait()
        taken += 1
        return waiting.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    limited = BodyGuard(app, Bodies(_LIMIT, _LIMITS, receive_seconds))
    asyncio.run(asyncio.wait_for(limited(scope, receive, send), 60.0))
    return sent, taken


def _read(sent: list[Message]) -> tuple[int, bytes]:
    return sent[0]["status"], b"".join(m.get("body", b"") for m in sent[1:])


@pytest.mark.parametrize(("path", "limit"), [("/", 10), ("/other", 10), ("/large", 20), ("/large/", 10)])
@pytest.mark.parametrize("declared", [False, True])
def test_limit_by_path(path: str, limit: int, declared: bool) -> None:
    """A path's body may be as long as its limit and not one byte longer."""
    statuses = []
    for size in (limit, limit + 1):
        app = _Echo()
        scope = _scope(path, length=str(size).encode() if declared else None)
        status, body = _read(_call(scope, [_part(b"x" * size, False)], app)[0])
        statuses.append((status, app.calls))
        assert status != 200 or body == b"x" * size
    assert statuses == [(200, 1), (413, 0)]


def test_declared_length_is_refused_unread() -> None:
    """A body that declares itself too long is refused before any of it is read."""
    app = _Echo()
    sent, taken = _call(_scope(length=b"11"), [_part(b"x" * 11, False)], app)
    status, body = _read(sent)
    assert (status, taken, app.calls) == (413, 0, 0)
    assert json.loads(body) == {
        "type": "urn:qa-service:problem:body-too-large",
        "title": "Request Entity Too Large",
        "status": 413,
        "code": "body-too-large",
        "detail": "the body has 11 bytes; 10 are allowed",
    }
    assert (b"connection", b"close") in sent[0]["headers"]


def test_declared_length_of_thousands_of_digits() -> None:
    """A declared length with more digits than Python converts is too long, not an error of the service."""
    app = _Echo()
    sent, _ = _call(_scope(length=b"9" * 5000), [_part(b"", False)], app)
    assert (_read(sent)[0], app.calls) == (413, 0)
    assert len(_read(sent)[1]) < 2000


@pytest.mark.parametrize("length", [b"", b"-1", b"1e9", b"zebra", b"0"])
def test_wrong_declared_length(length: bytes) -> None:
    """Whatever the declared length says, what arrives is counted."""
    app = _Echo()
    assert _read(_call(_scope(length=length), [_part(b"x" * 11, False)], app)[0])[0] == 413
    assert _read(_call(_scope(length=length), [_part(b"x" * 10, False)], app)[0]) == (200, b"x" * 10)


def test_chunks_are_joined() -> None:
    """The application gets a body that came in parts as one."""
    parts = [_part(b"abc", True), {"type": "http.request", "more_body": True}, _part(b"", True), _part(b"def", False)]
    assert _read(_call(_scope(), parts, _Echo())[0]) == (200, b"abcdef")


def test_chunks_are_refused_as_soon_as_they_are_too_many() -> None:
    """A body in parts is refused at the part that goes over the limit; the rest is not read."""
    app = _Echo()
    sent, taken = _call(_scope(), [_part(b"xxxx", True)] * 1000, app)
    status, body = _read(sent)
    assert (status, taken, app.calls) == (413, 3, 0)
    assert json.loads(body)["detail"] == "the body has more than 10 bytes"


@pytest.mark.parametrize("parts", [[], [_part(b"x", True)]])
def test_slow_body(parts: list[Message]) -> None:
    """A body that does not arrive in time gets 408 and the connection is closed."""
    app = _Echo()
    sent, _ = _call(_scope(), parts, app, receive_seconds=0.01)
    status, body = _read(sent)
    assert (status, app.calls) == (408, 0)
    assert json.loads(body) == {
        "type": "urn:qa-service:problem:body-too-slow",
        "title": "Request Timeout",
        "status": 408,
        "code": "body-too-slow",
        "detail": "the body did not arrive within 0.01 s",
    }
    assert (b"connection", b"close") in sent[0]["headers"]
    assert (b"content-type", b"application/problem+json") in sent[0]["headers"]


def test_time_is_for_the_body_only() -> None:
    """An application may take longer than the body had."""

    async def slow(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await asyncio.sleep(0.1)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"late"})

    assert _read(_call(_scope(), [_part(b"x", False)], slow, receive_seconds=0.05)[0]) == (200, b"late")


@pytest.mark.parametrize("parts", [[], [_part(b"x", True)]])
def test_disconnect(parts: list[Message]) -> None:
    """A client that goes away before its body is whole costs nothing more."""
    app = _Echo()
    sent, _ = _call(_scope(), [*parts, {"type": "http.disconnect"}], app)
    assert (sent, app.calls) == ([], 0)


def test_disconnect_reaches_the_application() -> None:
    """After the body the application hears of a disconnect as it would without the limit."""
    app = _Echo()
    scope = _scope(extensions={"wait": True})
    sent, _ = _call(scope, [_part(b"x", False), {"type": "http.disconnect"}], app)
    assert app.after == [{"type": "http.disconnect"}]
    assert _read(sent) == (200, b"x")


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_methods_without_a_body(method: str) -> None:
    """Requests that have no body pass without waiting for one."""

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    sent, taken = _call(_scope(method=method, length=b"99"), [], app)
    assert (_read(sent), taken) == ((204, b""), 0)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"])
def test_methods_with_a_body(method: str) -> None:
    """The limit holds for every method that can carry a body."""
    assert _read(_call(_scope(method=method), [_part(b"x" * 11, False)], _Echo())[0])[0] == 413


def test_other_scopes_pass() -> None:
    """What is not an HTTP request is none of the limit's business."""
    app = _Echo()
    _call({"type": "lifespan"}, [], app)
    assert app.calls == 1
