"""The one place that turns an error into a response: small, ASCII, problem+json (RFC 9457), never the question itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from qa_service.api.schemas import FieldError, Problem
from qa_service.errors import QaError

MEDIA_TYPE = "application/problem+json"
_NAME_LENGTH = 40
_MAX_ERRORS = 10
RETRY_AFTER_SECONDS = "1"
_FALLBACK_CODES = {404: "not-found", 405: "method-not-allowed", 400: "bad-request", 415: "media-type"}


def problem(error: QaError, errors: list[FieldError] | None = None) -> Problem:
    """The description of an error."""
    return describe(error.status, error.code, str(error) if error.status < 500 or error.status == 503 else "", errors)  # noqa: PLR2004


def describe(status: int, code: str, detail: str, errors: list[FieldError] | None = None) -> Problem:
    """The description of a status, with a stable code."""
    title = HTTPStatus(status).phrase
    return Problem(
        type=f"urn:qa-service:problem:{code}",
        title=title,
        status=status,
        code=code,
        detail=detail or title,
        errors=errors,
    )


def invalid(found: Iterable[Any]) -> Problem:
    """The description of a request that breaks its schema, from what pydantic or FastAPI found."""
    errors = field_errors(found)
    return describe(422, "request-invalid", "; ".join(f"{e.field}: {e.message}" for e in errors[:3]), errors)


def respond(described: Problem, headers: dict[str, str] | None = None) -> Response:
    """The response for a description; overload says when to come back."""
    body = json.dumps(described.model_dump(exclude_none=True), ensure_ascii=True).encode()
    sent = dict(headers or {})
    if described.status == HTTPStatus.SERVICE_UNAVAILABLE:
        sent.setdefault("Retry-After", RETRY_AFTER_SECONDS)
    return Response(body, described.status, sent, MEDIA_TYPE)


def for_status(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """The response for an error that the framework raised."""
    sent = dict(headers or {})
    if sent.get("Allow") == "GET":
        sent["Allow"] = "GET, HEAD"  # which `guard.head` adds to every such route
    return respond(describe(status, _FALLBACK_CODES.get(status, f"http-{status}"), detail), sent)


def field_errors(found: Iterable[Any]) -> list[FieldError]:
    """Pydantic's or FastAPI's errors without what was sent: the field's place and the rule that it broke."""
    errors = []
    for error in found:
        place = [part for part in error["loc"] if part != "body"]
        if error["type"] == "json_invalid":
            place = []
        errors.append(FieldError(field=_name(place), message=_message(error)))
    return errors[:_MAX_ERRORS]


def _name(place: Sequence[object]) -> str:
    """The field's name in printable ASCII, cut so that ten of them stay small even when JSON escapes them again."""
    name = ".".join(str(part) for part in place).encode("ascii", "backslashreplace").decode()
    return "".join(ch if ch.isprintable() else "?" for ch in name)[:_NAME_LENGTH] or "body"


def _message(error: Any) -> str:  # noqa: ANN401 (pydantic's own dict)
    if error["type"] == "json_invalid":
        return "not JSON"
    if error["type"] == "extra_forbidden":
        return "unknown field"
    return str(error["msg"]).encode("ascii", "backslashreplace").decode()[:200]
