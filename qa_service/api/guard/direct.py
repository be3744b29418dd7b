"""A short way to the routes that nearly every request takes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class _Route:
    """What the figures and the log name a request by."""

    path: str


class Direct:
    """Calls the handlers of some routes itself; everything else goes on to the framework.

    The framework's router, its stacks of contexts and its tree of dependencies come to about a third of the time that a
    request takes outside the encoder. The same handlers are registered there too, which describes them in the OpenAPI
    document and serves them under a prefix.
    """

    def __init__(
        self, app: ASGIApp, handlers: Mapping[str, Handler], refuse: Callable[[Exception], Response | None]
    ) -> None:
        """Stand before an application.

        Args:
            app: what handles the rest.
            handlers: by path; for POST.
            refuse: the response for an error that a handler raises, None for one that is unexpected.
        """
        self.app = app
        self.handlers = handlers
        self.refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler = self.handlers.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if handler is None or scope.get("root_path"):
            await self.app(scope, receive, send)
            return
        scope["route"] = _Route(scope["path"])
        try:
            response = await handler(Request(scope, receive))
        except Exception as exc:
            refused = self.refuse(exc)
            if refused is None:
                raise
            response = refused
        await response(scope, receive, send)
