"""The coverage report: which entries answer most mail, and what went unanswered, grouped by meaning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from qa_service.api.mailing import MailResponse
from qa_service.domain import Floats, Outcome

Encode = Callable[[Sequence[str]], Floats]

# Questions at least this near to a group's centre belong to it. Among the labelled questions of the seed, two of one entry lie
# on average .55 apart and two of different entries .25; benchmarks/mail/README.md has the figures.
_ALIKE = 0.60
_CHUNK = 256
# Beyond this many groups nothing new is opened, so that memory stays flat whatever arrives.
_MOST_OPEN = 2_000
_EXAMPLES = 3


@dataclass(frozen=True)
class Answered:
    """How many questions an entry answered."""

    entry_id: str
    question: str
    count: int


@dataclass(frozen=True)
class Group:
    """Unanswered questions that mean much the same. `exemplar` is the one nearest to what they have in common."""

    exemplar: str
    count: int
    mails: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Coverage:
    """What a run over mail says of the FAQ. `alone` are unanswered questions in no group that is shown."""

    mails: dict[str, int]
    questions: dict[str, int]
    entries: tuple[Answered, ...]
    groups: tuple[Group, ...]
    alone: int


@dataclass
class _Open:
    """A group while it grows: the sum of its vectors, and its questions that came nearest to their middle."""

    total: Floats
    count: int = 0
    mails: int = 0
    last_mail: str = ""  # the questions of a mail come one after another
    nearest: list[tuple[float, str, Floats]] = field(default_factory=list)


def coverage(rows: Iterable[MailResponse], encode: Encode, most: int = 24) -> Coverage:
    """Go through the rows of a run once.

    Args:
        rows: what became of each mail.
        encode: texts to unit vectors, shape (texts, dimension).
        most: how many groups come back at most, the largest first.
    """
    mails: Counter[str] = Counter()
    questions: Counter[str] = Counter()
    answered: Counter[tuple[str, str]] = Counter()
    grouping = _Grouping(encode)
    for row in rows:
        mails[row.status] += 1
        for one in row.questions:
            questions[one.outcome] += 1
            if one.outcome is Outcome.ABSTAINED:
                grouping.add(one.text, row.file)
            elif one.outcome is Outcome.ANSWERED:
                answered.update((answer.id, answer.question) for answer in one.answers)
    groups, alone = grouping.closed(most)
    entries = sorted(answered.items(), key=lambda item: (-item[1], item[0]))
    return Coverage(
        dict(sorted(mails.items())),
        dict(sorted(questions.items())),
        tuple(Answered(*which, count) for which, count in entries),
        groups,
        alone,
    )


def to_json(found: Coverage) -> dict[str, Any]:
    """The report as it is printed."""
    return {
        "mails": found.mails,
        "questions": found.questions,
        "entries": [{"id": e.entry_id, "question": e.question, "count": e.count} for e in found.entries],
        "unanswered": [
            {"exemplar": g.exemplar, "count": g.count, "mails": g.mails, "examples": list(g.examples)}
            for g in found.groups
        ],
        "alone": found.alone,
    }


class _Grouping:
    """Gives each question to the nearest group, or opens one: one pass, in the order of arrival."""

    def __init__(self, encode: Encode) -> None:
        self._encode = encode
        self._waiting: list[tuple[str, str]] = []
        self._groups: list[_Open] = []
        self._centres: Floats = np.zeros((0, 0), dtype=np.float32)
        self._unplaced = 0

    def add(self, text: str, mail: str) -> None:
        self._waiting.append((text, mail))
        if len(self._waiting) == _CHUNK:
            self._place()

    def closed(self, most: int) -> tuple[tuple[Group, ...], int]:
        """The largest groups of more than one question, and how many questions are in none of them."""
        self._place()
        self._merge()
        ranked = sorted(self._groups, key=lambda group: -group.count)
        shown = [group for group in ranked[:most] if group.count > 1]
        alone = self._unplaced + sum(group.count for group in ranked) - sum(group.count for group in shown)
        return tuple(_finished(group) for group in shown), alone

    def _place(self) -> None:
        if not self._waiting:
            return
        vectors = self._encode([text for text, _ in self._waiting])
        for (text, mail), vector in zip(self._waiting, vectors, strict=True):
            self._put(text, mail, vector)
        self._waiting = []

    def _put(self, text: str, mail: str, vector: Floats) -> None:
        if not self._groups:
            self._centres = np.zeros((_MOST_OPEN, len(vector)), dtype=np.float32)
        likeness = self._centres[: len(self._groups)] @ vector
        place = int(np.argmax(likeness)) if len(likeness) else -1
        if place < 0 or likeness[place] < _ALIKE:
            if len(self._groups) == _MOST_OPEN:
                self._unplaced += 1
                return
            place = len(self._groups)
            self._groups.append(_Open(np.zeros_like(vector)))
        group = self._groups[place]
        group.total = group.total + vector
        group.count += 1
        if group.last_mail != mail:
            group.mails, group.last_mail = group.mails + 1, mail
        self._centres[place] = group.total / np.linalg.norm(group.total)
        _remember(group, text, vector)

    def _merge(self) -> None:
        """Join groups whose centres came to lie as near to each other as a question has to be, the largest first."""
        kept: list[_Open] = []
        centres = np.zeros_like(self._centres[: len(self._groups)])
        for group in sorted(self._groups, key=lambda one: -one.count):
            centre = group.total / np.linalg.norm(group.total)
            likeness = centres[: len(kept)] @ centre
            place = int(np.argmax(likeness)) if len(likeness) else -1
            if place < 0 or likeness[place] < _ALIKE:
                centres[len(kept)] = centre
                kept.append(group)
                continue
            into = kept[place]
            into.total = into.total + group.total
            into.count += group.count
            into.mails += group.mails
            for _, text, vector in group.nearest:
                _remember(into, text, vector)
            centres[place] = into.total / np.linalg.norm(into.total)
        self._groups = kept


def _remember(group: _Open, text: str, vector: Floats) -> None:
    """Keep the few different questions that are nearest to the middle of their group."""
    middle = group.total / np.linalg.norm(group.total)
    held = {kept: kept_vector for _, kept, kept_vector in group.nearest} | {text: vector}
    ranked = sorted(
        ((float(middle @ one), kept, one) for kept, one in held.items()), key=lambda item: (-item[0], item[1])
    )
    group.nearest = ranked[: _EXAMPLES + 1]


def _finished(group: _Open) -> Group:
    texts = [text for _, text, _ in group.nearest]
    return Group(texts[0], group.count, group.mails, tuple(texts[1:]))
