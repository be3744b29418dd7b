"""The blocks of a Markdown file, with their lines: the one room that knows markdown-it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

from qa_service import text as strings

_PARSER = MarkdownIt("commonmark")
_ANCHOR = re.compile(r"\s*\{#([^\s}]+)\}\s*$")


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
