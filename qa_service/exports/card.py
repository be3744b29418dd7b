"""One mail of the report: its text with the questions marked, and the official answers beside them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from html import escape

from qa_service import text as strings
from qa_service.api.mailing import MailQuestion, MailResponse
from qa_service.api.schemas import AnswerOut
from qa_service.domain import Outcome
from qa_service.exports.dates import utc
from qa_service.mail.base import Status

# What needs a person first.
STATUSES = {
    Status.ERROR: "Could not be read",
    Status.PARTIAL: "Partly answered",
    Status.ABSTAINED: "Not answered",
    Status.MATCHED: "Answered",
    Status.SKIPPED: "Skipped",
}
OUTCOMES = {
    Outcome.ABSTAINED: "No official answer",
    Outcome.AMBIGUOUS: "Several may be meant",
    Outcome.ANSWERED: "Answered",
}
_SURENESS = (
    (0.9, "very likely right"),
    (0.75, "likely right"),
    (0.5, "more likely right than not"),
    (0.0, "uncertain"),
)
_NEARLY_ONE, _NEARLY_NONE = 0.995, 0.005
_NO_DATE = -1e12
_UNANSWERED_LAST = 2.0  # beyond every confidence
_NO_SUBJECT = ("(no subject)", "(subject unknown)")


def card(row: MailResponse, key: str) -> Iterator[str]:
    """One mail as an item of the report's list, in pieces.

    Args:
        row: the mail.
        key: what its ids begin with; no two mails of a report may share it.
    """
    outcomes = " ".join(dict.fromkeys(question.outcome.value for question in row.questions))
    answers = [question.answers[0].confidence for question in row.questions if question.answers]
    subject = escape(strings.normalise(row.subject)) or _NO_SUBJECT[row.status is Status.ERROR]
    yield (
        f'<li class="mail {row.status}" id="{key}" data-status="{row.status}" data-outcomes="{outcomes}" '
        f'data-date="{_seconds(row.date)}" data-least="{min(answers, default=_UNANSWERED_LAST)}">'
    )
    heading = f'<h3 dir="auto" data-find>{subject}</h3><span class="badge">{STATUSES[row.status]}</span>{_about(row)}'
    if row.new_text.strip() or row.questions:
        is_open = "" if row.status is Status.SKIPPED else " open"
        yield f'<details{is_open}><summary class="about">{heading}</summary>\n'
        yield from _body(row, key)
        yield "</details></li>\n"
    else:
        yield f'<div class="about">{heading}</div></li>\n'


def _seconds(moment: datetime | None) -> float:
    """Seconds since 1970; a mail without a date counts as the oldest."""
    return (utc(moment) - datetime(1970, 1, 1)).total_seconds() if moment else _NO_DATE  # noqa: DTZ001 (both in UTC)


def _body(row: MailResponse, key: str) -> Iterator[str]:
    alone = "" if row.questions else ' class="alone"'
    yield f'<div class="sides"><div{alone}><h4>What they wrote</h4><div class="text" dir="auto"{_lang(row.language)} '
    yield f"data-find>{_marked(row, key)}</div></div>\n"
    if row.questions:
        yield '<div><h4>Questions and official answers</h4><ol class="questions">\n'
        yield from (_question(one, f"{key}q{i}", i) for i, one in enumerate(row.questions, 1))
        yield "</ol></div>\n"
    yield _draft(row)
    yield "</div>\n"


def _about(row: MailResponse) -> str:
    """Where the mail came from, when, and why it has its status."""
    facts = [f"<bdi data-find>{escape(strings.normalise(row.file))}</bdi>"]
    if row.date:
        zone = " UTC" if row.date.tzinfo else ""
        facts.append(f"<time>{utc(row.date).isoformat(' ', 'minutes')}{zone}</time>")
    if row.reason:
        facts.append(f"<b>{escape(strings.normalise(row.reason))}</b>")
    return f'<span class="quiet">{" · ".join(facts)}</span>'


def _lang(language: str | None) -> str:
    return f' lang="{escape(language)}"' if language else ""


def _marked(row: MailResponse, key: str) -> str:
    """The mail's new text with each question marked; of marks that overlap, the later keeps what is left to it."""
    text, pieces, done = row.new_text, [], 0
    places = [
        (q.start, q.end, i, q.outcome)
        for i, q in enumerate(row.questions, 1)
        if q.start is not None and q.end is not None
    ]
    for start, end, number, outcome in sorted(places):
        begin, stop = max(start, done), max(min(end, len(text)), done)
        label = f'aria-label="Question {number}, to its answer"'
        link = f'<a class="number" href="#{key}q{number}" {label}>{number}</a>'
        mark = f'<mark class="{outcome}" id="{key}t{number}">{escape(text[begin:stop])}{link}</mark>'
        pieces += [escape(text[done:begin]), mark]
        done = stop
    return "".join([*pieces, escape(text[done:])]) or '<i class="quiet">(no text)</i>'


def _question(asked: MailQuestion, key: str, number: int) -> str:
    back = key.replace("q", "t")
    if asked.start is None:
        label, place = f'<span class="number">{number}</span>', '<p class="quiet">Asked in the subject line</p>'
    else:
        place = ""
        label = (
            f'<a class="number" href="#{back}" aria-label="Question {number}, to its place in the mail">{number}</a>'
        )
    best = f": {_sureness(asked.answers[0].confidence)}" if asked.outcome is Outcome.ANSWERED and asked.answers else ""
    return (
        f'<li class="question {asked.outcome}" id="{key}"><h4>{label}<bdi data-find>{escape(asked.text)}</bdi></h4>{place}'
        f'<p><span class="badge">{OUTCOMES[asked.outcome]}{best}</span></p>'
        f"{''.join(_answer(one, asked.outcome) for one in asked.answers)}{_related(asked)}</li>\n"
    )


def _answer(answer: AnswerOut, outcome: Outcome) -> str:
    source = answer.source
    named = escape(source.document)
    if source.uri and source.uri.startswith(("https://", "http://")):
        named = f'<a href="{escape(source.uri)}" rel="noreferrer">{escape(source.uri)}</a>'
    sure = f" · {_sureness(answer.confidence)}" if outcome is Outcome.AMBIGUOUS else ""
    lang = _lang(answer.language)
    return (
        f'<div class="answer"><p class="official" dir="auto"{lang} data-find>{escape(answer.question)}</p>'
        f'<blockquote dir="auto"{lang} data-find>{escape(answer.answer)}</blockquote>'
        f'<p class="quiet">Source: {named}{sure}</p></div>'
    )


def _related(asked: MailQuestion) -> str:
    """The nearest entries where a person has to answer."""
    if asked.outcome is Outcome.ANSWERED or not asked.related:
        return ""
    items = "".join(f"<li><bdi>{escape(one.question)}</bdi> ({_percent(one.confidence)})</li>" for one in asked.related)
    return f'<details class="related"><summary>Nearest official questions, not certain enough</summary><ul>{items}</ul></details>'


def _sureness(confidence: float) -> str:
    words = next(words for least, words in _SURENESS if confidence >= least)
    return f"{words} ({_percent(confidence)})"


def _percent(share: float) -> str:
    if share >= _NEARLY_ONE:
        return "over 99&nbsp;%"
    return "under 1&nbsp;%" if share < _NEARLY_NONE else f"{share * 100:.0f}&nbsp;%"


def _draft(row: MailResponse) -> str:
    if row.draft is None:
        return ""
    what = "Draft reply" if row.status is Status.MATCHED else "Draft reply, to be completed"
    return (
        f'<div class="draft"><details><summary>{what}</summary><pre dir="auto">{escape(row.draft)}</pre></details>'
        '<button type="button" class="copy">Copy draft</button></div>\n'
    )
