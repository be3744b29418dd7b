"""What is known of each candidate entry for one question: cosines and words, read from a snapshot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qa_service.artifact.read import Snapshot
from qa_service.confidence import Doubles, Signals, novelty
from qa_service.domain import Floats, Ints, Mask
from qa_service.lexical import Bag

_NEAREST = 3
# Copying a row costs about as much as four cosines, so more than a quarter of the rows are not picked out but all computed.
_PICKED_SHARE = 4


@dataclass(frozen=True)
class Layout:
    """Where the wordings of some entries lie.

    `rows` are their numbers among all wordings, entry by entry; those of one entry begin at `firsts` (shape (places,)) and
    are `counts` many. `published` tells which of `rows` are published wordings and not learned ones. `answerless` are the
    entries without an answer text. `whole` says that these are all entries there are.
    """

    places: Ints
    counts: Ints
    firsts: Ints
    rows: Ints
    published: Mask
    answerless: Mask
    whole: bool


class SignalReader:
    """Reads the signals of one index version."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._answerless = np.array([not entry.answer for entry in snapshot.entries], dtype=np.bool_)
        size = len(snapshot.entries)
        self._passages, self._wordings = snapshot.vectors[:size], snapshot.vectors[size:]
        self._everything = self._layout(np.arange(size), whole=True)

    def read(self, vector: Floats, entry_words: Bag, wording_words: Bag, places: Ints) -> tuple[Signals, Doubles, Ints]:
        """The signals of the candidates, and for each the cosine and number of its closest published wording.

        Args:
            vector: the question's, shape (dimension,).
            entry_words: the question's terms as the lexicon of entries knows them.
            wording_words: the same as the lexicon of wordings knows them.
            places: of the candidates among the entries, ascending.
        """
        held, layout = self._snapshot, self._of(places)
        cosines = _cosines(self._wordings, layout.rows, vector, layout.whole)
        passage = _cosines(self._passages, places, vector, layout.whole).astype(np.float64)
        if layout.answerless.any():
            # An entry without an answer text has no passage of its own; its three nearest wordings stand for one.
            passage[layout.answerless] = _mean_of_nearest(cosines, layout)[layout.answerless]
        similarity, closest = _closest(np.where(layout.published, cosines, -2.0), layout)
        words = held.wording_lexicon.scores_of(wording_words, layout.rows, layout.whole)
        signals = Signals(
            wording=_best(cosines, layout).astype(np.float64),
            passage=passage,
            prototype=_cosines(held.prototypes, places, vector, layout.whole).astype(np.float64),
            entry_words=held.entry_lexicon.scores_of(entry_words, places, layout.whole).astype(np.float64),
            wording_words=_best(words, layout).astype(np.float64),
        )
        return signals, similarity, closest

    def novelty(self, vector: Floats, place: int) -> float:
        """How much nearer a question is to an entry's wordings than to the questions known to be unanswerable."""
        held = self._snapshot
        start, count = int(held.wording_starts[place]), int(held.wording_counts[place])
        return novelty(_products(held.vectors[start : start + count], vector), _products(held.unanswerable, vector))

    def _of(self, places: Ints) -> Layout:
        return self._everything if len(places) == len(self._everything.places) else self._layout(places)

    def _layout(self, places: Ints, whole: bool = False) -> Layout:
        held = self._snapshot
        counts = held.wording_counts[places]
        firsts = np.cumsum(counts) - counts
        within = np.arange(int(counts.sum())) - np.repeat(firsts, counts)
        rows = np.repeat(held.wording_starts[places] - len(held.entries), counts) + within
        published = within < np.repeat(held.published_counts[places], counts)
        return Layout(places, counts, firsts, rows, published, self._answerless[places], whole)


def _best(values: Floats, layout: Layout) -> Floats:
    """The largest of each entry's values; shape (places,)."""
    return np.maximum.reduceat(values, layout.firsts) if len(layout.places) else values


def _closest(values: Floats, layout: Layout) -> tuple[Doubles, Ints]:
    """The largest of each entry's values, and its number among them; of equal ones the first."""
    best = _best(values, layout)
    hits = np.flatnonzero(values == np.repeat(best, layout.counts))
    first_hits = hits[np.searchsorted(hits, layout.firsts)] if len(hits) else hits
    return best.astype(np.float64), first_hits - layout.firsts


def _mean_of_nearest(cosines: Floats, layout: Layout) -> Doubles:
    """The mean of each entry's three largest values, or of all where it has fewer; shape (places,)."""
    left, total = cosines.copy(), np.zeros(len(layout.places))
    for taken in range(_NEAREST):
        best, number = _closest(left, layout)
        there = layout.counts > taken
        total[there] += best[there]
        left[(layout.firsts + number)[there]] = -np.inf
    return total / np.minimum(layout.counts, _NEAREST)


def _cosines(matrix: Floats, rows: Ints, vector: Floats, whole: bool) -> Floats:
    """Cosines to some rows, ascending, or to all; the same to the last digit however many rows there are."""
    if whole:
        return _products(matrix, vector)
    picked = len(rows) * _PICKED_SHARE < len(matrix)
    return _products(matrix[rows], vector) if picked else _products(matrix, vector)[rows]


def _products(matrix: Floats, vector: Floats) -> Floats:
    """Cosines to all rows, in [-1, 1]; rounding may carry a product of unit vectors past the ends.

    `vecdot` sums each row by itself. A product of matrix and vector sums in an order that depends on how many rows there
    are, which would give an entry another last digit among other candidates.
    """
    products: Floats = np.vecdot(matrix, vector)
    np.minimum(products, 1.0, out=products)
    return np.maximum(products, -1.0, out=products)
