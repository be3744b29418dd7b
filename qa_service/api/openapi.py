"""The OpenAPI document, with what the framework can't say of this service by itself."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from qa_service.api.schemas import AskRequest, AskResponse, BatchRequest, Problem

_REFERENCES = "#/components/schemas/{model}"


def describe(app: FastAPI) -> None:
    """Have the application give the mended document, made once."""

    def document() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = _mended(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


def _mended(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    schemas = made["components"]["schemas"]
    # Errors are problem+json; no route gives the framework's own shape.
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for model in (Problem, AskRequest, BatchRequest):
        schema = model.model_json_schema(ref_template=_REFERENCES)
        schemas |= {**schema.pop("$defs", {}), model.__name__: schema}
    for methods in made["paths"].values():
        for operation in methods.values():
            if "HTTPValidationError" in str(operation["responses"].get("422")):
                del operation["responses"]["422"]
    # The framework drops every null of an example, required ones too.
    examples = AskResponse.model_json_schema()["examples"]
    schemas["AskResponse"]["examples"] = examples
    return made
