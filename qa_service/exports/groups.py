"""What went unanswered, grouped by meaning, and the coverage report of a run over mail that shows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qa_service.api.mailing import MailResponse
from qa_service.domain import Floats, Outcome
from qa_service.exports.linkage import linked

Encode = Callable[[Sequence[str]], Floats]

# Questions are alike by their vectors without the direction that all questions of the FAQ's field share. Of 479 labelled
# questions of the seed, taken for unanswered, .30 leaves 17 alone, and 86 % of the others are beside those of their own entry;
# joined by the cosine of the vectors as they are, 44 are left alone at 74 % (.45).
_ALIKE = 0.30
# So many different questions are grouped by linkage; what comes after them joins the nearest group, or stays alone.
_MOST_LINKED = 2_000
_CHUNK = 256
_EXAMPLES = 3


@dataclass(frozen=True)
class Answered:
    """How many questions an entry answered."""

    entry_id: str
    question: str
    count: int


@dataclass(frozen=True)
class Group:
    """Unanswered questions that mean much the same. `exemplar` is the one nearest to what they have in common.

    `examples` are the next few and `further` the rest of its different texts, the nearest first.
    """

    exemplar: str
    count: int
    mails: int
    examples: tuple[str, ...]
    further: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """All of its different texts that are kept, the nearest to what they have in common first."""
        return (self.exemplar, *self.examples, *self.further)


@dataclass(frozen=True)
class Coverage:
    """What a run over mail says of the FAQ. `alone` are unanswered questions in no group that is shown."""

    mails: dict[str, int]
    questions: dict[str, int]
    entries: tuple[Answered, ...]
    groups: tuple[Group, ...]
    alone: int


def coverage(rows: Iterable[MailResponse], encode: Encode, centre: Floats, most: int = 24) -> Coverage:
    """Go through the rows of a run once.

    Args:
        rows: what became of each mail.
        encode: texts to unit vectors, shape (texts, dimension).
        centre: what the FAQ's questions have in common, shape (dimension,): the mean of its entries' vectors.
        most: how many groups come back at most, the largest first.
    """
    mails: Counter[str] = Counter()
    questions: Counter[str] = Counter()
    answered: Counter[tuple[str, str]] = Counter()

    def unanswered() -> Iterator[tuple[str, str]]:
        for row in rows:
            mails[row.status] += 1
            for one in row.questions:
                questions[one.outcome] += 1
                if one.outcome is Outcome.ABSTAINED:
                    yield one.text, row.file
                elif one.outcome is Outcome.ANSWERED:
                    answered.update((answer.id, answer.question) for answer in one.answers)

    groups, alone = grouped(unanswered(), encode, centre, most)
    entries = sorted(answered.items(), key=lambda item: (-item[1], item[0]))
    return Coverage(
        dict(sorted(mails.items())),
        dict(sorted(questions.items())),
        tuple(Answered(*which, count) for which, count in entries),
        groups,
        alone,
    )


def grouped(
    asked: Iterable[tuple[str, str]], encode: Encode, centre: Floats, most: int
) -> tuple[tuple[Group, ...], int]:
    """Group questions by meaning, going through them once.

    Args:
        asked: each question's text, and the name of the mail that asked it; those of a mail come one after another.
        encode: texts to unit vectors, shape (texts, dimension).
        centre: what the FAQ's questions have in common, shape (dimension,): the mean of its entries' vectors.
        most: how many groups come back at most, the largest first.

    Returns:
        The groups of more than one question, and how many questions are in none of them.
    """
    grouping = _Grouping(encode, centre)
    for text, mail in asked:
        grouping.add(text, mail)
    return grouping.closed(most)


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


@dataclass
class _Question:
    """A question as it was asked first, and how often it was, in how many mails."""

    text: str
    vector: Floats
    count: int = 0
    mails: int = 0
    last_mail: str = ""  # the questions of a mail come one after another

    def ask(self, mail: str) -> None:
        self.count += 1
        if mail != self.last_mail:
            self.mails, self.last_mail = self.mails + 1, mail


class _Grouping:
    """Collects the unanswered questions, and groups them at the end."""

    def __init__(self, encode: Encode, centre: Floats) -> None:
        self._encode = encode
        self._common = centre / max(float(np.linalg.norm(centre)), 1e-6)
        self._waiting: list[tuple[str, str]] = []
        self._questions: dict[str, _Question] = {}
        self._groups: list[list[_Question]] = []
        self._middles: Floats = np.zeros((0, len(centre)), dtype=np.float32)
        self._alone = 0

    def add(self, text: str, mail: str) -> None:
        known = self._questions.get(text)
        if known:
            known.ask(mail)
            return
        self._waiting.append((text, mail))
        if len(self._waiting) == _CHUNK:
            self._place()

    def closed(self, most: int) -> tuple[tuple[Group, ...], int]:
        """The largest groups of more than one question, and how many questions are in none of them."""
        self._place()
        self._link()
        sizes = [(sum(one.count for one in group), group) for group in self._groups]
        ranked = sorted(sizes, key=lambda sized: -sized[0])
        shown = [(size, group) for size, group in ranked[:most] if size > 1]
        alone = self._alone + sum(size for size, _ in ranked) - sum(size for size, _ in shown)
        return tuple(_finished(size, group) for size, group in shown), alone

    def _place(self) -> None:
        waiting, self._waiting = self._waiting, []
        new = list(dict.fromkeys(text for text, _ in waiting if text not in self._questions))
        vectors = dict(zip(new, self._turned(self._encode(new)), strict=True)) if new else {}
        for text, mail in waiting:
            if text in self._questions:
                self._questions[text].ask(mail)
            elif len(self._questions) < _MOST_LINKED:
                self._questions[text] = _Question(text, vectors[text])
                self._questions[text].ask(mail)
            else:
                self._join(vectors[text], mail)

    def _turned(self, vectors: Floats) -> Floats:
        rest = vectors - np.outer(vectors @ self._common, self._common)
        unit: Floats = rest / np.maximum(np.linalg.norm(rest, axis=1, keepdims=True), 1e-6)
        return unit

    def _link(self) -> None:
        if self._groups or not self._questions:
            return
        held = list(self._questions.values())
        vectors = np.stack([one.vector for one in held])
        groups = linked(vectors, _ALIKE)
        self._groups = [[held[item] for item in sorted(group)] for group in groups]
        self._middles = np.stack([vectors[group].mean(axis=0) for group in groups])

    def _join(self, vector: Floats, mail: str) -> None:
        """Count a question that came too late for the linkage with the group that it is most like on average."""
        self._link()
        likeness = self._middles @ vector
        place = int(np.argmax(likeness))
        if likeness[place] < _ALIKE:
            self._alone += 1
            return
        nearest = max(self._groups[place], key=lambda one: float(one.vector @ vector))
        nearest.ask(mail)


def _finished(size: int, group: list[_Question]) -> Group:
    """A group with the question nearest to its middle, and the next few."""
    middle = sum((one.count * one.vector for one in group), np.zeros_like(group[0].vector))
    ranked = sorted(group, key=lambda one: (-float(one.vector @ middle), one.text))
    texts = [one.text for one in ranked]
    shown = _EXAMPLES + 1
    return Group(texts[0], size, sum(one.mails for one in group), tuple(texts[1:shown]), tuple(texts[shown:]))
