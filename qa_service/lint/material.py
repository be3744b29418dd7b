"""What the rules look at, and what they find."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property
from pathlib import Path

import numpy as np

from qa_service import text as strings
from qa_service.artifact.read import Snapshot
from qa_service.assemble import Corpus, assemble, passage_of, wordings_of
from qa_service.confidence import Calibration
from qa_service.domain import Document, Entry, Floats, LabelledQuestion
from qa_service.encoder import Encode, encode_all
from qa_service.retriever import Clock, Retriever, today

STALE_DAYS = 365


class Severity(StrEnum):
    """An error breaks something for those who ask; a warning probably does; a note is advice."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule says of one place. `line` counts from 1; `entry_id` is None for what stands outside the entries."""

    severity: Severity
    rule: str
    document: str
    line: int
    entry_id: str | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Place:
    """An entry where it stands."""

    document: str
    line: int
    entry: Entry

    def found(self, severity: Severity, rule: str, sentence: str) -> Finding:
        """A finding at this place."""
        return Finding(severity, rule, self.document, self.line, self.entry.id, sentence)

    def __str__(self) -> str:
        return f"{self.entry.id} ({self.document}, line {self.line})"


@dataclass(frozen=True)
class Material:
    """A FAQ as its files have it now, embedded with the encoder of an index and scored with its weights.

    `files` holds the path of each document. The labelled questions of the corpus are not learned.
    """

    documents: tuple[Document, ...]
    files: Mapping[str, Path]
    corpus: Corpus
    calibration: Calibration
    clock: Clock = today
    stale_days: int = STALE_DAYS

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """The entries in order of the corpus."""
        return tuple(
            Place(document.name, line, entry)
            for document in self.documents
            for entry, line in zip(document.entries, document.lines, strict=True)
        )

    @cached_property
    def question_vectors(self) -> Floats:
        """The official questions; shape (entries, dimension)."""
        counts = np.array([len(held) for held in self.corpus.wordings], dtype=np.int64)
        official: Floats = self.corpus.wording_vectors[np.cumsum(counts) - counts]
        return official

    @property
    def retriever(self) -> Retriever:
        """Answers from these entries, without the help of any labelled question."""
        return Retriever(assemble(self.corpus, (), self.calibration), self.clock)

    @property
    def day(self) -> date:
        """The day that dates are held against."""
        return self.clock()


def prepare(  # noqa: PLR0913 (the FAQ, the index, and what the rules are told)
    documents: Sequence[Document],
    files: Mapping[str, Path],
    index: Snapshot,
    labelled: Sequence[LabelledQuestion] = (),
    clock: Clock = today,
    stale_days: int = STALE_DAYS,
) -> Material:
    """Embed the entries with an index's encoder; what the index holds already is taken from there."""
    entries = tuple(entry for document in documents for entry in document.entries)
    wordings = tuple(wordings_of(entry) for entry in entries)
    passages, questions = dict(_known_passages(index)), dict(_known_wordings(index))
    queries, texts = index.encoder.encode_queries, index.encoder.encode_documents
    corpus = Corpus(
        entries=entries,
        wordings=wordings,
        passage_vectors=_embedded(texts, [passage_of(entry) for entry in entries], passages),
        wording_vectors=_embedded(queries, [w for held in wordings for w in held], questions),
        labelled=tuple(labelled),
        labelled_vectors=_embedded(queries, [strings.normalise(q.text) for q in labelled], questions),
        encoder=index.encoder,
    )
    return Material(tuple(documents), files, corpus, index.calibration, clock, stale_days)


def _known_passages(index: Snapshot) -> Iterator[tuple[str, Floats]]:
    for entry, vector in zip(index.entries, index.vectors, strict=False):
        yield passage_of(entry), vector


def _known_wordings(index: Snapshot) -> Iterator[tuple[str, Floats]]:
    for wordings, start in zip(index.wordings, index.wording_starts, strict=True):
        yield from zip(wordings, index.vectors[start : start + len(wordings)], strict=True)


def _embedded(encode: Encode, texts: Sequence[str], known: Mapping[str, Floats]) -> Floats:
    """The vectors of texts; shape (len(texts), dimension)."""
    if not texts:
        return encode([])
    fresh = [text for text in dict.fromkeys(texts) if text not in known]
    made = dict(zip(fresh, encode_all(encode, fresh), strict=True))
    return np.stack([known[text] if text in known else made[text] for text in texts])
