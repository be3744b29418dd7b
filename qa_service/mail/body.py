"""The text of a message out of its parts: what its sender wrote, and the messages that are attached."""

from __future__ import annotations

import re
from collections.abc import Iterator

from qa_service.mail import charset, html, plain
from qa_service.mail.base import MAX_TEXT_CHARS
from qa_service.mail.parts import Part

_PLAIN = frozenset({"text/plain", "text/markdown", "text/x-markdown", "text/enriched", "text/richtext"})
_HTML = frozenset({"text/html", "application/xhtml+xml"})
_MESSAGES = frozenset({"message/rfc822", "message/global"})
_TAGS = re.compile(r"<[^<>\n]{1,60}>")
_PLAIN_BYTES = 64_000  # eight times what is kept of it
_SHORT = 200
_STUB_FACTOR = 2
_MAX_MESSAGES = 20
_WORDS = re.compile(r"\w+")


def own_text(message: Part) -> str:
    """What a reader sees of a message, without the messages attached to it; at most 8,000 characters.

    Of alternatives the plain text is taken, unless it is empty or a stub beside the HTML.
    """
    texts: list[str] = []
    for text in _texts(message, whole=True):
        words = _WORDS.findall(text)
        if words and words not in [_WORDS.findall(one) for one in texts]:  # some send the same text twice
            texts.append(text)
        if sum(map(len, texts)) > MAX_TEXT_CHARS:
            break
    return plain.tidy("\n".join(texts))


def attached_texts(message: Part) -> tuple[str, ...]:
    """The texts of the messages that are attached, those in them too, at most 20 in all."""
    inner = (part.parts[0] for part in message.walk() if part.kind in _MESSAGES and part.parts)
    texts = (own_text(one) for one, _ in zip(inner, range(_MAX_MESSAGES), strict=False))
    return tuple(text for text in texts if text)


def chosen(text: str, markup: str) -> str:
    """The plain text of a letter, or its HTML as text where the plain one is empty or says only that there is HTML."""
    if len(text.strip()) >= _SHORT or not markup:
        return text
    rendered = html.to_text(markup)
    new = sum(len(line) for line in rendered.splitlines() if not line.startswith(">"))
    return rendered if not text.strip() or new > _STUB_FACTOR * len(text.strip()) else text


def _texts(part: Part, *, whole: bool) -> Iterator[str]:
    """The texts of a part in order. `whole` says that it is all there is of a message, so that it is read in any case."""
    if part.kind in _MESSAGES or (part.attached and not whole):
        return
    if part.kind == "multipart/alternative":
        yield _alternative(part.parts)
    elif part.kind == "multipart/related":
        yield next((text for one in part.parts for text in _texts(one, whole=False) if text.strip()), "")
    elif part.parts:
        for one in part.parts:
            yield from _texts(one, whole=False)
    elif part.kind in _PLAIN:
        yield _plain(part)
    elif part.kind in _HTML:
        yield html.to_text(_characters(part))


def _alternative(parts: tuple[Part, ...]) -> str:
    written = next((_plain(one) for one in parts if one.kind in _PLAIN), "")
    if len(written.strip()) >= _SHORT:
        return written
    others = [one for one in parts if one.kind not in _PLAIN]
    markup = next((_characters(one) for one in others if one.kind in _HTML), "")
    if markup:
        return chosen(written, markup)
    return written if written.strip() else next((text for one in others for text in _texts(one, whole=False)), "")


def _characters(part: Part) -> str:
    return charset.decode(part.decoded(), part.parameter("charset"))


def _plain(part: Part) -> str:
    text = charset.decode(part.decoded()[:_PLAIN_BYTES], part.parameter("charset"))
    if part.kind in {"text/enriched", "text/richtext"}:
        text = _TAGS.sub("", text)
    if (part.parameter("format") or "").lower() == "flowed":
        text = plain.unflowed(text, del_space=(part.parameter("delsp") or "").lower() == "yes")
    return plain.without_files(text)
