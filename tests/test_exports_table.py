from __future__ import annotations

import csv
import io
import tracemalloc
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_service.api.mailing import MailResponse, mail_response
from qa_service.exports.dates import utc
from qa_service.exports.table import COLUMNS, lines, write_csv, write_xlsx
from tests.mailrows import ANSWER, LETTER, VERSION, abstained, ambiguous, answered, mail, rows, skipped

FORMULAS = (
    "=1+1",
    "+1",
    "-1",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1+1",
    "\u00a0=1",
    "＝1",
    "＋1",
    "－1",
    "＠x",
    "=cmd|' /C calc'!A0",
    "'=1",
)
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def with_subject(subject: str) -> MailResponse:
    return mail_response(mail(answered(), letter=replace(LETTER, subject=subject)))


def as_csv(*held: MailResponse) -> list[list[str]]:
    out = io.StringIO(newline="")
    write_csv(held, out)
    return list(csv.reader(io.StringIO(out.getvalue().removeprefix("\ufeff"), newline="")))


def as_xlsx(path: Path, sheet: int = 1) -> list[list[str]]:
    """The texts of a sheet's cells as a reader of the format sees them; numbers begin with #."""
    with zipfile.ZipFile(path) as book:
        tree = ElementTree.fromstring(book.read(f"xl/worksheets/sheet{sheet}.xml"))  # noqa: S314 (our own file)
    assert not tree.findall(f".//{SHEET}f")
    assert not tree.findall(f".//{SHEET}hyperlink")
    return [[_cell(cell) for cell in row] for row in tree.iter(f"{SHEET}row")]


def _cell(cell: ElementTree.Element) -> str:
    if cell.get("t") == "inlineStr":
        return "".join(part.text or "" for part in cell.iter(f"{SHEET}t"))
    return f"#{cell.findtext(f'{SHEET}v')}"


def test_a_line_a_question() -> None:
    """Every question has a line with its mail's columns; the entry is the best, the others of an ambiguous one are named."""
    row = mail_response(mail(answered(), ambiguous(), abstained()))
    first, second, third = lines(row)
    told = "2 of 3 questions need a person"
    mail_columns = (
        "inbox/1.eml",
        "<first@partner.example>",
        "2026-11-23 15:04:05",
        "Profile extension",
        "partial",
        told,
    )
    assert (
        *mail_columns,
        *("Do we stay certified?", "answered", "alpha", "What is alpha?", ANSWER, 0.97, 0.87, "", VERSION),
    ) == first
    assert (
        "where do I find the criteria?",
        "ambiguous",
        "beta",
        "What is beta?",
        ANSWER,
        0.48,
        0.38,
        "gamma",
    ) == second[6:14]
    assert ("Profile extension", "abstained", "delta", "What is delta?", None, 0.21, 0.11, None) == third[6:14]
    assert len(COLUMNS) == len(first) == len(second) == len(third)


def test_a_mail_without_a_question_has_a_line() -> None:
    """Skipped and unreadable mail is listed with its reason, and a question without any entry with what there is."""
    (line,) = lines(mail_response(skipped()))
    assert ("skipped", "automatic mail", *[None] * 8, VERSION) == line[4:]
    nothing = replace(abstained(), related=())
    (line,) = lines(mail_response(mail(nothing)))
    assert ("abstained", None, None, None, None, None, None) == line[7:14]


def test_csv_round_trip() -> None:
    """What is written is read again as it is, with line breaks and quotes; the file begins with a byte order mark."""
    out = io.StringIO(newline="")
    write_csv(rows(), out)
    assert out.getvalue().startswith('\ufeff"file","message_id"')
    assert out.getvalue().endswith("\r\n")
    heading, *body = as_csv(*rows())
    assert list(COLUMNS) == heading
    expected = [["" if cell is None else str(cell) for cell in line] for row in rows() for line in lines(row)]
    assert expected == body


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_of_csv_is_a_formula(text: str) -> None:
    """A cell that a spreadsheet could take for a formula gets an apostrophe, which can be taken away again."""
    cell = as_csv(with_subject(text))[1][3]
    assert cell == f"'{text}"


@given(st.text())
def test_csv_cells_are_reversible(text: str) -> None:
    """Without one leading apostrophe, a cell is the text, but for the characters that no spreadsheet holds."""
    cell = as_csv(with_subject(text))[1][3]
    assert not cell or cell.lstrip()[:1] not in tuple("=+-@＝＋－＠")
    assert "".join("\ufffd" if (ord(c) < 32 and c not in "\t\n\r") or c in "\ufffe\uffff" else c for c in text) == (
        cell.removeprefix("'")
    )


def test_negative_numbers_stay_numbers() -> None:
    """A similarity below zero is no text of a stranger and gets no apostrophe."""
    match = replace(answered().answers[0], similarity=-0.25)
    row = mail_response(mail(replace(answered(), answers=(match,))))
    assert as_csv(row)[1][12] == "-0.25"


def test_xlsx_holds_the_same_cells(tmp_path: Path) -> None:
    """Every cell of the workbook is the text of the line, numbers are numbers, and there is neither formula nor link."""
    path = tmp_path / "mail.xlsx"
    held = [
        *rows(),
        *map(with_subject, (*FORMULAS[:-1], "https://example.com/x", "_x0041_", "<r><t>x</t></r>", "a\x00b\x0bc")),
    ]
    write_xlsx(held, path)
    heading, *body = as_xlsx(path)
    assert list(COLUMNS) == heading
    expected = [
        [f"#{cell}" if isinstance(cell, float) else cell for cell in line if cell not in (None, "")]
        for row in held
        for line in lines(row)
    ]
    found = [[cell for cell in line if cell] for line in body]
    replaced = {
        "\r=1": "\n=1",
        "_x0041_": "_x005F_x0041_",
        "<r><t>x</t></r>": "<r><t>x</t></r> ",
        "a\x00b\x0bc": "a\ufffdb\ufffdc",
    }
    assert [[replaced.get(str(cell), cell) for cell in line] for line in expected] == found


@pytest.mark.parametrize(("character", "count"), [("a", 32_767), ("a", 32_768), ("😀", 16_383), ("😀", 16_384)])
def test_xlsx_cells_are_cut_at_what_excel_holds(tmp_path: Path, character: str, count: int) -> None:
    """32,767 UTF-16 units; what is cut ends in an ellipsis, never in half a character."""
    path = tmp_path / "mail.xlsx"
    text = character * count
    write_xlsx([with_subject(text)], path)
    cell = as_xlsx(path)[1][3]
    width = len(character.encode("utf-16-le")) // 2
    kept = 32_766 // width
    assert cell == (text if count * width <= 32_767 else character * kept + "…")


def test_xlsx_goes_on_in_a_further_sheet(tmp_path: Path) -> None:
    """No line is lost where a sheet is full, and each sheet has the heading."""
    path = tmp_path / "mail.xlsx"
    write_xlsx([with_subject(f"number {i}") for i in range(5)], path, sheet_rows=3)
    sheets = [as_xlsx(path, number) for number in (1, 2, 3)]
    assert [list(COLUMNS)] * 3 == [sheet[0] for sheet in sheets]
    assert [f"number {i}" for i in range(5)] == [line[3] for sheet in sheets for line in sheet[1:]]


def test_xlsx_is_written_in_flat_memory(tmp_path: Path) -> None:
    """Ten times the mails take no more memory than the mails themselves would."""

    def peak(count: int) -> int:
        row = with_subject("x" * 2_000)
        many: Iterator[MailResponse] = (row.model_copy(update={"subject": f"{i} {row.subject}"}) for i in range(count))
        tracemalloc.start()
        write_xlsx(many, tmp_path / "mail.xlsx")
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    few, many = peak(50), peak(500)
    assert many - few < 450 * 2_000 / 2


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2))), datetime(2025, 12, 31, 23)),  # noqa: DTZ001 (told)
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1)),  # noqa: DTZ001 (told)
        (datetime(2026, 1, 1), datetime(2026, 1, 1)),  # noqa: DTZ001 (told)
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5))), datetime(1, 1, 1)),  # noqa: DTZ001 (told)
        (datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-5))), datetime(9999, 12, 31, 23)),  # noqa: DTZ001 (told)
    ],
)
def test_dates_are_told_in_utc(moment: datetime, expected: datetime) -> None:
    """So that they sort; a date without a zone, or at the end of the calendar, stays as it is."""
    assert expected == utc(moment)
