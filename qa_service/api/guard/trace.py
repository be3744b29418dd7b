"""What every response carries, and what is counted and logged of every request."""

from __future__ import annotations

import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from qa_service.api.problems import describe, respond
from qa_service.observe import Metrics, new_id

# What a response carries that does not bring its own.
_DEFAULTS = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
_QUIET = ("/livez", "/readyz", "/metrics")


class Trace:
    """Gives a request its id, adds the security headers, and records route, status and time; never what was asked."""

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        log: FilteringBoundLogger,
        share: Callable[[ASGIApp], ASGIApp] = lambda app: app,
    ) -> None:
        """Stand before an application.

        Args:
            app: what handles the request.
            metrics: where it is counted.
            log: where it is logged.
            share: how the response to an unexpected error, which is made here, is shared with the pages of other origins.
        """
        self.app = app
        self.metrics = metrics
        self.log = log
        self.share = share

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = time.perf_counter()
        request_id = new_id()
        status, started = 500, False

        async def traced(message: Message) -> None:
            nonlocal status, started
            if message["type"] == "http.response.start":
                started = True
                status = message["status"]
                headers = list(message.get("headers", []))
                brought = {name for name, _ in headers}
                headers += [default for default in _DEFAULTS if default[0] not in brought]
                headers.append((b"x-request-id", request_id.encode()))
                message = {**message, "headers": headers}
            await send(message)

        try:
            await self.app(scope, receive, traced)
        except Exception as exc:  # noqa: BLE001 (this is the place where nothing may pass: its text could be a question)
            self.log.error("unexpected", id=request_id, error=type(exc).__name__)
            if not started:
                failed = respond(describe(500, "internal", "an error of this service; see its log"))
                await self.share(failed)(scope, receive, traced)
        finally:
            seconds = time.perf_counter() - begun
            # An unknown path has no route; its text is the client's and is not made a label or a log line.
            route = getattr(scope.get("route"), "path", "unknown")
            self.metrics.count_request(route, status, seconds)
            level = self.log.debug if route in _QUIET else self.log.info
            level("request", id=request_id, route=route, status=status, ms=round(seconds * 1000, 2))
