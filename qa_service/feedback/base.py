"""The nouns of what is kept: a vote, a recorded question, and what the figures are read as."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

Clock = Callable[[], float]  # unix time in seconds, as `time.time` gives it
DAY_SECONDS = 86_400


class Reason(StrEnum):
    """Why an answer did not help. A closed set: what people write freely could name them."""

    OTHER_QUESTION = "other-question"
    UNCLEAR = "unclear"
    OUTDATED = "outdated"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Vote:
    """Whether an answer helped: one to a query that has several, or without an id what the query got as a whole."""

    query_id: str
    entry_id: str | None
    helpful: bool
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A question without a single answer: when it was asked (unix time), its outcome, the id of the nearest entry."""

    at: int
    text: str
    outcome: str
    nearest: str | None


@dataclass(frozen=True, slots=True)
class Day:
    """How many questions had which outcome on a day (UTC), and how many took how long (see `tally.BOUNDS_MS`)."""

    day: date
    answered: int
    ambiguous: int
    abstained: int
    latencies: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EntryVotes:
    """The votes on an entry, None for those on whole queries. `reasons` counts the reasons that were given."""

    entry_id: str | None
    helpful: int
    unhelpful: int
    reasons: dict[str, int]


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A recorded question, as it is read."""

    at: datetime
    text: str
    outcome: str
    nearest: str | None
