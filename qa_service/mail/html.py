"""Text out of the HTML of mail, with what it quotes as lines that begin with "> "."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from inscriptis import get_text
from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.model.config import ParserConfig
from selectolax.lexbor import LexborHTMLParser, LexborNode

MAX_MARKUP_CHARS = 200_000
_MAX_TAGS = 8_000
_UNSEEN = ("style", "script")  # often longer than all the rest, and cut out before the markup is bounded
_DROPPED = "style, script, title, svg, noscript, template, select, iframe, object, textarea, [hidden]"
# Inline tags shape no line. A hostile mail can make a parser copy them into every paragraph, so they go first.
_FORMATTING = re.compile(
    r"<(/?)(a|b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?=[\s/>])"
    r"(?:[^<>\"']++|\"[^\"<>]{0,2000}+\"|'[^'<>]{0,2000}+'|[\"'])*+>",
    re.IGNORECASE,
)
_HIDES = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all|font-size\s*:\s*0(?:px|pt)?\s*(?:;|!|$)|"
    r"max-height\s*:\s*0(?:px)?\s*(?:;|!|$)|\bopacity\s*:\s*0\s*(?:;|!|$)",
    re.IGNORECASE,
)
_QUOTES = (
    "blockquote, .gmail_quote, .yahoo_quoted, .protonmail_quote, .zmail_extra, .moz-cite-prefix, .moz-forward-container"
)
# From these on, all the rest is an older mail.
_REST = (
    "#divRplyFwdMsg, #appendonsend, #x_divRplyFwdMsg, #x_appendonsend, #mail-editor-reference-message-container, "
    ".ms-outlook-mobile-reference-message, #OLK_SRC_BODY_SECTION"
)
_RULED = re.compile(r"border-top\s*:\s*(?:solid\s+#[0-9a-f]{6}\s+1\.0pt|1pt solid (?:rgb|#))", re.IGNORECASE)
_INDENT = re.compile(r"border\s*:\s*(?:none|0)|border\s*:\s*medium\s+none", re.IGNORECASE)
_BEGIN, _END, _BEGIN_ALWAYS, _FROM_HERE = "\ue000", "\ue001", "\ue002", "\ue003"
_MARKS = re.compile(f"[{_BEGIN}-{_FROM_HERE}]")
_CONFIG = ParserConfig(css=CSS_PROFILES["strict"])
_WORDS = re.compile(r"\w{2,}")  # bullets are shorter
_SPACES = re.compile(r"[ \t\xa0]{2,}")
_BLANK_LINES = re.compile(r"(?:[ \t]*\n){3,}")


def to_text(markup: str) -> str:
    r"""What a reader sees of an HTML mail, line by line. Never raises for bad markup.

    Of more than 200,000 characters or 8,000 tags the rest is left out. Blockquotes, and the containers that mail
    programs put an older mail into, come out as lines that begin with "> ", once for each level. A container is taken for
    the letter's own text where nothing stands above it: then the letter only passes that text on.

    >>> to_text("<p>Is it free?</p><blockquote>We ship <b>alpha</b>.</blockquote>")
    'Is it free?\n\n> We ship alpha.\n'
    """
    tree = LexborHTMLParser(_bounded(_MARKS.sub("", markup[: 4 * MAX_MARKUP_CHARS])))
    _drop_hidden(tree)
    _mark_quotes(tree)
    text = _rendered(tree)
    return _BLANK_LINES.sub("\n\n", "".join(f"{line}\n" for line in _quoted_lines(text))).strip("\n") + "\n"


def _bounded(markup: str) -> str:
    """The markup without comments, unseen elements and formatting, and no longer than the parsers can bear."""
    if "<!--" in markup:
        markup = "".join(_outside(markup, "<!--", "-->"))
    for tag in _UNSEEN:
        if f"<{tag}" in markup.lower():
            markup = "".join(_outside(markup, f"<{tag}", f"</{tag}>"))
    markup = markup[:MAX_MARKUP_CHARS]
    markup = _FORMATTING.sub(_unformatted({}), markup)
    return "<".join(markup.split("<", _MAX_TAGS)[:_MAX_TAGS])


def _unformatted(opened: dict[str, list[bool]]) -> Callable[[re.Match[str]], str]:
    """What takes formatting tags away. One that hides what is in it becomes a span."""

    def replaced(tag: re.Match[str]) -> str:
        stack = opened.setdefault(tag[2].lower(), [])
        if tag[1]:
            return "</span>" if stack and stack.pop() else ""
        stack.append(bool(_HIDES.search(tag[0])))
        return f"<span{tag[0][1 + len(tag[2]) :]}" if stack[-1] else ""

    return replaced


def _outside(markup: str, opening: str, closing: str) -> Iterator[str]:
    lower = markup.lower()
    if len(lower) != len(markup):  # some capitals have longer small letters
        lower = "".join(ch.lower() if ch.isascii() else ch for ch in markup)
    place = 0
    while (start := lower.find(opening, place)) >= 0:
        yield markup[place:start]
        end = lower.find(closing, start)
        if end < 0:
            return
        place = end + len(closing)
    yield markup[place:]


def _drop_hidden(tree: LexborHTMLParser) -> None:
    for node in tree.css(_DROPPED):
        node.decompose()
    hidden = [node for node in tree.css("[style]") if _HIDES.search(node.attributes.get("style") or "")]
    for node in hidden:
        if node.tag not in {"html", "body"}:
            node.decompose()


def _mark_quotes(tree: LexborHTMLParser) -> None:
    for node in tree.css(_QUOTES):
        style = node.attributes.get("style") or ""
        classes = node.attributes.get("class") or ""
        if node.tag == "blockquote" and _INDENT.search(style) and not classes and "type" not in node.attributes:
            continue
        _surround(node, _BEGIN_ALWAYS if node.tag == "blockquote" or "moz-cite" in classes else _BEGIN)
    ruled = (node for node in tree.css("div[style]") if _RULED.search(node.attributes.get("style") or ""))
    for node in (*tree.css(_REST), *ruled):
        node.insert_before(_FROM_HERE)


def _surround(node: LexborNode, begin: str) -> None:
    first = node.first_child
    if first is not None:
        first.insert_before(begin)
        node.insert_child(_END)


def _rendered(tree: LexborHTMLParser) -> str:
    """The text by inscriptis; by selectolax where that one lost most of it, as it does with deep nesting."""
    plain = tree.body.text(separator=" ", strip=False) if tree.body else ""
    try:
        text = get_text(tree.html or "", _CONFIG)
    except (RecursionError, ValueError, IndexError, KeyError, AssertionError, AttributeError, TypeError):
        text = ""
    return text if 2 * _letters(text) >= _letters(plain) else plain


def _letters(text: str) -> int:
    return sum(map(len, _WORDS.findall(text)))


def _quoted_lines(text: str) -> Iterator[str]:
    """The lines of a rendered text, with "> " for each quote they stand in."""
    stack: list[int] = []  # 1 for a quote that is marked, 0 for one that is the letter's own text
    from_here, written = 0, False
    for line in text.splitlines():
        depth = sum(stack) + from_here
        seen = False
        for ch in line:
            if ch == _END:
                if stack:
                    stack.pop()
            elif ch in {_BEGIN, _BEGIN_ALWAYS}:
                stack.append(int(written or ch == _BEGIN_ALWAYS))
            elif ch == _FROM_HERE:
                from_here = max(from_here, int(written))
            elif not seen and not ch.isspace():
                depth, seen = sum(stack) + from_here, True
        written = written or seen
        shown = _SPACES.sub("  ", _MARKS.sub("", line)).strip()
        yield ("> " * depth + shown).rstrip() if shown else ""
