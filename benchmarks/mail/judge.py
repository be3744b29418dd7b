"""What became of labelled mails, question by question, held against their gold."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qa_service.api.mailing import MailQuestion, MailResponse
from qa_service.api.schemas import AnswerOut, RelatedOut
from qa_service.domain import Outcome
from qa_service.mail.base import Status

_HALF = 0.5  # of the shorter of two questions has to be shared for them to be the same


@dataclass(frozen=True)
class Wanted:
    """A question as its mail words it, and the entry that answers it; None where the FAQ has none."""

    text: str
    entry_id: str | None


@dataclass(frozen=True)
class Labelled:
    """What is known of one mail. `questions` are in the order of the mail."""

    file: str
    is_skipped: bool
    questions: tuple[Wanted, ...]


@dataclass(frozen=True)
class Miss:
    """Something that did not go as the gold says: in which mail, of what kind, at which words, and what there was instead."""

    file: str
    kind: str
    words: str
    found: str


@dataclass(frozen=True)
class Judged:
    """The figures of a set of mails.

    `right` has 1 or 0 for each answerable question, `abstained` for each unanswerable one, `present` for each question
    of either kind that was found at all. `wrong` and `spurious` count, for each mail that is not to be skipped, the
    answered questions whose answer is not the gold one, and the found ones that the gold does not have.
    """

    mails: int
    skipped_right: int
    to_skip: int
    found: int
    right: tuple[int, ...]
    abstained: tuple[int, ...]
    present: tuple[int, ...]
    wrong: tuple[int, ...]
    spurious: tuple[int, ...]
    misses: tuple[Miss, ...]


def read_gold(path: Path) -> dict[str, Labelled]:
    """The labels of `gold.jsonl`, by file."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return {
        row["file"]: Labelled(
            row["file"],
            row["status"] == Status.SKIPPED,
            tuple(Wanted(one["text"], one["entry_id"]) for one in row["questions"]),
        )
        for row in rows
    }


def place(words: str, text: str) -> tuple[int, int] | None:
    """Where `words` stand in `text`, in characters, whatever the space between them; None where they don't."""
    found = re.search(r"\s+".join(map(re.escape, words.split())), text)
    return found.span() if found else None


def touches(found: MailQuestion, wanted: Wanted, response: MailResponse) -> bool:
    """Whether a found question is a wanted one: at least half of the shorter of the two is in both.

    Questions from the subject line have no place; they are compared by their words.
    """
    where = place(wanted.text, response.new_text)
    if found.start is None or found.end is None or where is None:
        if found.start is not None or where is not None:
            return False
        ours, theirs = (set(re.findall(r"\w+", text.lower())) for text in (found.text, wanted.text))
        return len(ours & theirs) >= _HALF * max(1, min(len(ours), len(theirs)))
    shared = min(found.end, where[1]) - max(found.start, where[0])
    return shared >= max(1.0, _HALF * min(found.end - found.start, where[1] - where[0]))


def answer_of(found: MailQuestion) -> str | None:
    """The entry that a question is answered with; None where it abstains or is ambiguous."""
    return found.answers[0].id if found.outcome is Outcome.ANSWERED else None


def told(found: Iterable[MailQuestion]) -> str:
    """Questions with what they got and their nearest entry, for a person to read."""
    return "; ".join(f"“{one.text}”: {one.outcome}, {_nearest(one)}" for one in found)


def _nearest(found: MailQuestion) -> str:
    entries: list[AnswerOut | RelatedOut] = [*found.answers, *found.related]
    return f"{entries[0].id[:40]} {entries[0].confidence:.2f}" if entries else "no entry"


@dataclass(frozen=True)
class _OfMail:
    right: list[int]
    abstained: list[int]
    present: list[int]
    wrong: int
    spurious: int
    misses: list[Miss]


def _judge_mail(label: Labelled, response: MailResponse) -> _OfMail:
    """One mail that is not to be skipped."""
    judged = _OfMail([], [], [], 0, 0, [])
    if response.status in {Status.SKIPPED, Status.ERROR}:
        judged.misses.append(Miss(label.file, f"{response.status}: {response.reason}", "", ""))
    pairs = {id(f): [w for w in label.questions if touches(f, w, response)] for f in response.questions}
    for wanted in label.questions:
        mine = [found for found in response.questions if wanted in pairs[id(found)]]
        answers = [answer for found in mine if (answer := answer_of(found)) is not None]
        judged.present.append(int(bool(mine)))
        if wanted.entry_id is None:
            judged.abstained.append(int(not answers))
            kind = "answered though the FAQ has no answer"
        else:
            judged.right.append(int(wanted.entry_id in answers))
            kind = "wrong entry" if answers else "no answer" if mine else "not found"
        if not (judged.right if wanted.entry_id else judged.abstained)[-1]:
            judged.misses.append(Miss(label.file, kind, wanted.text, told(mine)))
    spurious = [found for found in response.questions if not pairs[id(found)]]
    judged.misses.extend(Miss(label.file, "spurious", found.text, told([found])) for found in spurious)
    wrong = sum(
        answer_of(found) not in {None, *(wanted.entry_id for wanted in pairs[id(found)])}
        for found in response.questions
    )
    return _OfMail(judged.right, judged.abstained, judged.present, wrong, len(spurious), judged.misses)


def judge(gold: Mapping[str, Labelled], responses: Sequence[MailResponse], name: Callable[[str], str]) -> Judged:
    """Hold the responses against the gold.

    Args:
        gold: the labels by file.
        responses: one a mail, in any order.
        name: the file of the gold that a response's `file` is.

    Raises:
        ValueError: a labelled mail has no response, or more than one.
    """
    by_file = {name(response.file): response for response in responses}
    if len(by_file) != len(responses) or set(by_file) != set(gold):
        raise ValueError("each labelled mail needs exactly one response")
    wanted = [label for label in gold.values() if not label.is_skipped]
    parts = [_judge_mail(label, by_file[label.file]) for label in wanted]
    to_skip = [by_file[label.file] for label in gold.values() if label.is_skipped]
    kept = [one for one in to_skip if one.status is not Status.SKIPPED]
    return Judged(
        mails=len(wanted),
        skipped_right=len(to_skip) - len(kept),
        to_skip=len(to_skip),
        found=sum(len(by_file[label.file].questions) for label in wanted),
        right=tuple(value for part in parts for value in part.right),
        abstained=tuple(value for part in parts for value in part.abstained),
        present=tuple(value for part in parts for value in part.present),
        wrong=tuple(part.wrong for part in parts),
        spurious=tuple(part.spurious for part in parts),
        misses=(
            *(miss for part in parts for miss in part.misses),
            *(Miss(name(one.file), "not skipped", "", told(one.questions)) for one in kept),
        ),
    )
