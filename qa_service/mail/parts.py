"""The parts of a MIME message, walked within bounds that the parser of `email` does not have."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message

from qa_service.mail import headers

MAX_PARTS = 200
MAX_DEPTH = 20
MAX_TEXT_BYTES = 1 << 20  # of all texts together as sent; the rest is left out
_MAX_MARKUPS = 5  # HTML parts; what is slow to read in HTML is bounded for each
_MAX_PLAIN_BYTES = 200_000  # of one plain text, of which 8,000 characters are kept
_MAX_ATTACHED_BYTES = 4 << 20
_MAX_DELIMITERS = 5_000
_GUESSED_BYTES = 65_536
_SEALED = frozenset({"multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"})
_DELIMITER = re.compile(rb"^--(\S[^\r\n]{0,199})\r?\n[Cc]ontent-", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its headers, its kind ("text/plain"), what is in it, and its body as sent.

    The body is empty for what has parts or is no text, and cut where the message has more text than can be read.
    """

    kind: str
    headers: Message
    parts: tuple[Part, ...] = ()
    body: bytes = field(default=b"", repr=False)

    @property
    def attached(self) -> bool:
        """Whether its sender attached it, and did not mean it to be shown with the letter."""
        return str(self.headers.get("Content-Disposition", "")).strip().lower().startswith("attachment")

    @property
    def unread(self) -> bool:
        """Whether a text may be in it that can't be read: it is encrypted, or beyond the bounds."""
        return self.kind in _SEALED or (self.kind.startswith(("multipart/", "message/rfc")) and not self.parts)

    @property
    def is_file(self) -> bool:
        """Whether it is neither text nor what holds other parts."""
        return not self.parts and (self.attached or not self.kind.startswith(("text/", "multipart/", "message/")))

    def parameter(self, name: str) -> str | None:
        """A parameter of Content-Type, decoded as RFC 2231 says."""
        return _parameter(self.headers, name)

    def decoded(self) -> bytes:
        """The body without its transfer encoding; of a broken one, what can be read."""
        return _decode(self.body, str(self.headers.get("Content-Transfer-Encoding", "")))

    def walk(self) -> Iterator[Part]:
        """It and all that is in it."""
        yield self
        for part in self.parts:
            yield from part.walk()


def read(raw: bytes) -> Part:
    """The parts of a message. At most 200, 20 deep; what is beyond is left out."""
    if b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    return _Walk(raw, _Left()).part(0, len(raw), MAX_DEPTH, "text/plain")


@dataclass(slots=True)
class _Left:
    """What may still come: so many parts, so many of them HTML, and so many bytes of text."""

    parts: int = MAX_PARTS
    markups: int = _MAX_MARKUPS
    text_bytes: int = MAX_TEXT_BYTES


@dataclass(frozen=True, slots=True)
class _Walk:
    """A walk through some bytes."""

    raw: bytes
    left: _Left

    def part(self, start: int, end: int, depth: int, default: str) -> Part:
        self.left.parts -= 1
        message, body = headers.split(self.raw, start, end)
        kind = _kind(message, default)
        if kind.startswith("multipart/") and depth:
            inner = "message/rfc822" if kind == "multipart/digest" else "text/plain"
            spans = self._spans(message, body, end)
            parts = [self.part(*span, depth - 1, inner) for span in spans if self.left.parts > 0]
            if parts:
                return Part(kind, message, tuple(parts))
            kind = "text/plain"  # there is no delimiter: all of it is one text
        elif kind in {"message/rfc822", "message/global"} and depth and self.left.parts > 0:
            return Part(kind, message, (self._message(message, body, end, depth - 1),))
        return Part(kind, message, (), self._text(kind, body, end))

    def _text(self, kind: str, start: int, end: int) -> bytes:
        is_markup = "html" in kind
        self.left.markups -= is_markup
        if not (is_markup or kind.startswith("text/")) or self.left.markups < 0:
            return b""
        most = MAX_TEXT_BYTES if is_markup else _MAX_PLAIN_BYTES
        text = self.raw[start : min(end, start + min(most, self.left.text_bytes))]
        self.left.text_bytes -= len(text)
        return text

    def _message(self, message: Message, body: int, end: int, depth: int) -> Part:
        encoding = str(message.get("Content-Transfer-Encoding", "")).strip().lower()
        if encoding in {"base64", "quoted-printable"}:
            inner = _decode(self.raw[body : min(end, body + _MAX_ATTACHED_BYTES)], encoding)
            return _Walk(inner, self.left).part(0, len(inner), depth, "text/plain")
        return self.part(body, end, depth, "text/plain")

    def _spans(self, message: Message, start: int, end: int) -> list[tuple[int, int]]:
        """Where the parts of a multipart begin and end. A closing delimiter may be missing."""
        boundary = (_parameter(message, "boundary") or "").rstrip().encode("utf-8", "replace")
        spans = self._between(boundary, start, end) if boundary else []
        if not spans and (guess := _DELIMITER.search(self.raw, start, min(end, start + _GUESSED_BYTES))):
            spans = self._between(guess[1].rstrip(), start, end)
        return spans

    def _between(self, boundary: bytes, start: int, end: int) -> list[tuple[int, int]]:
        delimiter, raw = b"--" + boundary, self.raw
        spans: list[tuple[int, int]] = []
        begin, place = -1, start
        for _ in range(_MAX_DELIMITERS):
            found = raw.find(delimiter, place, end)
            if found < 0 or len(spans) > MAX_PARTS:
                break
            place = found + len(delimiter)
            closes = raw[place : place + 2] == b"--"
            rest = place + 2 * closes
            stop = raw.find(b"\n", rest, min(end, rest + 1_000)) + 1 or min(end, rest + 1_000)
            if (found > start and raw[found - 1 : found] != b"\n") or raw[rest:stop].strip():
                continue
            if begin >= 0:
                spans.append((begin, max(begin, found - 1)))
            begin, place = stop, stop
            if closes:
                return spans
        return [*spans, (begin, end)] if begin >= 0 else spans


def _kind(message: Message, default: str) -> str:
    return message.get_content_type() if message.get("Content-Type") else default


def _parameter(message: Message, name: str) -> str | None:
    try:
        value = message.get_param(name)
    except (ValueError, IndexError, TypeError, AttributeError, LookupError):
        return None
    if isinstance(value, tuple):
        return value[2] if isinstance(value[2], str) else None
    return value


def _decode(body: bytes, encoding: str) -> bytes:
    match encoding.strip().lower():
        case "quoted-printable":
            return binascii.a2b_qp(body)
        case "base64":
            return headers.base64(body)
        case "x-uuencode" | "uuencode" | "uue" | "x-uue":
            return b"".join(_uudecoded(body))
        case _:
            return body


def _uudecoded(body: bytes) -> Iterator[bytes]:
    for line in body.splitlines():
        if line == b"end":
            return
        if not line.startswith(b"begin "):
            try:
                yield binascii.a2b_uu(line)
            except binascii.Error:
                # A known bug of some encoders: trailing characters beyond the length that the line tells.
                size = (((line[0] - 32) & 63) * 4 + 5) // 3
                yield _uu(line[:size])


def _uu(line: bytes) -> bytes:
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        return b""
