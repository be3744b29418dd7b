"""What became of mails as a table, a line a question: CSV and XLSX, for people with a spreadsheet.

Texts of strangers stand in it, so no cell can become a formula. The JSON lines are the byte-exact format: here characters
that a spreadsheet can't hold are replaced by U+FFFD, and a CSV cell that could be a formula gets an apostrophe in front.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

import xlsxwriter  # type: ignore[import-untyped]
from xlsxwriter.worksheet import Worksheet  # type: ignore[import-untyped]

from qa_service.api.mailing import MailQuestion, MailResponse
from qa_service.exports import cells
from qa_service.exports.cells import Cell
from qa_service.exports.dates import utc

COLUMNS = (
    "file",
    "message_id",
    "date_utc",
    "subject",
    "status",
    "reason",
    "question",
    "outcome",
    "entry_id",
    "official_question",
    "answer",
    "confidence",
    "similarity",
    "other_entry_ids",
    "index_version",
)
_WIDTHS = (24, 24, 20, 32, 11, 30, 50, 11, 24, 44, 60, 11, 11, 24, 22)

MAX_SHEET_ROWS = 1_048_576
_MAX_CELL_UNITS = 32_767  # of UTF-16
_ANY_NEWLINE = re.compile(r"\r\n?")


def lines(row: MailResponse) -> Iterator[tuple[Cell, ...]]:
    """The lines of one mail in the order of `COLUMNS`: one a question, or one in all where it has none.

    The entry is the best answer; where there is none it is the nearest entry, and `answer` is empty. `other_entry_ids`
    are the other answers of an ambiguous question.
    """
    day = utc(row.date).isoformat(sep=" ", timespec="seconds") if row.date else None
    mail = (row.file, row.message_id, day, row.subject, row.status.value, row.reason)
    nothing = (None,) * (len(COLUMNS) - len(mail) - 1)
    for question in row.questions:
        yield (*mail, *_question(question), row.index_version)
    if not row.questions:
        yield (*mail, *nothing, row.index_version)


def _question(asked: MailQuestion) -> tuple[Cell, ...]:
    said = (asked.text, asked.outcome.value)
    if asked.answers:
        best, *others = asked.answers
        ids = " ".join(one.id for one in others)
        return (*said, best.id, best.question, best.answer, best.confidence, best.similarity, ids)
    if asked.related:
        nearest = asked.related[0]
        return (*said, nearest.id, nearest.question, None, nearest.confidence, nearest.similarity, None)
    return (*said, None, None, None, None, None, None)


def write_csv(rows: Iterable[MailResponse], out: TextIO) -> None:
    """Write rows as CSV, one at a time.

    Args:
        rows: of mails, in the order that they are to be listed.
        out: text, to be opened with `encoding="utf-8"` and `newline=""`.
    """
    cells.write_csv(COLUMNS, (line for row in rows for line in lines(row)), out)


def write_xlsx(rows: Iterable[MailResponse], path: Path, sheet_rows: int = MAX_SHEET_ROWS) -> None:
    """Write rows as an Excel workbook, in flat memory: lines go to a temporary file as they come.

    Args:
        rows: of mails, in the order that they are to be listed.
        path: the workbook; what is there is replaced.
        sheet_rows: how many rows a sheet holds with its heading; what is beyond goes on in a further sheet.
    """
    with xlsxwriter.Workbook(str(path), {"constant_memory": True}) as book:
        sheet, line_number = _sheet(book), 1
        for row in rows:
            for line in lines(row):
                if line_number == sheet_rows:
                    sheet.autofilter(0, 0, line_number - 1, len(COLUMNS) - 1)
                    sheet, line_number = _sheet(book), 1
                _write_line(sheet, line_number, line)
                line_number += 1
        sheet.autofilter(0, 0, line_number - 1, len(COLUMNS) - 1)


def _sheet(book: xlsxwriter.Workbook) -> Worksheet:
    sheet = book.add_worksheet(f"mail {len(book.worksheets()) + 1}")
    sheet.freeze_panes(1, 0)
    heading = book.add_format({"bold": True, "bottom": 1})
    for column, (name, width) in enumerate(zip(COLUMNS, _WIDTHS, strict=True)):
        sheet.set_column(column, column, width)
        sheet.write_string(0, column, name, heading)
    return sheet


def _write_line(sheet: Worksheet, number: int, line: tuple[Cell, ...]) -> None:
    for column, cell in enumerate(line):
        if isinstance(cell, str):
            sheet.write_string(number, column, _xlsx_text(cell))
        elif cell is not None:
            sheet.write_number(number, column, cell)


def _xlsx_text(text: str) -> str:
    """A text that a cell of a workbook can hold, with an ellipsis where it was cut."""
    text = cells.holdable(_ANY_NEWLINE.sub("\n", text))
    if len(text) > _MAX_CELL_UNITS // 2:
        units = text.encode("utf-16-le")
        if len(units) > 2 * _MAX_CELL_UNITS:
            text = units[: 2 * _MAX_CELL_UNITS - 2].decode("utf-16-le", "ignore") + "…"
    # xlsxwriter takes a text in these tags for XML of its own making and would not escape it.
    return f"{text} " if text.startswith("<r>") and text.endswith("</r>") else text
