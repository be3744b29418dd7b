"""Counts of questions by day, outcome and time, gathered in memory until they are written."""

from __future__ import annotations

import math
import threading
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from qa_service.feedback.base import DAY_SECONDS, Recorded

# Upper bounds of the buckets of latency, 1.25-fold apart; a last bucket has what took longer. They are stored by their
# number, so another list needs a migration of what is stored.
_RATIO = 1.25
BOUNDS_MS: tuple[float, ...] = tuple(round(0.5 * _RATIO**power, 4) for power in range(43))
# Days · outcomes · buckets that may wait, and texts; both only fill while nothing can be written.
_MOST_CELLS = 4_096
_MOST_QUESTIONS = 1_000


# What is counted together: a day (since 1 January 1970, UTC), an outcome, the number of a bucket of latency.
Cell = tuple[int, str, int]


@dataclass(frozen=True, slots=True)
class Gathered:
    """What came together since the last time."""

    counts: Mapping[Cell, int]
    questions: Sequence[Recorded]

    def __bool__(self) -> bool:
        return bool(self.counts or self.questions)


class Tally:
    """Counts and recorded questions that wait to be written. Bounded; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[Cell, int] = {}
        self._questions: list[Recorded] = []

    def count(self, at: float, outcome: str, seconds: float) -> None:
        """Count a question.

        Args:
            at: when, in unix time.
            outcome: what came of it.
            seconds: how long that took.
        """
        self._add((int(at // DAY_SECONDS), outcome, bisect_left(BOUNDS_MS, seconds * 1000)), 1)

    def record(self, question: Recorded) -> None:
        """Have a question recorded."""
        with self._lock:
            if len(self._questions) < _MOST_QUESTIONS:
                self._questions.append(question)

    def take(self) -> Gathered:
        """Everything that waits; nothing waits afterwards."""
        with self._lock:
            counts, self._counts = self._counts, {}
            questions, self._questions = self._questions, []
        return Gathered(counts, questions)

    def give_back(self, gathered: Gathered) -> None:
        """Have what could not be written wait again."""
        for cell, count in gathered.counts.items():
            self._add(cell, count)
        with self._lock:
            self._questions = [*gathered.questions, *self._questions][:_MOST_QUESTIONS]

    def _add(self, cell: Cell, count: int) -> None:
        with self._lock:
            counted = self._counts.get(cell)
            if counted is not None:
                self._counts[cell] = counted + count
            elif len(self._counts) < _MOST_CELLS:
                self._counts[cell] = count


def quantile_ms(latencies: Sequence[int], q: float) -> float | None:
    """The time within which a share `q` (0 to 1) of the questions had their result, in ms; None without any.

    It is the geometric middle of the bucket that holds the nearest rank, which lies within 12 % of every time in that
    bucket; what took longer than the last bound is told as that bound.

    Args:
        latencies: how many questions each bucket has.
        q: the share.
    """
    total = sum(latencies)
    if not total:
        return None
    rank = max(1, math.ceil(q * total))
    bucket = next(place for place, reached in enumerate(accumulate(latencies)) if reached >= rank)
    return BOUNDS_MS[bucket] / math.sqrt(_RATIO) if bucket < len(BOUNDS_MS) else BOUNDS_MS[-1]
