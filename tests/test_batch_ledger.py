from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from qa_service.batch.ledger import Kept, Ledger, LedgerError, Placed
from qa_service.batch.schema import APPLICATION_ID
from qa_service.errors import LockedError

ONE, TWO = b"1" * 32, b"2" * 32
KEPT = Kept("a.eml", "<a@example.com>", "matched", b'{"file":"a.eml"}')


def placed(ledger: Ledger, *files: tuple[str, bytes, Kept]) -> None:
    """Keep and place some messages in one transaction."""
    with ledger.transaction():
        for file, digest, kept in files:
            ledger.keep(digest, kept)
            ledger.place(file, digest, kept.message_id)


def test_what_was_kept_is_there_after_opening_again(tmp_path: Path) -> None:
    """Byte for byte."""
    path = tmp_path / "ledger.db"
    with Ledger(path) as ledger:
        ledger.begin("v1")
        assert not ledger.holds(ONE)
        placed(ledger, ("a.eml", ONE, KEPT))
    with Ledger(path) as ledger:
        ledger.begin("v1")
        assert (True, False) == (ledger.holds(ONE), ledger.holds(TWO))
        assert (KEPT, None) == (ledger.result(ONE), ledger.result(TWO))


def test_rows_come_in_the_order_of_the_latest_run(tmp_path: Path) -> None:
    """Files that the latest run did not see stay in the history, before those that it saw."""
    other = Kept("b.eml", None, "abstained", b'{"file":"b.eml"}')
    with Ledger(tmp_path / "ledger.db") as ledger:
        assert [] == list(ledger.rows()) == list(ledger.history())
        ledger.begin("v1")
        placed(ledger, ("a.eml", ONE, KEPT), ("b.eml", TWO, other))
        assert [KEPT.row, other.row] == list(ledger.rows())
        ledger.begin("v1")
        placed(ledger, ("b.eml", TWO, other))
        assert [other.row] == list(ledger.rows())
        assert [KEPT.row, other.row] == list(ledger.history())


def test_another_index_version_begins_anew(tmp_path: Path) -> None:
    """Results of the version before are kept and do not count."""
    with Ledger(tmp_path / "ledger.db") as ledger:
        ledger.begin("v1")
        placed(ledger, ("a.eml", ONE, KEPT))
        ledger.begin("v2")
        assert not ledger.holds(ONE)
        assert [] == list(ledger.history())
        ledger.begin("v1")
        assert ledger.holds(ONE)


def test_a_file_is_in_a_run_once(tmp_path: Path) -> None:
    """A file that holds another message now has that one's row."""
    other = Kept("a.eml", None, "abstained", b"{}")
    with Ledger(tmp_path / "ledger.db") as ledger:
        ledger.begin("v1")
        placed(ledger, ("a.eml", ONE, KEPT))
        ledger.begin("v1")
        placed(ledger, ("a.eml", TWO, other))
        assert [other.row] == list(ledger.rows()) == list(ledger.history())


def test_duplicates_are_found_within_the_run(tmp_path: Path) -> None:
    """By bytes before id; a file with a row of its own is nobody's original, and neither is one of an earlier run."""
    with Ledger(tmp_path / "ledger.db") as ledger:
        ledger.begin("v1")
        placed(ledger, ("old.eml", ONE, KEPT))
        ledger.begin("v1")
        assert ledger.original(ONE, KEPT.message_id) is None
        with ledger.transaction():
            ledger.place("own.eml", ONE, KEPT.message_id, b"{}")
        assert ledger.original(ONE, KEPT.message_id) is None
        placed(ledger, ("a.eml", ONE, KEPT), ("b.eml", TWO, Kept("b.eml", None, "matched", b"{}")))
        assert Placed("a.eml", ONE) == ledger.original(ONE, None) == ledger.original(b"3" * 32, KEPT.message_id)
        assert Placed("b.eml", TWO) == ledger.original(TWO, KEPT.message_id)
        assert ledger.original(b"3" * 32, None) is None


def test_a_moved_file_keeps_its_place(tmp_path: Path) -> None:
    """It takes the new name, also where an earlier run had a file of that name."""
    other = Kept("b.eml", None, "matched", b'{"file":"b.eml"}')
    with Ledger(tmp_path / "ledger.db") as ledger:
        ledger.begin("v1")
        placed(ledger, ("new.eml", TWO, other))
        ledger.begin("v1")
        placed(ledger, ("a.eml", ONE, KEPT), ("b.eml", TWO, other))
        with ledger.transaction():
            ledger.move(Placed("a.eml", ONE), "new.eml")
        assert Placed("new.eml", ONE) == ledger.original(ONE, None)
        assert [KEPT.row, other.row] == list(ledger.rows())


def interrupted(ledger: Ledger) -> None:
    """Ctrl-C in the middle of a transaction."""
    with ledger.transaction():
        ledger.keep(ONE, KEPT)
        raise KeyboardInterrupt


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    """Ctrl-C in the middle leaves what was before, and the ledger goes on."""
    with Ledger(tmp_path / "ledger.db") as ledger:
        ledger.begin("v1")
        with pytest.raises(KeyboardInterrupt):
            interrupted(ledger)
        assert not ledger.holds(ONE)
        placed(ledger, ("a.eml", ONE, KEPT))
        assert ledger.holds(ONE)


def test_a_killed_process_leaves_whole_transactions(tmp_path: Path) -> None:
    """What was committed is there, what was not is not, and the file is sound and free."""
    path = tmp_path / "ledger.db"
    script = (
        "import os, signal, sys; from pathlib import Path; from qa_service.batch.ledger import *\n"
        f"ledger = Ledger(Path({str(path)!r})); ledger.begin('v1'); kept = Kept('a', None, 'matched', b'row')\n"
        "with ledger.transaction(): ledger.keep(b'1' * 32, kept)\n"
        "with ledger.transaction():\n"
        "    ledger.keep(b'2' * 32, kept)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script], check=False, timeout=60)
    assert -signal.SIGKILL == killed.returncode
    with Ledger(path) as ledger:
        ledger.begin("v1")
        assert (True, False) == (ledger.holds(ONE), ledger.holds(TWO))
    with closing(sqlite3.connect(path)) as db:
        assert ("ok",) == db.execute("PRAGMA integrity_check").fetchone()


def test_it_is_written_for_good(tmp_path: Path) -> None:
    """Every commit waits for the disk, and the file says whose it is and which schema it has."""
    path = tmp_path / "ledger.db"
    with Ledger(path) as ledger:
        settings = {
            name: ledger._db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("synchronous", "application_id", "user_version")
        }
        assert {"synchronous": 2, "application_id": APPLICATION_ID, "user_version": 1} == settings
        assert ("wal",) == ledger._db.execute("PRAGMA journal_mode").fetchone()


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    """It is told why, and may try again when the first has ended."""
    path = tmp_path / "ledger.db"
    script = f"from pathlib import Path; from qa_service.batch.ledger import Ledger; Ledger(Path({str(path)!r}))"
    with Ledger(path) as ledger:
        ledger.begin("v1")
        with pytest.raises(LockedError, match=r"another process has ledger\.db open"):
            Ledger(path)
        second = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, timeout=60)
        assert b"LockedError" in second.stderr
        placed(ledger, ("a.eml", ONE, KEPT))
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_other_files_are_refused_and_left_alone(tmp_path: Path) -> None:
    """Another program's database, what is no database, and a folder that is not there."""
    foreign, text = tmp_path / "foreign.db", tmp_path / "notes.txt"
    with closing(sqlite3.connect(foreign)) as db:
        db.execute("CREATE TABLE notes (text)")
        db.commit()
    text.write_text("Not a database. " * 100, "utf-8")
    before = foreign.read_bytes(), text.read_bytes()
    with pytest.raises(LedgerError, match=r"foreign\.db is no ledger"):
        Ledger(foreign)
    with pytest.raises(LedgerError, match="SQLITE_NOTADB"):
        Ledger(text)
    with pytest.raises(LedgerError, match="SQLITE_CANTOPEN"):
        Ledger(tmp_path / "missing" / "ledger.db")
    assert before == (foreign.read_bytes(), text.read_bytes())
    assert {foreign, text} == set(tmp_path.iterdir())


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """An older program does not touch what it does not understand."""
    path = tmp_path / "ledger.db"
    Ledger(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 2")
    with pytest.raises(LedgerError, match="newer version"):
        Ledger(path)


def test_a_ledger_that_was_only_begun_is_finished(tmp_path: Path) -> None:
    """A process that was killed before it wrote anything leaves an empty file."""
    path = tmp_path / "ledger.db"
    path.touch()
    with Ledger(path) as ledger:
        ledger.begin("v1")
        placed(ledger, ("a.eml", ONE, KEPT))
        assert [KEPT.row] == list(ledger.rows())


def test_a_damaged_ledger_is_said(tmp_path: Path) -> None:
    """Pages of nonsense are an error with the name of the file."""
    path = tmp_path / "ledger.db"
    with Ledger(path) as ledger:
        ledger.begin("v1")
        placed(
            ledger, *((f"{i}.eml", bytes([i]) * 32, Kept(f"{i}.eml", None, "matched", b"x" * 2_000)) for i in range(50))
        )
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))
    with pytest.raises(LedgerError, match=r"ledger\.db can't be used \(SQLITE_CORRUPT"), Ledger(path) as ledger:
        list(ledger.rows())


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    """What was committed before is there, and with room again the run goes on."""
    with Ledger(tmp_path / "ledger.db") as ledger:
        ledger.begin("v1")
        placed(ledger, ("a.eml", ONE, KEPT))
        pages = ledger._db.execute("PRAGMA page_count").fetchone()[0]
        ledger._db.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(LedgerError, match="SQLITE_FULL"):
            placed(ledger, ("b.eml", TWO, Kept("b.eml", None, "matched", b"x" * 100_000)))
        assert [KEPT.row] == list(ledger.rows())
        ledger._db.execute("PRAGMA max_page_count = 1000000")
        placed(ledger, ("b.eml", TWO, KEPT))
        assert ledger.holds(TWO)
