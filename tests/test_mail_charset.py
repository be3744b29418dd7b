"""Text out of bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_service.mail.charset import decode


@pytest.mark.parametrize(
    ("text", "charset", "declared"),
    [
        ("Is it red?", "ascii", None),
        ("¿Está en español?", "utf-8", "utf-8"),
        ("¿Está en español?", "latin-1", "iso-8859-1"),
        ("“Quotes” – and a dash", "cp1252", "iso-8859-1"),
        ("“Quotes” – and a dash", "cp1252", "us-ascii"),
        ("Это бесплатно?", "koi8-r", '"KOI8-R"'),
        ("Это бесплатно?", "cp1251", "windows-1251"),
        ("これは無料ですか", "iso2022_jp", "ISO-2022-JP"),
        ("これは無料ですか", "cp932", "x-sjis"),
        ("무료입니까", "cp949", "ks_c_5601-1987"),
        ("这是免费的吗", "gb18030", "gb2312"),
        ("Çok mu pahalı?", "cp1254", "iso-8859-9"),
        ("Grün?", "utf-16", "utf-16"),
        ("Grün?", "utf-8-sig", None),
    ],
)
def test_a_declared_charset(text: str, charset: str, declared: str | None) -> None:
    """A text is read in the charset it declares, under any of its names, and as the programs that write it mean it."""
    assert text == decode(text.encode(charset), declared)


@pytest.mark.parametrize(
    "declared", ["iso-8859-1", "us-ascii", None, "x-unknown", "rot13", "idna", "base64", "\0", "é" * 100]
)
def test_utf8_that_is_not_declared(declared: str | None) -> None:
    """UTF-8 is known by its bytes, whatever a header says."""
    assert decode("Was kostet die Prüfung – über 3 €?".encode(), declared) == "Was kostet die Prüfung – über 3 €?"


def test_broken_utf8_still_gives_its_text() -> None:
    """One damaged byte costs one character."""
    assert decode("Prüfung, Gebühr, Maße".encode() + b"\xff?", "utf-8") == "Prüfung, Gebühr, Maße\ufffd?"


@pytest.mark.parametrize("declared", ["utf-8", None, "x-unknown"])
def test_windows_text_that_is_mislabelled(declared: str | None) -> None:
    """Text of Windows that calls itself UTF-8, or nothing, is read as what it is."""
    text = "La réponse était “déjà” donnée à Québec, n’est-ce pas ? Où est la clé de l’été ?"
    assert text == decode(text.encode("cp1252"), declared)


def test_a_seven_bit_charset_that_is_broken_still_gives_text() -> None:
    """Bytes that the declared escapes can't explain are marked, and the rest is read."""
    assert decode(b"Is it free?\xff", "iso-2022-jp").startswith("Is it free?")


def test_a_declared_charset_with_a_few_bad_bytes_is_kept() -> None:
    """A text of another script is not given up for one byte that its charset does not have."""
    assert decode("Это бесплатно?".encode("cp1251") + b"\x98", "windows-1251").startswith("Это бесплатно?")


@given(
    st.binary(max_size=200),
    st.one_of(st.none(), st.text(max_size=20), st.sampled_from(["utf-7", "utf-16", "hz", "cp1252"])),
)
def test_any_bytes_give_text(raw: bytes, declared: str | None) -> None:
    """Whatever the bytes and whatever is declared, a text comes out, and ASCII is never lost."""
    assert isinstance(decode(raw, declared), str)
