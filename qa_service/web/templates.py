"""The one room of Jinja: templates of the pages, in which everything is escaped that is not marked as safe."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

_PACKAGE = "qa_service.web"


def render(name: str, **values: object) -> str:
    """The text of a template with its values.

    Raises:
        jinja2.UndefinedError: the template names a value that is not given.
    """
    return _environment().get_template(name).render(values)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined  # noqa: PLC0415 (the service starts without it)

    return Environment(
        loader=FunctionLoader(lambda name: resources.files(_PACKAGE).joinpath(name).read_text("utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
