"""The text of a PDF as Chromium writes it, for tests of what comes out on paper."""

from __future__ import annotations

import re
import unicodedata
import zlib

_OBJECT = re.compile(rb"(\d+) 0 obj\n(.*?)\nendobj", re.DOTALL)
_STREAM = re.compile(rb"stream\r?\n(.*)\r?\nendstream", re.DOTALL)
_SHOWN = re.compile(rb"/F(\d+) [\d.]+ Tf|<([0-9A-F]+)> Tj")
_RANGES = re.compile(rb"<([0-9A-F]{4})> (?:<([0-9A-F]{4})> )?<([0-9A-F]+)>\n")


def text_of(pdf: bytes) -> str:
    """All text, page by page, without white space and with ligatures in their letters."""
    objects = {int(number): body for number, body in _OBJECT.findall(pdf)}
    fonts = {name: _letters(objects, number) for name, number in re.findall(rb"/F(\d+) (\d+) 0 R", pdf)}
    pages = [content for body in objects.values() for content in re.findall(rb"/Contents (\d+) 0 R", body)]
    shown = "".join(_page(_unpacked(objects[int(page)]), fonts) for page in pages)
    return "".join(unicodedata.normalize("NFKC", shown).split())


def _page(content: bytes, fonts: dict[bytes, dict[int, str]]) -> str:
    letters: dict[int, str] = {}
    shown = []
    for font, glyphs in _SHOWN.findall(content):
        if font:
            letters = fonts[font]
        shown += [letters.get(int(glyphs[i : i + 4], 16), "\ufffd") for i in range(0, len(glyphs), 4)]
    return "".join(shown)


def _letters(objects: dict[int, bytes], font: bytes) -> dict[int, str]:
    """The letter of each glyph, from the font's table (ToUnicode)."""
    table = re.search(rb"/ToUnicode (\d+) 0 R", objects[int(font)])
    assert table
    letters = {}
    for first, last, letter in _RANGES.findall(_unpacked(objects[int(table[1])])):
        begins = bytes.fromhex(letter.decode()).decode("utf-16-be")
        for glyph in range(int(first, 16), int(last or first, 16) + 1):
            letters[glyph] = begins[:-1] + chr(ord(begins[-1]) + glyph - int(first, 16))
    return letters


def _unpacked(body: bytes) -> bytes:
    stream = _STREAM.search(body)
    assert stream
    return zlib.decompress(stream[1])
