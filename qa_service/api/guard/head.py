"""HEAD, which every route that has GET answers as well (RFC 9110, 9.3.2)."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Head:
    """Asks the application for GET, and leaves the body away: what the framework's routes don't do by themselves."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def bodiless(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        # A copy: the server looks at its own scope to see whether a body is due.
        asked = {**scope, "method": "GET"}
        try:
            await self.app(asked, receive, bodiless)
        finally:
            scope["route"] = asked.get("route")
