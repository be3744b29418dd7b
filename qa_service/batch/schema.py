"""The tables of the ledger, as they came to be, and the queries that give a run's rows."""

from __future__ import annotations

APPLICATION_ID = 0x51414D4C  # "QAML", in the header of the file

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE runs (run INTEGER PRIMARY KEY, index_version TEXT NOT NULL) STRICT",
        """CREATE TABLE results (
            digest BLOB NOT NULL,
            index_version TEXT NOT NULL,
            file TEXT NOT NULL,
            message_id TEXT,
            status TEXT NOT NULL,
            row BLOB NOT NULL,
            reply TEXT,
            PRIMARY KEY (digest, index_version)
        ) STRICT""",
        """CREATE TABLE files (
            file TEXT NOT NULL,
            index_version TEXT NOT NULL,
            run INTEGER NOT NULL,
            position INTEGER NOT NULL,
            digest BLOB,
            message_id TEXT,
            row BLOB,
            PRIMARY KEY (file, index_version)
        ) STRICT""",
        """CREATE TABLE mailboxes (
            url TEXT PRIMARY KEY,
            uidvalidity INTEGER NOT NULL,
            uid INTEGER NOT NULL
        ) STRICT""",
        "CREATE TABLE drafted (message_id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",
        "CREATE UNIQUE INDEX files_in_order ON files (run, position)",
        "CREATE INDEX files_by_digest ON files (digest) WHERE row IS NULL",
        "CREATE INDEX files_by_message_id ON files (message_id) WHERE row IS NULL AND message_id IS NOT NULL",
    ),
)
JOINED = """
    SELECT coalesce(files.row, results.row) FROM files LEFT JOIN results
    ON results.digest = files.digest AND results.index_version = files.index_version
"""
ROWS_OF_RUN = f"{JOINED} WHERE run = (SELECT max(run) FROM runs) ORDER BY position"  # noqa: S608 (a constant)
ROWS_OF_VERSION = f"""
    {JOINED} WHERE files.index_version = (SELECT index_version FROM runs ORDER BY run DESC LIMIT 1)
    ORDER BY run, position
"""  # noqa: S608 (as above)
REPLIES_OF_RUN = """
    SELECT results.reply FROM files JOIN results
    ON results.digest = files.digest AND results.index_version = files.index_version
    WHERE run = (SELECT max(run) FROM runs) AND files.row IS NULL AND results.reply IS NOT NULL ORDER BY position
"""
