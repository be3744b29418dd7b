"""The headers of mail, from bytes to text, addresses, dates and message ids. All of it is bounded, and nothing raises."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime

from qa_service.mail import charset

MAX_HEAD_BYTES = 65_536
MAX_HEAD_LINES = 1_000
_MAX_VALUE_BYTES = 16_384
_MAX_PARAMETERS_CHARS = 2_048  # the parameters of a header are read in quadratic time
_MAX_TEXT_CHARS = 998
_MAX_ADDRESSES_CHARS = 8_192
_MAX_ADDRESSES = 100
_MAX_IDS = 50

_HEADER = re.compile(rb"([\x21-\x39\x3b-\x7e]{1,100})[ \t]*:(.*)", re.DOTALL)
_END = re.compile(rb"\n\r?\n")
_WORD = re.compile(r"=\?([^?\s*]{1,60})(?:\*[^?\s]{0,40})?\?([bq])\?([^?]*)\?=", re.IGNORECASE)
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]+"
)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_COMMENT = re.compile(r"\([^()]*\)")
_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"{_LOCAL}@{_LABEL}(?:\.{_LABEL})*")
_MAX_ADDRESS = 254
_MAX_LOCAL = 64
_ID = re.compile(r"<([!-;=?-~]{1,250})>")
_BARE_ID = re.compile(r"\s*([!-;=?-~]{1,125}@[!-;=?-~]{1,125})\s*")
_NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/=\r\n]")
_PROBED_BYTES = 2_000
_MAX_FOREIGN = 0.1
_YEARS = range(1970, 2200)


def split(raw: bytes, start: int, end: int) -> tuple[Message, int]:
    """The headers at the start of a message or part, and where its body begins.

    Values are decoded to characters and unfolded, and cut at 16 kB. Headers beyond 64 kB or 1,000 lines are passed over. A
    line that is no header begins the body, as where the blank line is missing.
    """
    message = Message()
    held: list[tuple[str, list[bytes]]] = []
    place = start
    for _ in range(MAX_HEAD_LINES):
        stop = raw.find(b"\n", place, end) + 1 or end
        line = raw[place : min(stop, place + _MAX_VALUE_BYTES)].rstrip(b"\r\n")
        if not line:
            return _filled(message, held), stop
        if place - start > MAX_HEAD_BYTES:
            break
        if line[0] in b" \t":
            if held:
                held[-1][1].append(line)
        elif found := _HEADER.match(line):
            held.append((found[1].decode("ascii"), [found[2]]))
        elif not (line.startswith((b"From ", b">From ")) and place == start):
            return _filled(message, held), place
        place = stop
    blank = _END.search(raw, place - 1, end)
    return _filled(message, held), blank.end() if blank else end


def _filled(message: Message, held: list[tuple[str, list[bytes]]]) -> Message:
    for name, lines in held:
        value = b" ".join(line.strip() for line in lines)[:_MAX_VALUE_BYTES]
        if name.lower().startswith("content-"):
            value = value[:_MAX_PARAMETERS_CHARS]
        message[name] = _characters(value)
    return message


def _characters(value: bytes) -> str:
    """Raw 8-bit headers are UTF-8 (RFC 6532), or what old programs wrote. A header is too short to guess more, and many."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("cp1252", "replace")


def text(value: str) -> str:
    """A header as a reader sees it: encoded words (RFC 2047) decoded, in one line, at most 998 characters."""
    value = value[: 4 * _MAX_TEXT_CHARS]
    decoded = "".join(_decoded(value)) if "=?" in value else value
    return " ".join(_UNSEEN.sub(" ", decoded).split())[:_MAX_TEXT_CHARS]


def _decoded(value: str) -> Iterator[str]:
    """The pieces of a header. Words of one charset that follow each other are joined first: they may share a character."""
    place, name, held = 0, "", b""
    for word in _WORD.finditer(value):
        between = value[place : word.start()]
        if held and (between.strip() or word[1].lower() != name):
            yield charset.decode(held, name)
            held = b""
        if between.strip() or not name:
            yield between
        name = word[1].lower()
        held += _bytes(word[3], word[2].lower())
        place = word.end()
    if held:
        yield charset.decode(held, name)
    yield value[place:]


def _bytes(encoded: str, encoding: str) -> bytes:
    raw = encoded.encode("utf-8", "replace")
    return binascii.a2b_qp(raw, header=True) if encoding == "q" else base64(raw)


def base64(raw: bytes) -> bytes:
    """What can be read of base64, whatever stands between its letters and however it ends. What is none stays as it is."""
    if len(_NO_BASE64.findall(raw[:_PROBED_BYTES])) > _MAX_FOREIGN * len(raw[:_PROBED_BYTES]):
        return raw
    try:
        return binascii.a2b_base64(raw)
    except binascii.Error:
        letters = re.sub(rb"[^A-Za-z0-9+/]", b"", raw)
        whole = letters[: len(letters) - (len(letters) % 4 == 1)]
        return binascii.a2b_base64(whole + b"=" * (-len(whole) % 4))


def addresses(value: str) -> tuple[str, ...]:
    """The bare addresses of a header, at most 100. Only what RFC 5321 allows without quotes, so nothing can be injected."""
    bare = _QUOTED.sub(" ", value[:_MAX_ADDRESSES_CHARS])
    for _ in range(3):  # comments may be nested; three levels are more than anybody writes
        bare = _COMMENT.sub(" ", bare)
    found = (_address(one) for one in re.split("[,;]", bare)[:_MAX_ADDRESSES])
    return tuple(dict.fromkeys(one for one in found if one))


def _address(mailbox: str) -> str | None:
    inner = mailbox.partition("<")[2].partition(">")[0] if "<" in mailbox else mailbox.rpartition(":")[2]
    bare = inner.strip().removeprefix("mailto:")
    sound = len(bare) <= _MAX_ADDRESS and bare.find("@") <= _MAX_LOCAL and _ADDRESS.fullmatch(bare)
    return bare if sound else None


def date(value: str) -> datetime | None:
    """The moment a Date header names, always with its offset from UTC; None where it names none."""
    try:
        moment = parsedate_to_datetime(value[:100])
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.year not in _YEARS:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def message_id(value: str) -> str | None:
    """A message id in its angle brackets, of printable ASCII; None where there is none."""
    found = _ID.search(value[:_MAX_TEXT_CHARS]) or _BARE_ID.fullmatch(value[:_MAX_TEXT_CHARS])
    return f"<{found[1]}>" if found else None


def references(message: Message) -> tuple[str, ...]:
    """The ids of the thread that a message answers in, oldest first, at most the last 50."""
    cited = [_ID.findall(str(value)) for value in message.get_all("References", [])]
    answered = [_ID.findall(str(value))[:1] for value in message.get_all("In-Reply-To", [])]
    own = message_id(str(message.get("Message-ID", "")))
    ids = dict.fromkeys(f"<{one}>" for some in (*cited, *answered) for one in some)
    return tuple(one for one in ids if one != own)[-_MAX_IDS:]
