"""The HTML that an answer may be written in: told from angle brackets that are text, and brought to a few plain elements."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from html import escape, unescape

_ATTRIBUTE = r"""\s+(?P<{}>[A-Za-z_:][\w:.\-]*)(?:\s*=\s*(?P<{}>[^\s"'=<>`]+|'[^']*'|"[^"]*"))?"""
_TAG = re.compile(
    rf"<(?P<close>/?)(?P<name>[A-Za-z][A-Za-z0-9\-]*)(?P<attributes>(?:{_ATTRIBUTE.format('_n', '_v')})*)\s*(?P<alone>/?)>"
)
_ATTRIBUTES = re.compile(_ATTRIBUTE.format("name", "value"))
_DOCTYPE = re.compile(r"<!doctype[^<>]*>", re.IGNORECASE)

# https://html.spec.whatwg.org/multipage/indices.html#elements-3, and what older pages hold. Not plaintext, which has no end.
_ELEMENTS = frozenset(
    """a abbr acronym address applet area article aside audio b base basefont bdi bdo big blockquote body br button canvas
    caption center cite code col colgroup data datalist dd del details dfn dialog dir div dl dt em embed fieldset figcaption
    figure font footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html i iframe img input ins kbd label
    legend li link main map mark menu meta meter nav nobr noembed noframes noscript object ol optgroup option output p param
    picture pre progress q rp rt ruby s samp script search section select slot small source span strike strong style sub
    summary sup table tbody td template textarea tfoot th thead time title tr track tt u ul var video wbr""".split()
)
_VOID = frozenset("area base br col embed frame hr img input link meta param source track wbr".split())
# Names that stand in angle brackets for something to fill in ("<address>"): bare and never closed, they are words.
_WORDS = frozenset(
    """address applet area article aside audio base body button canvas caption center cite code col data details dialog
    embed figure font footer form frame head header image input label legend link main map mark menu meta meter object
    option output param picture progress q search section select slot small source strike style summary table template
    time title track var video""".split()
)
_FLAGS = frozenset("checked compact controls disabled hidden itemscope noshade nowrap open reversed selected".split())
_RENAMED = {"del": "s", "strike": "s", "ins": "u", "tt": "code", "dir": "ul", "menu": "ul", "tfoot": "tbody"}
# What begins a line of its own. Stripped of its tags it would run into the words before it.
_BLOCKS = frozenset(
    """address article aside caption center details dialog div fieldset figcaption figure footer form header hgroup legend
    main nav optgroup option search section summary""".split()
)
_HEADINGS = frozenset("h1 h2 h3 h4 h5 h6".split())


def uncommented(html: str, shown: str = "") -> str:
    """The text without its comments but those that `shown` holds; one that does not end is left as it is."""
    pieces, done = [], 0
    while (start := html.find("<!--", done)) >= 0 and (last := html.find("-->", start + 4)) >= 0:
        end = last + len("-->")
        pieces += [html[done:start], html[start:end] if html[start:end] in shown else ""]
        done = end
    return "".join([*pieces, html[done:]])


def is_html(pieces: Sequence[str]) -> bool:
    """Whether what looks like HTML in a text is meant as such.

    It is where every tag has the name of an element, no attribute is a mere word, and something speaks for it: a closing
    tag or one that needs none. `<your name>` is text, and so is `<address>` where nothing closes it.

    Args:
        pieces: what a Markdown parser takes for HTML.
    """
    speaks, bare = False, Counter[str]()
    for tag in (tag for piece in pieces for tag in _TAG.finditer(uncommented(piece))):
        name = tag["name"].lower()
        attributes = [(a["name"].lower(), a["value"]) for a in _ATTRIBUTES.finditer(tag["attributes"])]
        if name not in _ELEMENTS or any(value is None and a not in _FLAGS for a, value in attributes):
            return False
        speaks |= bool(tag["close"]) or name in _VOID
        if name in _WORDS and not attributes:
            bare[name] += -1 if tag["close"] else 1
    return speaks and all(unclosed <= 0 for unclosed in bare.values())


def simplified(html: str) -> str:
    """A piece of HTML with plain elements for its headings, containers and images; what is no tag in it is text.

    The tags are not safe yet: see `markup`.
    """
    html = _DOCTYPE.sub("", uncommented(html))
    pieces, done = [], 0
    for tag in _TAG.finditer(html):
        pieces += [html[done : tag.start()].replace("<", "&lt;"), _simplified(tag)]
        done = tag.end()
    return "".join([*pieces, html[done:].replace("<", "&lt;")])


def _simplified(tag: re.Match[str]) -> str:
    name, is_close = tag["name"].lower(), bool(tag["close"])
    if tag["alone"] and name not in _VOID:
        return ""  # browsers would take it for an opening tag
    if name in _HEADINGS:
        return "</strong></p>" if is_close else "<p><strong>"
    if name in _BLOCKS:
        return "</p>" if is_close else "<p>"
    if name in _RENAMED:
        return f"<{tag['close']}{_RENAMED[name]}>"
    if name == "img":
        told = {a["name"].lower(): a["value"] or "" for a in _ATTRIBUTES.finditer(tag["attributes"])}
        return escape(unescape(told.get("alt", "").strip("\"'")))
    return tag[0]
