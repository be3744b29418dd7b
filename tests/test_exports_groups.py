from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_service.api.mailing import MailQuestion, MailResponse
from qa_service.api.schemas import AnswerOut, SourceOut
from qa_service.domain import Floats, Outcome
from qa_service.exports import groups
from qa_service.exports.linkage import linked
from qa_service.mail.base import Status

NOWHERE = np.zeros(2, dtype=np.float32)

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
    found = groups.coverage(rows, encode, NOWHERE)
    assert found.mails == {"abstained": 1, "matched": 1, "partial": 1, "skipped": 1}
    assert found.questions == {"abstained": 1, "ambiguous": 1, "answered": 3}
    assert found.entries == (groups.Answered("tea", "What is tea?", 2), groups.Answered("oil", "What is oil?", 1))
    assert (found.groups, found.alone) == ((), 1)


def grouped(asked: Sequence[str], **more: Any) -> groups.Coverage:
    return groups.coverage([row(str(i), question(text)) for i, text in enumerate(asked)], encode, NOWHERE, **more)


def test_unanswered_questions_are_grouped_by_meaning() -> None:
    """Those within some 72 degrees of each other on average join; the exemplar lies nearest to the middle."""
    found = grouped(["east 0", "north 120", "east 20", "east 10", "north 130", "north 131", "south 260"])
    assert found.groups == (
        groups.Group("east 10", 3, 3, ("east 0", "east 20")),
        groups.Group("north 130", 3, 3, ("north 131", "north 120")),
    )
    assert found.alone == 1


def test_all_texts_of_a_group_are_kept() -> None:
    """Beyond the exemplar and three examples come the further texts, the nearest first, each of them once."""
    asked = ["q 10", "q 0", "q 2", "q 20", "q 12", "q 10", "q 40"]
    (group,), alone = groups.grouped(((text, "mail") for text in asked), encode, NOWHERE, 24)
    assert (group.exemplar, group.examples, group.further) == ("q 12", ("q 10", "q 20", "q 2"), ("q 0", "q 40"))
    assert group.texts == ("q 12", "q 10", "q 20", "q 2", "q 0", "q 40")
    assert (group.count, alone) == (7, 0)


def test_what_all_questions_share_does_not_join_them() -> None:
    """Without their common direction, questions 40 degrees apart on either side of it are opposites."""
    asked = ["q -20", "q 20", "q -21", "q 21"]
    assert [group.count for group in grouped(asked).groups] == [4]
    centre = np.array([0.94, 0.0], dtype=np.float32)
    found = groups.coverage([row(str(i), question(text)) for i, text in enumerate(asked)], encode, centre)
    assert [(group.count, {group.exemplar, *group.examples}) for group in found.groups] == [
        (2, {"q -20", "q -21"}),
        (2, {"q 20", "q 21"}),
    ]


def test_a_mail_counts_once_for_a_question() -> None:
    """The same words twice in a mail are two questions of one mail; the same words are one example."""
    rows = [row("a", question("q 0"), question("q 0")), row("b", question("q 0"))]
    assert groups.coverage(rows, encode, NOWHERE).groups == (groups.Group("q 0", 3, 2, ()),)


def test_no_more_groups_than_wanted_are_shown() -> None:
    """The largest come back, and what is in no group that is shown is counted."""
    found = grouped(["a 0", "a 1", "a 2", "b 120", "b 121", "c 240", "c 241"], most=1)
    assert [(group.count, found.alone) for group in found.groups] == [(3, 4)]


@pytest.mark.parametrize("chunk", [1, 3, 256])
def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    """Beyond so many different questions, a further one counts with the group that it is like, or alone."""
    monkeypatch.setattr(groups, "_MOST_LINKED", 2)
    monkeypatch.setattr(groups, "_CHUNK", chunk)
    found = grouped(["a 0", "b 180", "c 90", "a 1", "a 0"])
    assert ([group.count for group in found.groups], found.alone) == ([3], 2)


def test_chunks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """Questions are embedded some at a time; where a chunk ends changes nothing."""
    asked = [f"q {angle}" for angle in range(0, 360, 7)]
    whole = groups.to_json(grouped(asked))
    monkeypatch.setattr(groups, "_CHUNK", 3)
    assert groups.to_json(grouped(asked)) == whole
    assert whole["unanswered"]
    assert sum(group["count"] for group in whole["unanswered"]) + whole["alone"] == len(asked)


def by_hand(vectors: Floats, least: float) -> set[frozenset[int]]:
    """Average linkage as its definition says: every mean computed anew at each step."""
    held = [frozenset({item}) for item in range(len(vectors))]
    while len(held) > 1:
        means = {
            (a, b): float(np.mean([vectors[i] @ vectors[j] for i in a for j in b])) for a, b in combinations(held, 2)
        }
        (a, b), most = max(means.items(), key=lambda item: item[1])
        if most < least:
            break
        held = [group for group in held if group not in (a, b)] + [a | b]
    return set(held)


@given(st.integers(0, 10_000), st.integers(0, 14), st.floats(-0.5, 0.9))
def test_linkage_is_what_its_definition_says(seed: int, count: int, least: float) -> None:
    """The groups are those of the definition, worked out by brute force."""
    vectors = np.random.default_rng(seed).normal(size=(count, 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert {frozenset(group) for group in linked(vectors, least)} == by_hand(vectors, least)
