from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from qa_service.feedback.database import Database, StoreError
from qa_service.feedback.schema import APPLICATION_ID, MIGRATIONS

INSERT = "INSERT INTO days VALUES (?, 'answered', 0, 1)"


def test_it_is_written_for_good(tmp_path: Path) -> None:
    """Every commit waits for the disk, what is deleted is overwritten, and the file says whose it is."""
    database = Database(tmp_path / "f.sqlite")
    names = ("synchronous", "secure_delete", "application_id", "user_version")
    settings = {name: database.number(f"PRAGMA {name}") for name in names}
    journal = database.rows("PRAGMA journal_mode")
    database.close()
    assert settings == {
        "synchronous": 2,
        "secure_delete": 1,
        "application_id": APPLICATION_ID,
        "user_version": len(MIGRATIONS),
    }
    assert [("wal",)] == journal


def test_the_folder_is_made_and_nobody_else_reads_it(tmp_path: Path) -> None:
    """The folder that was missing and the file are the owner's alone, and so is the log beside it."""
    path = tmp_path / "deep" / "state" / "f.sqlite"
    database = Database(path)
    modes = [one.stat().st_mode & 0o777 for one in (path.parent, path, path.with_name("f.sqlite-wal"))]
    database.close()
    assert [0o700, 0o600, 0o600] == modes


def test_another_folder_keeps_its_rights(tmp_path: Path) -> None:
    """One that is there already is used as it is."""
    tmp_path.chmod(0o755)
    Database(tmp_path / "f.sqlite").close()
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_other_files_are_refused_and_left_alone(tmp_path: Path) -> None:
    """Another program's database, what is no database, and a folder that is none."""
    foreign, text = tmp_path / "foreign.db", tmp_path / "notes.txt"
    with closing(sqlite3.connect(foreign)) as db:
        db.execute("CREATE TABLE notes (text)")
        db.commit()
    text.write_text("Not a database. " * 100, "utf-8")
    before = foreign.read_bytes(), text.read_bytes()
    with pytest.raises(StoreError, match=r"foreign\.db is another program's"):
        Database(foreign)
    with pytest.raises(StoreError, match=r"notes\.txt can't be used \(SQLITE_NOTADB\)"):
        Database(text)
    with pytest.raises(StoreError, match=r"f\.sqlite can't be used \(EEXIST\)"):
        Database(text / "f.sqlite")
    assert before == (foreign.read_bytes(), text.read_bytes())
    assert {foreign, text} == set(tmp_path.iterdir())


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """An older program does not touch what it does not understand."""
    path = tmp_path / "f.sqlite"
    Database(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(StoreError, match="newer version"):
        Database(path)


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    """Pages of nonsense are an error with the name of the file."""
    path = tmp_path / "f.sqlite"
    Database(path).close()
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))
    database = Database(path)
    with pytest.raises(StoreError, match=r"f\.sqlite can't be used \(SQLITE_CORRUPT"):
        database.rows("SELECT * FROM days")
    database.close()


def test_a_full_disk_is_said_and_passes(tmp_path: Path) -> None:
    """Nothing of the transaction is written; with room again it goes on."""
    database = Database(tmp_path / "f.sqlite")
    database.rows(f"PRAGMA max_page_count = {database.number('PRAGMA page_count')}")
    with pytest.raises(StoreError, match="SQLITE_FULL"), database.writing() as db:
        db.executemany(INSERT, [(i,) for i in range(10_000)])
    assert 0 == database.number("SELECT count(*) FROM days")
    database.rows("PRAGMA max_page_count = 1000000")
    with database.writing() as db:
        db.execute(INSERT, [1])
    assert 1 == database.number("SELECT count(*) FROM days")
    database.close()


def interrupted(database: Database) -> None:
    """Ctrl-C in the middle of a transaction."""
    with database.writing() as db:
        db.execute(INSERT, [1])
        raise KeyboardInterrupt


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    """What is interrupted leaves nothing behind, and the file goes on."""
    database = Database(tmp_path / "f.sqlite")
    with pytest.raises(KeyboardInterrupt):
        interrupted(database)
    assert 0 == database.number("SELECT count(*) FROM days")
    database.close()


def test_a_closed_file_is_said(tmp_path: Path) -> None:
    """Using it afterwards is an error of this service's own kind."""
    database = Database(tmp_path / "f.sqlite")
    database.close()
    with pytest.raises(StoreError, match="ProgrammingError"):
        database.rows("SELECT 1")


def test_another_writer_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short transaction of another process is no error; one that does not end is, by its reason."""
    path = tmp_path / "f.sqlite"
    database = Database(path)
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        ending = threading.Timer(0.1, lambda: other.execute("COMMIT"))
        ending.start()
        with database.writing() as db:
            db.execute(INSERT, [1])
        ending.join()
        database.close()
        monkeypatch.setattr("qa_service.feedback.database._WAIT_SECONDS", 0.05)
        impatient = Database(path)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"another process is writing f\.sqlite"), impatient.writing():
            pass
        impatient.close()


def test_a_file_that_stays_locked_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that another program holds for itself does not keep the service from starting for ever."""
    path = tmp_path / "f.sqlite"
    monkeypatch.setattr("qa_service.feedback.database._WAIT_SECONDS", 0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="another process is writing"):
            Database(path)


def test_processes_may_begin_it_at_once(tmp_path: Path) -> None:
    """As workers do: each opens the same file, and all see the same secret."""
    path = tmp_path / "state" / "f.sqlite"
    script = (
        "import sys; from pathlib import Path; from qa_service.feedback.database import Database\n"
        "sys.stdin.readline()\n"
        "print(Database(Path(sys.argv[1])).rows('SELECT hex(secret) FROM secrets')[0][0])\n"
    )
    command = [sys.executable, "-c", script, str(path)]
    workers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for worker in workers:
        assert worker.stdin
        worker.stdin.write("\n")
        worker.stdin.flush()
    told = [worker.communicate(timeout=60)[0].strip() for worker in workers]
    assert [0] * 4 == [worker.returncode for worker in workers]
    assert {64} == {len(one) for one in told}
    assert 1 == len(set(told))
