"""The process that reads mail: whatever a hostile message does, it does here, within limits.

Both ways go frames: four bytes of length, big-endian, then so many bytes. The first frame in is JSON with the limits, each
later one a raw mail. The first frame out is empty and says that the process is ready; each later one is a reading in JSON.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import struct
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from qa_service.mail.base import Asked, Letter, Reading

TOO_MUCH_MEMORY = "took more memory than allowed"
UNREADABLE = "could not be read"
HEADER = struct.Struct(">I")

Read = Callable[[bytes, frozenset[str]], Reading]

_STATM = Path("/proc/self/statm")
# Read once before the first real mail, so that what is loaded lazily is there before time and memory are counted.
_WARMING = b"From: a@example.com\nSubject: =?utf-8?q?caf=C3=A9?=\n\nMay we apply? Please confirm.\n\n-- \nA\n"


@dataclass(frozen=True, slots=True)
class Limits:
    """What the process may use, and what it must know.

    `memory_bytes` bounds the whole process. `seconds` is when it ends itself, for the case that nobody is left to end it.
    `own` are the addresses of whoever runs the service.
    """

    memory_bytes: int
    seconds: float
    own: tuple[str, ...] = ()


def frame(body: bytes) -> bytes:
    """A body with its length before it."""
    return HEADER.pack(len(body)) + body


def next_frame(inbox: BinaryIO) -> bytes | None:
    """The body of the next frame; None where the stream has ended, also in the middle of a frame."""
    head = inbox.read(HEADER.size)
    if len(head) < HEADER.size:
        return None
    size = HEADER.unpack(head)[0]
    body = inbox.read(size)
    return body if len(body) == size else None


def to_json(reading: Reading) -> bytes:
    """A reading as JSON in UTF-8; half a character (a lone surrogate) becomes "?", so offsets stay right."""
    text = json.dumps(asdict(reading), default=datetime.isoformat, ensure_ascii=False)
    return text.encode("utf-8", "replace")


def from_json(body: bytes) -> Reading:
    """The reading that `to_json` wrote.

    Raises:
        ValueError, KeyError, TypeError: it is something else.
    """
    values = json.loads(body)
    letter = values["letter"]
    if letter is not None:
        date = letter["date"]
        letter["date"] = None if date is None else datetime.fromisoformat(date)
        letter["references"] = tuple(letter["references"])
        letter = Letter(**letter)
    return Reading(letter, tuple(Asked(**one) for one in values["asked"]), values["failure"])


def serve(read: Read, inbox: BinaryIO, outbox: BinaryIO, limits: Limits) -> None:
    """Say that the process is ready, then answer each mail with its reading until the stream ends."""
    own = frozenset(limits.own)
    _send(outbox, b"")
    while (raw := next_frame(inbox)) is not None:
        # The default action of SIGALRM ends the process, even inside a loop in C that never comes back to Python.
        signal.setitimer(signal.ITIMER_REAL, limits.seconds)
        body = _read(read, raw, own)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _send(outbox, body)


def _send(outbox: BinaryIO, body: bytes) -> None:
    outbox.write(frame(body))
    outbox.flush()


def _read(read: Read, raw: bytes, own: frozenset[str]) -> bytes:
    try:
        return to_json(read(raw, own))
    except MemoryError:
        failure = TOO_MUCH_MEMORY
    except Exception:  # noqa: BLE001 (whatever a mail does to a parser, it is one unreadable mail)
        failure = UNREADABLE
    return to_json(Reading(None, failure=failure))


def restrict(limits: Limits) -> None:
    """Bound the memory of this process, and let it write neither files nor core dumps.

    What is mapped already (libraries, mostly untouched) is not counted against the mail: the address space may grow by
    what is left between the memory in use and the bound.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if _STATM.exists():
        mapped, resident = (int(pages) * resource.getpagesize() for pages in _STATM.read_text().split()[:2])
        ceiling = mapped + max(0, limits.memory_bytes - resident)
        resource.setrlimit(resource.RLIMIT_AS, (ceiling, ceiling))


def main(read: Read) -> None:
    """Read mail from standard input until it ends, which it also does when the parent dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    with os.fdopen(os.dup(1), "wb") as outbox:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)  # a library that prints must not write between the frames
        os.close(nowhere)
        if (settings := next_frame(sys.stdin.buffer)) is None:
            return
        limits = Limits(**json.loads(settings))
        _read(read, _WARMING, frozenset())
        gc.collect()
        gc.freeze()
        restrict(limits)
        try:
            serve(read, sys.stdin.buffer, outbox, limits)
        except BrokenPipeError:
            os._exit(0)  # the parent has gone; there is nobody to flush to


if __name__ == "__main__":
    from qa_service.mail.reader import read as read_mail

    main(read_mail)
