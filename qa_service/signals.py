"""What is known of each candidate entry for one question: cosines and words, read from a snapshot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qa_service.artifact.read import Snapshot
from qa_service.confidence import Doubles, Signals, novelty
from qa_service.domain import Floats, Ints, Mask
from qa_service.lexical import Bag
from qa_service.vectors.base import bounded

# Up to this many rows, all are compared with a question, whatever narrows it: that takes some 20 microseconds.
ALL_ROWS = 1_024
_NEAREST = 3


@dataclass(frozen=True)
class Layout:
    """Where the wordings of some entries lie.

    `rows` are their numbers among all wordings, entry by entry; those of one entry begin at `firsts` (shape (places,)) and
    are `counts` many, published ones first and learned ones then. `answerless` are the entries without an answer text, of
    which there may be some. `whole` says that these are all entries there are.
    """

    places: Ints
    counts: Ints
    firsts: Ints
    rows: Ints
    answerless: Mask
    some_answerless: bool
    whole: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read for one question and some candidates.

    `wordings` are the cosines to the wordings of `layout`, `unanswerable` those to the questions that are known to be
    unanswerable.
    """

    signals: Signals
    wordings: Floats
    layout: Layout
    published_counts: Ints
    unanswerable: Floats

    def closest(self, candidate: int) -> tuple[float, int]:
        """The cosine of a candidate's closest published wording, and its number; of equal ones the first."""
        first = int(self.layout.firsts[candidate])
        published = self.wordings[first : first + int(self.published_counts[candidate])]
        number = int(published.argmax())
        return float(published[number]), number

    def novelty(self, candidate: int) -> float:
        """How much nearer the question is to a candidate's wordings than to the questions known to be unanswerable."""
        first = int(self.layout.firsts[candidate])
        return novelty(self.wordings[first : first + int(self.layout.counts[candidate])], self.unanswerable)


class SignalReader:
    """Reads the signals of one index version."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._answerless = np.array([not entry.answer for entry in snapshot.entries], dtype=np.bool_)
        self._size = len(snapshot.entries)
        self.compares_all = len(snapshot.vectors) <= ALL_ROWS
        self.everything = np.arange(self._size)
        self._everything = self._layout(self.everything, whole=True)

    def read(self, vector: Floats, entry_words: Bag, wording_words: Bag, places: Ints) -> Reading:
        """The signals of the candidates.

        Args:
            vector: the question's, shape (dimension,).
            entry_words: the question's terms as the lexicon of entries knows them.
            wording_words: the same as the lexicon of wordings knows them.
            places: of the candidates among the entries, ascending.
        """
        held, layout = self._snapshot, self._of(places)
        cosines, passages = self._cosines(vector, layout)
        prototypes = held.prototypes if layout.whole else held.prototypes[places]
        passage = passages.astype(np.float64)
        if layout.some_answerless:
            # An entry without an answer text has no passage of its own; its three nearest wordings stand for one.
            passage[layout.answerless] = _mean_of_nearest(cosines, layout)[layout.answerless]
        words = held.wording_lexicon.scores_of(wording_words, layout.rows, layout.whole)
        signals = Signals(
            wording=_best(cosines, layout).astype(np.float64),
            passage=passage,
            prototype=bounded(np.vecdot(prototypes, vector)).astype(np.float64),
            entry_words=held.entry_lexicon.scores_of(entry_words, places, layout.whole).astype(np.float64),
            wording_words=_best(words, layout).astype(np.float64),
        )
        unanswerable = bounded(np.vecdot(held.unanswerable, vector))
        return Reading(signals, cosines, layout, held.published_counts[places], unanswerable)

    def _cosines(self, vector: Floats, layout: Layout) -> tuple[Floats, Floats]:
        """The cosines to the wordings and passages of a layout."""
        index, size = self._snapshot.index, self._size
        if not self.compares_all:
            return index.cosines(vector, layout.rows + size), index.cosines(vector, layout.places)
        cosines = index.cosines(vector)
        if layout.whole:
            return cosines[size:], cosines[:size]
        return cosines[size:][layout.rows], cosines[layout.places]

    def _of(self, places: Ints) -> Layout:
        return self._everything if len(places) == len(self._everything.places) else self._layout(places)

    def _layout(self, places: Ints, whole: bool = False) -> Layout:
        held = self._snapshot
        counts = held.wording_counts[places]
        firsts = np.cumsum(counts) - counts
        within = np.arange(int(counts.sum())) - np.repeat(firsts, counts)
        rows = np.repeat(held.wording_starts[places] - len(held.entries), counts) + within
        answerless = self._answerless[places]
        return Layout(places, counts, firsts, rows, answerless, bool(answerless.any()), whole)


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
