"""Questions and answers out of Markdown: `Q:`/`A:` marks, questions as headings, or questions as bold lines.

A file is read in one style, the first that it shows: marks, else whichever of headings and bold lines ending in a question
mark is the more frequent. An answer reaches from its question to the next question or to a heading that ends it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from qa_service import text as strings
from qa_service.domain import Document, Entry
from qa_service.errors import FaqError
from qa_service.loaders.base import SourceText, field_name, make_entry, unknown_fields_note
from qa_service.loaders.blocks import Block, inline_text, parse, strong_end

# A word that happens to begin a line of an answer ("question. ") is no mark, so lower case does not count.
_QUESTION_MARK = re.compile(
    r"[ ]{0,3}(?:#{1,6}[ \t]+)?(?P<em>\*\*|__)?(?:Q|Question|QUESTION|Pregunta|PREGUNTA)[ ]?\d{0,4}[.:)]"
    r"(?P<closed>(?P=em))?[ \t]*"
)
_ANSWER_MARK = re.compile(
    r"\s*(?P<em>\*\*|__)?(?:A|R|Answer|Respuesta|Réponse)[ ]?\d{0,4}[.:)](?(em)(?P=em))[ \t]*", re.IGNORECASE
)
_ANSWER_LINE = re.compile(
    r"(?:\r\n|\r|\n)(?=[ ]{0,3}(?:\*\*|__)?(?:A|R|Answer|Respuesta|Réponse)[ ]?\d{0,4}[.:)])", re.IGNORECASE
)
_FRONT_MATTER_END = re.compile(r"(?:---|\.\.\.)[ \t]*(?:\r\n|\r|\n)?")
_METADATA = re.compile(r"[ ]{0,3}<!--[ \t]*faq\b(?P<body>.*?)-->", re.DOTALL)
_FIELD_LINE = re.compile(r"[ \t]*([A-Za-z][A-Za-z_ \-]*):[ \t]*(.*?)[ \t]*")
_TITLE_LINE = re.compile(r"title:[ \t]*(.*?)[ \t]*", re.IGNORECASE)
_COMMENT_ONLY = re.compile(r"(?:\s*<!--(?:(?!-->).)*-->)+\s*", re.DOTALL)
_ORNAMENT_LINE = re.compile(r"[^\W\d_]+")
_MIN_ORNAMENT_LINES = 2


@dataclass(frozen=True, slots=True)
class _Mark:
    """A question and where its answer may begin; offsets count characters, lines count from 0."""

    line: int
    question: str
    answer_from: int
    anchor: str | None = None


class _Page:
    """A Markdown file under reading: its source, blocks and front matter."""

    def __init__(self, source: SourceText) -> None:
        self.source = source
        self.front_lines = _front_matter_lines(source)
        body_from = source.line_starts[self.front_lines]
        self.blocks = [b for b in parse("\n" * self.front_lines + source.text[body_from:]) if b.end > b.first]

    def offset(self, line: int) -> int:
        return self.source.line_starts[min(line, len(self.source.line_starts) - 1)]

    def raw(self, block: Block) -> str:
        return self.source.text[self.offset(block.first) : self.offset(block.end)]


def _front_matter_lines(source: SourceText) -> int:
    """How many lines the YAML front matter takes, its fences included; 0 where there is none."""
    starts = source.line_starts
    lines = [source.text[a:b] for a, b in pairwise(starts)]
    if not lines or lines[0].strip() != "---":
        return 0
    return next((i + 1 for i, line in enumerate(lines[1:], 1) if _FRONT_MATTER_END.fullmatch(line)), 0)


def _fields(text: str) -> tuple[dict[str, object], list[str]]:
    """The `name: value` lines of a metadata comment or front matter, and the names that no entry has."""
    known: dict[str, object] = {}
    unknown = []
    for line in text.splitlines():
        if not (found := _FIELD_LINE.fullmatch(line)):
            continue
        if name := field_name(found[1]):
            known[name] = found[2].strip("\"'")
        else:
            unknown.append(found[1].strip())
    return known, unknown


def _marked(page: _Page) -> list[_Mark]:
    """Questions that begin with a mark: `Q:`, `**Q. …**`, `### Question 3)`."""
    marks = []
    for block in page.blocks:
        if block.kind not in ("paragraph", "heading"):
            continue
        end = page.offset(block.end)
        found = [
            (line, hit)
            for line in range(block.first, block.end)
            if (hit := _QUESTION_MARK.match(page.source.text, page.offset(line), end))
        ]
        if block.kind == "heading":
            if found and (hit := _QUESTION_MARK.match(block.text)):
                marks.append(_Mark(block.first, block.text[hit.end() :], end, block.anchor))
            continue
        for i, (line, hit) in enumerate(found):
            stop = page.offset(found[i + 1][0]) if i + 1 < len(found) else end
            marks.append(_mark(page, line, hit, stop))
    return marks


def _mark(page: _Page, line: int, hit: re.Match[str], stop: int) -> _Mark:
    raw = page.source.text[hit.end() : stop]
    emphasised = page.source.text[hit.start("em") : stop] if hit["em"] and not hit["closed"] else ""
    end = strong_end(emphasised) if emphasised else -1
    if end >= 0:
        answer_from = hit.start("em") + end
        question = page.source.text[hit.end() : answer_from - len(hit["em"])]
    elif answer := _ANSWER_LINE.search(raw):
        question, answer_from = raw[: answer.start()], hit.end() + answer.end()
    else:
        question, answer_from = raw, stop
    return _Mark(line, inline_text(" ".join(question.split())), answer_from)


def _headed(page: _Page) -> list[_Mark]:
    """Questions that are headings and end in a question mark; a lone title above them is not one of them."""
    headings = [b for b in page.blocks if b.kind == "heading" and strings.is_question(b.text)]
    title = next((b for b in page.blocks if b.kind == "heading"), None)
    if len(headings) > 1 and headings[0] is title and all(b.level > title.level for b in headings[1:]):
        headings = headings[1:]
    return [_Mark(b.first, b.text, page.offset(b.end), b.anchor) for b in headings]


def _bold(page: _Page) -> list[_Mark]:
    """Questions that are the bold line a paragraph begins with."""
    marks = []
    for b in page.blocks:
        if b.kind == "paragraph" and strings.is_question(b.strong):
            raw = page.raw(b)
            close = len(raw) - len(raw.lstrip()) + strong_end(raw.lstrip())
            marks.append(_Mark(b.first, b.strong, page.offset(b.first) + close if b.rest else page.offset(b.end)))
    return marks


def _read_style(page: _Page) -> tuple[list[_Mark], set[int], bool]:
    """The questions in the file's style, the lines whose headings end an answer, and whether the style has marks."""
    headings = {b.first: b for b in page.blocks if b.kind == "heading"}
    if marked := _marked(page):
        return marked, set(headings) - {m.line for m in marked}, True
    headed, bold = _headed(page), _bold(page)
    if len(bold) > len(headed):
        return bold, set(headings), False
    deepest = max((headings[m.line].level for m in headed), default=0)
    return headed, {line for line, b in headings.items() if b.level <= deepest} - {m.line for m in headed}, False


def _is_ornament(page: _Page, block: Block) -> bool:
    """Whether a block is a page's ornament and not prose: two lines or more, each a single word without punctuation."""
    lines = page.raw(block).splitlines()
    texts = [line.strip() for line in lines if line.strip()]
    return (
        block.kind == "paragraph"
        and len(texts) >= _MIN_ORNAMENT_LINES
        and all(_ORNAMENT_LINE.fullmatch(t) for t in texts)
    )


def _answer_end(page: _Page, start: int, stop: int, notes: list[str]) -> int:
    """Where the answer ends: before rules, comments and, at the end of the file, an ornament."""
    inside = [b for b in page.blocks if page.offset(b.first) >= start and page.offset(b.end) <= stop]
    while inside:
        last = inside[-1]
        at_file_end = last is page.blocks[-1]
        ornament = (
            at_file_end and bool(page.source.text[start : page.offset(last.first)].strip()) and _is_ornament(page, last)
        )
        comment = last.kind == "html_block" and _COMMENT_ONLY.fullmatch(page.raw(last))
        if not (last.kind == "hr" or ornament or comment):
            break
        if ornament:
            words = " ".join(page.raw(last).split())
            notes.append(f"line {last.first + 1}: {words!r} is taken for a page ornament and left out of the answer")
        stop = page.offset(last.first)
        inside.pop()
    return start + len(page.source.text[start:stop].rstrip())


def _regions(page: _Page, marks: list[_Mark], ends: set[int]) -> Iterator[tuple[_Mark, int]]:
    """Each question with the offset that its answer can't reach beyond."""
    lines = sorted({m.line for m in marks} | ends)
    for mark in marks:
        following = next((line for line in lines if line > mark.line), None)
        yield mark, len(page.source.text) if following is None else page.offset(following)


def _front_matter(page: _Page) -> tuple[dict[str, object], str, list[str]]:
    """The fields of the whole file, its title if it states one, and the names that mean nothing here."""
    text = page.source.text[: page.source.line_starts[page.front_lines]]
    known, unknown = _fields(text)
    title = next((hit[1] for line in text.splitlines() if (hit := _TITLE_LINE.fullmatch(line))), "")
    return known, strings.normalise(title.strip("\"'")), [name for name in unknown if name.lower() != "title"]


def _title(page: _Page, marks: list[_Mark]) -> str | None:
    """The text of the first heading of level 1 that is no question."""
    asked = {mark.line for mark in marks}
    headings = (b for b in page.blocks if b.kind == "heading" and b.level == 1 and b.first not in asked)
    return next((b.text for b in headings if b.text and not strings.is_question(b.text)), None)


def load(source: SourceText, language: str) -> Document:
    """Read a Markdown FAQ.

    An HTML comment right below a question carries its optional fields, and front matter those of the whole file and its
    title, which is otherwise that of its first heading of level 1:

        <!-- faq
        id: profile-extension
        alternates: Are we still certified? | Does an extension suspend us?
        reviewed_at: 2026-05-01
        -->

    Raises:
        FaqError: no question is found, or a question or an answer is empty, or a field is malformed.
    """
    page = _Page(source)
    marks, ends, has_marks = _read_style(page)
    if not marks:
        raise FaqError("no question with an answer in it (Q:/A:, a heading or a bold line ending in '?')", source.name)
    defaults, title, unknown = _front_matter(page)
    titled = replace(source, title=title or _title(page, marks))
    notes: list[str] = []
    entries: list[Entry] = []
    for mark, stop in _regions(page, marks, ends):
        start = mark.answer_from
        fields: dict[str, object] = {}
        if found := _METADATA.match(source.text[start:stop].lstrip()):
            fields, more = _fields(found["body"])
            unknown += more
            start = source.text.index("-->", start) + len("-->")
        if has_marks and (answer := _ANSWER_MARK.match(source.text, start, stop)):
            start = answer.end()
        start += len(source.text[start:stop]) - len(source.text[start:stop].lstrip())
        end = max(start, _answer_end(page, start, stop, notes))
        fields |= {"question": mark.question, "answer": source.text[start:end]}
        if mark.anchor:
            fields.setdefault("id", mark.anchor)
        entries.append(make_entry(titled, mark.line + 1, fields, (start, end), defaults, language))
    lines = tuple(mark.line + 1 for mark in marks)
    return Document(source.name, source.sha256, tuple(entries), lines, (*notes, *unknown_fields_note(unknown)))
