"""A contender in a process tree of its own: started, asked, weighed, stopped."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.speed.contenders import Contender

ROOT = Path(__file__).parent.parent.parent
# A question that is not in the pool, and the beginning of the id of the entry that answers it.
SAMPLE = "If our profile extension is granted, are we still certified?"
SAMPLE_ENTRY = "if-a-profile-extension-is-requested-and-granted"
_MIB = 2**20
_START_SECONDS = 180.0
_POLL_SECONDS = 0.005
_SETTLE_SECONDS = 60.0
_IDLE_SHARE = 0.1


class ServerError(Exception):
    """A contender did not start, or did not answer as it should."""


@dataclass(frozen=True)
class Memory:
    """Resident memory of a process tree in MiB: `pss` counts a shared page once in all, `rss` once in each process."""

    pss: float
    rss: float


class Server:
    """A contender that answers. `seconds` is how long that took from the start of its process, in seconds."""

    def __init__(self, contender: Contender, port: int, process: subprocess.Popen[bytes], seconds: float) -> None:
        self.contender, self.port, self.seconds = contender, port, seconds
        self._process = process

    def nearest(self, question: str) -> str:
        """The id of the entry that the contender finds nearest."""
        found = ask(self.contender, self.port, question)
        if found is None:
            raise ServerError(f"{self.contender.name} refused a question")
        return found

    def memory(self) -> Memory:
        """Resident memory of the process and all its descendants."""
        held = [one.memory_full_info() for one in tree(self._process.pid)]
        return Memory(sum(one.pss for one in held) / _MIB, sum(one.rss for one in held) / _MIB)

    def settle(self) -> None:
        """Wait until it computes no more: it goes on with requests whose clients have left, and threads spin for a while."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        before, begun = self._processor_seconds(), time.monotonic()
        while time.monotonic() < deadline:
            time.sleep(0.1)
            after, ended = self._processor_seconds(), time.monotonic()
            if after - before <= _IDLE_SHARE * (ended - begun):
                return
            before, begun = after, ended
        raise ServerError(f"{self.contender.name} was still busy {_SETTLE_SECONDS:.0f} s after its load")

    def _processor_seconds(self) -> float:
        times = [one.cpu_times() for one in tree(self._process.pid)]
        return float(sum(one.user + one.system for one in times))


def tree(pid: int) -> list[psutil.Process]:
    """A process and all its descendants."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def ask(contender: Contender, port: int, question: str) -> str | None:
    """The id of the nearest entry; None where nobody listens yet or the reply is not 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    target, body, headers = contender.dialect.request(question)
    try:
        connection.request(contender.dialect.method, target, body, headers)
        reply = connection.getresponse()
        content = reply.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return contender.dialect.nearest(json.loads(content)) if reply.status == http.HTTPStatus.OK else None


@contextlib.contextmanager
def running(contender: Contender, folder: Path) -> Iterator[Server]:
    """Start a contender, wait for its first answer, and stop it and all its descendants at the end.

    Raises:
        ServerError: it ends, it takes minutes, or the sample question finds another entry than it should.
    """
    port, log = _free_port(), folder / f"{contender.name.replace(' ', '-').replace(',', '')}.log"
    with log.open("wb") as written:
        begun = time.perf_counter()
        process = subprocess.Popen(
            contender.command(port),
            cwd=ROOT,
            env=contender.environment(),
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
        )
        try:
            found = _first_answer(contender, port, process, log)
            seconds = time.perf_counter() - begun
            if not found.startswith(SAMPLE_ENTRY):
                raise ServerError(f"{contender.name} finds {found!r} nearest to {SAMPLE!r}")
            yield Server(contender, port, process, seconds)
        finally:
            _stop(process)


def _first_answer(contender: Contender, port: int, process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        found = ask(contender, port, SAMPLE)
        if found is not None:
            return found
        time.sleep(_POLL_SECONDS)
    tail = log.read_text("utf-8", "replace")[-2000:]
    raise ServerError(f"{contender.name} did not start: exit status {process.poll()}\n{tail}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a process, kindly at first, and whatever descendants outlive it."""
    try:
        held = tree(process.pid)
    except psutil.NoSuchProcess:
        held = []
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for one in held[1:]:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
