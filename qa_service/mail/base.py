"""The nouns of mail, as frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from qa_service.domain import Result

MAX_MAIL_BYTES = 25 << 20  # more of a message is never read, but for the one byte that shows it
MAX_TEXT_CHARS = 8_000
MAX_QUESTIONS = 20


class Status(StrEnum):
    """What became of a mail."""

    MATCHED = "matched"  # every question is answered
    PARTIAL = "partial"  # some are; a person is needed for the rest
    ABSTAINED = "abstained"  # none is, or no question was found: a person is needed
    SKIPPED = "skipped"  # not a partner's mail; `reason` says why
    ERROR = "error"  # could not be read within its limits; `reason` says why


@dataclass(frozen=True, slots=True)
class Letter:
    r"""A message as read: its headers decoded to text, and what its sender newly wrote.

    `reply_to` is the bare address that an answer goes to and `sender` the one in From. `references` are the message
    ids of the thread, oldest first, without the letter's own. `skip` says why no answer is due (automatic mail, a list,
    an empty letter), and is None for a letter that wants one. `new_text` has at most 8,000 characters, lines ending in
    "\n", without quoted history, signature block, or anything invisible; a closing typed by hand may stand at its end.
    """

    message_id: str | None
    subject: str
    date: datetime | None
    sender: str | None
    reply_to: str | None
    references: tuple[str, ...]
    new_text: str
    skip: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """One question or request of a letter.

    `text` is what the retriever is asked: the question as written, or, where it leans on its neighbours, completed by
    them. `start` and `end` are its place in `Letter.new_text`, in characters; None for the subject line.
    """

    text: str
    start: int | None
    end: int | None


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading one mail gave: a letter and its questions, or the reason why it could not be read."""

    letter: Letter | None
    asked: tuple[Asked, ...] = ()
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class MailResult:
    """What became of one mail. `results` has the result of each of `asked`; `draft` is None where nothing is to be said."""

    file: str
    status: Status
    reason: str | None
    letter: Letter | None
    language: str | None
    asked: tuple[Asked, ...]
    results: tuple[Result, ...]
    draft: str | None
    index_version: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What a draft message is made from: whom and which thread it answers, and its text. `file` names the mail."""

    file: str
    status: Status
    message_id: str | None
    subject: str
    reply_to: str | None
    references: tuple[str, ...]
    text: str


def reply_of(result: MailResult) -> Reply | None:
    """The reply to a mail, or None where nothing is to be said."""
    letter = result.letter
    if letter is None or result.draft is None:
        return None
    return Reply(
        result.file,
        result.status,
        letter.message_id,
        letter.subject,
        letter.reply_to,
        letter.references,
        result.draft,
    )
