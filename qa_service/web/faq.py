"""The page of the FAQ: its entries, the box to ask in, and what came of a question that was sent without a script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import quote

from qa_service.domain import Entry, Outcome, Result
from qa_service.questions import MAX_QUESTION_CHARS
from qa_service.web.assets import asset
from qa_service.web.linked_data import faq_page
from qa_service.web.outline import PER_PAGE, Outline, Section
from qa_service.web.templates import render
from qa_service.web.words import Words

_WIDGET = "faq-ask.js"


@dataclass(frozen=True, slots=True)
class Site:
    """Where the pages stand and what they offer.

    `base` is the address of the service with a slash at its end. `contact_url` is empty where there is nobody to turn to.
    `widget` says whether the page may ask by script.
    """

    base: str
    contact_url: str = ""
    widget: bool = True

    def page_url(self, page: int) -> str:
        """The address of a page, from 1."""
        return self.base if page == 1 else f"{self.base}?page={page}"

    def entry_url(self, outline: Outline, entry_id: str) -> str:
        """The address of an entry in effect, on the page that holds it."""
        return f"{self.page_url(outline.page_of(entry_id))}#{quote(entry_id)}"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was sent as a form, with its result or the sentence that says why there is none.

    `refused` says that the question is to be put otherwise; else it is to be sent again.
    """

    question: str
    result: Result | None = None
    problem: str = ""
    refused: bool = False


@dataclass(frozen=True, slots=True)
class _Group:
    """Entries of one document on one page; the number counts the documents of the FAQ, from 1."""

    number: int
    section: Section
    entries: Sequence[Entry]


def list_entries(outline: Outline, page: int) -> str:
    """The accordions of a page, from 1, as HTML: what takes the time of rendering, and is the same for every question."""
    return render(
        "entries.html",
        words=outline.words,
        groups=_groups(outline, page),
        several=len(outline.sections) > 1,
        link=lambda entry: link(outline, entry.id),
    )


def render_faq(outline: Outline, page: int, site: Site, entries_html: str, asked: Asked | None = None) -> str:
    """The whole page.

    Args:
        outline: the FAQ.
        page: which page of it, from 1.
        site: where it stands.
        entries_html: what `list_entries` gives for that page.
        asked: what was asked, if anything was.
    """
    words = outline.words
    held = outline.entries[(page - 1) * PER_PAGE : page * PER_PAGE]
    url = site.page_url(page)

    def entry_url(entry_id: str) -> str:
        return f"{url}#{quote(entry_id)}"

    linked = faq_page(held, outline.title, outline.language, url, entry_url) if held and asked is None else ""
    return render(
        "faq.html",
        words=words,
        outline=outline,
        site=site,
        page=page,
        url=url,
        root="",
        style=asset("page.css"),
        script=asset("page.js"),
        widget=asset(_WIDGET) if site.widget else None,
        deep_link="./#{id}" if outline.pages == 1 else "entry/{id}",
        document_title=_document_title(outline, page, asked),
        description=words.description.format(title=outline.title),
        max_chars=MAX_QUESTION_CHARS,
        asked=asked,
        outcome=asked.result.outcome if asked and asked.result else None,
        outcomes=Outcome,
        entries_html=entries_html,
        linked=linked,
        numbers=page_numbers(page, outline.pages),
        link=lambda entry: link(outline, entry.id),
    )


def render_message(words: Words, title: str, text: str, root: str) -> str:
    """A page with one sentence.

    Args:
        words: the texts of its language.
        title: its heading.
        text: the sentence.
        root: the way to the service's first page from this one: empty, or `../` some times.
    """
    return render("message.html", words=words, document_title=title, text=text, root=root, style=asset("page.css"))


def link(outline: Outline, entry_id: str) -> str:
    """Where a page links to an entry in effect: within itself, or, where there are several pages, to wherever it stands."""
    return f"#{quote(entry_id)}" if outline.pages == 1 else f"entry/{quote(entry_id)}"


def page_numbers(page: int, pages: int) -> list[int | None]:
    """The pages to offer: the first, the last and those around this one, with None for each gap.

    >>> page_numbers(5, 9)
    [1, None, 4, 5, 6, None, 9]
    """
    near = sorted({1, pages, *(n for n in (page - 1, page, page + 1) if 1 <= n <= pages)})
    numbers: list[int | None] = [near[0]]
    for before, number in pairwise(near):
        # A gap of one page is no shorter than its number.
        numbers += [None, number] if number - before > 2 else list(range(before + 1, number + 1))  # noqa: PLR2004
    return numbers


def _groups(outline: Outline, page: int) -> list[_Group]:
    first, end = (page - 1) * PER_PAGE, min(page * PER_PAGE, len(outline.entries))
    ends = [*(section.first for section in outline.sections), len(outline.entries)][1:]
    groups = []
    for number, (section, stop) in enumerate(zip(outline.sections, ends, strict=True), 1):
        entries = outline.entries[max(section.first, first) : min(stop, end)]
        if entries:
            groups.append(_Group(number, section, entries))
    return groups


def _document_title(outline: Outline, page: int, asked: Asked | None) -> str:
    """What the browser's tab says and a screen reader says first."""
    words = outline.words
    if asked is not None:
        headings = {
            Outcome.ANSWERED: words.answered,
            Outcome.AMBIGUOUS: words.ambiguous,
            Outcome.ABSTAINED: words.abstained,
        }
        said = headings[asked.result.outcome] if asked.result else f"{words.error}: {asked.problem}"
        return f"{said} - {outline.title}"
    if outline.pages == 1:
        return outline.title
    return f"{outline.title} - {words.page_of.format(page=page, pages=outline.pages)}"
