"""Questions and answers out of CSV and TSV with a header line."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import pairwise

from qa_service.domain import Document
from qa_service.errors import FaqError
from qa_service.loaders.base import SourceText, field_name, make_entry, unknown_fields_note

_DELIMITERS = ",;\t"
_MAX_CELL = 10_000_000


def _lines(source: SourceText) -> Iterator[str]:
    starts = source.line_starts
    for first, end in pairwise(starts):
        yield source.text[first:end]


def _delimiter(source: SourceText) -> str:
    header = next(_lines(source), "")
    return max(_DELIMITERS, key=header.count)


def _cell_span(source: SourceText, offset: int, row: list[str], column: int, delimiter: str) -> tuple[int, int] | None:
    """The character offsets of one cell of a record that begins at `offset`, by walking its cells as they are written."""
    for index, cell in enumerate(row):
        doubled = cell.replace('"', '""')
        if source.text.startswith(f'"{doubled}"', offset):
            start, end, after = offset + 1, offset + 1 + len(doubled), offset + 2 + len(doubled)
        elif source.text.startswith(cell, offset):
            start, end, after = offset, offset + len(cell), offset + len(cell)
        else:
            return None
        if index == column:
            return start, end
        offset = after + len(delimiter)
    return None


def load(source: SourceText, language: str) -> Document:
    """Read a CSV FAQ. The header names the columns; `question` and `answer` must be among them.

    Several alternates or tags in one cell have `|` between them. The delimiter is the comma, semicolon or tab that the
    header has most of.

    Raises:
        FaqError: a column is missing, a row is malformed, or an entry can't be used.
    """
    delimiter = _delimiter(source)
    csv.field_size_limit(_MAX_CELL)
    reader = csv.reader(_lines(source), delimiter=delimiter, strict=True)
    rows = _rows(source, reader)
    header = next(rows, (1, 0, []))[2]
    columns = [field_name(name) for name in header]
    for needed in ("question", "answer"):
        if needed not in columns:
            raise FaqError(f"the header has no column {needed!r}; it has {', '.join(header)[:120]!r}", source.name, 1)
    for name in filter(None, columns):
        if columns.count(name) > 1:
            raise FaqError(f"the header has the column {name!r} twice", source.name, 1)
    entries, lines = [], []
    for line, offset, row in rows:
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(header):
            raise FaqError(f"{len(row)} cells where the header has {len(header)}", source.name, line)
        fields: dict[str, object] = {n: c for n, c in zip(columns, row, strict=True) if n is not None}
        span = _cell_span(source, offset, row, columns.index("answer"), delimiter)
        if span is None:
            raise FaqError("the quotes of this row are not regular; write it as RFC 4180 does", source.name, line)
        entries.append(make_entry(source, line, fields, span, {}, language))
        lines.append(line)
    if not entries:
        raise FaqError("no question with an answer in it", source.name)
    unknown = (name for name, known in zip(header, columns, strict=True) if known is None)
    return Document(source.name, source.sha256, tuple(entries), tuple(lines), unknown_fields_note(unknown))


def _rows(source: SourceText, reader: Iterator[list[str]]) -> Iterator[tuple[int, int, list[str]]]:
    """Each record with its first line, counted from 1, and the offset at which it begins."""
    while True:
        before: int = reader.line_num  # type: ignore[attr-defined]  # csv.reader's own count, not in Iterator
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as exc:
            raise FaqError(f"not CSV: {exc}", source.name, before + 1) from None
        yield before + 1, source.line_starts[before], row
