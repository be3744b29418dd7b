"""A limit on request bodies, in bytes and in seconds, that holds before anything is parsed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qa_service.api.problems import describe, problem, respond
from qa_service.errors import TooLargeError

_LENGTH_DIGITS = 18


class Bodies:
    """Reads whole bodies, or refuses them: 413 beyond the limit of a path, 408 when one does not arrive in time."""

    def __init__(self, limit: int, limits: Mapping[str, int], receive_seconds: float = 10.0) -> None:
        """Keep to limits.

        Args:
            limit: the most bytes of a body.
            limits: the same for some paths.
            receive_seconds: how long a body may take to arrive.
        """
        self.limit = limit
        self.limits = limits
        self.receive_seconds = receive_seconds

    async def read(self, scope: Scope, receive: Receive) -> bytes | Response | None:
        """The body of a request, the response to one that is refused, or None where the client has gone away."""
        try:
            async with asyncio.timeout(self.receive_seconds):
                return await _read(scope, receive, self.limits.get(scope["path"], self.limit))
        except TooLargeError as exc:
            return respond(problem(exc), {"Connection": "close"})
        except TimeoutError:
            slow = describe(408, "body-too-slow", f"the body did not arrive within {self.receive_seconds:g} s")
            return respond(slow, {"Connection": "close"})


class BodyGuard:
    """Stands before an application, which gets each body in one message."""

    def __init__(self, app: ASGIApp, bodies: Bodies) -> None:
        self.app = app
        self.bodies = bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.app(scope, receive, send)
            return
        body = await self.bodies.read(scope, receive)
        if body is None:
            return
        if isinstance(body, Response):
            await body(scope, receive, send)
            return
        sent = False

        async def replay() -> Message:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, replay, send)


async def _read(scope: Scope, receive: Receive, limit: int) -> bytes | None:
    """The body, or None where the client has gone away."""
    declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if declared.isdigit() and (len(declared) > _LENGTH_DIGITS or int(declared) > limit):
        raise TooLargeError(f"the body has {declared[:_LENGTH_DIGITS].decode()} bytes; {limit} are allowed")
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise TooLargeError(f"the body has more than {limit} bytes")
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)
