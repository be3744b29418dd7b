from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from qa_service.api import journal as journals
from qa_service.api.journal import Journal
from qa_service.config import Settings
from qa_service.domain import Entry, Match, Outcome, Result, Source
from qa_service.errors import OverloadedError
from qa_service.feedback.base import EntryVotes, Unanswered, Vote
from qa_service.feedback.store import FILE, Store
from qa_service.observe import Metrics, logger
from tests.test_feedback_store import DAY, NOON, Clock, content


def match(entry_id: str) -> Match:
    return Match(Entry(entry_id, "?", "!", Source("faq.md", None, "0", 0, 1)), 1.0, 1.0, 1.0, "?")


def result(outcome: Outcome, answers: str = "", related: str = "") -> Result:
    """A result whose entries are named by a letter each."""
    return Result(outcome, tuple(map(match, answers)), tuple(map(match, related)), "v-1")


ANSWERED = result(Outcome.ANSWERED, "a", "bc")
AMBIGUOUS = result(Outcome.AMBIGUOUS, "bc", "a")
ABSTAINED = result(Outcome.ABSTAINED, "", "cb")
NOTHING = result(Outcome.ABSTAINED)


@contextmanager
def opened(folder: Path | str, clock: Clock | None = None, **changes: Any) -> Iterator[tuple[Journal, Store]]:
    """A journal and the store that it has opened."""
    journal = Journal(
        Settings(state_dir=str(folder), **changes), Metrics(), logger("info"), clock if clock is not None else Clock()
    )
    assert journal.store is not None
    yield journal, journal.store
    journal.close()


def outcomes(store: Store) -> tuple[int, int, int]:
    """What the store says of today: answered, ambiguous, abstained."""
    (today,) = store.days(1)
    return today.answered, today.ambiguous, today.abstained


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_each_result_is_counted_everywhere(tmp_path: Path) -> None:
    """At once in the metrics, and in the store after a flush, by outcome and time."""
    with opened(tmp_path) as (journal, store):
        for one in (ANSWERED, ANSWERED, AMBIGUOUS, ABSTAINED):
            journal.note(one, "What?", 0.0006)
        assert (0, 0, 0) == outcomes(store)
        journal.flush()
        assert (2, 1, 1) == outcomes(store)
        assert {1: 4} == {bucket: count for bucket, count in enumerate(store.days(1)[0].latencies) if count}
        counted = {
            outcome: journal._metrics.registry.get_sample_value("qa_questions_total", {"outcome": outcome})
            for outcome in Outcome
        }
    assert {"answered": 2.0, "ambiguous": 1.0, "abstained": 1.0} == counted


def test_questions_are_recorded_only_without_a_single_answer(tmp_path: Path) -> None:
    """With the time, the outcome and the nearest entry, if there is one."""
    with opened(tmp_path, record_questions=True) as (journal, store):
        for one, text in ((ANSWERED, "one?"), (AMBIGUOUS, "two?"), (ABSTAINED, "three?"), (NOTHING, "four?")):
            journal.note(one, text, 0.001)
        journal.flush()
        at = datetime.fromtimestamp(NOON, UTC)
        assert store.unanswered(10) == [
            Unanswered(at, "four?", "abstained", None),
            Unanswered(at, "three?", "abstained", "c"),
            Unanswered(at, "two?", "ambiguous", "b"),
        ]
    assert b"one?" not in content(tmp_path)


def test_nothing_is_recorded_unless_wanted(tmp_path: Path) -> None:
    """By default no question is written, whatever its outcome."""
    with opened(tmp_path) as (journal, store):
        for one in (ANSWERED, AMBIGUOUS, ABSTAINED):
            journal.note(one, "zebra crossing", 0.001)
        journal.flush()
        assert [] == store.unanswered(10)
        assert b"zebra" not in content(tmp_path)


def test_old_questions_go_though_recording_is_off(tmp_path: Path) -> None:
    """What is there stays until its days are over: it is looked for at the first flush and after each hour."""
    clock = Clock()
    with opened(tmp_path, clock, record_questions=True) as (journal, _):
        journal.note(ABSTAINED, "zebra?", 0.001)
    clock.now += 7 * DAY - 60
    with opened(tmp_path, clock, record_days=7) as (journal, store):
        journal.flush()
        clock.now += 3_599
        journal.flush()
        assert ["zebra?"] == [one.text for one in store.unanswered(10)]
        clock.now += 1
        journal.flush()
        assert [] == store.unanswered(10)
        assert b"zebra" not in content(tmp_path)


def test_without_a_folder_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids are random, votes are not taken, and no file is made; the metrics count as ever."""
    monkeypatch.chdir(tmp_path)
    journal = Journal(Settings(), Metrics(), logger("info"))
    journal.note(ABSTAINED, "What?", 0.001)
    asyncio.run(journal.run())
    journal.close()
    assert (None, False) == (journal.store, journal.takes_votes)
    assert re.fullmatch("[0-9a-f]{32}", journal.query_id())
    assert 1.0 == journal._metrics.registry.get_sample_value("qa_questions_total", {"outcome": "abstained"})
    assert [] == list(tmp_path.iterdir())


def test_a_folder_that_cant_be_used_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line with the reason and without the path; the journal goes on without a store."""
    (tmp_path / "occupied").write_text("a file", "utf-8")
    journal = Journal(Settings(state_dir=str(tmp_path / "occupied")), Metrics(), logger("info"))
    journal.note(ABSTAINED, "What?", 0.001)
    journal.flush()
    journal.close()
    (line,) = lines(capsys)
    assert {"event": "feedback-off", "level": "error", "reason": f"{FILE} can't be used (EEXIST)"} == {
        key: value for key, value in line.items() if key != "timestamp"
    }
    assert not journal.takes_votes


def test_what_cant_be_written_waits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A full disk is logged once, and what came together meanwhile is written when there is room again."""
    with opened(tmp_path, record_questions=True) as (journal, store):
        store._database.rows(f"PRAGMA max_page_count = {store._database.number('PRAGMA page_count')}")
        for i in range(30):
            journal.note(ABSTAINED, f"{i} {'x' * 1_000}", 0.001)
        journal.flush()
        journal.note(ANSWERED, "What?", 0.001)
        journal.flush()
        assert (0, 0, 0) == outcomes(store)
        store._database.rows("PRAGMA max_page_count = 1000000")
        journal.flush()
        assert (1, 0, 30) == outcomes(store)
        assert [str(i) for i in reversed(range(30))] == [one.text.split()[0] for one in store.unanswered(100)]
    assert [("feedback-unwritten", f"{FILE} can't be used (SQLITE_FULL)")] == [
        (line["event"], line["reason"]) for line in lines(capsys)
    ]


def test_it_flushes_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every few seconds, while the event loop goes on."""
    monkeypatch.setattr(journals, "_FLUSH_SECONDS", 0.005)

    async def until_written(journal: Journal, store: Store) -> None:
        flushing = asyncio.create_task(journal.run())
        for count in (1, 2):
            journal.note(ANSWERED, "What?", 0.001)
            while outcomes(store) != (count, 0, 0):
                await asyncio.sleep(0.001)
        flushing.cancel()

    with opened(tmp_path) as (journal, store):
        asyncio.run(asyncio.wait_for(until_written(journal, store), 60))
        assert (2, 0, 0) == outcomes(store)


def test_the_rest_is_written_at_the_end(tmp_path: Path) -> None:
    """Closing flushes."""
    clock = Clock()
    with opened(tmp_path, clock) as (journal, _):
        journal.note(AMBIGUOUS, "What?", 0.001)
    with closing(Store(tmp_path, clock)) as store:
        assert (0, 1, 0) == outcomes(store)


def test_its_ids_are_those_of_the_store(tmp_path: Path) -> None:
    """A vote on a query that was given an id is taken, and is on the disk when it has been."""
    with opened(tmp_path) as (journal, store):
        assert journal.takes_votes
        asyncio.run(journal.vote(store, Vote(journal.query_id(), "a", True)))
        with closing(sqlite3.connect(tmp_path / FILE)) as db:
            assert [("a", 1)] == db.execute("SELECT entry_id, helpful FROM votes").fetchall()


def test_waiting_votes_are_bounded(tmp_path: Path) -> None:
    """While another process holds the file, 64 votes wait and further ones are refused; all that waited are kept."""

    async def flood(journal: Journal, store: Store, other: sqlite3.Connection) -> list[BaseException | None]:
        votes = [Vote(journal.query_id(), "a", True) for _ in range(70)]
        waiting = asyncio.gather(*(journal.vote(store, vote) for vote in votes), return_exceptions=True)
        await asyncio.sleep(0)
        other.execute("COMMIT")
        return await waiting

    with opened(tmp_path) as (journal, store), closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        told = asyncio.run(flood(journal, store, other))
        assert [None] * 64 == told[:64]
        assert {OverloadedError} == {type(one) for one in told[64:]}
        assert [EntryVotes("a", 64, 0, {})] == store.votes()
        asyncio.run(journal.vote(store, Vote(journal.query_id(), "a", True)))
        assert [EntryVotes("a", 65, 0, {})] == store.votes()
