"""What every loader shares: a source file with its byte offsets, and the one way from named fields to an entry."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path

import numpy as np

from qa_service import text as strings
from qa_service.domain import Entry, Ints, Source
from qa_service.errors import FaqError

_BOM = b"\xef\xbb\xbf"
_NEWLINE = re.compile(r"\r\n|\r|\n")
_ID = re.compile(r"[^\W_][\w.\-]{0,127}", re.UNICODE)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_URI = re.compile(r"https?://[^\s<>\"]+")
_SEPARATOR = "|"

_FIELDS = frozenset(
    [
        "id",
        "question",
        "answer",
        "alternates",
        "language",
        "tags",
        "source_uri",
        "effective_from",
        "effective_to",
        "reviewed_at",
    ]
)
# What a file may say once for all of its entries.
_SHARED_FIELDS = _FIELDS - {"id", "question", "answer", "alternates"}
_ALIASES = {
    "alternate": "alternates",
    "alternate_questions": "alternates",
    "variants": "alternates",
    "lang": "language",
    "uri": "source_uri",
    "url": "source_uri",
    "source_url": "source_uri",
}


@dataclass(frozen=True)
class SourceText:
    """A source file: its name below the data folder, its text and the SHA-256 of its bytes; `title` if it has one."""

    name: str
    text: str
    sha256: str
    has_bom: bool
    title: str | None = None

    @cached_property
    def _byte_offsets(self) -> Ints:
        """Byte offset of each character, shape (len(text) + 1,)."""
        points = np.frombuffer(self.text.encode("utf-32-le"), dtype=np.uint32)
        sizes = 1 + (points >= 0x80).astype(np.int64) + (points >= 0x800) + (points >= 0x10000)  # noqa: PLR2004
        offsets: Ints = np.concatenate(([0], np.cumsum(sizes))) + (len(_BOM) if self.has_bom else 0)
        return offsets

    @cached_property
    def line_starts(self) -> list[int]:
        """Character offset at which each line begins, and the length of the text behind the last."""
        return [0, *(m.end() for m in _NEWLINE.finditer(self.text)), len(self.text)]

    def line_of(self, offset: int) -> int:
        """The line, from 1, that holds the character at `offset`."""
        return int(np.searchsorted(self.line_starts[:-1], offset, side="right"))

    def span(self, start: int, end: int, uri: str | None = None) -> Source:
        """The provenance of the characters from `start` up to `end`."""
        offsets = self._byte_offsets
        return Source(self.name, uri, self.sha256, int(offsets[start]), int(offsets[end]), self.title)


def read_source(path: Path, name: str) -> SourceText:
    """Read a file strictly as UTF-8; anything else is refused with the line of the first bad byte."""
    try:
        raw = path.read_bytes()
    except OSError as exc:
        raise FaqError(f"can't be read ({exc.strerror})", name) from None
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise FaqError("this file is UTF-16; save it as UTF-8", name, 1)
    has_bom = raw.startswith(_BOM)
    body = raw[len(_BOM) :] if has_bom else raw
    try:
        decoded = body.decode("utf-8")
    except UnicodeDecodeError as exc:
        line = len(_NEWLINE.findall(body[: exc.start].decode("utf-8", "replace"))) + 1
        raise FaqError(f"byte 0x{body[exc.start]:02x} is not UTF-8; save the file as UTF-8", name, line) from None
    if "\0" in decoded:
        line = len(_NEWLINE.findall(decoded[: decoded.index("\0")])) + 1
        raise FaqError("a NUL byte; this is not a text file", name, line)
    return SourceText(name, decoded, hashlib.sha256(raw).hexdigest(), has_bom)


def field_name(raw: str) -> str | None:
    """The field that a column, key or metadata line names (`Effective-From`, `_question`, `lang`), or None."""
    name = re.sub(r"[\s\-]+", "_", raw.strip().lower()).strip("_")
    name = _ALIASES.get(name, name)
    return name if name in _FIELDS else None


def as_list(value: object) -> tuple[str, ...]:
    """Several values in one: a list, or one text with `|` between them."""
    parts = value if isinstance(value, list | tuple) else str(value).split(_SEPARATOR)
    return tuple(dict.fromkeys(p for p in (str(part).strip() for part in parts) if p))


def _as_date(value: object, field: str, name: str, line: int) -> date | None:
    if value is None or not str(value).strip():
        return None
    try:
        return datetime.fromisoformat(str(value).strip()).date()
    except ValueError:
        raise FaqError(f"{field} is {str(value)[:40]!r}; write a date as YYYY-MM-DD", name, line) from None


def _checked(value: object, pattern: re.Pattern[str], problem: str, name: str, line: int) -> str | None:
    if value is None or not str(value).strip():
        return None
    text = str(value).strip()
    if not pattern.fullmatch(text):
        raise FaqError(f"{problem}: {text[:80]!r}", name, line)
    return text


def make_entry(  # noqa: PLR0913 (an entry, where its answer stands, and the defaults of its file)
    source: SourceText,
    line: int,
    fields: Mapping[str, object],
    answer_span: tuple[int, int],
    defaults: Mapping[str, object],
    language: str,
) -> Entry:
    """Build an entry from named fields, or say in which line what is wrong.

    `answer_span` holds character offsets into the source. `defaults` are the file's own; `language` is the
    installation's.
    """
    name = source.name
    shared = {k: v for k, v in defaults.items() if k in _SHARED_FIELDS}
    given = {**shared, **{k: v for k, v in fields.items() if v not in (None, "")}}
    for field, value in given.items():
        if not all(strings.is_encodable(str(v)) for v in (value if isinstance(value, list) else [value])):
            raise FaqError(f"{field} holds half a character (a lone surrogate)", name, line)
    question, answer = str(given.get("question", "")), str(given.get("answer", ""))
    if strings.is_blank(question):
        raise FaqError("the question is empty", name, line)
    if strings.is_blank(answer):
        raise FaqError("the answer is empty", name, line)
    uri = _checked(given.get("source_uri"), _URI, "a source URI starts with http:// or https://", name, line)
    id_rule = "an id is letters, digits, '.', '_' and '-', 128 at most, and starts with a letter or digit"
    entry = Entry(
        id=_checked(given.get("id"), _ID, id_rule, name, line) or strings.slug(question),
        question=strings.normalise(question),
        answer=answer,
        source=source.span(*answer_span, uri=uri),
        alternates=tuple(strings.normalise(a) for a in as_list(given.get("alternates", ())) if not strings.is_blank(a)),
        language=_checked(given.get("language"), _LANGUAGE, "not a language tag (BCP 47)", name, line) or language,
        tags=as_list(given.get("tags", ())),
        effective_from=_as_date(given.get("effective_from"), "effective_from", name, line),
        effective_to=_as_date(given.get("effective_to"), "effective_to", name, line),
        reviewed_at=_as_date(given.get("reviewed_at"), "reviewed_at", name, line),
    )
    if entry.effective_from and entry.effective_to and entry.effective_to < entry.effective_from:
        raise FaqError("effective_to lies before effective_from", name, line)
    return entry


def unknown_fields_note(unknown: Iterable[str]) -> tuple[str, ...]:
    """A note on the fields that no entry has, for the report of the build."""
    names = sorted({name.encode("utf-8", "replace").decode() for name in unknown})
    return (f"fields not used: {', '.join(names)}",) if names else ()
