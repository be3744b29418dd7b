"""An official answer as HTML that is safe in any page; made at the build, so that serving needs neither parser nor sanitiser."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache, partial
from html import escape
from itertools import zip_longest
from typing import Any
from urllib.parse import urljoin, urlsplit

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

from qa_service.elements import is_html, simplified, uncommented

_TAGS = set(
    "p br strong em b i u s sub sup code pre ul ol li blockquote table thead tbody tr th td dl dt dd hr a".split()
)
_ATTRIBUTES = {"a": {"href"}, "ol": {"start"}, "li": {"value"}}
_SCHEMES = {"http", "https", "mailto", "tel"}
_NUMBER = re.compile(r"\d{1,9}")
_IGNORED_IN_URLS = re.compile(r"[\t\n\r]+|^[\x00-\x20]+|[\x00-\x20]+$")
_ESCAPED_IN_URLS = re.compile(r"[\x00-\x20\"<>`\\]")
_ANCHOR = re.compile(r"<a(?: href=\"[^\"]*\")?>|</a>")
_EMPTY = re.compile(r"<p>\s*(?:<strong></strong>)?\s*</p>\n?")
# "readme.md" looks like a host's name as well, so a bare name is no link.
_LINKED = re.compile(r"https?://|www\.|mailto:|[^\s@/]+@[^\s@/]+$", re.IGNORECASE)
_BULLET = re.compile(r"[•‣⁃▪▫◦●○■□–—·]\s")
_LETTERS = re.compile(r"[^\W_]+")
_PARAGRAPHS = re.compile(r"\n\s*\n")
_MAX_NESTING = 60
# No answer is like this. A parser takes seconds for it, the longer the more.
_MAX_CHARS, _MAX_BRACKETS = 100_000, 10_000


class _Markdown(MarkdownIt):
    """CommonMark with tables, strikethrough and addresses as links, without code by indentation.

    Links are judged at the end: one that is refused here would leave its address standing in the text.
    """

    def __init__(self, without: Iterable[str]) -> None:
        super().__init__("commonmark", {"linkify": True, "maxNesting": _MAX_NESTING, "xhtmlOut": False})
        self.enable(["table", "strikethrough", "linkify"]).disable(["code", *without])

    def validateLink(self, url: str) -> bool:  # noqa: ARG002, N802 (markdown-it's name)
        return True

    def normalizeLinkText(self, link: str) -> str:  # noqa: N802 (as above)
        return link


_parser = cache(_Markdown)
_ALL_RULES = frozenset[str]()


def answer_html(answer: str, base: str | None) -> str:
    """An answer as HTML: paragraphs, lists, tables, quotes, emphasis, code and links, and no other element.

    The answer is read as Markdown, and HTML in it as HTML where it can be nothing else. No word is lost: what is not
    understood stands there as text, an image's alternative text stands in its place, and a link that leads nowhere leaves
    its words.

    Args:
        answer: as published.
        base: the address of the page that it was published on, which relative links start from; without it they go.

    Returns:
        Elements without class, id, style or script; the only attributes are `href` (http, https, mailto, tel), `start` and
        `value`. Empty where the answer shows nothing.
    """
    text = answer.replace("\r\n", "\n").replace("\r", "\n")
    if len(text) > _MAX_CHARS or text.count("[") > _MAX_BRACKETS:
        return _plain(text)
    if "<!--" in text:
        text = uncommented(text, "\n".join(t.content for t in _all(_parser(_ALL_RULES).parse(text)) if t.tag == "code"))
    tokens, as_html = _parsed(text, base)
    if any(token.level >= _MAX_NESTING - 1 for token in tokens):
        return _plain(text)  # the parser skips what is deeper
    plain = _parser(_ALL_RULES)
    clean = nh3.clean(
        plain.renderer.render(list(_adapted(tokens, as_html)), plain.options, {}),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=partial(_attribute, base),
        url_schemes=_SCHEMES,
        link_rel=None,  # what opens no window needs none
    )
    return _EMPTY.sub("", _without_stray_anchors(clean)).strip()


def _plain(text: str) -> str:
    return "\n".join(f"<p>{escape(part.strip(), quote=False)}</p>" for part in _PARAGRAPHS.split(text) if part.strip())


def _parsed(text: str, base: str | None) -> tuple[list[Token], bool]:
    """The tokens of a text, read without those rules of Markdown that would take words from it, and whether it holds HTML."""
    without = _ALL_RULES
    while True:
        env: dict[str, Any] = {}
        tokens = _parser(without).parse(text, env)
        pieces = [t.content for t in _all(tokens) if t.type in ("html_block", "html_inline")]
        as_html = is_html(pieces)
        more = {
            "html_block": not as_html and any(t.type == "html_block" for t in tokens),
            "reference": not _is_used(env.get("references", {}), tokens, base),
            "fence": any(t.type == "fence" and t.markup[0] == "~" and len(t.info.split()) > 1 for t in tokens),
            "table": "table" not in without and _loses_cells(text, tokens, without),
        }
        found = without | {rule for rule, is_on in more.items() if is_on}
        if found == without:
            return tokens, as_html
        without = found


def _all(tokens: Iterable[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _all(token.children or ())


def _is_used(references: dict[str, dict[str, str]], tokens: list[Token], base: str | None) -> bool:
    """Whether each `[name]: address` is one that a link leads to; "[Note]: bring" is not."""
    targets = {t.attrs.get("href") or t.attrs.get("src") for t in _all(tokens)}
    return all(r["href"] in targets and _target(base, r["href"]) for r in references.values())


def _loses_cells(text: str, tokens: list[Token], without: frozenset[str]) -> bool:
    """Whether a table has rows with more cells than its head, which Markdown drops."""
    if not any(t.type == "table_open" for t in tokens):
        return False
    return _letters(tokens) != _letters(_parser(without | {"table"}).parse(text))


def _letters(tokens: list[Token]) -> str:
    shown = (t.content for t in _all(tokens) if t.type not in ("inline", "image"))
    return "".join(_LETTERS.findall("".join(shown)))


def _adapted(tokens: Iterable[Token], as_html: bool) -> Iterator[Token]:
    """The tokens of what is shown: bold paragraphs for headings, and the numbers of lists that skip some."""
    numbers: list[int | None] = []
    in_heading = False
    for token in tokens:
        if token.type in ("ordered_list_open", "bullet_list_open"):
            numbers.append(int(token.attrs.get("start", 1)) if token.tag == "ol" else None)
        elif token.type in ("ordered_list_close", "bullet_list_close"):
            numbers.pop()
        elif token.type == "list_item_open" and (expected := numbers[-1]) is not None:
            number = int(token.info)
            if number > expected:
                token.attrs["value"] = number
            numbers[-1] = max(number, expected) + 1
        elif token.type in ("heading_open", "heading_close"):
            in_heading = token.nesting > 0
            token.type, token.tag = token.type.replace("heading", "paragraph"), "p"
        elif token.type == "html_block":
            token.content = simplified(token.content)
        elif token.type == "inline":
            token.children = list(_inline(list(_flat(token.children or ())), as_html))
            if in_heading:
                inside = [t for t in token.children if t.tag != "strong"]
                token.children = [Token("strong_open", "strong", 1), *inside, Token("strong_close", "strong", -1)]
        yield token


def _flat(children: Iterable[Token]) -> Iterator[Token]:
    """Inline tokens with the alternative text of images in their place."""
    for token in children:
        if token.type == "image":
            yield from _flat(token.children or ())
        else:
            yield token


def _inline(children: list[Token], as_html: bool) -> Iterator[Token]:
    """Inline tokens without links that are none, with HTML as it is meant, and a line for each bullet."""
    kept: list[bool] = []
    for token, following in zip_longest(children, children[1:]):
        if token.type == "link_open":
            kept.append(token.markup != "linkify" or bool(_LINKED.match(following.content)))
            if not kept[-1]:
                continue
        elif token.type == "link_close" and not kept.pop():
            continue
        elif token.type == "html_inline" and not as_html:
            token.type, token.content = "text", uncommented(token.content)
        elif token.type == "html_inline":
            token.content = simplified(token.content)
        elif token.type == "softbreak" and following and _BULLET.match(following.content):
            token.type, token.tag = "hardbreak", "br"
        yield token


def _attribute(base: str | None, tag: str, name: str, value: str) -> str | None:
    """An attribute's value as it may stand, or None for none."""
    if (tag, name) == ("a", "href"):
        return _target(base, value)
    return value if _NUMBER.fullmatch(value) else None


def _target(base: str | None, address: str) -> str | None:
    """Where a link leads, or None where that is nowhere that anybody should be sent."""
    try:
        whole = urljoin(base or "", _IGNORED_IN_URLS.sub("", address))
        parts = urlsplit(whole)
    except ValueError:
        return None
    if parts.scheme not in _SCHEMES or (parts.scheme.startswith("http") and not parts.netloc):
        return None
    return _ESCAPED_IN_URLS.sub(lambda found: f"%{ord(found[0]):02X}", whole)


def _without_stray_anchors(html: str) -> str:
    """The HTML without `<a>` that lead nowhere or stand inside another; their words stay."""
    kept: list[bool] = []

    def judge(tag: re.Match[str]) -> str:
        if tag[0] == "</a>":
            return tag[0] if kept.pop() else ""
        kept.append(tag[0] != "<a>" and not any(kept))
        return tag[0] if kept[-1] else ""

    return _ANCHOR.sub(judge, html)
