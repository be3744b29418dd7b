"""What is known of each candidate entry for one question: cosines and words, read from a snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from qa_service.artifact.read import Snapshot
from qa_service.confidence import Doubles, Signals, novelty
from qa_service.domain import Floats, Ints, Mask
from qa_service.lexical import Bag
from qa_service.vectors.base import stacked

# Up to this many rows, all are compared with a question, whatever narrows it: that takes some 20 microseconds.
ALL_ROWS = 1_024
_NEAREST = 3


@dataclass(frozen=True)
class Layout:
    """Where the wordings of some entries lie; arrays but `rows` have shape (places,).

    `rows` are their numbers among all wordings, entry by entry; those of one entry begin at `firsts` and are `counts` many,
    `published` ones first and learned ones then. `answerless` are the entries without an answer text, of which there may be
    some. `whole` says that these are all entries there are.
    """

    places: Ints
    counts: Ints
    published: Ints
    firsts: Ints
    rows: Ints
    answerless: Mask
    some_answerless: bool
    whole: bool


class Reading(NamedTuple):
    """What was read for one question and some candidates.

    `wordings` are the cosines to the wordings of `layout`, `unanswerable` those to the questions that are known to be
    unanswerable.
    """

    signals: Signals
    wordings: Floats
    layout: Layout
    unanswerable: Floats

    def closest(self, candidate: int) -> tuple[float, int]:
        """The cosine of a candidate's closest published wording, and its number; of equal ones the first."""
        first = self.layout.firsts.item(candidate)
        published: list[float] = self.wordings[first : first + self.layout.published.item(candidate)].tolist()
        best = max(published)
        return best, published.index(best)

    def novelty(self, candidate: int) -> float:
        """How much nearer the question is to a candidate's wordings than to the questions known to be unanswerable."""
        first = self.layout.firsts.item(candidate)
        return novelty(self.wordings[first : first + self.layout.counts.item(candidate)], self.unanswerable)


class SignalReader:
    """Reads the signals of one index version."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._answerless = np.array([not entry.answer for entry in snapshot.entries], dtype=np.bool_)
        self._size = len(snapshot.entries)
        self.compares_all = len(snapshot.vectors) <= ALL_ROWS
        rows, size, table = len(snapshot.vectors), self._size, snapshot.index.table
        if self.compares_all:
            self._together = table(stacked(snapshot.vectors, snapshot.prototypes, snapshot.unanswerable))
            self._parts = slice(size), slice(size, rows), slice(rows, rows + size), slice(rows + size, None)
        else:
            self._prototypes, self._unanswerable = table(snapshot.prototypes), table(snapshot.unanswerable)
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
        passages, wordings, prototypes, unanswerable = self._cosines(vector, layout)
        passage: Floats | Doubles = passages
        if layout.some_answerless:
            # An entry without an answer text has no passage of its own; its three nearest wordings stand for one.
            passage = np.where(layout.answerless, _mean_of_nearest(wordings, layout), passages)
        words = held.wording_lexicon.scores_of(wording_words, layout.rows, layout.whole)
        signals = Signals(
            wording=_best(wordings, layout),
            passage=passage,
            prototype=prototypes,
            entry_words=held.entry_lexicon.scores_of(entry_words, places, layout.whole),
            wording_words=_best(words, layout),
        )
        return Reading(signals, wordings, layout, unanswerable)

    def _cosines(self, vector: Floats, layout: Layout) -> tuple[Floats, Floats, Floats, Floats]:
        """The cosines to the passages, wordings and prototypes of a layout, and to what is known to be unanswerable."""
        size, places = self._size, layout.places
        if not self.compares_all:
            index = self._snapshot.index
            passages, wordings = index.cosines(vector, places), index.cosines(vector, layout.rows + size)
            return passages, wordings, self._prototypes.cosines(vector, places), self._unanswerable.cosines(vector)
        cosines = self._together.cosines(vector)
        passages, wordings, prototypes, unanswerable = (cosines[part] for part in self._parts)
        if not layout.whole:
            passages, wordings, prototypes = passages[places], wordings[layout.rows], prototypes[places]
        return passages, wordings, prototypes, unanswerable

    def _of(self, places: Ints) -> Layout:
        return self._everything if len(places) == len(self._everything.places) else self._layout(places)

    def _layout(self, places: Ints, whole: bool = False) -> Layout:
        held = self._snapshot
        counts = held.wording_counts[places]
        firsts = np.cumsum(counts) - counts
        within = np.arange(int(counts.sum())) - np.repeat(firsts, counts)
        rows = np.repeat(held.wording_starts[places] - len(held.entries), counts) + within
        answerless = self._answerless[places]
        published = held.published_counts[places]
        return Layout(places, counts, published, firsts, rows, answerless, bool(answerless.any()), whole)


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
