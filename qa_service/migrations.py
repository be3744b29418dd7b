"""Whose a SQLite file is, and the numbered steps that bring it to what this program knows."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from enum import Enum, auto


class Standing(Enum):
    """What a file is to the program that opens it."""

    OURS = auto()  # empty, or begun by this program, however far
    FOREIGN = auto()  # another program's
    NEWER = auto()  # a later version's of this program


def standing(db: sqlite3.Connection, application_id: int, known: int) -> Standing:
    """Whose a file is; nothing is written.

    Args:
        db: the file.
        application_id: what the header of a file of this kind has.
        known: how many migrations there are.

    Raises:
        sqlite3.Error: the file can't be read.
    """
    # The owner is read last: where another process is beginning the file meanwhile, it is ours by then.
    tables, version = _number(db, "SELECT count(*) FROM sqlite_master"), _number(db, "PRAGMA user_version")
    owner = _number(db, "PRAGMA application_id")
    if owner != application_id and (tables or owner or version):
        return Standing.FOREIGN
    return Standing.NEWER if version > known else Standing.OURS


def migrate(db: sqlite3.Connection, application_id: int, migrations: Sequence[Sequence[str]]) -> None:
    """Take the steps that a file of ours lacks, in the caller's transaction.

    Args:
        db: the file, in a transaction that no other process can write beside.
        application_id: what its header is to have.
        migrations: the statements of each step, oldest first; the number of those taken is the file's `user_version`.

    Raises:
        sqlite3.Error: a statement was not possible; the transaction is to be rolled back.
    """
    version = _number(db, "PRAGMA user_version")  # read within the transaction: another process may have been quicker
    for number, statements in enumerate(migrations[version:], version + 1):
        for statement in statements:
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {application_id}")
        db.execute(f"PRAGMA user_version = {number}")


def _number(db: sqlite3.Connection, query: str) -> int:
    return int(db.execute(query).fetchone()[0])
