"""How a model becomes a response."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from fastapi import Request
from pydantic import BaseModel
from starlette.datastructures import MutableHeaders
from starlette.responses import Response

from qa_service.api import problems

JSON = "application/json"
_ERRORS = {
    400: "The body can't be read.",
    401: "A key is needed, or the one that was sent is unknown.",
    404: "There is no such entry.",
    408: "The body did not arrive in time.",
    409: "The query has all the votes that are taken on one.",
    413: "The body is too large.",
    415: "The body is of another type.",
    422: "The request can't be asked.",
    503: "Try again soon.",
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """How the OpenAPI document describes a route's errors."""
    schema = {"$ref": "#/components/schemas/Problem"}
    content = {problems.MEDIA_TYPE: {"schema": schema}}
    return {status: {"description": _ERRORS[status], "content": content} for status in statuses}


class Json(Response):
    """A response of JSON that is made anew each time: what the framework makes of it, without all that it asks."""

    def __init__(self, body: bytes) -> None:
        self.status_code, self.background, self.body = 200, None, body
        self.raw_headers = [(b"content-length", b"%d" % len(body)), (b"content-type", JSON.encode())]


def json(model: BaseModel) -> Response:
    """The response of a model that is made anew each time."""
    return Json(model.model_dump_json().encode())


def conditional(request: Request, model: BaseModel) -> Response:
    """A model as JSON with an ETag, or 304; see `cached`."""
    return cached(request, model.model_dump_json().encode(), JSON)


def cached(request: Request, body: bytes, media_type: str, headers: Mapping[str, str] | None = None) -> Response:
    """A response to a GET with an ETag over its bytes, or 304 where the client holds them already.

    Args:
        request: what is answered; its `If-None-Match` is compared weakly (RFC 9110, 13.1.2).
        body: the whole body, not yet compressed.
        media_type: its type; a charset is added to text.
        headers: further ones, which a 304 carries as well. Without a `Cache-Control` among them, clients keep the body and
            ask each time whether it still holds.
    """
    # Weak, since the bytes that travel may be compressed and keep their tag.
    opaque = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    sent = MutableHeaders(headers)
    sent["ETag"] = f"W/{opaque}"
    sent.setdefault("Cache-Control", "no-cache")
    held = [t.strip().removeprefix("W/") for t in ",".join(request.headers.getlist("if-none-match")).split(",")]
    if opaque in held or "*" in held:
        # What the body would have said through its compression (RFC 9110, 15.4.5).
        sent.add_vary_header("Accept-Encoding")
        return Response(status_code=304, headers=sent)
    return Response(body, headers=sent, media_type=media_type)
