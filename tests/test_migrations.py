from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from qa_service.migrations import Standing, migrate, standing

OURS, OTHER = 0x4F555253, 0x4F544852
STEPS = (("CREATE TABLE one (a)", "INSERT INTO one VALUES (1)"), ("CREATE TABLE two (b)",))


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A file that nothing was written to."""
    with closing(sqlite3.connect(tmp_path / "f.db", isolation_level=None)) as opened:
        yield opened


def header(db: sqlite3.Connection) -> tuple[int, int]:
    """The owner and the version of a file."""
    owner, version = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
    return owner, version


def tables(db: sqlite3.Connection) -> list[str]:
    return [name for (name,) in db.execute("SELECT name FROM sqlite_master ORDER BY name")]


def test_an_empty_file_is_begun(db: sqlite3.Connection) -> None:
    """It belongs to whoever takes it; all steps are taken, and the header says whose it is and how far."""
    assert standing(db, OURS, len(STEPS)) is Standing.OURS
    migrate(db, OURS, STEPS)
    assert (header(db), tables(db)) == ((OURS, 2), ["one", "two"])
    assert standing(db, OURS, len(STEPS)) is Standing.OURS
    assert standing(db, OTHER, len(STEPS)) is Standing.FOREIGN


def test_only_what_is_missing_is_done(db: sqlite3.Connection) -> None:
    """A file of an older version gets the later steps, and what it holds stays; a second time nothing is left to do."""
    migrate(db, OURS, STEPS[:1])
    assert (header(db), standing(db, OURS, len(STEPS))) == ((OURS, 1), Standing.OURS)
    for _ in range(2):
        migrate(db, OURS, STEPS)
        assert (header(db), tables(db)) == ((OURS, 2), ["one", "two"])
        assert [(1,)] == db.execute("SELECT a FROM one").fetchall()


@pytest.mark.parametrize(
    "statement",
    ["CREATE TABLE notes (text)", f"PRAGMA application_id = {OTHER}", "PRAGMA user_version = 1"],
)
def test_another_programs_file_is_foreign(db: sqlite3.Connection, statement: str) -> None:
    """A table, an owner or a version is enough where the header does not have our number, and nothing is written."""
    db.execute(statement)
    before = db.serialize()
    assert standing(db, OURS, len(STEPS)) is Standing.FOREIGN
    assert before == db.serialize()


def test_a_newer_file_is_told_apart(db: sqlite3.Connection) -> None:
    """One step more than is known is a newer version's; another program's file is foreign, however new."""
    migrate(db, OURS, STEPS)
    assert standing(db, OURS, len(STEPS) - 1) is Standing.NEWER
    assert standing(db, OTHER, len(STEPS) - 1) is Standing.FOREIGN


@pytest.mark.parametrize("before", ["PRAGMA user_version", "PRAGMA application_id"])
def test_a_file_that_another_process_begins_is_ours(db: sqlite3.Connection, tmp_path: Path, before: str) -> None:
    """Begun after its tables were counted, or its version was read, it is ours by the time that its owner is read."""

    def begin(statement: str) -> None:
        if statement == before:
            with closing(sqlite3.connect(tmp_path / "f.db", isolation_level=None)) as other:
                migrate(other, OURS, STEPS)

    db.set_trace_callback(begin)
    found = standing(db, OURS, len(STEPS))
    db.set_trace_callback(None)
    assert (found, header(db)) == (Standing.OURS, (OURS, 2))


def test_a_step_that_fails_can_be_taken_back(db: sqlite3.Connection) -> None:
    """Tables, owner and version are of the caller's transaction: rolled back, nothing of them is left."""
    db.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        migrate(db, OURS, [*STEPS, STEPS[0]])
    db.execute("ROLLBACK")
    assert (header(db), tables(db)) == ((0, 0), [])


def test_what_is_no_database_is_an_error(tmp_path: Path) -> None:
    """SQLite's own error is raised, for the caller to name."""
    path = tmp_path / "notes.txt"
    path.write_text("Not a database. " * 100, "utf-8")
    with closing(sqlite3.connect(path)) as db, pytest.raises(sqlite3.DatabaseError, match="not a database"):
        standing(db, OURS, len(STEPS))
