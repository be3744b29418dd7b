"""The blocks of a Markdown file, with their lines: the one room that knows markdown-it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token

from qa_service import text as strings

_PARSER = MarkdownIt("commonmark")
_ANCHOR = re.compile(r"\s*\{#([^\s}]+)\}\s*$")
_HTML_ANCHOR = re.compile(r"""<[a-zA-Z][^>]*?\s(?:id|name)\s*=\s*["']?([^\s"'>]+)""")
_NOT_IN_SLUGS = re.compile(r"[^\w\- ]")


@dataclass(frozen=True, slots=True)
class Block:
    """A top-level block: its kind as markdown-it names it, and its lines from `first` up to `end`, counted from 0.

    A heading carries its level. `text` is the plain text of a heading or paragraph; `strong` is what of it stands in
    one leading run of bold, and `rest` whether anything follows that run.
    """

    kind: str
    first: int
    end: int
    level: int = 0
    text: str = ""
    anchor: str | None = None
    strong: str = ""
    rest: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A link or an image: its line, counted from 0, and where it leads, as written."""

    line: int
    target: str


def plain(children: Sequence[Token]) -> str:
    """The text that a reader sees of inline tokens, on one line."""
    out = []
    for token in children:
        if token.type in ("text", "code_inline"):
            out.append(token.content)
        elif token.type in ("softbreak", "hardbreak"):
            out.append(" ")
        elif token.type == "image":
            out.append(plain(token.children or ()))
    return strings.normalise("".join(out))


def inline_text(markdown: str) -> str:
    """The plain text of one line of Markdown.

    >>> inline_text("Is *this* [free](https://example.gov)?")
    'Is this free?'
    """
    return plain(_inline(markdown))


def _inline(markdown: str) -> list[Token]:
    return [child for token in _PARSER.parseInline(markdown) for child in token.children or ()]


def _leading_strong(children: Sequence[Token]) -> tuple[str, bool]:
    """The leading bold run's text, and whether visible text follows it."""
    visible = [t for t in children if not (t.type == "text" and not t.content)]
    if not visible or visible[0].type != "strong_open":
        return "", False
    close = next(i for i, t in enumerate(visible) if t.type == "strong_close" and t.level == visible[0].level)
    inside, after = visible[1:close], visible[close + 1 :]
    return plain(inside), bool(plain(after))


def strong_end(markdown: str) -> int:
    """Where the bold run that a text begins with ends, its closing mark included; -1 where it begins with none.

    >>> strong_end("**Is *this* red?** Yes.")
    18
    """
    whole, _ = _leading_strong(_inline(markdown))
    mark = markdown[:2]
    end = markdown.find(mark, 2)
    while whole and end >= 0:
        # Asterisks may stand inside the run too; its end is where the text up to there is that run and nothing more.
        if _leading_strong(_inline(markdown[: end + 2])) == (whole, False):
            return end + 2
        end = markdown.find(mark, end + 1)
    return -1


def parse(text: str) -> list[Block]:
    """Parse Markdown into its top-level blocks, in order."""
    tokens = _PARSER.parse(text)
    blocks = []
    for i, token in enumerate(tokens):
        if token.level or token.nesting < 0 or token.map is None:
            continue
        first, end = token.map
        if token.type not in ("heading_open", "paragraph_open"):
            blocks.append(Block(token.type.removesuffix("_open"), first, end, text=token.content))
            continue
        children = tokens[i + 1].children or []
        seen, anchor = plain(children), None
        if token.type == "heading_open" and (found := _ANCHOR.search(seen)):
            seen, anchor = seen[: found.start()], found.group(1)
        strong, rest = _leading_strong(children)
        level = int(token.tag[1]) if token.type == "heading_open" else 0
        blocks.append(Block(token.type.removesuffix("_open"), first, end, level, seen, anchor, strong, rest))
    return blocks


def links(text: str) -> list[Link]:
    """The links and images of a Markdown text, in order, wherever they stand."""
    found = []
    for block in _PARSER.parse(text):
        line = block.map[0] if block.map else 0
        for token in block.children or ():
            if token.type in ("softbreak", "hardbreak"):
                line += 1
            target = token.attrs.get({"link_open": "href", "image": "src"}.get(token.type, ""))
            if target:
                found.append(Link(line, unquote(str(target))))
    return found


def anchors(text: str) -> frozenset[str]:
    r"""What a link into a Markdown text may name: its headings as GitHub writes them, `{#names}`, and ids in HTML.

    See https://docs.github.com/en/get-started/writing-on-github/getting-started-with-writing-and-formatting-on-github/
    basic-writing-and-formatting-syntax#section-links

    >>> sorted(anchors("# What's *new*? {#news}\n\n## Twice\n\n## Twice\n\n<a id='old'></a>"))
    ['news', 'old', 'twice', 'twice-1', 'whats-new']
    """
    names: set[str] = set()
    seen: Counter[str] = Counter()
    tokens = _PARSER.parse(text)
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "heading_open" and following:
            title = plain(following.children or ())
            if explicit := _ANCHOR.search(title):
                names.add(explicit.group(1))
                title = title[: explicit.start()]
            slug = _NOT_IN_SLUGS.sub("", title.lower()).replace(" ", "-")
            names.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
            seen[slug] += 1
        for part in (token, *(token.children or ())):
            if part.type in ("html_block", "html_inline"):
                names |= set(_HTML_ANCHOR.findall(part.content))
    return frozenset(names)
