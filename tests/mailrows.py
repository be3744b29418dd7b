"""Mails with their results, made by hand, for the tests of what is exported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from qa_service.api.mailing import MailResponse, mail_response
from qa_service.domain import Entry, Match, Outcome, Result, Source
from qa_service.mail.base import Asked, Letter, MailResult, Reading
from qa_service.mail.match import judged

VERSION = "v-0123456789abcdef"
ANSWER = (
    "Yes.  Contact your **specialist** (SCSS);\n\n- your status “remains”\n\t- see [here](https://example.gov/a_b).\n"
)
LETTER = Letter(
    message_id="<first@partner.example>",
    subject="Profile extension",
    date=datetime(2026, 11, 23, 15, 4, 5, tzinfo=UTC),
    sender="ana@partner.example",
    reply_to="ana@partner.example",
    references=(),
    new_text="Hello team,\n\nWe asked for an extension. Do we stay certified? Also, where do I find\nthe criteria?\n",
)


def entry(entry_id: str, question: str = "", answer: str = ANSWER, uri: str | None = None) -> Entry:
    """An official question and its answer."""
    source = Source("faq.md", uri, "0" * 64, 10, 20)
    return Entry(entry_id, question or f"What is {entry_id}?", answer, source)


def result(
    outcome: Outcome, confidences: Sequence[tuple[Entry, float]], related: Sequence[tuple[Entry, float]] = ()
) -> Result:
    """A result of these entries with these confidences."""
    answers, others = (
        tuple(Match(one, c, round(c - 0.1, 3), c, one.question) for one, c in held) for held in (confidences, related)
    )
    return Result(outcome, answers, others, VERSION, ("en",))


def answered(entry_id: str = "alpha", confidence: float = 0.97, answer: str = ANSWER, uri: str | None = None) -> Result:
    """A question with its answer."""
    return result(Outcome.ANSWERED, [(entry(entry_id, answer=answer, uri=uri), confidence)])


def ambiguous() -> Result:
    """A question that may mean two entries."""
    return result(Outcome.AMBIGUOUS, [(entry("beta"), 0.48), (entry("gamma", answer="Short."), 0.41)])


def abstained() -> Result:
    """A question without an answer, and two entries that come near."""
    return result(Outcome.ABSTAINED, [], [(entry("delta"), 0.21), (entry("epsilon"), 0.001)])


def asked(letter: Letter, *passages: str) -> tuple[Asked, ...]:
    """The questions at these passages of a letter; an empty one stands for the subject line."""
    found = []
    for passage in passages:
        start = letter.new_text.index(passage) if passage else None
        end = None if start is None else start + len(passage)
        found.append(Asked(" ".join(passage.split()) or letter.subject, start, end))
    return tuple(found)


def mail(
    *results: Result, letter: Letter | None = None, passages: Sequence[str] = (), file: str = "inbox/1.eml"
) -> MailResult:
    """What becomes of a letter whose questions have these results, as the program judges it."""
    letter = letter or LETTER
    cut = passages or ("Do we stay certified?", "where do I find\nthe criteria?", "")[: len(results)]
    return judged(file, Reading(letter, asked(letter, *cut)), results, VERSION)


def skipped(reason: str = "automatic mail") -> MailResult:
    """A mail that wants no answer."""
    letter = replace(LETTER, skip=reason, subject="Out of office", new_text="I am away.")
    return judged("inbox/away.eml", Reading(letter), (), VERSION)


def unread() -> MailResult:
    """A mail that could not be read."""
    return judged("inbox/bomb.eml", Reading(None, failure="took more than a second"), (), VERSION)


def rows() -> list[MailResponse]:
    """A mail of each status, those that need a person least first."""
    matched = mail(answered(), answered("beta", 0.82), file="inbox/matched.eml")
    partial = mail(answered(), ambiguous(), abstained(), file="inbox/partial.eml")
    return [mail_response(one) for one in (skipped(), matched, mail(abstained()), partial, unread())]
