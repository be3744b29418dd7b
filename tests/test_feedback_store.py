from __future__ import annotations

import random
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from qa_service.feedback import store as stores
from qa_service.feedback.base import Day, EntryVotes, Reason, Recorded, Unanswered, Vote
from qa_service.feedback.database import StoreError
from qa_service.feedback.queries import QueryUnknownError
from qa_service.feedback.store import FILE, Store, VotesExhaustedError
from qa_service.feedback.tally import BOUNDS_MS, Gathered

DAY = 86_400
NOON = 20_000 * DAY + DAY // 2  # of 4 October 2024


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now: float = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    """A store whose clock is set by hand."""
    opened = Store(tmp_path / "state", clock)
    yield opened
    opened.close()


def texts(*at: float) -> Gathered:
    """Recorded questions that are named by their place, asked at these times."""
    return Gathered({}, [Recorded(int(one), f"question {i}", "abstained", None) for i, one in enumerate(at)])


def content(folder: Path) -> bytes:
    """Every byte of every file in a folder."""
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def test_the_latest_vote_on_a_query_and_entry_counts(store: Store) -> None:
    """Whoever changes their mind has one vote; other queries and entries, and none, have their own."""
    one, two = store.queries.new(), store.queries.new()
    for vote in (
        Vote(one, "a", True),
        Vote(one, "a", False, Reason.WRONG),
        Vote(one, "b", False),
        Vote(two, "a", False, Reason.WRONG),
        Vote(two, "b", True),
        Vote(two, "c", False, Reason.UNCLEAR),
        Vote(one, None, True),
        Vote(one, None, False, Reason.OTHER_QUESTION),
    ):
        store.vote(vote)
    assert store.votes() == [
        EntryVotes(None, 0, 1, {"other-question": 1}),
        EntryVotes("a", 0, 2, {"wrong": 2}),
        EntryVotes("b", 1, 1, {}),
        EntryVotes("c", 0, 1, {"unclear": 1}),
    ]


def test_votes_are_never_changed_or_deleted(store: Store, tmp_path: Path) -> None:
    """The file itself refuses it, whoever asks; earlier votes of a query stay beside the latest."""
    query = store.queries.new()
    store.vote(Vote(query, "a", True))
    store.vote(Vote(query, "a", False))
    with closing(sqlite3.connect(tmp_path / "state" / FILE)) as db:
        for statement in ("DELETE FROM votes", "UPDATE votes SET helpful = 1"):
            with pytest.raises(sqlite3.IntegrityError, match="votes stay"):
                db.execute(statement)
        assert [(1,), (0,)] == db.execute("SELECT helpful FROM votes ORDER BY vote").fetchall()


def test_a_query_takes_fifty_votes(store: Store) -> None:
    """Then none; another query still does."""
    query = store.queries.new()
    for i in range(50):
        store.vote(Vote(query, f"e{i}", True))
    with pytest.raises(VotesExhaustedError, match="50 votes"):
        store.vote(Vote(query, "e0", False))
    store.vote(Vote(store.queries.new(), "e0", True))
    assert 51 == sum(one.helpful for one in store.votes())


def test_votes_on_unknown_and_old_queries_are_refused(store: Store, clock: Clock) -> None:
    """Nothing of them is written."""
    query = store.queries.new()
    with pytest.raises(QueryUnknownError):
        store.vote(Vote("0" * 32, "a", True))
    clock.now += 31 * DAY
    with pytest.raises(QueryUnknownError):
        store.vote(Vote(query, "a", True))
    assert [] == store.votes()


def test_queries_are_known_after_opening_again(tmp_path: Path, clock: Clock) -> None:
    """A restart and other workers take votes on what was answered before; another folder's do not."""
    with closing(Store(tmp_path / "one", clock)) as first:
        query = first.queries.new()
    with closing(Store(tmp_path / "one", clock)) as again:
        again.vote(Vote(query, "a", True))
        assert [EntryVotes("a", 1, 0, {})] == again.votes()
    with closing(Store(tmp_path / "two", clock)) as other, pytest.raises(QueryUnknownError):
        other.vote(Vote(query, "a", True))


def test_days_are_summed(store: Store, clock: Clock) -> None:
    """What several flushes bring is added; days without questions are zeros, oldest first, up to today."""
    today, last = NOON // DAY, len(BOUNDS_MS)
    store.add(
        Gathered({(today, "answered", 3): 2, (today - 2, "abstained", last): 1, (today - 9, "answered", 0): 7}, ())
    )
    store.add(Gathered({(today, "answered", 3): 1, (today, "ambiguous", 4): 5}, ()))

    def buckets(**counts: int) -> tuple[int, ...]:
        return tuple(counts.get(f"b{i}", 0) for i in range(last + 1))

    expected = [
        Day(date(2024, 10, 2), 0, 0, 1, buckets(**{f"b{last}": 1})),
        Day(date(2024, 10, 3), 0, 0, 0, buckets()),
        Day(date(2024, 10, 4), 3, 5, 0, buckets(b3=3, b4=5)),
    ]
    assert expected == store.days(3)
    clock.now += DAY
    assert [*expected[1:], Day(date(2024, 10, 5), 0, 0, 0, buckets())] == store.days(3)


def test_recorded_questions_come_newest_first(store: Store) -> None:
    """With the time, the outcome and the nearest entry; of many, as many as are wanted."""
    store.add(
        Gathered(
            {},
            [
                Recorded(NOON, "first?\x00 ünï", "abstained", None),
                Recorded(NOON + 1, "second?", "ambiguous", "a"),
                Recorded(NOON + 2, "third?", "abstained", "b"),
            ],
        )
    )
    noon = datetime(2024, 10, 4, 12, tzinfo=UTC)
    assert store.unanswered(2) == [
        Unanswered(noon.replace(second=2), "third?", "abstained", "b"),
        Unanswered(noon.replace(second=1), "second?", "ambiguous", "a"),
    ]
    assert "first?\x00 ünï" == store.unanswered(3)[2].text


def test_the_newest_questions_stay(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the most that are kept, the oldest go."""
    monkeypatch.setattr(stores, "MOST_QUESTIONS", 3)
    store.add(texts(NOON, NOON))
    store.add(texts(NOON, NOON))
    assert ["question 1", "question 0", "question 1"] == [one.text for one in store.unanswered(10)]


def test_old_questions_are_deleted(store: Store, clock: Clock) -> None:
    """To the second, and the younger ones stay in their order."""
    store.add(texts(NOON - 90 * DAY - 1, NOON, NOON - 90 * DAY))
    store.forget(90)
    assert ["question 2", "question 1"] == [one.text for one in store.unanswered(10)]
    clock.now += 1
    store.forget(90)
    assert ["question 1"] == [one.text for one in store.unanswered(10)]
    clock.now += 90 * DAY
    store.forget(90)
    store.add(texts(clock.now))
    assert ["question 0"] == [one.text for one in store.unanswered(10)]


@pytest.mark.parametrize("seed", range(4))
def test_no_byte_of_a_deleted_question_stays(tmp_path: Path, clock: Clock, seed: int) -> None:
    """Neither in the file nor in its log, whatever the lengths of texts and the order of additions and deletions."""
    chance = random.Random(seed)  # noqa: S311 (no secret)
    made, folder = 0, tmp_path / "state"
    with closing(Store(folder, clock)) as store:
        for _ in range(25):
            clock.now += chance.randrange(DAY)
            added = range(made, made := made + chance.randrange(60))
            rows = [
                Recorded(int(clock.now), f"canary{i:08d} {'x' * chance.choice((5, 40, 200, 1_900))}", "abstained", None)
                for i in added
            ]
            store.add(Gathered({}, rows))
            store.vote(Vote(store.queries.new(), "entry", True))
            store.forget(2)
            stored = {int(found) for found in re.findall(rb"canary(\d{8})", content(folder))}
            kept = {int(one.text[6:14]) for one in store.unanswered(10_000)}
            assert stored == kept
    assert 0 < len(kept) < made


def test_deletion_waits_for_readers_of_the_log(store: Store, clock: Clock, tmp_path: Path) -> None:
    """While another process reads, the log can't be emptied; the next time it is."""
    folder = tmp_path / "state"
    store._database.rows("PRAGMA busy_timeout = 10")
    store.add(texts(NOON))
    with closing(sqlite3.connect(folder / FILE, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert [(1,)] == reader.execute("SELECT count(*) FROM questions").fetchall()
        clock.now += 2 * DAY
        store.forget(1)
        assert [] == store.unanswered(10)
        assert b"question 0" in content(folder)
        reader.execute("COMMIT")
        store.forget(1)
    assert b"question 0" not in content(folder)


def test_what_a_killed_process_had_deleted_is_gone(tmp_path: Path, clock: Clock) -> None:
    """One that ended before it had emptied the log leaves that to the next."""
    folder = tmp_path / "state"
    script = (
        "import os, signal; from pathlib import Path; from qa_service.feedback import schema\n"
        "from qa_service.feedback.base import Recorded; from qa_service.feedback.store import *\n"
        f"store = Store(Path({str(folder)!r}))\n"
        "store.add(Gathered({}, [Recorded(0, 'canary-of-1970', 'abstained', None)]))\n"
        "with store._database.writing() as db:\n"
        "    for statement in schema.REWRITE: db.execute(statement, [1] * statement.count('?'))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script], check=False, timeout=60)
    assert -signal.SIGKILL == killed.returncode
    assert b"canary-of-1970" in content(folder)
    with closing(Store(folder, clock)) as store:
        store.forget(90)
        assert b"canary-of-1970" not in content(folder)


VOTER = """
import sys
from pathlib import Path
from qa_service.feedback.store import *
store, name = Store(Path(sys.argv[1])), sys.argv[2]
for i in range(int(sys.argv[3])):
    store.vote(Vote(store.queries.new(), f"{name}-{i}", True))
    print(i, flush=True)
"""


def voter(folder: Path, name: str, votes: int) -> subprocess.Popen[str]:
    """A process that votes, and prints the number of each vote when it has been taken."""
    command = [sys.executable, "-c", VOTER, str(folder), name, str(votes)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_killed_process_loses_no_vote_that_was_taken(tmp_path: Path) -> None:
    """It is killed while it votes, three times; every vote that it told of is there, and the file is sound."""
    folder, told = tmp_path / "state", set()
    for name, after in (("one", 1), ("two", 20), ("three", 50)):
        process = voter(folder, name, 1_000_000)
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(after)]
        process.kill()
        lines += process.communicate(timeout=60)[0].splitlines()
        assert -signal.SIGKILL == process.returncode
        told |= {f"{name}-{int(line)}" for line in lines if line.strip()}
    with closing(Store(folder)) as store:
        kept = {one.entry_id for one in store.votes()}
    with closing(sqlite3.connect(folder / FILE)) as db:
        assert ("ok",) == db.execute("PRAGMA integrity_check").fetchone()
    assert len(told) >= 71
    assert set() == told - kept
    assert len(kept) <= len(told) + 3  # at each kill one may have been written and not yet told


def test_processes_vote_at_once(tmp_path: Path) -> None:
    """Two workers that vote into one file lose nothing of each other."""
    folder = tmp_path / "state"
    voters = [voter(folder, name, 200) for name in ("one", "two")]
    told = [process.communicate(timeout=120)[0] for process in voters]
    assert [0, 0] == [process.returncode for process in voters]
    assert [200, 200] == [len(lines.splitlines()) for lines in told]
    with closing(Store(folder)) as store:
        assert {f"{name}-{i}" for name in ("one", "two") for i in range(200)} == {one.entry_id for one in store.votes()}


def fill(store: Store) -> None:
    """Vote until the disk is full."""
    while True:
        store.vote(Vote(store.queries.new(), "e" * 128, True))


def test_a_vote_on_a_full_disk_is_refused(store: Store) -> None:
    """It is said, nothing of it is kept, and with room again votes are taken."""
    pages = store._database.number("PRAGMA page_count")
    store._database.rows(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="SQLITE_FULL"):
        fill(store)
    (before,) = store.votes()
    store._database.rows("PRAGMA max_page_count = 1000000")
    store.vote(Vote(store.queries.new(), "e" * 128, True))
    assert [EntryVotes("e" * 128, before.helpful + 1, 0, {})] == store.votes()
