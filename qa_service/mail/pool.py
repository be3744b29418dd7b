"""Processes that read mail, each within its second and its memory; the one that fails is replaced."""

from __future__ import annotations

import contextlib
import threading
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Self

from qa_service.errors import QaError
from qa_service.mail.base import MAX_MAIL_BYTES, Reading
from qa_service.mail.child import TOO_MUCH_MEMORY, UNREADABLE, Limits, frame, from_json
from qa_service.mail.worker import Worker

TOO_LARGE = f"is larger than {MAX_MAIL_BYTES >> 20} MB"

_CHILD = "qa_service.mail.child"
_SPARE = 1
# What is left of the time for the killing and the cleaning up.
_SHARE = 0.9


class ReaderError(QaError):
    """The processes that read mail can't be used: they don't start, or the pool is closed."""

    code = "reader-failed"


class ReadingPool:
    """Reads mails in processes of their own. Safe to call from several threads; each call takes a free process.

    One process more than the size is kept warm, so that a mail that costs its process its life keeps nobody waiting. The
    processes end with this one, however it ends.
    """

    def __init__(
        self,
        size: int,
        own: frozenset[str] = frozenset(),
        seconds: float = 1.0,
        memory_bytes: int = 256 << 20,
        module: str = _CHILD,
    ) -> None:
        """Start the processes; the first call waits until one is ready.

        Args:
            size: how many mails are read at once.
            own: the addresses of whoever runs the service.
            seconds: what one mail may take, all in all.
            memory_bytes: what one process may use.
            module: is run in each process, and calls `child.main`.
        """
        self._seconds = seconds
        self._module = module
        self._limits = Limits(memory_bytes, 2 * seconds, tuple(sorted(own)))
        self._free: SimpleQueue[Worker | None] = SimpleQueue()
        self._children: set[Worker] = set()
        self._lock = threading.Lock()
        self._closed = False
        for _ in range(size + _SPARE):
            self._start()

    def read(self, raw: bytes) -> Reading:
        """Read one mail; whatever goes wrong with it is the `failure` of its reading.

        Raises:
            ReaderError: no process starts, or the pool is closed.
        """
        if len(raw) > MAX_MAIL_BYTES:
            return Reading(None, failure=TOO_LARGE)
        child = self._take()
        usable = False
        try:
            reading = from_json(child.ask(frame(raw), self._seconds * _SHARE))
            usable = reading.failure != TOO_MUCH_MEMORY  # after that, its heap is in pieces
        except TimeoutError:
            unit = "second" if self._seconds == 1 else "seconds"
            reading = Reading(None, failure=f"took longer than {self._seconds:g} {unit}")
        except Exception:  # noqa: BLE001 (it died, or was made to say what is no reading)
            reading = Reading(None, failure=UNREADABLE)
        finally:
            if usable:
                self._free.put(child)
            else:
                self._replace(child)
        if self._closed and reading.failure:
            raise ReaderError("the pool was closed while the mail was read")
        return reading

    def close(self) -> None:
        """End all processes; none is left when this returns."""
        with self._lock:
            self._closed = True
            children, self._children = self._children, set()
        for child in children:
            child.kill()  # whoever waits for it ends it
        with contextlib.suppress(Empty):
            while idle := self._free.get_nowait():
                idle.end()
        self._free.put(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _take(self) -> Worker:
        for _ in range(len(self._children) + 2):
            child = self._free.get()
            if child is None:
                self._free.put(None)  # for the next thread that waits
                raise ReaderError("the pool is closed")
            if child.is_ready():
                return child
            self._replace(child)
        raise ReaderError(f"the process that reads mail does not start; `python -m {self._module}` tells why")

    def _replace(self, child: Worker) -> None:
        child.end()
        with self._lock:
            self._children.discard(child)
        self._start()

    def _start(self) -> None:
        with self._lock:
            if self._closed:
                return
            try:
                child = Worker(self._module, self._limits)
            except OSError as exc:
                raise ReaderError(f"no process can be started to read mail ({exc.strerror})") from None
            self._children.add(child)
            self._free.put(child)
