"""Plain text as mail carries it."""

from __future__ import annotations

import binascii
import doctest
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_service.mail import plain
from qa_service.mail.base import MAX_TEXT_CHARS


def test_the_examples_in_the_docstrings_hold() -> None:
    """What the documentation shows is what the function does."""
    assert doctest.testmod(plain).failed == 0


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("", ""),
        (" \r\n\t\r\n", ""),
        ("a\r\nb\rc", "a\nb\nc\n"),
        ("a \t\nb", "a\nb\n"),
        ("\n\na\n\n\n\n\n\nb\n\n", "a\n\n\nb\n"),
        ("a\0b\x07c", "abc\n"),
        ("a\u200bb\ufeff\u00adc\u202e", "abc\n"),
        ("a\u00a0b\u2003c", "a b c\n"),
        ("a\u2028b\x85c\x0cd", "a\nb\nc\nd\n"),
        ("Cafe\u0301?", "Café?\n"),
        ("👩\u200d💻", "👩\u200d💻\n"),
        ("\ud800a", "a\n"),
    ],
)
def test_tidy(raw: str, expected: str) -> None:
    r"""Lines end in "\\n", what nobody sees is gone, and characters are composed."""
    assert expected == plain.tidy(raw)


def test_tidy_is_bounded() -> None:
    """A megabyte gives 8,000 characters."""
    assert len(plain.tidy("a" * 1_000_000)) == MAX_TEXT_CHARS
    assert len(plain.tidy("> é\n" * 1_000_000)) == MAX_TEXT_CHARS


@given(st.text(max_size=200))
def test_tidy_is_done_once(raw: str) -> None:
    """A tidy text is its own tidy form, in NFC and without controls."""
    text = plain.tidy(raw)
    assert text == plain.tidy(text)
    assert unicodedata.is_normalized("NFC", text)
    assert not [ch for ch in text if unicodedata.category(ch) == "Cc" and ch not in "\n\t"]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("One \ntwo \nthree\nfour\n", "One two three\nfour\n"),
        ("One \r\ntwo\r\n", "One two\n"),
        (">> a \n>> b\n> c\n", ">> a b\n> c\n"),
        ("> a \nb\n", "> a \nb\n"),
        ("Regards \n-- \nAna\n", "Regards \n-- \nAna\n"),
        (" > no quote\n From me\n", "> no quote\nFrom me\n"),
        ("last ", "last \n"),
        ("", ""),
    ],
)
def test_flowed_lines_are_joined(raw: str, expected: str) -> None:
    """A line that ends in a space goes on in the next one of its level, but never over a signature's delimiter."""
    assert expected == plain.unflowed(raw)


def test_flowed_lines_without_their_spaces() -> None:
    """Where DelSp says so, the space at the end is not of the text."""
    assert plain.unflowed("ab \nc\n", del_space=True) == "abc\n"


def encoded(data: bytes) -> str:
    lines = [binascii.b2a_uu(data[n : n + 45]).decode() for n in range(0, len(data), 45)]
    return "begin 644 list.xls\n" + "".join(lines) + "`\nend\n"


def test_files_in_the_text_are_taken_out() -> None:
    """A file that is written into a text by uuencode is no text; a sentence that begins alike is."""
    assert plain.without_files("Is it free?\n" + encoded(bytes(range(200))) + "Thanks\n") == "Is it free?\nThanks\n"
    kept = "We begin 644 days later.\nbegin 644 of them\nand then\n"
    assert plain.without_files(kept) == kept
