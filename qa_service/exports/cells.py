"""Cells of tables that hold texts of strangers: none can become a formula."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from typing import TextIO

_BYTE_ORDER_MARK = "\ufeff"
# Spreadsheets take a cell that begins so for a formula, some also after spaces and in full width. The apostrophe is there
# so that taking one away always gives the text back. https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n']")
_UNHOLDABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

Cell = str | float | None


def holdable(text: str) -> str:
    """A text whose characters a spreadsheet can hold; U+FFFD stands for the others."""
    return _UNHOLDABLE.sub("\ufffd", text)


def write_csv(columns: Sequence[str], lines: Iterable[Sequence[Cell]], out: TextIO) -> None:
    """Write lines as CSV (RFC 4180, every cell quoted), one at a time.

    It begins with a byte order mark, without which Excel reads UTF-8 as the local code page. A cell that could be a formula
    gets an apostrophe in front.

    Args:
        columns: their names.
        lines: each with a cell for every column.
        out: text, to be opened with `encoding="utf-8"` and `newline=""`.
    """
    out.write(_BYTE_ORDER_MARK)
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    writer.writerows([_csv_cell(cell) for cell in line] for line in lines)


def _csv_cell(cell: Cell) -> Cell:
    if not isinstance(cell, str):
        return cell
    text = holdable(cell)
    return f"'{text}" if _FORMULA.match(text) else text
