from __future__ import annotations

from pathlib import Path

import pytest

from qa_service.domain import Outcome
from qa_service.mail.base import Asked, Letter, Reading, Status
from qa_service.mail.match import NO_QUESTION, askable, match
from qa_service.retriever import Retriever
from tests import fakes
from tests.test_api_ask import calibrated

LETTER = Letter(
    message_id="<1@partner.example>",
    subject="Letters",
    date=None,
    sender="ana@partner.example",
    reply_to="ana@partner.example",
    references=(),
    new_text="What is alpha? What is beta? Kappa lamda mu nine?",
)
ALPHA, BETA, NINE = (
    Asked("What is alpha?", 0, 14),
    Asked("What is beta?", 15, 28),
    Asked("Kappa lamda mu nine?", 29, 49),
)


@pytest.fixture
def retriever(index: Path) -> Retriever:
    """Answers by the cosine alone."""
    folder = next(path for path in index.iterdir() if path.name.startswith("v-"))
    found: Retriever = calibrated()(folder)
    return found


@pytest.mark.parametrize(
    ("asked", "status", "reason"),
    [
        ((ALPHA, BETA), Status.MATCHED, None),
        ((ALPHA, NINE), Status.PARTIAL, "1 of 2 questions needs a person"),
        ((NINE, Asked("Zeta eta theta?", 0, 3)), Status.ABSTAINED, "2 of 2 questions need a person"),
        ((), Status.ABSTAINED, NO_QUESTION),
    ],
)
def test_the_status_says_whether_a_person_is_needed(
    retriever: Retriever, asked: tuple[Asked, ...], status: Status, reason: str | None
) -> None:
    """All questions answered, some, none, or no question at all."""
    found = match("a.eml", Reading(LETTER, asked), retriever)
    assert (found.status, found.reason, found.file) == (status, reason, "a.eml")
    assert len(found.results) == len(asked)
    assert found.index_version == retriever.version
    assert (found.draft is not None) == (status in {Status.MATCHED, Status.PARTIAL})


def test_a_result_is_that_of_the_question_alone(retriever: Retriever) -> None:
    """Each result stands beside its question, and the official answer is in the draft word for word."""
    found = match("a.eml", Reading(LETTER, (BETA, ALPHA)), retriever, top=1)
    assert [result.answers[0].entry.id for result in found.results] == ["beta", "alpha"]
    assert [len(result.answers) + len(result.related) for result in found.results] == [1, 1]
    assert str(fakes.FAQ[1]["answer"]) in str(found.draft)


def test_a_mail_that_is_skipped_or_unread_is_not_asked(retriever: Retriever) -> None:
    """Nothing is asked, nothing is drafted, and the reason is kept."""
    skipped = Reading(Letter(None, "", None, None, None, (), "What is alpha?", "bounce"), (ALPHA,))
    unread = Reading(None, failure="took too long")
    assert (askable(skipped), askable(unread)) == ((), ())
    found = [match("a.eml", reading, retriever) for reading in (skipped, unread, Reading(None))]
    assert [(one.status, one.reason) for one in found] == [
        (Status.SKIPPED, "bounce"),
        (Status.ERROR, "took too long"),
        (Status.ERROR, "could not be read"),
    ]
    assert all(not one.results and one.draft is None for one in found)


def test_an_ambiguous_question_needs_a_person(retriever: Retriever) -> None:
    """Several entries that may be meant are no answer."""
    found = match("a.eml", Reading(LETTER, (Asked("What is alpha beta?", 0, 5),)), retriever)
    assert found.results[0].outcome is Outcome.AMBIGUOUS
    assert (found.status, found.reason, found.draft) == (Status.PARTIAL, "the question needs a person", None)
