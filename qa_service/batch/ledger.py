"""What was done with which mail, in one SQLite file: a run that was killed goes on from here, and exports come from here.

`results` has what became of a message, by the hash of its bytes and the index version; nothing is read twice. `files` says
which message each file held, when it was last seen (the run and the place in it), and what is said of it instead, where it
is a duplicate or could not be had. Nothing is ever deleted; another index version adds rows beside those of the last.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from qa_service.batch.schema import APPLICATION_ID, MIGRATIONS, REPLIES_OF_RUN, ROWS_OF_RUN, ROWS_OF_VERSION
from qa_service.errors import LockedError, QaError
from qa_service.migrations import Standing, migrate, standing

# How long another process may take to let go, as one does that has just been killed.
_WAIT_SECONDS = 1.0


class LedgerError(QaError):
    """The ledger can't be used: another program's file, a newer version's, damaged, or on a full disk."""

    code = "ledger-invalid"


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of a message: under which name it was read, its row of JSON, and what a draft is made from, as given."""

    file: str
    message_id: str | None
    status: str
    row: bytes
    reply: str | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """A file that a message was found in during this run, and the hash of its bytes."""

    file: str
    digest: bytes


class Ledger:
    """The ledger of one process: opened, it is locked for others. To be used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Open a ledger, or begin one.

        Raises:
            LedgerError: the file is another program's, a newer version's, or can't be read.
            LockedError: another process has it open.
        """
        self._name = path.name
        self._run = 0
        self._position = 0
        self._index_version = ""
        with self._told():
            self._db = sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            with self._told():
                self._open()
        except BaseException:
            self._db.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def begin(self, index_version: str) -> None:
        """Begin a run: from here on, files are put in its order.

        Args:
            index_version: what mails are matched against; only results of this version count as done.
        """
        with self.transaction():
            row = self._db.execute(
                "INSERT INTO runs (index_version) VALUES (?) RETURNING run", [index_version]
            ).fetchone()
        self._run, self._position, self._index_version = row[0], 0, index_version

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing of what happens inside is on the disk afterwards, whatever happens to the process."""
        with self._told():
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def holds(self, digest: bytes) -> bool:
        """Whether the message of this hash has a result of this run's index version."""
        return self._result("1", digest) is not None

    def result(self, digest: bytes) -> Kept | None:
        """What became of the message of this hash."""
        row = self._result("file, message_id, status, row, reply", digest)
        return Kept(*row) if row else None

    def keep(self, digest: bytes, kept: Kept) -> None:
        """Keep what became of a message; in the place of an earlier result, if there is one."""
        self._db.execute(
            "REPLACE INTO results (digest, index_version, file, message_id, status, row, reply)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [digest, self._index_version, kept.file, kept.message_id, kept.status, kept.row, kept.reply],
        )

    def original(self, digest: bytes, message_id: str | None) -> Placed | None:
        """The file of this run that held the same bytes before, or else a message of the same id."""
        for column, value in (("digest", digest), ("message_id", message_id)):
            row = self._db.execute(
                f"SELECT file, digest FROM files WHERE {column} = ? AND run = ? AND row IS NULL",  # noqa: S608 (ours)
                [value, self._run],
            ).fetchone()
            if row:
                return Placed(*row)
        return None

    def place(self, file: str, digest: bytes | None, message_id: str | None, own_row: bytes | None = None) -> None:
        """Put a file next in the order of the run.

        Args:
            file: its name.
            digest: the hash of its message; None where it could not be had.
            message_id: of the message.
            own_row: its row of JSON, where that is not the message's result.
        """
        self._db.execute(
            "REPLACE INTO files (file, index_version, run, position, digest, message_id, row) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [file, self._index_version, self._run, self._position, digest, message_id, own_row],
        )
        self._position += 1

    def move(self, placed: Placed, file: str) -> None:
        """Give a file of this run the name that it has now."""
        self._db.execute("DELETE FROM files WHERE file = ? AND index_version = ?", [file, self._index_version])
        self._db.execute(
            "UPDATE files SET file = ? WHERE file = ? AND index_version = ?", [file, placed.file, self._index_version]
        )

    def rows(self) -> Iterator[bytes]:
        """A row of JSON for each file of the latest run, in the order in which they came."""
        with self._told():
            yield from (row for (row,) in self._db.execute(ROWS_OF_RUN))

    def history(self) -> Iterator[bytes]:
        """A row of JSON for each file of all runs with the index version of the latest, oldest run first."""
        with self._told():
            yield from (row for (row,) in self._db.execute(ROWS_OF_VERSION))

    def replies(self) -> Iterator[str]:
        """What a draft is made from, for each mail of the latest run that has one, in the order in which they came."""
        with self._told():
            yield from (reply for (reply,) in self._db.execute(REPLIES_OF_RUN))

    def position(self, url: str) -> tuple[int, int] | None:
        """The UIDVALIDITY of a mailbox's folder, and the UID up to which it is done; None before the first time."""
        row: tuple[int, int] | None = self._db.execute(
            "SELECT uidvalidity, uid FROM mailboxes WHERE url = ?", [url]
        ).fetchone()
        return row

    def remember(self, url: str, position: tuple[int, int], drafted: Iterable[str]) -> None:
        """Remember how far a folder is done and which drafts lie in the mailbox, in one transaction."""
        with self.transaction():
            self._db.execute("REPLACE INTO mailboxes (url, uidvalidity, uid) VALUES (?, ?, ?)", [url, *position])
            self._db.executemany("INSERT OR IGNORE INTO drafted VALUES (?)", [(one,) for one in drafted])

    def is_drafted(self, message_id: str) -> bool:
        """Whether this draft was put into the mailbox before, wherever it is now."""
        query = "SELECT 1 FROM drafted WHERE message_id = ?"
        return self._db.execute(query, [message_id]).fetchone() is not None

    def _result(self, columns: str, digest: bytes) -> tuple[Any, ...] | None:
        query = f"SELECT {columns} FROM results WHERE digest = ? AND index_version = ?"  # noqa: S608 (columns are ours)
        row: tuple[Any, ...] | None = self._db.execute(query, [digest, self._index_version]).fetchone()
        return row

    def _open(self) -> None:
        # Held until the file is closed, and by the kernel no longer than the process lives.
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        found = standing(self._db, APPLICATION_ID, len(MIGRATIONS))
        if found is Standing.FOREIGN:
            raise LedgerError(f"{self._name} is no ledger; name another file")
        if found is Standing.NEWER:
            raise LedgerError(f"{self._name} was written by a newer version of qa; use that one, or name another file")
        self._db.execute("PRAGMA journal_mode = WAL").fetchone()
        self._db.execute("PRAGMA synchronous = FULL")
        with self.transaction():
            migrate(self._db, APPLICATION_ID, MIGRATIONS)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                raise LockedError(f"another process has {self._name} open; try again when it has ended") from None
            raise LedgerError(f"{self._name} can't be used ({exc.sqlite_errorname})") from None
        except sqlite3.DatabaseError as exc:
            raise LedgerError(f"{self._name} can't be used ({exc.sqlite_errorname})") from None
