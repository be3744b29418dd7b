"""Where questions are computed: a few threads behind a bounded line that counts questions, not requests."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from qa_service.domain import Query, Result
from qa_service.errors import DeadlineError, OverloadedError
from qa_service.observe import Metrics
from qa_service.retriever import Retriever

_CHUNK = 4


@dataclass(frozen=True, slots=True)
class _Item:
    """A question in the line, and where its result is waited for."""

    retriever: Retriever
    query: Query
    deadline: float
    future: asyncio.Future[Result]
    loop: asyncio.AbstractEventLoop


_Settled = tuple[_Item, Result | Exception]


class Engine:
    """Runs retrievers off the event loop. A full line refuses at once; what waited past its deadline is dropped.

    A thread takes up to four waiting questions at a time, whoever asked them: handing over and waking up then happen once
    for all, and what comes after the encoder finds its code and data in the processor's caches. Threads that are idle share
    what waits, so nobody waits while one is; those that are computing get no share, for by the time they are done others
    wait. Where there are as many threads as processors, each stays on its own, with what it has in that processor's caches.
    """

    def __init__(
        self, threads: int, max_waiting: int, deadline_ms: int, metrics: Metrics, processors: Sequence[int] = ()
    ) -> None:
        self._line: SimpleQueue[_Item | None] = SimpleQueue()
        self._max_waiting = max_waiting
        self._deadline_seconds = deadline_ms / 1000.0
        self._metrics = metrics
        self._waiting = 0
        own = processors if len(processors) == threads else [None] * threads
        self._computing = [False] * threads
        self._threads = [
            threading.Thread(target=self._work, args=(i, processor), name=f"qa-engine-{i}", daemon=True)
            for i, processor in enumerate(own)
        ]
        for thread in self._threads:
            thread.start()

    async def ask(self, retriever: Retriever, queries: Sequence[Query]) -> list[Result]:
        """Answer the queries in order.

        A batch has no more questions in the line at a time than the threads take at once, so that single questions are not
        kept behind it.

        Raises:
            OverloadedError: the line is full.
            DeadlineError: the queries waited too long.
        """
        if self._waiting + len(queries) > self._max_waiting:
            raise OverloadedError(f"{self._waiting} questions are waiting already")
        loop, deadline = asyncio.get_running_loop(), time.monotonic() + self._deadline_seconds
        self._count(len(queries))
        try:
            results: list[Result] = []
            window = _CHUNK * len(self._threads)
            for i in range(0, len(queries), window):
                futures = [loop.create_future() for _ in queries[i : i + window]]
                for query, future in zip(queries[i : i + window], futures, strict=True):
                    self._line.put(_Item(retriever, query, deadline, future, loop))
                if len(futures) == 1:
                    results.append(await futures[0])
                    continue
                # All of them end before the line is counted down, even when one fails.
                for answered in await asyncio.gather(*futures, return_exceptions=True):
                    if isinstance(answered, BaseException):
                        raise answered
                    results.append(answered)
            return results
        finally:
            self._count(-len(queries))

    def _count(self, change: int) -> None:
        self._waiting += change
        self._metrics.waiting.set(self._waiting)

    def _work(self, number: int, processor: int | None) -> None:
        if processor is not None:
            with contextlib.suppress(OSError):  # it was taken from us meanwhile
                os.sched_setaffinity(0, {processor})
        while item := self._line.get():
            items = [item]
            for _ in range(further(self._line.qsize(), self._computing.count(False))):
                try:
                    one = self._line.get_nowait()
                except Empty:
                    break
                if one is None:
                    self._line.put(None)  # another thread's, or our own next turn's
                    break
                items.append(one)
            self._computing[number] = True
            self._settle(self._computed(items))
            self._computing[number] = False

    def _computed(self, items: Sequence[_Item]) -> list[_Settled]:
        now = time.monotonic()
        settled: list[_Settled] = [
            (item, DeadlineError("the question waited too long")) for item in items if now > item.deadline
        ]
        timely = [item for item in items if now <= item.deadline]
        while timely:
            # Requests that came before and after a new index version are answered from their own.
            retriever = timely[0].retriever
            same = [item for item in timely if item.retriever is retriever]
            timely = [item for item in timely if item.retriever is not retriever]
            try:
                settled += zip(same, retriever.ask([item.query for item in same]), strict=True)
            except Exception as exc:  # noqa: BLE001 (it goes to whoever waits for the result)
                settled += [(same[0], exc)] if len(same) == 1 else [s for one in same for s in self._computed([one])]
        return settled

    @staticmethod
    def _settle(settled: Sequence[_Settled]) -> None:
        """Hand results to the event loops that wait for them, once to each."""
        for loop in {id(item.loop): item.loop for item, _ in settled}.values():
            own = [(item.future, result) for item, result in settled if item.loop is loop]
            with contextlib.suppress(RuntimeError):  # the loop has been closed, and nobody waits any more
                loop.call_soon_threadsafe(_resolve, own)

    def close(self) -> None:
        """Let go of the threads; they end after what they are computing."""
        for _ in self._threads:
            self._line.put(None)


def further(waiting: int, idle: int) -> int:
    """How many questions a thread takes that has one already.

    Args:
        waiting: how many are in the line.
        idle: how many threads are not computing, at least 1, for the one that asks is among them.
    """
    return min(_CHUNK - 1, waiting // idle)


def _resolve(settled: Sequence[tuple[asyncio.Future[Result], Result | Exception]]) -> None:
    for future, result in settled:
        if future.done():  # whoever asked has gone
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
