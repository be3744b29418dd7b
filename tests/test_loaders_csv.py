from __future__ import annotations

import hashlib
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_service.domain import Document
from qa_service.errors import FaqError
from qa_service.loaders import csv as loader
from qa_service.loaders.base import SourceText


def _source(text: str, *, has_bom: bool = False) -> SourceText:
    raw = (b"\xef\xbb\xbf" if has_bom else b"") + text.encode()
    return SourceText("paint.csv", text, hashlib.sha256(raw).hexdigest(), has_bom)


def _load(text: str) -> Document:
    return loader.load(_source(text), "en")


def _spans(document: Document, raw: bytes) -> list[str]:
    return [raw[e.source.start : e.source.end].decode() for e in document.entries]


def _refusal(text: str) -> str:
    with pytest.raises(FaqError) as caught:
        _load(text)
    return str(caught.value)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_reads_every_delimiter_and_line_end(delimiter: str, newline: str) -> None:
    """The delimiter is the one that the header has; columns may stand in any order."""
    rows = [["answer", "id", "question"], ["Warm.", "rot", "What is red?"], ["Cold.", "", "What is blue?"]]
    document = _load("".join(delimiter.join(row) + newline for row in rows))
    expected = [("rot", "What is red?", "Warm."), ("what-is-blue", "What is blue?", "Cold.")]
    assert expected == [(e.id, e.question, e.answer) for e in document.entries]
    assert (document.lines, document.notes) == ((2, 3), ())


def test_other_delimiters_are_text_inside_cells() -> None:
    """Commas in the cells of a file with semicolons are text."""
    document = _load("question;answer\nRed, or blue?;Both, or none.\tReally.\n")
    expected = [("Red, or blue?", "Both, or none.\tReally.")]
    assert expected == [(e.question, e.answer) for e in document.entries]


@pytest.mark.parametrize(
    ("cell", "written", "answer"),
    [
        ("Warm.", "Warm.", "Warm."),
        (" Warm. ", " Warm. ", " Warm. "),
        ('"Warm."', "Warm.", "Warm."),
        ('"Warm, and bright."', "Warm, and bright.", "Warm, and bright."),
        ('"A ""warm"" one"', 'A ""warm"" one', 'A "warm" one'),
        ('"""Warm"""', '""Warm""', '"Warm"'),
        ('A "warm" one', 'A "warm" one', 'A "warm" one'),
        ('"One\n\ntwo"', "One\n\ntwo", "One\n\ntwo"),
        ('"One\r\ntwo"', "One\r\ntwo", "One\r\ntwo"),
        ("Wärm 赤 🔴", "Wärm 赤 🔴", "Wärm 赤 🔴"),
    ],
)
def test_the_span_is_the_cell_as_it_is_written(cell: str, written: str, answer: str) -> None:
    """A span holds the cell inside its quotes, with its doubled quotes and line ends."""
    text = f'question,answer,tags\n"Rot, ""é""\n🔴?",{cell},"a|b"\n'
    document = _load(text)
    assert ([written], answer) == (_spans(document, text.encode()), document.entries[0].answer)
    assert (document.entries[0].question, document.entries[0].tags) == ('Rot, "é" 🔴?', ("a", "b"))


def test_a_bom_counts_in_the_spans() -> None:
    """The mark that spreadsheets write at the start of a file is no part of the header, and moves the spans."""
    text = "question,answer\nWhat is red?,Warm.\n"
    document = loader.load(_source(text, has_bom=True), "en")
    assert _spans(document, b"\xef\xbb\xbf" + text.encode()) == ["Warm."]


def test_the_line_of_a_row_is_its_first() -> None:
    """A row that spans lines is named by the first of them; empty rows count as lines and are passed over."""
    text = 'question,answer\n"What is\nred?","One\r\ntwo\n\nthree"\n\n,\nWhat is blue?,Cold.\n'
    document = _load(text)
    assert (document.lines, _spans(document, text.encode())) == ((2, 9), ["One\r\ntwo\n\nthree", "Cold."])


def test_every_column_is_read_and_the_rest_noted() -> None:
    """Columns are known however they are written, and those that no entry has are noted."""
    text = (
        "Question,Answer,ID,Alternates,Lang,Tags,URL,Effective From,effective-to,reviewed_at,Author,Zone\n"
        "What is red?,Warm.,rot,Red?|Rot?,de,a|b,https://paint.example,2026-01-01,2026-02-01,2026-01-15,nobody,9\n"
    )
    document = _load(text)
    entry = document.entries[0]
    assert (entry.id, entry.language, entry.source.uri) == ("rot", "de", "https://paint.example")
    assert (entry.alternates, entry.tags) == (("Red?", "Rot?"), ("a", "b"))
    dates = (entry.effective_from, entry.effective_to, entry.reviewed_at)
    assert (date(2026, 1, 1), date(2026, 2, 1), date(2026, 1, 15)) == dates
    assert document.notes == ("fields not used: Author, Zone",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "paint.csv, line 1: the header has no column 'question'; it has ''"),
        ("answer\nWarm.\n", "paint.csv, line 1: the header has no column 'question'; it has 'answer'"),
        ("question,tags\na,b\n", "paint.csv, line 1: the header has no column 'answer'; it has 'question, tags'"),
        ("question|answer\na|b\n", "paint.csv, line 1: the header has no column 'question'; it has 'question|answer'"),
        ("question,answer,Answer\na,b,c\n", "paint.csv, line 1: the header has the column 'answer' twice"),
        ("question,answer,Question\na,b,c\n", "paint.csv, line 1: the header has the column 'question' twice"),
        ("question,answer\na,b\nc\n", "paint.csv, line 3: 1 cells where the header has 2"),
        ("question,answer\na,b,c\n", "paint.csv, line 2: 3 cells where the header has 2"),
        ('question,answer\n"a\nb",c\nd,e,f\n', "paint.csv, line 4: 3 cells where the header has 2"),
        ("question,answer\n", "paint.csv: no question with an answer in it"),
        ("question,answer\n\n,\n", "paint.csv: no question with an answer in it"),
        ("question,answer\na,\n", "paint.csv, line 2: the answer is empty"),
        ("question,answer\na,b\n\n ,b\n", "paint.csv, line 4: the question is empty"),
        (
            "question,answer,reviewed_at\na,b,soon\n",
            "paint.csv, line 2: reviewed_at is 'soon'; write a date as YYYY-MM-DD",
        ),
        ('question,answer\na,b\n"c"d,e\n', "paint.csv, line 3: not CSV: ',' expected after '\"'"),
        ('question,answer\na,b\nc,"d\ne\n', "paint.csv, line 3: not CSV: unexpected end of data"),
    ],
)
def test_what_can_not_be_used_is_refused_with_its_line(text: str, message: str) -> None:
    """A missing or repeated column, a row of another length, an empty cell and bad quotes are named with their line."""
    assert message == _refusal(text)


@pytest.mark.parametrize("columns", ["id,ID", "url,uri", "lang,language"])
def test_two_columns_for_one_field_are_refused(columns: str) -> None:
    """Two columns of one meaning would hide one another, and are refused."""
    with pytest.raises(FaqError) as caught:
        _load(f"question,answer,{columns}\na,b,,\n")
    assert caught.value.line == 1


def test_a_cell_too_long_is_refused_with_its_line() -> None:
    """A cell of more than ten million characters is refused."""
    text = "question,answer\na," + "b" * 10_000_001 + "\n"
    assert _refusal(text) == "paint.csv, line 2: not CSV: field larger than field limit (10000000)"


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
TRICKY = st.text(st.sampled_from('a,;\t"\r\n é🔴'), max_size=12)
PAIRS = st.lists(st.tuples(TEXT | TRICKY, TEXT | TRICKY), min_size=1, max_size=5)


def _cell(value: str, *, quote_all: bool) -> str:
    """A cell as RFC 4180 writes it."""
    quoted = quote_all or any(character in value for character in ',;\t"\r\n')
    return '"' + value.replace('"', '""') + '"' if quoted else value


@given(
    PAIRS,
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.booleans(),
)
@settings(deadline=None)
def test_generated_rows_come_back(
    pairs: list[tuple[str, str]],
    delimiter: str,
    newline: str,
    quote_all: bool,
    has_bom: bool,
) -> None:
    """Whatever pairs a file is written from are read from it, and each span is its cell with its quotes doubled."""
    rows = [(f"Is it {q}?", f"{a}It is") for q, a in pairs]
    text = "".join(
        delimiter.join(_cell(cell, quote_all=quote_all) for cell in row) + newline
        for row in [("question", "answer"), *rows]
    )
    raw = (b"\xef\xbb\xbf" if has_bom else b"") + text.encode()
    document = loader.load(_source(text, has_bom=has_bom), "en")
    assert [answer for _, answer in rows] == [e.answer for e in document.entries]
    assert [a.replace('"', '""') for _, a in rows] == _spans(document, raw)
