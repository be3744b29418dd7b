"""The shape of a mail's result, which the endpoint sends and `qa mail` prints, a line a mail."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from qa_service.api.convert import answer_out, related_out
from qa_service.api.schemas import AnswerOut, RelatedOut
from qa_service.domain import Outcome
from qa_service.mail.base import MailResult, Status


class MailQuestion(BaseModel):
    """One question of a mail, with what the FAQ says to it."""

    text: str = Field(description="The question as it was asked of the FAQ.")
    start: int | None = Field(description="Where it begins in `new_text`, in characters; null for the subject line.")
    end: int | None = Field(description="Where it ends.")
    outcome: Outcome
    answers: list[AnswerOut]
    related: list[RelatedOut]


class MailResponse(BaseModel):
    """What became of one mail."""

    file: str
    message_id: str | None
    subject: str
    date: datetime | None
    status: Status
    reason: str | None = Field(description="Why the mail was skipped, could not be read, or needs a person.")
    language: str | None
    questions: list[MailQuestion]
    new_text: str
    draft: str | None = Field(description="A reply to be read and sent by a person.")
    index_version: str


def mail_response(result: MailResult) -> MailResponse:
    """A mail's result as it is sent."""
    letter = result.letter
    questions = [
        MailQuestion(
            text=asked.text,
            start=asked.start,
            end=asked.end,
            outcome=found.outcome,
            answers=[answer_out(match) for match in found.answers],
            related=[related_out(match) for match in found.related],
        )
        for asked, found in zip(result.asked, result.results, strict=True)
    ]
    return MailResponse(
        file=result.file,
        message_id=letter.message_id if letter else None,
        subject=letter.subject if letter else "",
        date=letter.date if letter else None,
        status=result.status,
        reason=result.reason,
        language=result.language,
        questions=questions,
        new_text=letter.new_text if letter else "",
        draft=result.draft,
        index_version=result.index_version,
    )
