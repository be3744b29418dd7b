"""A reading against the FAQ: every question asked, and what becomes of the mail."""

from __future__ import annotations

from collections.abc import Sequence

from qa_service.domain import Outcome, Query, Result
from qa_service.language import detect
from qa_service.mail.base import Asked, MailResult, Reading, Status
from qa_service.mail.draft import draft
from qa_service.retriever import Retriever

NO_QUESTION = "no question found"


def match(file: str, reading: Reading, retriever: Retriever, top: int = 3) -> MailResult:
    """Ask all questions of one mail.

    Args:
        file: where the mail came from, as it is to be reported.
        reading: the mail as read.
        retriever: answers the questions.
        top: how many entries come back for each question at most.
    """
    questions = askable(reading)
    results = retriever.ask([Query(one.text, top) for one in questions]) if questions else []
    return judged(file, reading, results, retriever.version)


def askable(reading: Reading) -> tuple[Asked, ...]:
    """The questions to ask: none of a mail that is skipped or could not be read."""
    return reading.asked if reading.letter and not reading.letter.skip else ()


def judged(file: str, reading: Reading, results: Sequence[Result], index_version: str) -> MailResult:
    """What becomes of a mail whose questions have these results."""
    letter = reading.letter
    status, reason = _status(reading, results)
    return MailResult(
        file=file,
        status=status,
        reason=reason,
        letter=letter,
        language=detect(letter.new_text) if letter else None,
        asked=reading.asked if results else (),
        results=tuple(results),
        draft=draft(letter, reading.asked, results) if letter and results else None,
        index_version=index_version,
    )


def _status(reading: Reading, results: Sequence[Result]) -> tuple[Status, str | None]:
    if reading.letter is None:
        return Status.ERROR, reading.failure or "could not be read"
    if reading.letter.skip:
        return Status.SKIPPED, reading.letter.skip
    if not results:
        return Status.ABSTAINED, NO_QUESTION
    open_ones = sum(result.outcome is not Outcome.ANSWERED for result in results)
    if not open_ones:
        return Status.MATCHED, None
    which = "the question" if len(results) == 1 else f"{open_ones} of {len(results)} questions"
    reason = f"{which} {'needs' if open_ones == 1 else 'need'} a person"
    unanswered = all(result.outcome is Outcome.ABSTAINED for result in results)
    return (Status.ABSTAINED if unanswered else Status.PARTIAL), reason
