"""References that lead nowhere. Nothing is fetched: only anchors, files beside the FAQ and numbers of questions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from qa_service.domain import Document, Entry
from qa_service.errors import FaqError
from qa_service.lint.material import Finding, Material, Severity
from qa_service.loaders.base import read_source
from qa_service.loaders.blocks import anchors, links

DEAD_REFERENCE = "dead-reference"

_MARKDOWN = (".md", ".markdown")
_ELSEWHERE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:|/|\\|.*(?:\{\{|\{%)")
# `#` and `#top` lead to the top of any page (https://html.spec.whatwg.org/#scroll-to-the-fragment-identifier).
_ALWAYS_THERE = ("", "top")
# "in Q 4" is a quarter of a year, so the letter alone counts only after a verb.
_NUMBERED = re.compile(
    r"\b(?:(?:see|refer to|answered? (?:to|in|under))\s+(?:the\s+)?(?:question|faq|q\.?)|(?:in|under)\s+question)\s*"
    r"(?:no\.?|number|nr\.?|#)?\s*(\d{1,4})\b",
    re.IGNORECASE,
)


@dataclass
class _Pages:
    """The anchors of Markdown files, each file read once."""

    held: dict[Path, frozenset[str] | None] = field(default_factory=dict)

    def lacks(self, path: Path, anchor: str) -> bool:
        """Whether a file is Markdown that can be read and has no such anchor."""
        if path.suffix.lower() not in _MARKDOWN or anchor.lower() in _ALWAYS_THERE:
            return False
        if path not in self.held:
            try:
                self.held[path] = anchors(read_source(path, path.name).text)
            except FaqError:
                self.held[path] = None
        there = self.held[path]
        return there is not None and _loose(anchor) not in {_loose(name) for name in there}


def _loose(anchor: str) -> str:
    """Renderers differ in how many hyphens stand for what they leave out, and some keep a dot."""
    return re.sub(r"[-_.]+", "-", anchor.lower()).strip("-")


def dead_reference(material: Material) -> Iterator[Finding]:
    """A link to an anchor or a file that is not there, or to a question by a number that the document does not reach."""
    pages = _Pages()
    for document in material.documents:
        path = material.files.get(document.name)
        if path is not None and path.suffix.lower() in _MARKDOWN:
            yield from _dead_links(document, path, pages)
    for place in material.places:
        document = next(d for d in material.documents if d.name == place.document)
        for number in map(int, _NUMBERED.findall(place.entry.answer)):
            if not 0 < number <= len(document.entries):
                what = f"refers to question {number}, but {document.name} has {len(document.entries)}; name it by its words"
                yield place.found(Severity.ERROR, DEAD_REFERENCE, what)


def _dead_links(document: Document, path: Path, pages: _Pages) -> Iterator[Finding]:
    for link in links(read_source(path, document.name).text):
        what = _problem(path, link.target, pages)
        if what:
            entry = _entry_at(document, link.line + 1, link.target)
            # Outside the entries nobody is answered with it.
            severity = Severity.ERROR if entry else Severity.WARNING
            entry_id = entry.id if entry else None
            yield Finding(severity, DEAD_REFERENCE, document.name, link.line + 1, entry_id, what)


def _problem(path: Path, target: str, pages: _Pages) -> str:
    if _ELSEWHERE.match(target):
        return ""
    name, _, anchor = target.partition("#")
    name = unquote(name.partition("?")[0])
    there = path.parent / name if name else path
    if not there.exists():
        return f"the link to {target!r} leads to no file beside {path.name}; correct it, or give the whole address"
    if pages.lacks(there, unquote(anchor)):
        return f"the link to {target!r}: {there.name} has no heading of that anchor; correct it, or give the heading {{#…}}"
    return ""


def _entry_at(document: Document, line: int, target: str) -> Entry | None:
    """The entry in whose answer a link stands."""
    before = [entry for entry, first in zip(document.entries, document.lines, strict=True) if first <= line]
    return before[-1] if before and target in unquote(before[-1].answer) else None
