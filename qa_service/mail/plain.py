"""Plain text as mail carries it: made visible, its flowed lines joined, files that are encoded in it taken out."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import zip_longest

from qa_service.mail.base import MAX_TEXT_CHARS

_BREAKS = re.compile("\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f]")
_ENDS = re.compile(r"[ \t]+(?=\n)")
_BLANK_LINES = re.compile(r"\n{4,}")
_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs"})
_JOINERS = frozenset({"\u200c", "\u200d"})  # they shape emoji, and Indic and Persian letters
_QUOTE = re.compile(r">+")
_SIGNATURE = "-- "
_UU_BEGIN = re.compile(r"begin [0-7]{3,4} \S")
_UU_SLACK = 2  # some programs add a check, others lose spaces at the end
_UU_LINE = re.compile(r"[ -`]{1,62}")


def tidy(text: str) -> str:
    r"""The text in NFC with lines that end in "\n", without anything invisible, at most 8,000 characters.

    Of several blank lines in a row two stay. The last line ends in "\n" too, unless it was cut or there is none.
    """
    # What is beyond the bound is not looked at; blank lines and what is invisible may make a text shorter.
    text = _BREAKS.sub("\n", text[: 4 * MAX_TEXT_CHARS])
    if text.isascii():
        text = _CONTROLS.sub("", text)
    else:
        table = {ord(ch): _shown(ch) for ch in set(text) if not (" " <= ch <= "~") and ch not in "\n\t"}
        text = unicodedata.normalize("NFC", text.translate(table))
    text = _BLANK_LINES.sub("\n\n\n", _ENDS.sub("", f"{text}\n")).strip("\n")
    return f"{text}\n"[:MAX_TEXT_CHARS] if text.strip() else ""


def _shown(ch: str) -> str:
    if ch.isspace():
        return " "
    return ch if ch in _JOINERS or unicodedata.category(ch) not in _UNSEEN else ""


def unflowed(text: str, *, del_space: bool = False) -> str:
    r"""The text with the lines of a paragraph joined, as format=flowed has it (RFC 3676). Quoted lines keep their marks.

    >>> unflowed("Is the \nfirst one free?\n> And \n> then?\n")
    'Is the first one free?\n> And then?\n'
    """
    lines = [_levelled(line) for line in text.replace("\r\n", "\n").splitlines()]
    out: list[str] = []
    joined = ""
    for (level, line), after in zip_longest(lines, lines[1:]):
        joined += line
        if line.endswith(" ") and line != _SIGNATURE and after and after[0] == level and after[1] != _SIGNATURE:
            joined = joined[:-1] if del_space else joined
            continue
        out.append(f"{'>' * level} {joined}\n" if level else f"{joined}\n")
        joined = ""
    return "".join(out)


def _levelled(line: str) -> tuple[int, str]:
    """How deep a line is quoted, and the line without its marks and the space that was stuffed in."""
    marks = _QUOTE.match(line)
    level = marks.end() if marks else 0
    return level, line[level:].removeprefix(" ")


def without_files(text: str) -> str:
    """The text without the files that old mail programs write into it by uuencode."""
    return "".join(_outside_files(text.splitlines(keepends=True))) if "begin " in text else text


def _outside_files(lines: list[str]) -> Iterator[str]:
    place = 0
    while place < len(lines):
        after = _end_of_file(lines, place) if _UU_BEGIN.match(lines[place]) else None
        if after is None:
            yield lines[place]
        place = after or place + 1


def _end_of_file(lines: list[str], begin: int) -> int | None:
    """The place behind the encoded lines that follow; None where there are none."""
    after = begin + 1
    while after < len(lines) and _is_encoded(lines[after].rstrip("\r\n")):
        after += 1
    ended = after < len(lines) and lines[after].rstrip() == "end"
    return after + ended if ended or after > begin + 1 else None


def _is_encoded(line: str) -> bool:
    """Whether the line has about the length that its first character tells."""
    if not _UU_LINE.fullmatch(line):
        return False
    told = -(-((ord(line[0]) - 32) & 63) // 3) * 4
    return abs(len(line) - 1 - told) <= _UU_SLACK
