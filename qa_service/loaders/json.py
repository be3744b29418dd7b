"""Questions and answers out of JSON (a list of objects) and JSON Lines (an object a line)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from qa_service.domain import Document
from qa_service.errors import FaqError
from qa_service.loaders.base import SourceText, field_name, make_entry, unknown_fields_note

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()
_LIST_KEYS = ("entries", "faqs")
_TYPES = {"alternates": "a text or a list of texts", "tags": "a text or a list of texts"}


@dataclass(frozen=True, slots=True)
class _Value:
    """A value of an object, with the character offsets of what the file writes for it, quotes not included."""

    value: object
    start: int
    end: int


class _Reader:
    """Walks one list of flat objects and remembers where each value stands; values are decoded by `json`."""

    def __init__(self, source: SourceText) -> None:
        self.source = source
        self.text = source.text

    def error(self, message: str, offset: int) -> FaqError:
        return FaqError(message, self.source.name, self.source.line_of(min(offset, max(len(self.text) - 1, 0))))

    def skip(self, offset: int) -> int:
        found = _SPACE.match(self.text, offset)
        return found.end() if found else offset

    def expect(self, offset: int, character: str) -> int:
        if self.text[offset : offset + 1] != character:
            got = self.text[offset : offset + 1] or "the end of the file"
            raise self.error(f"expected {character!r}, got {got!r}", offset)
        return self.skip(offset + 1)

    def value(self, offset: int) -> tuple[_Value, int]:
        quoted = self.text[offset : offset + 1] == '"'
        try:
            value, end = _DECODER.raw_decode(self.text, offset)
        except json.JSONDecodeError as exc:
            raise self.error(f"not JSON: {exc.msg}", exc.pos) from None
        except (RecursionError, ValueError) as exc:
            raise self.error(f"not JSON that can be read ({type(exc).__name__})", offset) from None
        return _Value(value, offset + quoted, end - quoted), end

    def key(self, offset: int) -> tuple[str, int]:
        self.expect(offset, '"')
        try:
            key, end = _DECODER.raw_decode(self.text, offset)
        except json.JSONDecodeError as exc:
            raise self.error(f"not JSON: {exc.msg}", exc.pos) from None
        return str(key), end

    def object(self, offset: int) -> tuple[dict[str, _Value], int]:
        offset = self.expect(offset, "{")
        values: dict[str, _Value] = {}
        while self.text[offset : offset + 1] != "}":
            if values:
                offset = self.expect(offset, ",")
            key, end = self.key(offset)
            if key in values:
                raise self.error(f"the key {key[:40]!r} stands twice in one object", offset)
            values[key], end = self.value(self.expect(self.skip(end), ":"))
            offset = self.skip(end)
        return values, offset + 1

    def items(self, offset: int) -> Iterator[tuple[dict[str, _Value], int]]:
        """The objects of a list that begins at `offset`, each with its own offset."""
        start = offset
        offset = self.expect(offset, "[")
        while self.text[offset : offset + 1] != "]":
            if offset != self.skip(start + 1):
                offset = self.expect(offset, ",")
            values, end = self.object(offset)
            yield values, offset
            offset = self.skip(end)
        offset = self.skip(offset + 1)
        if start != self.skip(0):
            offset = self.expect(offset, "}")
        if offset != len(self.text):
            raise self.error("something follows the list", offset)


def _list_start(reader: _Reader) -> int:
    """Where the list of entries begins: at the top, or below `entries` or `faqs` of one object."""
    start = reader.skip(0)
    if reader.text[start : start + 1] != "{":
        return start
    offset = reader.expect(start, "{")
    key, end = reader.key(offset)
    if key not in _LIST_KEYS:
        raise reader.error(f"expected a list of entries, or an object whose first key is one of {_LIST_KEYS}", offset)
    return reader.expect(reader.skip(end), ":")


def _has_type(name: str, value: object) -> bool:
    """Whether a value is a text or null, or, where several are allowed, a list of texts; ids may be numbers."""
    if isinstance(value, list):
        return name in _TYPES and all(isinstance(v, str) for v in value)
    return value is None or isinstance(value, str) or (name == "id" and type(value) is int)


def _document(source: SourceText, objects: Iterator[tuple[dict[str, _Value], int]], language: str) -> Document:
    entries, lines, unknown = [], [], []
    for values, offset in objects:
        line = source.line_of(offset)
        fields: dict[str, _Value] = {}
        for key, held in values.items():
            name = field_name(key)
            if name is None:
                unknown.append(key)
                continue
            if name in fields:
                raise FaqError(f"{name!r} stands twice in one entry", source.name, line)
            if not _has_type(name, held.value):
                raise FaqError(f"{name!r} is not {_TYPES.get(name, 'a text')}", source.name, line)
            fields[name] = held
        answer = fields.get("answer")
        span = (answer.start, answer.end) if answer else (offset, offset)
        given = {name: held.value for name, held in fields.items()}
        entries.append(make_entry(source, line, given, span, {}, language))
        lines.append(line)
    if not entries:
        raise FaqError("no question with an answer in it", source.name)
    return Document(source.name, source.sha256, tuple(entries), tuple(lines), unknown_fields_note(unknown))


def load(source: SourceText, language: str) -> Document:
    """Read a JSON FAQ: a list of `{"question": …, "answer": …}`, alone or below the key `entries` or `faqs`.

    Raises:
        FaqError: the file is not such JSON, or an entry can't be used.
    """
    reader = _Reader(source)
    return _document(source, reader.items(_list_start(reader)), language)


def load_lines(source: SourceText, language: str) -> Document:
    """Read a JSON Lines FAQ: one object a line, blank lines between them allowed.

    Raises:
        FaqError: a line is not such an object, or an entry can't be used.
    """
    reader = _Reader(source)

    def objects() -> Iterator[tuple[dict[str, _Value], int]]:
        offset = reader.skip(0)
        while offset < len(reader.text):
            values, end = reader.object(offset)
            yield values, offset
            offset = reader.skip(end)

    return _document(source, objects(), language)
