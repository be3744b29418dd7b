"""What readers said of each entry's answer, and how far so few votes can be trusted."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from qa_service.bootstrap import Interval
from qa_service.feedback.base import EntryVotes, Reason

_Z = 1.959963984540054  # the 97.5 % point of the normal distribution
REASONS = {
    Reason.OTHER_QUESTION: "another question",
    Reason.UNCLEAR: "unclear",
    Reason.OUTDATED: "out of date",
    Reason.WRONG: "wrong",
}


@dataclass(frozen=True, slots=True)
class Rated:
    """The votes on one entry: `helpful` of `votes`, the interval of that share, and the reasons, most frequent first.

    `question` is None where the index has no such entry any more. Both are None for votes on whole results, which may have
    had several answers, or none.
    """

    entry_id: str | None
    question: str | None
    helpful: int
    votes: int
    interval: Interval
    reasons: tuple[tuple[str, int], ...]


def wilson(helpful: int, votes: int) -> Interval:
    """The 95 % score interval of a share of `votes`, at least one of them, within [0, 1].

    E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", Journal of the American Statistical
    Association 22, 1927.
    """
    share, spread = helpful / votes, _Z * _Z / votes
    middle = (share + spread / 2) / (1 + spread)
    half = math.sqrt(share * (1 - share) * spread + spread * spread / 4) / (1 + spread)
    return Interval(max(0.0, middle - half), min(1.0, middle + half))


def rated(held: Iterable[EntryVotes], entries: Mapping[str, str]) -> tuple[Rated, ...]:
    """What anybody voted on, worst first: a share that is low beyond doubt comes before one that may be low by chance.

    Args:
        held: the votes.
        entries: the official questions of the index by id.
    """
    found = [_rated(one, entries) for one in held]
    return tuple(sorted(found, key=lambda one: (one.interval.high, -one.votes, one.entry_id or "")))


def _rated(one: EntryVotes, entries: Mapping[str, str]) -> Rated:
    votes = one.helpful + one.unhelpful
    reasons = sorted(one.reasons.items(), key=lambda reason: (-reason[1], reason[0]))
    return Rated(
        entry_id=one.entry_id,
        question=entries.get(one.entry_id) if one.entry_id is not None else None,
        helpful=one.helpful,
        votes=votes,
        interval=wilson(one.helpful, votes),
        reasons=tuple((REASONS[Reason(name)], count) for name, count in reasons),
    )
