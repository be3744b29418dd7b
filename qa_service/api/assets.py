"""The routes of style sheets, scripts and the element for other pages, and the page that shows that element."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI, Request
from starlette.responses import Response

from qa_service.api import replies
from qa_service.config import Settings
from qa_service.errors import NotFoundError
from qa_service.web import POLICY
from qa_service.web.assets import Asset, published
from qa_service.web.showcase import WIDGET, render_showcase

HTML = "text/html; charset=utf-8"
# What has a hash in its name never changes (RFC 8246).
_FOREVER = "public, max-age=31536000, immutable"
# Scripts with `integrity` are loaded as the pages of other origins load data.
_FOR_EVERYBODY = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}


def add(app: FastAPI, settings: Settings) -> None:
    """Add the routes to the application."""

    @app.get("/assets/{name}", include_in_schema=False)
    async def asset(request: Request, name: str) -> Response:
        return _file(request, *published(name))

    @app.get("/widget/", include_in_schema=False)
    async def showcase(request: Request) -> Response:
        keyed = bool(settings.key_sha256)
        body = (await asyncio.to_thread(render_showcase, base_url(request, settings), keyed)).encode()
        return replies.cached(request, body, HTML, {"Content-Security-Policy": POLICY})

    @app.get("/widget/{name}", include_in_schema=False)
    async def widget(request: Request, name: str) -> Response:
        found, hashed = published(name)
        if found.name != WIDGET:
            raise NotFoundError("there is no such file")
        return _file(request, found, hashed, _FOR_EVERYBODY)


def base_url(request: Request, settings: Settings) -> str:
    """The address of the service, with a slash at its end: as it is set, or else as the request found it."""
    return (settings.public_url or str(request.base_url)).rstrip("/") + "/"


def precompressed(
    request: Request, body: bytes, gzipped: bytes, media_type: str, headers: dict[str, str] | None = None
) -> Response:
    """As `replies.cached`, with a body that has been compressed already for the clients that take it so."""
    response = replies.cached(request, body, media_type, headers)
    if response.status_code == 200 and "gzip" in request.headers.get("accept-encoding", ""):  # noqa: PLR2004
        response.body = gzipped
        response.headers["Content-Length"] = str(len(gzipped))
        response.headers["Content-Encoding"] = "gzip"
        response.headers.add_vary_header("Accept-Encoding")
    return response


def _file(request: Request, found: Asset, hashed: bool, headers: dict[str, str] | None = None) -> Response:
    sent = {"Cache-Control": _FOREVER if hashed else "no-cache"} | (headers or {})
    return precompressed(request, found.body, found.gzipped, found.media_type, sent)
