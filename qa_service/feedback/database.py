"""The SQLite file behind the votes: how it is begun, recognised and shared, and what its errors are called."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qa_service.errors import QaError
from qa_service.feedback.schema import APPLICATION_ID, MIGRATIONS
from qa_service.migrations import Standing, migrate, standing

# How long another process may take with its transaction.
_WAIT_SECONDS = 5.0
_PAUSE_SECONDS = 0.01


class StoreError(QaError):
    """The file can't be used: another program's, a newer version's, damaged, on a full disk or one that is read only."""

    status = 503
    code = "feedback-unavailable"


class Database:
    """The file, opened by one of the processes that share it. Safe to use from several threads, one at a time gets in."""

    def __init__(self, path: Path) -> None:
        """Open the file, or begin one; its folder is made.

        Raises:
            StoreError: the file is another program's, a newer version's, or can't be read and written.
        """
        self._name = path.name
        self._lock = threading.Lock()
        with self._told():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # what people asked is nobody else's to read
            self._db = sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False)
            try:
                self._open_patiently()
            except BaseException:
                self._db.close()
                raise

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for oneself.

        Raises:
            StoreError: what happens inside was not possible.
        """
        with self._lock, self._told():
            yield self._db

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """As `reading`; all or nothing of what happens inside is on the disk afterwards, whatever happens to the process."""
        with self.reading() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    def rows(self, query: str, *values: object) -> list[Any]:
        """The rows that a query gives."""
        with self.reading() as db:
            return db.execute(query, values).fetchall()

    def number(self, query: str, *values: object) -> int:
        """The first value of the first row that a query gives."""
        return int(self.rows(query, *values)[0][0])

    def _open_patiently(self) -> None:
        """Open the file; where several processes begin it at once, SQLite turns some away without having them wait."""
        end = time.monotonic() + _WAIT_SECONDS
        while True:
            try:
                self._recognise()
                for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
                    self._db.execute(f"PRAGMA {pragma}").fetchall()
                break
            except sqlite3.OperationalError as exc:
                if not _is_busy(exc) or time.monotonic() > end:
                    raise
                time.sleep(_PAUSE_SECONDS)
        with self.writing() as db:
            migrate(db, APPLICATION_ID, MIGRATIONS)

    def _recognise(self) -> None:
        found = standing(self._db, APPLICATION_ID, len(MIGRATIONS))
        if found is Standing.FOREIGN:
            raise StoreError(f"{self._name} is another program's; name another folder")
        if found is Standing.NEWER:
            raise StoreError(f"{self._name} was written by a newer version of qa; use that one, or name another folder")

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            if _is_busy(exc):
                raise StoreError(f"another process is writing {self._name}; try again") from None
            kind = getattr(exc, "sqlite_errorname", type(exc).__name__)
            raise StoreError(f"{self._name} can't be used ({kind})") from None
        except OSError as exc:
            kind = errno.errorcode.get(exc.errno or 0, type(exc).__name__)
            raise StoreError(f"{self._name} can't be used ({kind})") from None


def _is_busy(exc: sqlite3.Error) -> bool:
    return getattr(exc, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
