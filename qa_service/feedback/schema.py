"""The tables of votes, days and recorded questions, as they came to be, and the queries that read them."""

from __future__ import annotations

APPLICATION_ID = 0x51414642  # "QAFB", in the header of the file

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE secrets (id INTEGER PRIMARY KEY CHECK (id = 1), secret BLOB NOT NULL) STRICT",
        "INSERT INTO secrets VALUES (1, randomblob(32))",
        """CREATE TABLE votes (
            vote INTEGER PRIMARY KEY,
            query BLOB NOT NULL,
            entry_id TEXT,
            helpful INTEGER NOT NULL CHECK (helpful IN (0, 1)),
            reason TEXT,
            at INTEGER NOT NULL
        ) STRICT""",
        "CREATE INDEX votes_by_query ON votes (query, entry_id)",
        "CREATE TRIGGER votes_stay BEFORE DELETE ON votes BEGIN SELECT RAISE(ABORT, 'votes stay'); END",
        "CREATE TRIGGER votes_stay_as_they_are BEFORE UPDATE ON votes BEGIN SELECT RAISE(ABORT, 'votes stay'); END",
        """CREATE TABLE days (
            day INTEGER NOT NULL,
            outcome TEXT NOT NULL,
            bucket INTEGER NOT NULL,
            questions INTEGER NOT NULL,
            PRIMARY KEY (day, outcome, bucket)
        ) STRICT, WITHOUT ROWID""",
        """CREATE TABLE questions (
            question INTEGER PRIMARY KEY,
            at INTEGER NOT NULL,
            text TEXT NOT NULL,
            outcome TEXT NOT NULL,
            nearest TEXT
        ) STRICT""",
    ),
)

COUNT = """
    INSERT INTO days (day, outcome, bucket, questions) VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET questions = questions + excluded.questions
"""
RECORD = "INSERT INTO questions (at, text, outcome, nearest) VALUES (?, ?, ?, ?)"
CROWDED_OUT = "DELETE FROM questions WHERE question <= (SELECT max(question) FROM questions) - ?"
EXPIRED = "SELECT EXISTS (SELECT 1 FROM questions WHERE at < ?)"
# A row that is deleted leaves copies of its neighbours where they lay before, which `secure_delete` does not know of. A table
# that is dropped gives all its pages back, and those are overwritten; so the rows that stay move to a new one.
REWRITE = (
    """CREATE TABLE staying (
        question INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        text TEXT NOT NULL,
        outcome TEXT NOT NULL,
        nearest TEXT
    ) STRICT""",
    "INSERT INTO staying SELECT question, at, text, outcome, nearest FROM questions WHERE at >= ? ORDER BY question",
    "DROP TABLE questions",
    "ALTER TABLE staying RENAME TO questions",
)
LATEST_VOTES = """
    SELECT entry_id, helpful, reason, count(*) FROM votes
    WHERE vote IN (SELECT max(vote) FROM votes GROUP BY query, entry_id)
    GROUP BY entry_id, helpful, reason
    ORDER BY entry_id, helpful, reason
"""
DAYS = "SELECT day, outcome, bucket, questions FROM days WHERE day BETWEEN ? AND ?"
NEWEST = "SELECT at, text, outcome, nearest FROM questions ORDER BY question DESC LIMIT ?"
