"""What became of mails as one HTML file for a person: it needs nothing from elsewhere, and no script to be read."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from importlib import resources
from typing import TextIO

from qa_service.api.mailing import MailResponse
from qa_service.domain import Outcome
from qa_service.exports.card import OUTCOMES, STATUSES, card
from qa_service.mail.base import Status

_POLICY = (
    "default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; base-uri 'none'; form-action 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)


@dataclass
class _Tally:
    """What the head of the page counts."""

    statuses: Counter[Status] = field(default_factory=Counter)
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    versions: dict[str, None] = field(default_factory=dict)

    def add(self, row: MailResponse) -> None:
        self.statuses[row.status] += 1
        self.outcomes.update(question.outcome for question in row.questions)
        self.versions[row.index_version] = None


def write_page(rows: Iterable[MailResponse], out: TextIO) -> None:
    """Write the report: mails that need a person first, those of one status in the order they came.

    The rows are read once and held one at a time; what is made of them waits in temporary files, which no other process
    can open by name, until the counts at the top of the page are known.

    Args:
        rows: of mails.
        out: text, to be opened with `encoding="utf-8"`.
    """
    tally = _Tally()
    with contextlib.ExitStack() as stack:
        parts = {status: stack.enter_context(_scratch()) for status in STATUSES}
        for number, row in enumerate(rows, 1):
            tally.add(row)
            parts[row.status].writelines(card(row, f"m{number}"))
        out.write(_head(tally))
        for part in parts.values():
            part.seek(0)
            shutil.copyfileobj(part, out)
    out.write(_foot())


def _scratch() -> contextlib.AbstractContextManager[TextIO]:
    return tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace", newline="")


def _asset(name: str) -> str:
    return resources.files("qa_service.exports").joinpath(name).read_text("utf-8")


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _head(tally: _Tally) -> str:
    style = _asset("report.css")
    policy = _POLICY.format(style=_sha256(style), script=_sha256(_asset("report.js")))
    mails, questions = tally.statuses.total(), tally.outcomes.total()
    answered = tally.outcomes[Outcome.ANSWERED]
    versions = ", ".join(f'<span class="whole">{escape(version)}</span>' for version in tally.versions)
    index = f" Answers are from index {versions}." if versions else ""
    cards = "".join(
        f'<li class="{status}"><strong>{tally.statuses[status]:,}</strong>{name}</li>'
        for status, name in STATUSES.items()
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>Mail report: {mails:,} mails</title>\n<style>{style}</style>\n</head>\n<body>\n"
        '<a class="skip" href="#list">Skip to the mails</a>\n<header>\n<h1>Mail report</h1>\n'
        f'<p class="quiet">{mails:,} mails with {questions:,} questions, of which {answered:,} have an official answer.{index}'
        f'</p>\n</header>\n<main>\n<h2>What became of the mails</h2>\n<ul class="counts">{cards}</ul>\n{_filters(tally)}'
        f'<h2 id="list" tabindex="-1">Mails</h2>\n{_BAR}<ol id="mails">\n'
    )


_BAR = (
    '<div class="bar" id="bar" hidden><p role="status" id="count"></p>'
    '<button type="button" id="open">Open all shown</button><button type="button" id="close">Close all shown</button>'
    '<button type="button" id="before">Previous page</button><button type="button" id="after">Next page</button></div>\n'
    '<p role="status" id="told" class="unseen"></p>\n'
)


def _filters(tally: _Tally) -> str:
    """The form that narrows the list; the script shows it, for without one it does nothing."""
    boxes = "".join(
        f'<label><input type="checkbox" name="status" value="{status}" checked>{name}</label>'
        for status, name in STATUSES.items()
        if tally.statuses[status]
    )
    outcomes = "".join(
        f'<option value="{outcome}">{name} ({tally.outcomes[outcome]:,})</option>' for outcome, name in OUTCOMES.items()
    )
    return (
        '<form id="filters" role="search" aria-label="Mails" autocomplete="off" hidden>\n'
        '<label class="search">Words in the mail or its answers<input type="search" name="search"></label>\n'
        f'<label>With a question<select name="outcome"><option value="">of any outcome</option>{outcomes}</select></label>\n'
        '<label>Order<select name="order"><option value="need">What needs a person first</option>'
        '<option value="least">Least certain answer first</option><option value="newest">Newest first</option></select></label>\n'
        f"<fieldset><legend>Mails that are</legend>{boxes}</fieldset>\n</form>\n"
    )


def _foot() -> str:
    return (
        '</ol>\n</main>\n<footer>\n<p class="quiet">Answers are quoted word for word from the official FAQ. A confidence is the '
        "estimated probability that the answer is the right one. Nothing has been sent.</p>\n</footer>\n"
        f"<script>{_asset('report.js')}</script>\n</body>\n</html>\n"
    )
