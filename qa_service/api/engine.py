"""Where questions are computed: a few threads behind a bounded line that counts questions, not requests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from qa_service.domain import Query, Result
from qa_service.errors import DeadlineError, OverloadedError
from qa_service.observe import Metrics
from qa_service.retriever import Retriever

_CHUNK = 4


class Engine:
    """Runs retrievers off the event loop. A full line refuses at once; what waited past its deadline is dropped."""

    def __init__(self, threads: int, max_waiting: int, deadline_ms: int, metrics: Metrics) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="qa-engine")
        self._threads = threads
        self._max_waiting = max_waiting
        self._deadline_seconds = deadline_ms / 1000.0
        self._metrics = metrics
        self._waiting = 0

    async def ask(self, retriever: Retriever, queries: Sequence[Query]) -> list[Result]:
        """Answer the queries in order.

        A batch holds no more threads at a time than there are, so that single questions are not kept behind it.

        Raises:
            OverloadedError: the line is full.
            DeadlineError: the queries waited too long.
        """
        if self._waiting + len(queries) > self._max_waiting:
            raise OverloadedError(f"{self._waiting} questions are waiting already")
        deadline = time.monotonic() + self._deadline_seconds
        self._count(len(queries))
        try:
            chunks = [queries[i : i + _CHUNK] for i in range(0, len(queries), _CHUNK)]
            results: list[Result] = []
            for i in range(0, len(chunks), self._threads):
                running = [self._run(retriever, chunk, deadline) for chunk in chunks[i : i + self._threads]]
                # All of them end before the line is counted down, even when one fails.
                for answered in await asyncio.gather(*running, return_exceptions=True):
                    if isinstance(answered, BaseException):
                        raise answered
                    results += answered
            return results
        finally:
            self._count(-len(queries))

    def _count(self, change: int) -> None:
        self._waiting += change
        self._metrics.waiting.set(self._waiting)

    async def _run(self, retriever: Retriever, queries: Sequence[Query], deadline: float) -> list[Result]:
        def compute() -> list[Result]:
            if time.monotonic() > deadline:
                raise DeadlineError("the question waited too long")
            return retriever.ask(queries)

        return await asyncio.get_running_loop().run_in_executor(self._pool, compute)

    def close(self) -> None:
        """Let go of the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)
