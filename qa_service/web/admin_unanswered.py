"""The questions that nothing answered, grouped by meaning, for those who write the FAQ."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from qa_service.artifact.read import Snapshot
from qa_service.cache import VectorCache
from qa_service.domain import Floats
from qa_service.exports.cells import Cell, write_csv
from qa_service.exports.dates import utc
from qa_service.exports.groups import grouped
from qa_service.feedback.base import Unanswered

MOST_RECORDS = 20_000
MOST_QUESTIONS = 1_000
_CACHE_BYTES = 8_388_608
COLUMNS = ("group", "question", "count", "last_asked_utc", "outcome", "nearest_entry_id", "nearest_official_question")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it was asked, how often, and what is known of the last time; `nearest` is the id of an entry."""

    text: str
    count: int
    last: datetime
    outcome: str
    nearest: str | None


@dataclass(frozen=True, slots=True)
class Cluster:
    """Questions that mean much the same, the most typical first, and the entry that was nearest to most of them."""

    number: int
    questions: tuple[Asked, ...]
    count: int
    last: datetime
    nearest: str | None


@dataclass(frozen=True, slots=True)
class Collected:
    """What went unanswered: the clusters, largest first, and the questions in none of them, newest first."""

    clusters: tuple[Cluster, ...] = ()
    alone: tuple[Asked, ...] = ()

    @property
    def questions(self) -> int:
        """How many questions went unanswered."""
        return sum(one.count for one in self.clusters) + sum(one.count for one in self.alone)


class Grouper:
    """Groups recorded questions. It keeps the vectors of those it has seen, so that only the first time takes seconds."""

    def __init__(self) -> None:
        self._vectors = VectorCache(_CACHE_BYTES)

    def collect(self, records: Sequence[Unanswered], snapshot: Snapshot) -> Collected:
        """Group the newest different questions, at most 1,000 of them.

        Args:
            records: newest first.
            snapshot: whose encoder says what is alike.
        """
        asked = _counted(records)
        pairs = ((text, str(place)) for place, text in enumerate(one.text for one in records if one.text in asked))
        centre = snapshot.prototypes.mean(axis=0)
        groups, _ = grouped(pairs, lambda texts: self._encode(texts, snapshot), centre, MOST_QUESTIONS)
        clusters = tuple(
            _cluster(number, [asked.pop(text) for text in group.texts]) for number, group in enumerate(groups, 1)
        )
        return Collected(clusters, tuple(asked.values()))

    def _encode(self, texts: Sequence[str], snapshot: Snapshot) -> Floats:
        mark = f"{snapshot.version} "  # another version may have another encoder

        def embed(marked: Sequence[str]) -> Floats:
            return snapshot.encoder.encode_queries([text.removeprefix(mark) for text in marked])

        return np.stack(self._vectors.get([mark + text for text in texts], embed))


def _counted(records: Sequence[Unanswered]) -> dict[str, Asked]:
    """The newest different questions by their text, in their order."""
    counts = Counter(one.text for one in records)
    held: dict[str, Asked] = {}
    for one in records:
        if one.text not in held:
            held[one.text] = Asked(one.text, counts[one.text], one.at, str(one.outcome), one.nearest)
            if len(held) == MOST_QUESTIONS:
                break
    return held


def _cluster(number: int, questions: Sequence[Asked]) -> Cluster:
    nearest: Counter[str] = Counter()
    for one in questions:
        if one.nearest:
            nearest[one.nearest] += one.count
    return Cluster(
        number,
        tuple(questions),
        sum(one.count for one in questions),
        max(one.last for one in questions),
        min(nearest, key=lambda name: (-nearest[name], name), default=None),
    )


def to_csv(collected: Collected, snapshot: Snapshot) -> bytes:
    """A line a different question, group by group, and then those in none, as UTF-8; no cell can become a formula."""
    official = {entry.id: entry.question for entry in snapshot.entries}

    def line(group: int | None, one: Asked) -> tuple[Cell, ...]:
        day = utc(one.last).isoformat(sep=" ", timespec="seconds")
        return (group, one.text, one.count, day, one.outcome, one.nearest, official.get(one.nearest or ""))

    lines = [line(cluster.number, one) for cluster in collected.clusters for one in cluster.questions]
    lines += [line(None, one) for one in collected.alone]
    out = io.StringIO(newline="")
    write_csv(COLUMNS, lines, out)
    return out.getvalue().encode("utf-8", "replace")
