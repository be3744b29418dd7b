"""How a body becomes a request: as the framework would read it, without its detours."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException

Model = TypeVar("Model", bound=BaseModel)


async def read(request: Request, model: type[Model]) -> Model:
    """The body of a request as a model.

    The framework's own reading of a body parses the content type as a mail header and walks a tree of dependencies, which
    takes longer than everything else that this service does in its event loop. The body has to come in one message, as
    `guard.body` hands it on.

    Raises:
        RequestValidationError: the body is missing, is not JSON, or breaks the schema.
        HTTPException: 400, the body is not text.
    """
    body: bytes = (await request.receive()).get("body", b"")
    if not body:
        raise RequestValidationError([{"type": "missing", "loc": ("body",), "msg": "Field required", "input": None}])
    value: Any = body
    if _is_json(_content_type(request)):
        try:
            fits: Model = model.__pydantic_validator__.validate_json(body)
        except ValidationError:
            # Python's reader takes more than this one (UTF-16, surrogates, NaN), and says what is wrong as the framework does.
            value = _read(body)
        else:
            return fits
    try:
        return model.model_validate(value)
    except ValidationError as exc:
        found = exc.errors(include_url=False, include_input=False, include_context=False)
        raise RequestValidationError([{**error, "loc": ("body", *error["loc"])} for error in found]) from None


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """How the OpenAPI document describes the body of a route that uses `read`."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _content_type(request: Request) -> bytes:
    name: bytes
    value: bytes
    for name, value in request.scope["headers"]:
        if name == b"content-type":
            return value
    return b""


def _is_json(content_type: bytes) -> bool:
    if content_type == b"application/json":
        return True
    main, _, subtype = content_type.decode("latin-1").partition(";")[0].strip().lower().partition("/")
    return main == "application" and (subtype == "json" or subtype.endswith("+json"))


def _read(body: bytes) -> object:
    try:
        return json.loads(body)
    except json.JSONDecodeError as exc:
        error = {"type": "json_invalid", "loc": ("body", exc.pos), "msg": "JSON decode error", "input": {}}
        raise RequestValidationError([error]) from None
    except (ValueError, RecursionError):  # no text, a number of too many digits, or too deep a nest
        raise HTTPException(400, "the body can't be read") from None
