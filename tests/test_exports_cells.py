from __future__ import annotations

import io

import pytest

from qa_service.exports.cells import Cell, holdable, write_csv


def written(*lines: tuple[Cell, ...]) -> str:
    out = io.StringIO(newline="")
    write_csv(("a", "b"), lines, out)
    return out.getvalue()


def test_every_cell_is_quoted() -> None:
    """A byte order mark, the heading, then a line each; numbers are numbers and nothing is an empty cell."""
    assert written((1, 'say "hi"\nthere'), (None, 0.5)) == '\ufeff"a","b"\r\n"1","say ""hi""\nthere"\r\n"","0.5"\r\n'


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@a", "\t=1", "\r=1", " =1", "＝1", "'=1"])
def test_no_text_becomes_a_formula(formula: str) -> None:
    """What a spreadsheet would compute, and what begins with an apostrophe, gets an apostrophe in front."""
    assert written((formula, "fine")).split("\r\n", 1)[1] == f'"\'{formula}","fine"\r\n'


def test_what_cells_cannot_hold_is_replaced() -> None:
    """Control characters, half surrogates and non-characters become U+FFFD; tabs and line ends stay."""
    assert holdable("a\x00b\ud800c\uffffd\te\n") == "a\ufffdb\ufffdc\ufffdd\te\n"
