"""Mails on their way: taken in as there is room, worked on in threads, committed in the order in which they came."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from qa_service.batch.ledger import Kept, Ledger
from qa_service.batch.settle import Done, Scribe
from qa_service.mail.base import Status
from qa_service.mail.sources import Mail

# A transaction has at most so many mails, and no mail waits longer for its own.
_BATCH_MAILS = 64
_BATCH_SECONDS = 0.2
# So many mails, and so many bytes of them, are held at a time.
_WINDOW_MAILS = 64
_WINDOW_BYTES = 64 << 20


OnDone = Callable[[Done], None]
Work = Callable[[Mail], Kept]


@dataclass(slots=True)
class _Ticket:
    """A mail on its way. Without a future, its result is in the ledger, or will be once those before it are."""

    mail: Mail
    digest: bytes
    future: Future[Kept] | None = None

    def is_settled(self) -> bool:
        return self.future is None or self.future.done()

    def result(self) -> Kept | None:
        return self.future.result() if self.future else None

    def error(self) -> BaseException | None:
        """What keeps it from being committed though it has come to its end."""
        if self.future is None or not self.future.done():
            return None
        return CancelledError() if self.future.cancelled() else self.future.exception()


@dataclass(frozen=True, slots=True)
class _End:
    """There are no more mails, or the source of them failed."""

    error: BaseException | None = None


class _Window:
    """Holds the source of the mails back while too many are on their way."""

    def __init__(self) -> None:
        self._mails = self._bytes = 0
        self._closed = False
        self._changed = threading.Condition()

    def enter(self, size: int) -> bool:
        """Wait until a mail of so many bytes has room; False once the window is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._has_room(size))
            self._mails += 1
            self._bytes += size
            return not self._closed

    def leave(self, sizes: Iterable[int]) -> None:
        with self._changed:
            for size in sizes:
                self._mails -= 1
                self._bytes -= size
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _has_room(self, size: int) -> bool:
        return self._mails < _WINDOW_MAILS and (not self._mails or self._bytes + size <= _WINDOW_BYTES)


class Pipeline:
    """Mails on their way, in order: those that are being worked on, then those that wait for their transaction."""

    def __init__(
        self, work: Work, ledger: Ledger, scribe: Scribe, executor: ThreadPoolExecutor, on_done: OnDone
    ) -> None:
        self._window = _Window()
        self.counts: Counter[Status] = Counter()
        self._work = work
        self._ledger = ledger
        self._scribe = scribe
        self._executor = executor
        self._on_done = on_done
        self._events: SimpleQueue[_Ticket | _End | None] = SimpleQueue()  # None: something may have settled
        self._line: deque[_Ticket] = deque()
        self._batch: list[_Ticket] = []
        self._due = 0.0
        self._under_way: set[bytes] = set()

    def run(self, mails: Iterable[Mail]) -> None:
        """Take in all mails and commit each; the error of one that can't be committed is raised."""
        threading.Thread(target=self._feed, args=(mails,), name="qa-mail-source", daemon=True).start()
        end: _End | None = None
        while not end or self._line or self._batch:
            match self._next_event():
                case _Ticket() as ticket:
                    self._admit(ticket)
                case _End() as end:
                    pass
            self._gather()
            if self._line and (error := self._line[0].error()):
                raise error
            if self._is_due(bool(end)):
                self._commit()
        if end.error:
            raise end.error

    def stop(self) -> None:
        """Take in no more, wait for what is being worked on, and commit what has come to its end in order."""
        self._window.close()
        self._executor.shutdown(cancel_futures=True)
        self._gather()
        self._commit()

    def _feed(self, mails: Iterable[Mail]) -> None:
        error: BaseException | None = None
        try:
            for mail in mails:
                ticket = _Ticket(mail, hashlib.sha256(mail.raw).digest())
                if not self._window.enter(len(mail.raw)):
                    return
                self._events.put(ticket)
        except BaseException as exc:  # noqa: BLE001 (it is raised where the run was asked for)
            error = exc
        self._events.put(_End(error))

    def _next_event(self) -> _Ticket | _End | None:
        try:
            return self._events.get(timeout=max(0.0, self._due - time.monotonic()) if self._batch else None)
        except Empty:
            return None

    def _admit(self, ticket: _Ticket) -> None:
        known = ticket.digest in self._under_way or self._ledger.holds(ticket.digest)
        if not known and not ticket.mail.failure:
            self._under_way.add(ticket.digest)
            ticket.future = self._executor.submit(self._work, ticket.mail)
            ticket.future.add_done_callback(lambda _future: self._events.put(None))
        self._line.append(ticket)

    def _gather(self) -> None:
        while self._line and self._line[0].is_settled() and not self._line[0].error():
            if not self._batch:
                self._due = time.monotonic() + _BATCH_SECONDS
            self._batch.append(self._line.popleft())

    def _is_due(self, ended: bool) -> bool:
        if not self._batch:
            return False
        return len(self._batch) >= _BATCH_MAILS or time.monotonic() >= self._due or (ended and not self._line)

    def _commit(self) -> None:
        with self._ledger.transaction():
            settled = [self._scribe.settle(one.mail, one.digest, one.result()) for one in self._batch]
        batch, self._batch = self._batch, []
        self._under_way.difference_update(ticket.digest for ticket in batch)
        self._window.leave(len(ticket.mail.raw) for ticket in batch)
        for done in settled:
            if done:
                self.counts[done.status] += 1
                self._on_done(done)
