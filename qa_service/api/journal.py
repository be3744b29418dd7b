"""The one place that is told of each result: it counts, and keeps what the settings have kept."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from qa_service.config import Settings
from qa_service.domain import Outcome, Result
from qa_service.errors import OverloadedError
from qa_service.feedback.base import Clock, Recorded, Vote
from qa_service.feedback.database import StoreError
from qa_service.feedback.store import Store
from qa_service.feedback.tally import Tally
from qa_service.observe import Metrics, new_id

_FLUSH_SECONDS = 5.0
# Deleting old texts writes the others anew, so it does not happen at every flush.
_FORGET_SECONDS = 3_600.0
_MOST_VOTES_WAITING = 64


class Journal:
    """Counts results at once and writes what is kept of them every few seconds, in a thread of its own.

    Without a folder, or with one that can't be used, only the metrics are counted and questions are answered as ever.
    """

    def __init__(
        self, settings: Settings, metrics: Metrics, log: FilteringBoundLogger, clock: Clock = time.time
    ) -> None:
        """Open the store that the settings name.

        Args:
            settings: name the folder, and say whether and for how many days questions are kept.
            metrics: where outcomes are counted.
            log: gets a line where the store can't be used.
            clock: says what time it is.
        """
        self._metrics = metrics
        self._log = log
        self._clock = clock
        self._records = settings.record_questions
        self._record_days = settings.record_days
        self._tally = Tally()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="qa-feedback")
        self._voting = 0
        self._forget_at = 0.0
        self._unwritten: str | None = None
        self.store = self._opened(settings.state_dir)

    @property
    def takes_votes(self) -> bool:
        """Whether votes on the queries that are answered now are taken."""
        return self.store is not None

    def query_id(self) -> str:
        """An id for a query, 32 hex digits; with a store it is one that votes are taken on."""
        return new_id() if self.store is None else self.store.queries.new()

    def note(self, result: Result, text: str, seconds: float) -> None:
        """Count a result; keep its question where that is wanted and it got no single answer.

        Args:
            result: what came of it.
            text: the question as it was asked.
            seconds: from the beginning of the request to the result.
        """
        self._metrics.count_question(result.outcome)
        if self.store is None:
            return
        now = self._clock()
        self._tally.count(now, result.outcome, seconds)
        if self._records and result.outcome is not Outcome.ANSWERED:
            nearest = next((match.entry.id for match in (*result.answers, *result.related)), None)
            self._tally.record(Recorded(int(now), text, result.outcome, nearest))

    def note_mail(self, status: str) -> None:
        """Count a mail by what became of it."""
        self._metrics.mails.labels(status).inc()

    async def vote(self, store: Store, vote: Vote) -> None:
        """Keep a vote; it is on the disk afterwards.

        Raises:
            OverloadedError: too many votes are waiting.
            QueryUnknownError: the query is none of this service, or too old.
            VotesExhaustedError: the query has all the votes that it may.
            StoreError: it can't be written.
        """
        if self._voting >= _MOST_VOTES_WAITING:
            raise OverloadedError(f"{self._voting} votes are waiting already")
        self._voting += 1
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, store.vote, vote)
        finally:
            self._voting -= 1

    async def run(self) -> None:
        """Flush every few seconds."""
        while self.store is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self.flush)
            await asyncio.sleep(_FLUSH_SECONDS)

    def flush(self) -> None:
        """Write what came together, and delete what has been kept long enough. What can't be written now waits."""
        if self.store is None:
            return
        try:
            self._write(self.store)
            if self._clock() >= self._forget_at:
                self.store.forget(self._record_days)
                self._forget_at = self._clock() + _FORGET_SECONDS
        except StoreError as exc:
            self._tell(str(exc))
        else:
            self._unwritten = None

    def close(self) -> None:
        """Write the rest and let go of the store."""
        self._thread.shutdown()
        self.flush()
        if self.store is not None:
            self.store.close()

    def _opened(self, folder: str) -> Store | None:
        if not folder:
            return None
        try:
            return Store(Path(folder), self._clock)
        except StoreError as exc:
            self._log.error("feedback-off", reason=str(exc))
            return None

    def _write(self, store: Store) -> None:
        gathered = self._tally.take()
        try:
            if gathered:
                store.add(gathered)
        except StoreError:
            self._tally.give_back(gathered)
            raise

    def _tell(self, reason: str) -> None:
        """Log why nothing can be written, once for each reason."""
        if reason != self._unwritten:
            self._log.error("feedback-unwritten", reason=reason)
        self._unwritten = reason
