"""Bounded BM25: how much of a question's weight in words an entry holds, in [0, 1]."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qa_service.domain import Floats, Ints

K1 = 1.2
B = 0.75


def inverse_document_frequency(documents: int, holding: int) -> float:
    """ln(1 + (N - n + 0.5) / (n + 0.5)): Robertson and Spärck Jones's weight, kept positive as Lucene does.

    See Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009, section 3.
    """
    return math.log(1.0 + (documents - holding + 0.5) / (holding + 0.5))


def term_saturation(count: int, length: int, mean_length: float) -> float:
    """Tf / (tf + k1 (1 - b + b · length / mean length)), in [0, 1): BM25's share of the most that a term can score."""
    return count / (count + K1 * (1.0 - B + B * length / mean_length))


@dataclass(frozen=True)
class Lexicon:
    """The postings of a set of entries.

    `starts` has shape (terms + 1,); the postings of term t are the places starts[t] up to starts[t + 1] of `entries`
    (ascending) and `saturations`.
    """

    vocabulary: Mapping[str, int]
    starts: Ints
    entries: Ints
    saturations: Floats
    size: int

    def weight(self, term: str) -> float:
        """The inverse document frequency of a term; one that no entry holds has the largest."""
        place = self.vocabulary.get(term)
        holding = 0 if place is None else int(self.starts[place + 1] - self.starts[place])
        return inverse_document_frequency(self.size, holding)

    def scores(self, terms: Sequence[str]) -> Floats:
        """Bounded BM25 of every entry for a question's terms.

        BM25 divided by the most that the question could score: by what an entry would get that holds all of its terms
        without end. So it lies in [0, 1], does not depend on other entries' scores, and a term that the FAQ does not
        know lowers it. A term that is repeated counts once.

        Returns:
            Shape (entries,), float32.
        """
        scores = np.zeros(self.size, dtype=np.float32)
        total = 0.0
        for term in dict.fromkeys(terms):
            weight = self.weight(term)
            total += weight
            if (place := self.vocabulary.get(term)) is not None:
                held = slice(int(self.starts[place]), int(self.starts[place + 1]))
                scores[self.entries[held]] += np.float32(weight) * self.saturations[held]
        return scores / np.float32(total) if total else scores


def build_lexicon(documents: Sequence[Sequence[str]]) -> Lexicon:
    """Index the terms of each entry, in order of the entries."""
    mean_length = max(1.0, sum(map(len, documents)) / max(1, len(documents)))
    postings: dict[str, list[tuple[int, float]]] = {}
    for number, terms in enumerate(documents):
        for term, count in Counter(terms).items():
            postings.setdefault(term, []).append((number, term_saturation(count, len(terms), mean_length)))
    vocabulary = {term: place for place, term in enumerate(sorted(postings))}
    held = [postings[term] for term in vocabulary]
    return Lexicon(
        vocabulary=vocabulary,
        starts=np.concatenate(([0], np.cumsum([len(p) for p in held], dtype=np.int64))).astype(np.int64),
        entries=np.array([number for p in held for number, _ in p], dtype=np.int64),
        saturations=np.array([share for p in held for _, share in p], dtype=np.float32),
        size=len(documents),
    )
