"""A short way to the routes that nearly every request takes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qa_service.api.guard.body import Bodies
from qa_service.api.guard.keys import Keys

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class _Route:
    """What the figures and the log name a request by."""

    path: str


class Direct:
    """Sends a POST to some paths the short way; everything else goes on to the framework, with the same guards.

    The framework's layers, its router, its stacks of contexts and its tree of dependencies come to about a third of the time
    that a request takes outside the encoder. The routes are registered there too, which describes them in the OpenAPI
    document and serves them under a prefix.
    """

    def __init__(self, app: ASGIApp, paths: Collection[str], short: ASGIApp) -> None:
        self.app = app
        self.paths = paths
        self.short = short

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_short = scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in self.paths
        if not is_short or scope.get("root_path"):
            await self.app(scope, receive, send)
            return
        scope["route"] = _Route(scope["path"])
        await self.short(scope, receive, send)


class Short:
    """The short way itself: the key, the body and the handler, each called but once, and not as a layer round the next."""

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        refuse: Callable[[Exception], Response | None],
        keys: Keys,
        bodies: Bodies,
    ) -> None:
        """Answer requests.

        Args:
            handlers: by path.
            refuse: the response for an error that a handler raises, None for one that is unexpected.
            keys: says who may ask.
            bodies: reads bodies.
        """
        self.handlers = handlers
        self.refuse = refuse
        self.keys = keys
        self.bodies = bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self.response(scope, receive)
        if response is not None:
            await response(scope, receive, send)

    async def response(self, scope: Scope, receive: Receive) -> Response | None:
        """What is answered; None where the client has gone away."""
        refused = self.keys.refusal(scope)
        if refused is not None:
            return refused
        body = await self.bodies.read(scope, receive)
        if not isinstance(body, bytes):
            return body

        async def given() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        try:
            return await self.handlers[scope["path"]](Request(scope, given))
        except Exception as exc:
            refused = self.refuse(exc)
            if refused is None:
                raise
            return refused


class Uncompressed:
    """The short way for clients that take no gzip. Others go through the layer that compresses."""

    def __init__(self, short: Short, compress: Callable[[ASGIApp], GZipMiddleware]) -> None:
        self.short = short
        self.compressed = compress(short)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if any(name == b"accept-encoding" and b"gzip" in value for name, value in scope["headers"]):
            await self.compressed(scope, receive, send)
            return
        response = await self.short.response(scope, receive)
        if response is None:
            return
        if len(response.body) >= self.compressed.minimum_size:
            # What that layer says of a body that it would have compressed for another client.
            response.headers.add_vary_header("Accept-Encoding")
        await response(scope, receive, send)
