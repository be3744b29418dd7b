from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from qa_service.api.mailing import MailQuestion, MailResponse
from qa_service.api.schemas import AnswerOut, SourceOut
from qa_service.domain import Floats, Outcome
from qa_service.exports import groups
from qa_service.mail.base import Status

# Unit vectors in a plane, by the angle in degrees that a question's text ends with.


def encode(texts: Sequence[str]) -> Floats:
    angles = np.radians([float(text.split()[-1]) for text in texts])
    return np.stack((np.cos(angles), np.sin(angles)), axis=1).astype(np.float32)


def question(text: str, outcome: Outcome = Outcome.ABSTAINED, *entries: str) -> MailQuestion:
    answers = [
        AnswerOut(
            id=one,
            question=f"What is {one}?",
            answer="It is.",
            confidence=0.9,
            similarity=0.9,
            matched=one,
            source=SourceOut(document="faq.md", uri=None, sha256="0" * 64, start=0, end=6),
            language="en",
            tags=[],
            reviewed_at=None,
        )
        for one in entries
    ]
    return MailQuestion(text=text, start=0, end=len(text), outcome=outcome, answers=answers, related=[])


def row(file: str, *questions: MailQuestion, status: Status = Status.ABSTAINED) -> MailResponse:
    return MailResponse(
        file=file,
        message_id=None,
        subject="",
        date=None,
        status=status,
        reason=None,
        language="en",
        questions=list(questions),
        new_text="",
        draft=None,
        index_version="v-1",
    )


def test_what_was_asked_and_what_answered_it_is_counted() -> None:
    """Mails by status, questions by outcome, and entries by how many questions they answered."""
    rows = [
        row("a", question("q 0", Outcome.ANSWERED, "tea"), question("q 90"), status=Status.PARTIAL),
        row("b", question("q 1", Outcome.ANSWERED, "tea"), status=Status.MATCHED),
        row("c", question("q 2", Outcome.ANSWERED, "oil"), question("q 3", Outcome.AMBIGUOUS, "tea", "oil")),
        row("d", status=Status.SKIPPED),
    ]
    found = groups.coverage(rows, encode)
    assert found.mails == {"abstained": 1, "matched": 1, "partial": 1, "skipped": 1}
    assert found.questions == {"abstained": 1, "ambiguous": 1, "answered": 3}
    assert found.entries == (groups.Answered("tea", "What is tea?", 2), groups.Answered("oil", "What is oil?", 1))
    assert (found.groups, found.alone) == ((), 1)


def test_unanswered_questions_are_grouped_by_meaning() -> None:
    """Those within some 53 degrees of a group's middle join it; the exemplar lies nearest to the middle."""
    asked = ["east 0", "north 90", "east 20", "east 10", "north 100", "south 270"]
    found = groups.coverage([row(str(i), question(text)) for i, text in enumerate(asked)], encode)
    assert found.groups == (
        groups.Group("east 10", 3, 3, ("east 0", "east 20")),
        groups.Group("north 100", 2, 2, ("north 90",)),
    ) or found.groups == (
        groups.Group("east 10", 3, 3, ("east 20", "east 0")),
        groups.Group("north 90", 2, 2, ("north 100",)),
    )
    assert found.alone == 1


def test_a_mail_counts_once_in_a_group() -> None:
    """Two questions of one mail in a group are two questions of one mail; the same words are one example."""
    found = groups.coverage([row("a", question("q 0"), question("q 0")), row("b", question("q 0"))], encode)
    assert found.groups == (groups.Group("q 0", 3, 2, ()),)


def test_groups_that_grew_together_are_joined() -> None:
    """A group that opened 60 degrees away is joined once both middles have moved towards each other."""
    asked = ["q 0", "q 60", "q 25", "q 25", "q 25", "q 35", "q 36", "q 37", "q 36"]
    found = groups.coverage([row(str(i), question(text)) for i, text in enumerate(asked)], encode)
    assert [group.count for group in found.groups] == [len(asked)]
    assert found.groups[0].exemplar in {"q 25", "q 35", "q 36"}


def test_no_more_groups_than_wanted_are_shown() -> None:
    """The largest come back, and what is in no group that is shown is counted."""
    asked = ["a 0", "a 1", "a 2", "b 120", "b 121", "c 240", "c 241"]
    found = groups.coverage([row(str(i), question(text)) for i, text in enumerate(asked)], encode, most=1)
    assert [(group.count, found.alone) for group in found.groups] == [(3, 4)]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no further group may be opened, questions that fit nowhere are counted alone."""
    monkeypatch.setattr(groups, "_MOST_OPEN", 2)
    asked = ["a 0", "b 90", "c 180", "a 1"]
    found = groups.coverage([row(str(i), question(text)) for i, text in enumerate(asked)], encode)
    assert ([group.count for group in found.groups], found.alone) == ([2], 2)


def test_chunks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """Questions are embedded some at a time; where a chunk ends changes nothing."""
    asked = [f"q {angle}" for angle in range(0, 360, 7)]
    rows = [row(str(i), question(text)) for i, text in enumerate(asked)]
    whole = groups.to_json(groups.coverage(rows, encode))
    monkeypatch.setattr(groups, "_CHUNK", 3)
    assert groups.to_json(groups.coverage(rows, encode)) == whole
    assert whole["unanswered"]
    assert sum(group["count"] for group in whole["unanswered"]) + whole["alone"] == len(asked)
