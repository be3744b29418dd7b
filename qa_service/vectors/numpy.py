"""Brute force in NumPy: the oracle that every engine is tested against, and an engine of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np

from qa_service.domain import Floats, Ints, Mask
from qa_service.vectors.base import NO_ROW, bounded


class NumpyTable:
    """A matrix of unit vectors."""

    def __init__(self, vectors: Floats) -> None:
        self._vectors = vectors

    def cosines(self, query: Floats, rows: Ints | None = None) -> Floats:
        # `vecdot` sums each row by itself. A product of matrix and vector sums in an order that depends on how many rows
        # there are.
        return bounded(np.vecdot(self._vectors if rows is None else self._vectors[rows], query))


class NumpyIndex(NumpyTable):
    """Every row is compared with every query. Needs no file beyond the vectors themselves."""

    @classmethod
    def build(cls, vectors: Floats) -> Self:
        return cls(vectors)

    @classmethod
    def load(cls, path: Path, vectors: Floats) -> Self:  # noqa: ARG003 (the protocol has a file; this engine has none)
        return cls(vectors)

    def save(self, path: Path) -> None:
        """Nothing to write: the vectors are stored beside the index anyway."""

    def search(self, queries: Floats, k: int, allowed: Mask | None = None) -> tuple[Floats, Ints]:
        scores = np.clip(queries @ self._vectors.T, -1.0, 1.0)
        if allowed is not None:
            scores[:, ~allowed] = -np.inf
        width = min(k, scores.shape[1])
        rows = np.argsort(-scores, axis=1, kind="stable")[:, :width].astype(np.int64)
        best = np.take_along_axis(scores, rows, axis=1)
        rows[np.isneginf(best)] = NO_ROW
        padding = ((0, 0), (0, k - width))
        return (
            np.pad(best, padding, constant_values=-np.inf),
            np.pad(rows, padding, constant_values=NO_ROW),
        )

    @staticmethod
    def table(vectors: Floats) -> NumpyTable:
        return NumpyTable(vectors)
