"""How a model becomes a response."""

from __future__ import annotations

import hashlib
from typing import Any

from fastapi import Request
from pydantic import BaseModel
from starlette.responses import Response

from qa_service.api import problems

JSON = "application/json"
_ERRORS = {
    400: "The body can't be read.",
    404: "There is no such entry.",
    408: "The body did not arrive in time.",
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


def json(model: BaseModel) -> Response:
    """A response that is made anew each time."""
    return Response(model.model_dump_json().encode(), media_type=JSON)


def conditional(request: Request, model: BaseModel) -> Response:
    """A response with an ETag over its bytes, or 304 where the client holds them already."""
    body = model.model_dump_json().encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    held = [t.strip().removeprefix("W/") for t in request.headers.get("if-none-match", "").split(",")]
    if tag in held or "*" in held:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=JSON)
