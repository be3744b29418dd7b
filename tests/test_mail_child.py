from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import BinaryIO

import pytest

from qa_service.mail import child
from qa_service.mail.base import Asked, Letter, Reading

LIMITS = child.Limits(memory_bytes=256 << 20, seconds=5.0, own=("desk@example.com",))
READING = Reading(
    Letter(
        message_id="<1@example.com>",
        subject="Café “Zürich”",
        date=datetime(2026, 11, 24, 9, 30, tzinfo=UTC),
        sender="ana@example.org",
        reply_to=None,
        references=("<0@example.com>", "<00@example.com>"),
        new_text="What is alpha?\nAnd beta?",
        skip=None,
    ),
    (Asked("What is alpha?", 0, 14), Asked("Café", None, None)),
)


def answers(read: child.Read, *raws: bytes) -> list[Reading]:
    """What `serve` sends for these mails, after its greeting."""
    outbox = io.BytesIO()
    child.serve(read, io.BytesIO(b"".join(map(child.frame, raws))), outbox, LIMITS)
    outbox.seek(0)
    assert child.next_frame(outbox) == b""
    return [child.from_json(body) for body in iter(lambda: child.next_frame(outbox), None)]


@pytest.fixture
def limits_set(monkeypatch: pytest.MonkeyPatch) -> dict[int, tuple[int, int]]:
    """The limits that would have been set for this process."""
    held: dict[int, tuple[int, int]] = {}
    monkeypatch.setattr(resource, "setrlimit", held.__setitem__)
    return held


@pytest.mark.parametrize(
    "reading", [READING, Reading(None, failure="why"), Reading(Letter(None, "", None, None, None, (), ""))]
)
def test_a_reading_comes_back_whole(reading: Reading) -> None:
    """What goes through JSON is equal to what went in, types and all."""
    assert reading == child.from_json(child.to_json(reading))


def test_half_a_character_does_not_move_the_others() -> None:
    """A lone surrogate can't be written down, and becomes one character."""
    broken = Reading(Letter(None, "a\ud800b", None, None, None, (), ""))
    letter = child.from_json(child.to_json(broken)).letter
    assert letter is not None
    assert letter.subject == "a?b"


def test_frames_end_with_the_stream() -> None:
    """A frame that was cut short is no frame."""
    stream = io.BytesIO(child.frame(b"whole") + child.frame(b"cut short")[:-1])
    assert [b"whole", None, None] == [child.next_frame(stream) for _ in range(3)]


def test_each_mail_is_answered_in_turn() -> None:
    """Every mail has one answer, and the reader is told the own addresses."""

    def read(raw: bytes, own: frozenset[str]) -> Reading:
        return Reading(None, failure=f"{raw.decode()} {sorted(own)}")

    failures = [reading.failure for reading in answers(read, b"a", b"b")]
    assert ["a ['desk@example.com']", "b ['desk@example.com']"] == failures
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (MemoryError(), "took more memory than allowed"),
        (RecursionError(), "could not be read"),
        (ValueError("secret text of the mail"), "could not be read"),
    ],
)
def test_an_exception_is_one_unreadable_mail(error: Exception, failure: str) -> None:
    """Whatever the reader raises, the next mail is read, and nothing of the mail is told."""

    def read(raw: bytes, _own: frozenset[str]) -> Reading:
        if raw == b"bad":
            raise error
        return READING

    assert [Reading(None, failure=failure), READING] == answers(read, b"bad", b"good")


def test_the_process_writes_no_files_and_grows_no_further(limits_set: dict[int, tuple[int, int]]) -> None:
    """The address space may grow by what is left of the memory, and not at all once that is used up."""
    child.restrict(child.Limits(1 << 40, 1.0))
    child_limits = dict(limits_set)
    assert child_limits[resource.RLIMIT_CORE] == child_limits[resource.RLIMIT_FSIZE] == (0, 0)
    room = child_limits[resource.RLIMIT_AS][0]
    child.restrict(child.Limits(1, 1.0))
    used_up = limits_set[resource.RLIMIT_AS][0]
    assert (1 << 40) - (4 << 30) < room - used_up < 1 << 40


@contextlib.contextmanager
def redirected(file: BinaryIO) -> Iterator[None]:
    """Standard output goes into a file; what `main` does to this process is undone."""
    saved, handler = os.dup(1), signal.getsignal(signal.SIGINT)
    os.dup2(file.fileno(), 1)
    try:
        yield
    finally:
        os.dup2(saved, 1)
        os.close(saved)
        signal.signal(signal.SIGINT, handler)
        gc.unfreeze()


def test_main_keeps_standard_output_for_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader is tried before the greeting, what it prints goes nowhere, and Ctrl-C is left to the parent."""
    seen: list[tuple[bytes, frozenset[str]]] = []

    def read(raw: bytes, own: frozenset[str]) -> Reading:
        seen.append((raw, own))
        os.write(1, b"printed")
        assert signal.SIG_IGN == signal.getsignal(signal.SIGINT)
        return READING

    settings = json.dumps({"memory_bytes": 1, "seconds": 5.0, "own": ["desk@example.com"]}).encode()
    stream = io.BytesIO(child.frame(settings) + child.frame(b"mail"))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))
    monkeypatch.setattr(child, "restrict", lambda _limits: None)
    with tempfile.TemporaryFile() as file:
        with redirected(file):
            child.main(read)
        file.seek(0)
        assert child.frame(b"") + child.frame(child.to_json(READING)) == file.read()
    assert [(b"mail", frozenset({"desk@example.com"}))] == seen[1:]


def test_the_module_reads_mail_until_its_input_ends() -> None:
    """Run as it is deployed: settings in, a greeting out, a mail in, its reading out, and an end without a word."""
    settings = json.dumps({"memory_bytes": 256 << 20, "seconds": 5.0, "own": []}).encode()
    mail = b"From: ana@example.org\r\nMessage-ID: <1@example.org>\r\nSubject: Hello\r\n\r\nWhat is alpha?\r\n"
    ended = subprocess.run(
        [sys.executable, "-m", "qa_service.mail.child"],
        input=child.frame(settings) + child.frame(mail),
        capture_output=True,
        check=True,
        timeout=60,
    )
    out = io.BytesIO(ended.stdout)
    assert child.next_frame(out) == b""
    body = child.next_frame(out)
    assert body is not None
    reading = child.from_json(body)
    assert reading.letter is not None
    assert (reading.letter.message_id, reading.asked[0].text) == ("<1@example.org>", "What is alpha?")
    assert (b"", b"") == (out.read(), ended.stderr)


def test_the_module_ends_where_nobody_speaks() -> None:
    """An input that ends before the settings came is an end like any other."""
    ended = subprocess.run(
        [sys.executable, "-m", "qa_service.mail.child"], input=b"", capture_output=True, check=True, timeout=60
    )
    assert (b"", b"") == (ended.stdout, ended.stderr)
