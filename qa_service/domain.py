"""The nouns of the service, as frozen dataclasses. No dict travels between modules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


class Outcome(StrEnum):
    """What the service can say of a question. All three are successes, none is an error."""

    ANSWERED = "answered"
    AMBIGUOUS = "ambiguous"
    ABSTAINED = "abstained"


@dataclass(frozen=True, slots=True)
class Source:
    """Where an answer was published, and the proof that it is quoted byte for byte.

    `start` and `end` are byte offsets into the file named `document`, whose SHA-256 is `sha256`. In a Markdown file the
    bytes between them *are* the answer. In CSV and JSON they are the value as the file writes it, inside its quotes,
    with that format's escapes. `title` is what the document calls itself, where it does.
    """

    document: str
    uri: str | None
    sha256: str
    start: int
    end: int
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One official question with its official answer.

    `answer_html` is the answer as HTML that is safe in any page (see `markup.answer_html`); the build fills it in.
    """

    id: str
    question: str
    answer: str
    source: Source
    alternates: tuple[str, ...] = ()
    language: str = "en"
    tags: tuple[str, ...] = ()
    effective_from: date | None = None
    effective_to: date | None = None
    reviewed_at: date | None = None
    answer_html: str = ""

    def is_effective(self, day: date) -> bool:
        """Whether the entry may be returned on `day`; both ends of its window belong to it."""
        begun = self.effective_from is None or self.effective_from <= day
        ended = self.effective_to is not None and self.effective_to < day
        return begun and not ended


@dataclass(frozen=True, slots=True)
class LabelledQuestion:
    """A question whose right entries are known; none of them means that the FAQ does not answer it."""

    text: str
    entry_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AtThreshold:
    """What a threshold would do with labelled questions, in numbers of questions."""

    threshold: float
    answered_right: int
    answered_wrong: int
    unanswerable_answered: int


@dataclass(frozen=True, slots=True)
class Query:
    """A question as asked, with what narrows the search.

    `language` keeps entries of that language (its primary subtag: "en" finds "en-US"); `tags` keeps entries that carry
    every one of them. `top` bounds how many entries come back; it never changes a score. `explain` adds an explanation and
    changes nothing else.
    """

    text: str
    top: int = 3
    language: str | None = None
    tags: tuple[str, ...] = ()
    explain: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """An entry beside the question it was matched with.

    `similarity` is the cosine in [-1, 1] between the question and `matched`, the closest wording of the entry's question.
    `confidence` is the probability in [0, 1] that the entry answers the question. `score` is what entries are ranked by.
    """

    entry: Entry
    score: float
    similarity: float
    confidence: float
    matched: str


class Rule(StrEnum):
    """What decided an outcome."""

    CLEAR = "clear"  # one entry clears the threshold
    SEVERAL = "several"  # entries that are close clear it together
    CLOSE_MISS = "close-miss"  # the best entry comes at least half way to the threshold
    GAP = "gap"  # nothing in the FAQ comes near
    LANGUAGE = "language"  # the question is in a language that the FAQ does not have
    NOTHING = "nothing"  # no entry is left after narrowing


@dataclass(frozen=True, slots=True)
class Part:
    """One signal of a score: its value, its weight, and their product."""

    name: str
    value: float
    weight: float
    adds: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a question has its outcome, told by its nearest entry.

    `shared` are the question's words that the entry holds (a misspelt one with an arrow to the word that is meant),
    `missing` those that it lacks. `margin` is the distance in score to the runner-up. `novelty` is how much nearer the
    question is to the entry than to questions that are known to be unanswerable. `confidence` is what was held against
    `threshold`: that of the best entry, or of the close ones together.
    """

    rule: Rule
    sentence: str
    entry_id: str | None
    matched: str | None
    parts: tuple[Part, ...]
    shared: tuple[str, ...]
    missing: tuple[str, ...]
    runner_up: str | None
    margin: float | None
    novelty: float
    confidence: float
    threshold: float
    question_language: str | None
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome for one question: the answers that clear the threshold, then the nearest of the rest, best first.

    `languages` are those that the FAQ has.
    """

    outcome: Outcome
    answers: tuple[Match, ...]
    related: tuple[Match, ...]
    index_version: str
    languages: tuple[str, ...] = ()
    explanation: Explanation | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """What a loader made of one file: its entries, the line each begins in, and notes on what it left out."""

    name: str
    sha256: str
    entries: tuple[Entry, ...]
    lines: tuple[int, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What an index must know of the model that embedded it: its fingerprint and how to feed it."""

    name: str
    weights_sha256: str
    tokenizer_sha256: str
    pooling: str
    normalised: bool
    dimension: int
    max_tokens: int
    precision: str
    query_prompt: str = ""
    document_prompt: str = ""
