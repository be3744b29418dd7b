"""The one choice point of the vector engines. What is not chosen is not imported."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from qa_service.errors import QaError
from qa_service.vectors.base import VectorIndex

ENGINES = {
    "faiss": "qa_service.vectors.faiss:FaissIndex",
    "numpy": "qa_service.vectors.numpy:NumpyIndex",
}


def engine(name: str) -> type[VectorIndex]:
    """The class of an engine.

    Raises:
        QaError: there is no engine of that name.
    """
    try:
        module, _, attribute = ENGINES[name].partition(":")
    except KeyError:
        raise QaError(f"no vector engine {name!r}; there are {', '.join(ENGINES)}") from None
    return cast("type[VectorIndex]", getattr(import_module(module), attribute))
