"""FAISS: exact search by inner product. The one room that knows the library."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import faiss  # its stubs lag behind: they know no search parameters
import numpy as np

from qa_service.domain import Floats, Ints, Mask
from qa_service.vectors.base import NO_ROW

# Questions are computed side by side on threads of our own; a second pool below them only contends for the processors.
faiss.omp_set_num_threads(1)
_parameters: Any = faiss.SearchParameters


class FaissIndex:
    """A flat FAISS index. Its file has no checksum, so it is read only after the manifest has verified it."""

    def __init__(self, index: Any) -> None:  # noqa: ANN401 (faiss has no types)
        self._index = index

    @classmethod
    def build(cls, vectors: Floats) -> Self:
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(np.ascontiguousarray(vectors))
        return cls(index)

    @classmethod
    def load(cls, path: Path, vectors: Floats) -> Self:
        index = faiss.read_index(str(path))
        if (index.ntotal, index.d) != vectors.shape:
            raise ValueError(f"holds {index.ntotal} x {index.d} where the vectors are {vectors.shape}")
        return cls(index)

    def save(self, path: Path) -> None:
        faiss.write_index(self._index, str(path))

    def search(self, queries: Floats, k: int, allowed: Mask | None = None) -> tuple[Floats, Ints]:
        parameters = None
        if allowed is not None:
            selected = np.flatnonzero(allowed)
            parameters = _parameters(sel=faiss.IDSelectorBatch(selected))
        scores, rows = self._index.search(np.ascontiguousarray(queries), k, params=parameters)
        scores[rows == NO_ROW] = -np.inf
        return scores, rows
