"""Average linkage: the two groups whose members are most alike on average are joined, again and again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qa_service.domain import Floats

_NEVER = np.float32(-2.0)


def linked(vectors: Floats, least: float) -> list[list[int]]:
    """Group unit vectors by average linkage.

    The method is Sokal's and Michener's ("A statistical method for evaluating systematic relationships", University of Kansas
    Science Bulletin 38, 1958).

    Args:
        vectors: shape (items, dimension).
        least: groups are joined while the mean cosine between their members is at least this.

    Returns:
        The items of each group, in no particular order. Time and memory grow with the square of the items.
    """
    count = len(vectors)
    groups = [[item] for item in range(count)]
    if count < 2:  # noqa: PLR2004 (nothing to join)
        return groups
    table = _Table(vectors)
    while True:
        into = int(np.argmax(table.likeness))
        if table.likeness[into] < least:
            return [group for group in groups if group]
        gone = int(table.nearest[into])
        table.join(into, gone, len(groups[into]), len(groups[gone]))
        groups[into] += groups[gone]
        groups[gone] = []


class _Table:
    """Mean cosines between groups, and for each group the nearest other one."""

    def __init__(self, vectors: Floats) -> None:
        self._means: Floats = vectors @ vectors.T
        np.fill_diagonal(self._means, _NEVER)
        self.nearest: NDArray[np.int64] = np.argmax(self._means, axis=1)
        self.likeness: Floats = self._means[np.arange(len(vectors)), self.nearest]

    def join(self, into: int, gone: int, into_size: int, gone_size: int) -> None:
        """Let one group take in another."""
        means = (into_size * self._means[into] + gone_size * self._means[gone]) / (into_size + gone_size)
        means[(self._means[into] == _NEVER) | (self._means[gone] == _NEVER)] = _NEVER
        self._means[into] = self._means[:, into] = means
        self._means[gone] = self._means[:, gone] = _NEVER
        self.likeness[gone] = _NEVER
        stale = np.flatnonzero((self.nearest == into) | (self.nearest == gone))
        for group in {into, *stale[self.likeness[stale] > _NEVER].tolist()}:
            self.nearest[group] = np.argmax(self._means[group])
            self.likeness[group] = self._means[group, self.nearest[group]]
        nearer = (means > self.likeness) & (self.likeness > _NEVER)
        self.nearest[nearer] = into
        self.likeness[nearer] = means[nearer]
