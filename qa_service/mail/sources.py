"""Where mail comes from: files, folders, Maildir, mbox and standard input, one message at a time."""

from __future__ import annotations

import heapq
import os
import re
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from qa_service.errors import QaError
from qa_service.mail.base import MAX_MAIL_BYTES

STANDARD_INPUT = "-"
GONE = "is no longer there, or can no longer be read"

_MAILDIR = ("new", "cur")  # in this order: what a mail program moves from one to the other meanwhile is not missed
_MESSAGE_SUFFIXES = (".eml", ".msg")
_MBOX_SUFFIXES = (".mbox", ".mbx")
_FROM = b"From "
# What every writer of mbox puts into the line that begins a message: the day, the month, the date and the time.
_SEPARATOR = re.compile(
    rb"From .{0,500}\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\w*,?\s+"
    rb"(?:(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\w*\s+\d|\d{1,2}\s+[A-Z][a-z]{2}).{0,40}\d\d:\d\d"
)
_ESCAPED = re.compile(rb">+From ")
_LINE_BYTES = 1 << 16
# Names of a folder that are held at a time, in order; a larger folder is gone through several times.
_NAMES_AT_ONCE = 50_000


class SourceError(QaError):
    """A path that was given can't be read as mail."""

    code = "mail-unreadable"
    exit_status = 2

    def __init__(self, message: str, path: str) -> None:
        super().__init__(f"{path}: {message}")


@dataclass(frozen=True, slots=True)
class Mail:
    """A message as it came: a name to report it by and its bytes, or why they can't be had.

    `name` is a path, with "#" and the number from 1 for a message of an mbox, or "-" for standard input. At most one byte
    more than 25 MB of the message is held.
    """

    name: str
    raw: bytes
    failure: str | None = None


def mails(paths: Sequence[str], standard_input: BinaryIO | None = None) -> Iterator[Mail]:
    """The mails of files, folders (with what is below them, sorted by name), Maildir, mbox and "-", as they are read.

    Names that begin with a dot are left out of folders. A file that can't be read when its turn comes is a mail with a
    failure.

    Args:
        paths: may mix all kinds.
        standard_input: what "-" reads; the process's own unless given.

    Raises:
        SourceError: a path is missing, can't be read, or is neither file nor folder; before anything is read.
    """
    for path in paths:
        if path != STANDARD_INPUT:
            _check(path)
    return _all(paths, standard_input or sys.stdin.buffer)


def is_gone(name: str) -> bool:
    """Whether a name is that of a file which was there and is no longer: moved, renamed or deleted."""
    if name.startswith(STANDARD_INPUT) or "://" in name or "\\x" in name:
        return False
    return not Path(name).exists() and not (name.rpartition("#")[0] and Path(name.rpartition("#")[0]).exists())


def _check(path: str) -> None:
    try:
        mode = Path(path).stat().st_mode
    except (OSError, ValueError) as exc:
        raise SourceError(f"can't be read ({getattr(exc, 'strerror', None) or 'not a path'})", path) from None
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        raise SourceError("is neither a file nor a folder", path)
    if not os.access(path, os.R_OK | (os.X_OK if stat.S_ISDIR(mode) else 0)):
        raise SourceError("can't be read (permission denied)", path)


def _all(paths: Sequence[str], standard_input: BinaryIO) -> Iterator[Mail]:
    seen: set[tuple[int, int]] = set()
    for path in paths:
        if path == STANDARD_INPUT:
            yield from _stream(STANDARD_INPUT, standard_input, standard_input.readline(_LINE_BYTES))
        elif Path(path).is_dir():
            yield from _folder(Path(path), seen)
        else:
            yield from _file(Path(path))


def _folder(folder: Path, seen: set[tuple[int, int]]) -> Iterator[Mail]:
    """The mails below a folder. Each real folder is gone into once, so links that go round end."""
    try:
        status = folder.stat()
        if (status.st_dev, status.st_ino) in seen:
            return
        seen.add((status.st_dev, status.st_ino))
        is_maildir = all((folder / part).is_dir() for part in _MAILDIR)
        yield from _maildir(folder, seen) if is_maildir else _plain(folder, seen)
    except OSError:
        yield Mail(_shown(folder), b"", GONE)


def _plain(folder: Path, seen: set[tuple[int, int]]) -> Iterator[Mail]:
    for name in _names(folder):
        path = folder / name
        if name.startswith("."):
            continue
        if path.is_dir():
            yield from _folder(path, seen)
        elif path.is_file() or not path.exists():  # a pipe or a device is no mail
            yield from _file(path)


def _maildir(folder: Path, seen: set[tuple[int, int]]) -> Iterator[Mail]:
    """The messages of a Maildir, then those of the Maildirs in it; what else lies there belongs to the server."""
    for part in _MAILDIR:
        yield from _folder(folder / part, seen)
    for name in _names(folder):
        inner = folder / name
        if name not in {*_MAILDIR, "tmp"} and all((inner / part).is_dir() for part in _MAILDIR):
            yield from _folder(inner, seen)


def _names(folder: Path, at_once: int = _NAMES_AT_ONCE) -> Iterator[str]:
    """The names in a folder, sorted, without holding all of them."""
    last = ""
    while True:
        with os.scandir(folder) as entries:
            names = heapq.nsmallest(at_once, (entry.name for entry in entries if entry.name > last))
        yield from names
        if len(names) < at_once:
            return
        last = names[-1]


def _file(path: Path) -> Iterator[Mail]:
    name = _shown(path)
    try:
        # Should a pipe have taken the file's place, opening it must not wait for a writer.
        with open(path, "rb", opener=lambda p, flags: os.open(p, flags | os.O_NONBLOCK)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                yield Mail(name, b"", GONE)
            elif path.suffix.lower() in _MESSAGE_SUFFIXES:
                yield Mail(name, file.read(MAX_MAIL_BYTES + 1))
            else:
                yield from _stream(name, file, file.readline(_LINE_BYTES), path.suffix.lower() in _MBOX_SUFFIXES)
    except OSError:
        yield Mail(name, b"", GONE)


def _shown(path: Path) -> str:
    """A path as text that can be written down, whatever bytes its name has."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _stream(name: str, file: BinaryIO, first: bytes, named_mbox: bool = False) -> Iterator[Mail]:
    """The mails of an open file whose first line has been read: one, or those of an mbox."""
    if first.startswith(_FROM):
        for number, raw in enumerate(_messages(file, first), 1):
            yield Mail(f"{name}#{number}", raw)
    elif first or not named_mbox:  # an empty mbox has no mail; an empty file is an empty one
        yield Mail(name, first + file.read(MAX_MAIL_BYTES + 1 - len(first)))


def _messages(file: BinaryIO, first: bytes) -> Iterator[bytes]:
    """The messages of an mbox, without its separators and its escapes of "From "; lines of any length."""
    usual = bool(_SEPARATOR.match(first))
    parts: list[bytes] = []
    size = 0
    begins, after_blank = first.endswith(b"\n"), False  # the piece begins a line; the line before it is blank
    while piece := file.readline(_LINE_BYTES):
        if begins and after_blank and piece.startswith(_FROM) and (not usual or _SEPARATOR.match(piece)):
            yield _whole(parts)
            parts, size = [], 0
        elif size <= MAX_MAIL_BYTES:
            parts.append(piece[1:] if begins and _ESCAPED.match(piece) else piece)
            size += len(piece)
        after_blank = begins and piece in {b"\n", b"\r\n"}
        begins = piece.endswith(b"\n")
    yield _whole(parts)


def _whole(parts: list[bytes]) -> bytes:
    if len(parts) > 1 and parts[-1] in {b"\n", b"\r\n"}:
        parts.pop()  # the blank line before the next separator is the mbox's own
    return b"".join(parts)[: MAX_MAIL_BYTES + 1]
