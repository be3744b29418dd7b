"""Text out of bytes whose charset is declared rightly, wrongly or not at all."""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

from charset_normalizer import from_bytes

# What these names mean to the programs that write them; the first rows are those of https://encoding.spec.whatwg.org.
_MEANT = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
}
_ALIASES = {
    "ks_c_5601-1987": "cp949",
    "ansi": "cp1252",
    "x-ansi": "cp1252",
    "utf8mb4": "utf-8",
    "x-gbk": "gb18030",
    "x-sjis": "cp932",
    "x-mac-roman": "mac_roman",
    "iso-8859-8-i": "iso8859-8",
    "tis-620": "cp874",
    "cp-850": "cp850",
}
# Python codecs that are no charsets of mail, or that decode what nobody wrote.
_NO_CHARSETS = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"})
# Charsets whose bytes are all ASCII, though the text is not.
_SEVEN_BIT = re.compile(r"utf-7|iso2022|hz")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_GUESSED = ["utf_8", "cp1252", "latin_1"]
_GUESSED_BYTES = 4_096
_MIN_GUESSED = 64  # less tells nothing
_MAX_NAME = 60
_MAX_BROKEN = 0.3
_REPLACED = "\ufffd"


def decode(raw: bytes, declared: str | None) -> str:
    """The text of some bytes. Never raises; what can't be read is U+FFFD.

    The declared charset is taken where it decodes the bytes. UTF-8 is taken before a one-byte charset that any bytes
    would fit. Damaged UTF-8 stays UTF-8 while most of it is sound; else charset-normalizer guesses.
    """
    name = _codec(declared) if declared else None
    if raw.isascii() and not (name and _SEVEN_BIT.match(name)):
        return raw.replace(b"\0", b"").decode("ascii") if name and name.startswith("utf-16") else raw.decode("ascii")
    for bom, codec in _BOMS:
        if raw.startswith(bom):
            return raw.decode(codec, "replace")
    if name and not (name.startswith(("cp125", "iso8859")) and _is(raw, "utf-8")) and _is(raw, name):
        return raw.decode(name)
    if name and _SEVEN_BIT.match(name):
        return raw.decode(name, "replace")
    if _is(raw, "utf-8"):
        return raw.decode("utf-8")
    return _damaged(raw, name)


@lru_cache(maxsize=256)
def _codec(declared: str) -> str | None:
    """The Python codec of a declared charset; None for what is none."""
    name = declared[:_MAX_NAME].strip(" \t\r\n\"'").lower().removeprefix("charset=").strip("\"'")
    try:
        found = codecs.lookup(_ALIASES.get(name, name)).name
        "".encode(found)  # a codec between bytes and bytes is refused here
    except (LookupError, ValueError):
        return None
    return None if found in _NO_CHARSETS else _MEANT.get(found, found)


def _is(raw: bytes, codec: str) -> bool:
    try:
        raw.decode(codec)
    except (UnicodeError, ValueError):
        return False
    return True


def _damaged(raw: bytes, name: str | None) -> str:
    utf8 = raw.decode("utf-8", "replace")
    broken = utf8.count(_REPLACED)
    beyond_ascii = sum(ch > "\x7f" for ch in utf8[:_GUESSED_BYTES]) or 1
    if utf8[:_GUESSED_BYTES].count(_REPLACED) <= _MAX_BROKEN * beyond_ascii:
        return utf8
    if name and not name.startswith("utf") and raw.decode(name, "replace").count(_REPLACED) < broken:
        return raw.decode(name, "replace")
    best = from_bytes(raw[:_GUESSED_BYTES], cp_isolation=_GUESSED).best() if len(raw) >= _MIN_GUESSED else None
    return raw.decode(best.encoding if best else "cp1252", "replace")
