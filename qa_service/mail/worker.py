"""One process that reads mail, as its parent sees it: a question in, an answer in time or an exception."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict

from qa_service.mail.child import HEADER, Limits, frame

_START_SECONDS = 60.0
_MAX_REPLY_BYTES = 8 << 20
_PIPE_BYTES = 1 << 20
_BLOCK = 1 << 16
# One mail is one thread's work; threads of the numeric libraries would only take memory and time to start.
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class Worker:
    """One process that reads mail. Used by one thread at a time, which also ends it; any thread may kill it."""

    def __init__(self, module: str, limits: Limits) -> None:
        # -P and a path of our own: the folder that the command runs in may hold an email.py of somebody else.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("QA_")}
        self._process = subprocess.Popen(  # noqa: S603 (our own interpreter and module)
            [sys.executable, "-P", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a traceback could hold the text of a mail
            bufsize=0,
            env=environment | _ONE_THREAD | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            process_group=0,  # Ctrl-C goes to the parent alone
        )
        self._inbox, self._outbox = self._pipes()
        self._greeting: bytes | None = frame(json.dumps(asdict(limits)).encode())

    def _pipes(self) -> Sequence[int]:
        pipes = [file.fileno() for file in (self._process.stdin, self._process.stdout) if file]
        for pipe in pipes:
            os.set_blocking(pipe, False)
            if hasattr(fcntl, "F_SETPIPE_SZ"):
                with contextlib.suppress(OSError):  # the user has no more room for pipes; smaller ones do
                    fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        return pipes

    def is_ready(self) -> bool:
        """Whether it lives; a new one is waited for first."""
        if self._greeting:
            try:
                self.ask(self._greeting, _START_SECONDS)
            except OSError:
                return False
            self._greeting = None
        return self._process.poll() is None

    def ask(self, question: bytes, seconds: float) -> bytes:
        """Send a frame and wait for the body of the one that answers it.

        Raises:
            TimeoutError: it did not come in time.
            OSError: the process died, or answers at impossible length.
        """
        deadline = time.monotonic() + seconds
        unsent, got = memoryview(question), bytearray()
        poll = select.poll()
        poll.register(self._outbox, select.POLLIN)
        unsent = self._write(unsent)
        if unsent:
            poll.register(self._inbox, select.POLLOUT)
        while (size := _frame_size(got)) is None or len(got) < size:
            left = deadline - time.monotonic()
            ready = poll.poll(left * 1_000) if left > 0 else []
            if not ready:
                raise TimeoutError
            for pipe, _ in ready:
                if pipe == self._outbox:
                    got += self._read()
                elif not (unsent := self._write(unsent)):
                    poll.unregister(self._inbox)
        return bytes(got[HEADER.size : size])

    def _write(self, unsent: memoryview) -> memoryview:
        try:
            return unsent[os.write(self._inbox, unsent) :]
        except BlockingIOError:
            return unsent

    def _read(self) -> bytes:
        block = os.read(self._outbox, _BLOCK)
        if not block:
            raise ConnectionError("the process ended")
        return block

    def kill(self) -> None:
        """Kill the process and wait until it is gone."""
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """Kill the process and close what led to it."""
        self.kill()
        for file in (self._process.stdin, self._process.stdout):
            if file:
                file.close()


def _frame_size(got: bytearray) -> int | None:
    """The length of a frame, with its header, once the header is there."""
    if len(got) < HEADER.size:
        return None
    size: int = HEADER.unpack_from(got)[0]
    if size > _MAX_REPLY_BYTES:
        raise ConnectionError("the process answers at impossible length")
    return HEADER.size + size
