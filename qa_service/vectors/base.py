"""The protocol of a vector index: the one family of this project with two real implementations."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, Self

import numpy as np

from qa_service.domain import Floats, Ints, Mask

NO_ROW = -1
_LARGE_PAGE = 1 << 21
_LARGE_ARRAY = 1 << 22


def bounded(cosines: Floats) -> Floats:
    """Cosines kept in [-1, 1], in place; rounding may carry a product of unit vectors past the ends."""
    np.minimum(cosines, 1.0, out=cosines)
    return np.maximum(cosines, -1.0, out=cosines)


def stacked(*matrices: Floats) -> Floats:
    """A copy of some matrices, one below the other, in large pages of memory where the system has them.

    It is read from end to end for each question, after the encoder's weights have gone through the processor's caches. In
    pages of 4 KB, finding these takes up to a third of that time.
    """
    shape = sum(map(len, matrices)), matrices[0].shape[1]
    # NumPy asks the system for large pages where an array has 4 MB or more; what is not written to takes no memory.
    room = np.empty(_LARGE_ARRAY + 4 * shape[0] * shape[1], dtype=np.uint8)
    first = -room.ctypes.data % _LARGE_PAGE
    held = room[first : first + 4 * shape[0] * shape[1]].view(np.float32).reshape(shape)
    return np.concatenate(matrices, out=held)


class Table(Protocol):
    """A matrix of unit vectors that a query is compared with."""

    def cosines(self, query: Floats, rows: Ints | None = None) -> Floats:
        """The cosines of one query to some rows, each the same to the last digit whatever rows stand beside it.

        Args:
            query: shape (dimension,), float32, unit length.
            rows: which, shape (n,); None for all.

        Returns:
            Shape (n,), float32, in [-1, 1].
        """
        ...


class VectorIndex(Table, Protocol):
    """Finds the rows of a matrix of unit vectors that are nearest to a query, by inner product.

    An engine may miss a row that belongs to the nearest; the cosines of those that it returns are exact, and it never
    returns fewer than there are. What a query finds does not depend on the queries beside it.
    """

    @classmethod
    def build(cls, vectors: Floats) -> Self:
        """Index `vectors`, shape (rows, dimension), float32, in memory or in the pages of a file."""
        ...

    @classmethod
    def load(cls, path: Path, vectors: Floats) -> Self:
        """Read what `save` wrote; the caller has verified the file. `vectors` are the rows that it was built from.

        The file may be replaced or removed while the index is in use, as long as its bytes are not written over.
        """
        ...

    def save(self, path: Path) -> None:
        """Write the index to a file."""
        ...

    def search(self, queries: Floats, k: int, allowed: Mask | None = None) -> tuple[Floats, Ints]:
        """The k best rows for each query.

        Args:
            queries: shape (n, dimension), float32, unit length.
            k: how many rows, at least 1.
            allowed: shape (rows,); rows where it is False are not returned.

        Returns:
            Cosines in [-1, 1], shape (n, k), descending, and their rows, shape (n, k). Places beyond the last allowed
            row hold `NO_ROW` and minus infinity.
        """
        ...

    @staticmethod
    def table(vectors: Floats) -> Table:
        """Other vectors to compare queries with, by the same arithmetic; shape (rows, dimension), float32."""
        ...
