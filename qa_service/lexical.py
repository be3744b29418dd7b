"""Bounded BM25: how much of a question's weight in words a document holds, in [0, 1]."""

from __future__ import annotations

import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from qa_service.domain import Floats, Ints, Mask

Number = TypeVar("Number", float, NDArray[np.float64])

K1 = 1.2
B = 0.75
# A term that the vocabulary lacks is taken for a misspelling of the nearest term, where they share this much.
MIN_DICE = 0.6
_MIN_TYPO_LENGTH = 5
_REMEMBERED_TERMS = 10_000
_DENSE_CELLS = 1_000_000
# Finding a document among postings costs about as much as adding up four of them.
_PICKED_SHARE = 4
# How many postings are looked at to find the documents that hold a question's weightiest terms.
_POSTINGS = 50_000


def inverse_document_frequency(documents: int, holding: int) -> float:
    """ln(1 + (N - n + 0.5) / (n + 0.5)): Robertson and Spärck Jones's weight, kept positive as Lucene does.

    See Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009, section 3.
    """
    return math.log(1.0 + (documents - holding + 0.5) / (holding + 0.5))


def term_saturation(count: Number, length: Number, mean_length: float) -> Number:
    """Tf / (tf + k1 (1 - b + b · length / mean length)), in [0, 1): BM25's share of the most that a term can score."""
    return count / (count + K1 * (1.0 - B + B * length / mean_length))


def dice(one: frozenset[str], other: frozenset[str]) -> float:
    """2 |A ∩ B| / (|A| + |B|) of two sets, in [0, 1] (Dice, "Measures of the Amount of Ecologic Association", 1945)."""
    return 2.0 * len(one & other) / (len(one) + len(other))


def bigrams(word: str) -> frozenset[str]:
    """The pairs of neighbouring letters of a word, its ends included."""
    padded = f" {word} "
    return frozenset(padded[i : i + 2] for i in range(len(padded) - 1))


def counted(*fields: tuple[Sequence[str], float]) -> dict[str, float]:
    """How often each term stands in some fields, each field's terms counting with its weight."""
    counts: Counter[str] = Counter()
    for terms, weight in fields:
        for term in terms:
            counts[term] += weight  # type: ignore[assignment]  # Counter's values may be any number
    return dict(counts)


@dataclass(frozen=True, slots=True)
class Bag:
    """A question's terms: the weight of each by its place in a vocabulary, and the most that they could score."""

    weights: Mapping[int, float]
    total: float


@dataclass(frozen=True)
class Lexicon:
    """The postings of a list of documents.

    `starts` has shape (terms + 1,); the postings of term t are the places starts[t] up to starts[t + 1] of `documents`
    (ascending) and `saturations`.
    """

    vocabulary: Mapping[str, int]
    starts: Ints
    documents: Ints
    saturations: Floats
    size: int

    def weight(self, place: int | None) -> float:
        """The inverse document frequency of the term at a place of the vocabulary; None for a term it lacks."""
        holding = 0 if place is None else int(self.starts[place + 1] - self.starts[place])
        return inverse_document_frequency(self.size, holding)

    def resolve(self, term: str) -> tuple[int | None, float]:
        """The place of a term, or of the term that it misspells, and how alike they are, in [0, 1]."""
        return (self._meanings.get(term) or self._mean(term))[:2]

    def _mean(self, term: str) -> tuple[int | None, float, float]:
        """Find out and remember what a term means: a place, how alike they are, and the weight of what stands there."""
        place = self.vocabulary.get(term)
        place, likeness = self._nearest(term) if place is None else (place, 1.0)
        if len(self._meanings) >= _REMEMBERED_TERMS:
            self._meanings.clear()
        meaning = self._meanings[term] = (place, likeness, self.weight(place))
        return meaning

    def _nearest(self, term: str) -> tuple[int | None, float]:
        if len(term) < _MIN_TYPO_LENGTH or not term.isalpha():
            return None, 0.0
        wanted = bigrams(term)
        best, likeness = None, 0.0
        for other, pairs in self._neighbours.get(term[0], ()):
            shared = dice(wanted, pairs)
            if shared > likeness:
                best, likeness = other, shared
        return (best, likeness) if likeness >= MIN_DICE else (None, 0.0)

    @cached_property
    def _meanings(self) -> dict[str, tuple[int | None, float, float]]:
        """What the terms of earlier questions were found to mean."""
        return {}

    @cached_property
    def _neighbours(self) -> Mapping[str, Sequence[tuple[int, frozenset[str]]]]:
        """The terms that may be misspelt, by their first letter, which people rarely miss."""
        found: defaultdict[str, list[tuple[int, frozenset[str]]]] = defaultdict(list)
        for term, place in self.vocabulary.items():
            if len(term) >= _MIN_TYPO_LENGTH - 1 and term.isalpha():
                found[term[0]].append((place, bigrams(term)))
        return found

    def bag(self, terms: Iterable[str]) -> Bag:
        """What a question's terms weigh here. A repeated term counts once; a misspelt one by its likeness to what is meant."""
        weights: dict[int, float] = {}
        total = 0.0
        meanings = self._meanings
        for term in dict.fromkeys(terms):
            place, likeness, weight = meanings.get(term) or self._mean(term)
            total += weight
            if place is not None and weight * likeness > weights.get(place, 0.0):
                weights[place] = weight * likeness
        return Bag(weights, total)

    @cached_property
    def _dense(self) -> Floats | None:
        """The saturations as a matrix, shape (terms, documents), where it is small; it takes a tenth of the time."""
        if len(self.vocabulary) * self.size > _DENSE_CELLS:
            return None
        dense = np.zeros((len(self.vocabulary), self.size), dtype=np.float32)
        dense[np.repeat(np.arange(len(self.vocabulary)), np.diff(self.starts)), self.documents] = self.saturations
        return dense

    def scores(self, bag: Bag) -> Floats:
        """Bounded BM25 of every document for a question's terms.

        BM25 divided by the most that the question could score: by what a document would get that holds all of its terms
        without end. So it lies in [0, 1], does not depend on other documents' scores, and a term that no document holds
        lowers it.

        Returns:
            Shape (documents,), float32.
        """
        if self._dense is not None and bag.weights:
            weights = np.fromiter(bag.weights.values(), np.float32, len(bag.weights))
            product: Floats = weights.dot(self._dense.take(list(bag.weights), axis=0))
            product /= bag.total
            return product
        scores = np.zeros(self.size, dtype=np.float32)
        for place, weight in bag.weights.items():
            documents, saturations = self._postings(place)
            scores[documents] += np.float32(weight) * saturations
        return scores / np.float32(bag.total) if bag.total else scores

    def scores_of(self, bag: Bag, documents: Ints, whole: bool = False) -> Floats:
        """The same for some documents, ascending: to the last digit what `scores` gives them; shape (len(documents),).

        `whole` says that these are all of them.
        """
        if whole:
            return self.scores(bag)
        if self._dense is not None or len(documents) * _PICKED_SHARE >= self.size:
            return self.scores(bag)[documents]
        scores = np.zeros(len(documents), dtype=np.float32)
        for place, weight in bag.weights.items():
            holding, saturations = self._postings(place)
            at = np.minimum(np.searchsorted(holding, documents), len(holding) - 1)
            held = holding[at] == documents
            scores[held] += np.float32(weight) * saturations[at[held]]
        return scores / np.float32(bag.total) if bag.total else scores

    def leaders(self, bag: Bag, count: int, allowed: Mask | None = None) -> Ints:
        """Documents that hold the weightiest terms of a question, at most `count`, best first by those terms.

        Only the postings of the weightiest terms are looked at, up to a fixed number of them, so that this costs no more
        in a large list than in a small one. The terms that are left out stand nearly everywhere and tell little.

        Args:
            bag: the question's terms.
            count: how many, at least 1.
            allowed: shape (documents,); documents where it is False are not returned.
        """
        scores = np.zeros(self.size, dtype=np.float32)
        touched: list[Ints] = []
        budget = _POSTINGS
        for place, weight in sorted(bag.weights.items(), key=lambda held: -held[1]):
            documents, saturations = self._postings(place)
            if len(documents) <= budget:
                budget -= len(documents)
                scores[documents] += np.float32(weight) * saturations
                touched.append(documents)
        found = np.unique(np.concatenate(touched)) if touched else np.empty(0, dtype=np.int64)
        if allowed is not None:
            found = found[allowed[found]]
        return found[np.argsort(-scores[found], kind="stable")[:count]]

    def _postings(self, place: int) -> tuple[Ints, Floats]:
        held = slice(int(self.starts[place]), int(self.starts[place + 1]))
        return self.documents[held], self.saturations[held]


def build_lexicon(documents: Iterable[Mapping[str, float]]) -> Lexicon:
    """Index the counted terms of each document, in order of the documents, which are looked at once, one by one."""
    lengths: list[float] = []
    holders: defaultdict[str, array[int]] = defaultdict(lambda: array("q"))
    counts: defaultdict[str, array[float]] = defaultdict(lambda: array("d"))
    for number, counted_terms in enumerate(documents):
        lengths.append(sum(counted_terms.values()))
        for term, count in counted_terms.items():
            holders[term].append(number)
            counts[term].append(count)
    size = len(lengths)
    mean_length = sum(lengths) / size if sum(lengths) else 1.0
    length_of = np.array(lengths, dtype=np.float64)
    vocabulary = {term: place for place, term in enumerate(sorted(holders))}
    starts = np.zeros(len(vocabulary) + 1, dtype=np.int64)
    np.cumsum([len(holders[term]) for term in vocabulary], out=starts[1:])
    numbers = np.empty(starts[-1], dtype=np.int64)
    saturations = np.empty(starts[-1], dtype=np.float32)
    for place, term in enumerate(vocabulary):
        held = slice(int(starts[place]), int(starts[place + 1]))
        numbers[held] = np.frombuffer(holders.pop(term), dtype=np.int64)
        saturations[held] = term_saturation(
            np.frombuffer(counts.pop(term), dtype=np.float64), length_of[numbers[held]], mean_length
        )
    return Lexicon(vocabulary, starts, numbers, saturations, size)
