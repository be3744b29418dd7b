"""The OpenAPI document, with what the framework can't say of this service by itself."""

from __future__ import annotations

import functools
import json
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import Response

from qa_service.api import replies
from qa_service.api.schemas import AskRequest, AskResponse, BatchRequest, FeedbackRequest, Problem

_REFERENCES = "#/components/schemas/{model}"
_PREFIXES = 4


def describe(app: FastAPI) -> None:
    """Have the application give the mended document, made once, and serve it."""

    def document() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = _mended(app)
        return app.openapi_schema

    @functools.lru_cache(_PREFIXES)
    def body(prefix: str) -> bytes:
        servers = {"servers": [{"url": prefix}]} if prefix else {}
        return json.dumps(document() | servers, ensure_ascii=False).encode()

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's documented way to extend the document

    @app.get("/openapi.json", include_in_schema=False)
    async def described(request: Request) -> Response:
        return replies.cached(request, body(request.scope.get("root_path", "").rstrip("/")), replies.JSON)


def _mended(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    schemas = made["components"]["schemas"]
    # Errors are problem+json; no route gives the framework's own shape.
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for model in (Problem, AskRequest, BatchRequest, FeedbackRequest):
        schema = model.model_json_schema(ref_template=_REFERENCES)
        schemas |= {**schema.pop("$defs", {}), model.__name__: schema}
    for methods in made["paths"].values():
        for operation in methods.values():
            if "HTTPValidationError" in str(operation["responses"].get("422")):
                del operation["responses"]["422"]
    _ask_for_keys(made)
    # The framework drops every null of an example, required ones too.
    examples = AskResponse.model_json_schema()["examples"]
    schemas["AskResponse"]["examples"] = examples
    return made


def _ask_for_keys(made: dict[str, Any]) -> None:
    """Describe the keys, which the service needs only where it was given some."""
    made["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    refused = {str(status): described for status, described in replies.errors(401).items()}
    for path, methods in made["paths"].items():
        for operation in methods.values() if path.startswith("/v1/") else ():
            operation["responses"] |= refused
            operation["security"] = [{}, {"key": []}]
