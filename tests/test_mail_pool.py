from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from qa_service.mail.base import MAX_MAIL_BYTES, Reading
from qa_service.mail.pool import ReaderError, ReadingPool

# A reader that does to its process what the mail says.
HOSTILE = """
import os, sys, time
from qa_service.mail import child
from qa_service.mail.base import Reading

def read(raw, own):
    order = raw.decode()
    if order == "loop":
        while True: pass
    if order == "regex":
        import re
        re.match(r"(a+)+$", "a" * 64 + "b")
    if order == "allocate":
        held = bytearray(512 << 20)
    if order == "many":
        held = []
        while True: held.append(bytearray(1 << 20))
    if order == "die":
        os._exit(3)
    if order == "babble":
        os.write(outbox, b"\\xff" * 64)
    if order == "nonsense":
        os.write(outbox, child.frame(b"[1]"))
    if order == "print":
        print("a library that prints", flush=True)
    if order == "sleep":
        time.sleep(0.2)
    if order == "environment":
        return Reading(None, failure=repr(sorted(n for n in os.environ if n.startswith("QA_"))))
    return Reading(None, failure=f"{order} {sorted(own)} {os.getpid() if order == 'pid' else ''}")

real_dup = os.dup
def dup(fd):
    global outbox
    outbox = real_dup(fd)
    return outbox
os.dup = dup
child.main(read)
"""
MODULE = "hostile_reader"


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module with the hostile reader, on the path."""
    (tmp_path / f"{MODULE}.py").write_text(HOSTILE, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return MODULE


@pytest.fixture
def pool(hostile: str) -> Iterator[ReadingPool]:
    """A pool of hostile readers for one mail at a time."""
    with ReadingPool(1, frozenset({"desk@example.com"}), module=hostile) as made:
        yield made


def children() -> set[int]:
    return {process.pid for process in psutil.Process().children()}


def failure(pool: ReadingPool, order: str) -> str | None:
    return pool.read(order.encode()).failure


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("loop", "took longer than 1 second"),
        ("regex", "took longer than 1 second"),
        ("allocate", "took more memory than allowed"),
        ("many", "took more memory than allowed"),
        ("die", "could not be read"),
        ("babble", "could not be read"),
        ("nonsense", "could not be read"),
    ],
)
def test_a_hostile_mail_is_one_failure(pool: ReadingPool, order: str, expected: str) -> None:
    """Its process is replaced, and the mail after it is read."""
    assert expected == failure(pool, order)
    assert failure(pool, "next") == "next ['desk@example.com'] "
    assert len(children()) == 2


def test_what_a_library_prints_is_no_answer(pool: ReadingPool) -> None:
    """Standard output belongs to the frames alone."""
    assert failure(pool, "print") == "print ['desk@example.com'] "


def test_settings_stay_with_the_parent(hostile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that reads hostile mail does not know the keys of the service."""
    monkeypatch.setenv("QA_API_KEY", "secret")
    with ReadingPool(1, module=hostile) as fresh:
        assert failure(fresh, "environment") == "[]"


def test_several_threads_read_at_once(hostile: str) -> None:
    """Each thread gets the reading of its own mail."""
    orders = [f"mail {i}" for i in range(200)]
    with ReadingPool(2, module=hostile) as pool, ThreadPoolExecutor(4) as threads:
        failures = list(threads.map(lambda order: failure(pool, order), orders))
    assert [f"{order} [] " for order in orders] == failures


def test_a_large_mail_goes_through(pool: ReadingPool) -> None:
    """A mail of 25 MB is handed over whole, and one byte more is not handed over at all."""
    reading = pool.read(b"x" * (1 << 20))
    assert reading.failure == "x" * (1 << 20) + " ['desk@example.com'] "
    assert pool.read(bytes(MAX_MAIL_BYTES + 1)) == Reading(None, failure="is larger than 25 MB")


def test_a_process_that_died_idle_is_nobodys_failure(pool: ReadingPool) -> None:
    """A process that was killed between two mails is replaced before the next."""
    assert failure(pool, "first") == "first ['desk@example.com'] "
    for pid in children():
        os.kill(pid, signal.SIGKILL)
    while any(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in children()):
        time.sleep(0.01)
    assert failure(pool, "next") == "next ['desk@example.com'] "


def test_processes_are_used_again(pool: ReadingPool) -> None:
    """Two processes, one of them spare, read any number of mails."""
    assert len({failure(pool, "pid") for _ in range(10)}) == 2


def test_close_leaves_no_process(hostile: str) -> None:
    """Neither idle nor busy ones; who reads meanwhile is told, and who comes later too."""
    before = children()
    pool = ReadingPool(1, module=hostile, seconds=30)
    pool.read(b"ready")
    told: list[str] = []

    def wait() -> None:
        with pytest.raises(ReaderError) as caught:
            pool.read(b"loop")
        told.append(str(caught.value))

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not any(process.cpu_times().user > 0.5 for process in psutil.Process().children()):
        time.sleep(0.01)
    pool.close()
    waiting.join()
    pool.close()
    assert ["the pool was closed while the mail was read"] == told
    assert before == children()
    with pytest.raises(ReaderError, match="closed"):
        pool.read(b"later")


def test_a_reader_that_does_not_start_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken installation is no failure of the mails."""
    (tmp_path / "broken_reader.py").write_text("raise ImportError", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with ReadingPool(1, module="broken_reader") as pool, pytest.raises(ReaderError, match="does not start"):
        pool.read(b"any")


def test_a_system_without_room_for_a_process_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """No mail is blamed for it."""

    def refusing(*_args: object, **_options: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refusing)
    with pytest.raises(ReaderError, match="no process can be started"):
        ReadingPool(1)


def test_no_process_outlives_a_killed_parent(hostile: str, tmp_path: Path) -> None:
    """Idle or in an endless loop, they end by themselves."""
    script = (
        "import os, sys, threading\n"
        "from qa_service.mail.pool import ReadingPool\n"
        f"pool = ReadingPool(1, seconds=1.0, module={hostile!r})\n"
        "pool.read(b'ready'); pool.read(b'ready')\n"
        "threading.Thread(target=pool.read, args=(b'loop',)).start()\n"
        "print('up', flush=True)\n"
    )
    path = os.pathsep.join((str(tmp_path), *filter(None, sys.path)))
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": path}
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"up\n"
    left = psutil.Process(parent.pid).children()
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert len(left) == 2
    _, alive = psutil.wait_procs(left, timeout=30)
    assert [] == alive
