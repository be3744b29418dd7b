"""Votes, figures of each day and recorded questions in one file, which several processes write at once."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from qa_service.domain import Outcome
from qa_service.errors import QaError
from qa_service.feedback import schema
from qa_service.feedback.base import DAY_SECONDS, Clock, Day, EntryVotes, Unanswered, Vote
from qa_service.feedback.database import Database
from qa_service.feedback.queries import QueryIds
from qa_service.feedback.tally import BOUNDS_MS, Gathered

FILE = "feedback.sqlite"
MOST_VOTES_OF_QUERY = 50
MOST_QUESTIONS = 100_000
_EPOCH = date(1970, 1, 1)


class VotesExhaustedError(QaError):
    """A query has as many votes as are taken on one."""

    status = 409
    code = "votes-exhausted"


class Store:
    """What is kept in a folder. Safe to use from several threads and processes; its methods wait for the disk."""

    def __init__(self, folder: Path, clock: Clock = time.time) -> None:
        """Open the file in a folder, or begin one; the folder is made.

        Args:
            folder: where the file is.
            clock: says what time it is.

        Raises:
            StoreError: the file is another program's, a newer version's, or can't be read and written.
        """
        self._clock = clock
        # The process before may have been killed between the deletion of texts and that of their last copies.
        self._unclean = True
        self._database = Database(folder / FILE)
        self.queries = QueryIds(self._database.rows("SELECT secret FROM secrets")[0][0], clock)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def vote(self, vote: Vote) -> None:
        """Keep a vote; it is on the disk afterwards. The latest on a query and entry counts.

        Raises:
            QueryUnknownError: the query is none of this service, or too old.
            VotesExhaustedError: the query has 50 votes already.
            StoreError: it can't be written.
        """
        query = self.queries.check(vote.query_id)
        with self._database.writing() as db:
            (cast,) = db.execute("SELECT count(*) FROM votes WHERE query = ?", [query]).fetchone()
            if cast >= MOST_VOTES_OF_QUERY:
                raise VotesExhaustedError(f"the query has {cast} votes already; no more are taken")
            db.execute(
                "INSERT INTO votes (query, entry_id, helpful, reason, at) VALUES (?, ?, ?, ?, ?)",
                [query, vote.entry_id, vote.helpful, vote.reason, int(self._clock())],
            )

    def add(self, gathered: Gathered) -> None:
        """Add counts to those of their days, and keep questions; of all questions the newest 100,000 stay.

        Raises:
            StoreError: nothing of it could be written.
        """
        with self._database.writing() as db:
            db.executemany(schema.COUNT, ((*cell, count) for cell, count in gathered.counts.items()))
            if gathered.questions:
                rows = ((one.at, one.text, one.outcome, one.nearest) for one in gathered.questions)
                db.executemany(schema.RECORD, rows)
                db.execute(schema.CROWDED_OUT, [MOST_QUESTIONS])

    def forget(self, days: int) -> None:
        """Delete the questions that are older than so many days, so that no byte of them stays in the file or its log.

        Raises:
            StoreError: that was not possible now.
        """
        before = int(self._clock()) - days * DAY_SECONDS
        if self._database.number(schema.EXPIRED, before):
            with self._database.writing() as db:
                self._unclean = True
                for statement in schema.REWRITE:
                    db.execute(statement, [before] * statement.count("?"))
        if self._unclean:
            # The log still holds pages as they were; it is not emptied while another process reads.
            self._unclean = bool(self._database.number("PRAGMA wal_checkpoint(TRUNCATE)"))

    def days(self, days: int) -> list[Day]:
        """The figures of the last `days` days up to today (UTC), oldest first; a day without questions has zeros."""
        last = int(self._clock() // DAY_SECONDS)
        first = last - days + 1
        outcomes = {day: dict.fromkeys(map(str, Outcome), 0) for day in range(first, last + 1)}
        latencies = {day: [0] * (len(BOUNDS_MS) + 1) for day in outcomes}
        for day, outcome, bucket, questions in self._database.rows(schema.DAYS, first, last):
            outcomes[day][outcome] += questions
            latencies[day][bucket] += questions
        return [
            Day(day=_EPOCH + timedelta(days=day), latencies=tuple(latencies[day]), **outcomes[day]) for day in outcomes
        ]

    def votes(self) -> list[EntryVotes]:
        """The votes by entry, of each query and entry the latest only; first those on whole queries, then by id."""
        tallied: dict[str | None, EntryVotes] = {}
        for entry_id, helpful, reason, count in self._database.rows(schema.LATEST_VOTES):
            before = tallied.get(entry_id, EntryVotes(entry_id, 0, 0, {}))
            tallied[entry_id] = EntryVotes(
                entry_id,
                before.helpful + count * helpful,
                before.unhelpful + count * (1 - helpful),
                before.reasons if reason is None else {**before.reasons, reason: count},
            )
        return list(tallied.values())

    def unanswered(self, most: int) -> list[Unanswered]:
        """The recorded questions, newest first, `most` at most."""
        rows = self._database.rows(schema.NEWEST, most)
        return [Unanswered(datetime.fromtimestamp(at, UTC), *rest) for at, *rest in rows]
