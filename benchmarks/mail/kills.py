"""SIGKILL a run over many mails, over and over, start it again each time, and count what was lost or done twice.

    python benchmarks/mail/kills.py [--mails 2000] [--kills 200]

The real reader, pool, ledger and pipeline run over an index of the fake model of the tests, which starts fast. Each mail
is held up for some milliseconds, so that the run lasts long enough to be killed that often. An undisturbed run over the
same mails says what must come out, byte for byte.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from qa_service.batch.ledger import Ledger  # noqa: E402 (found once the path is set)
from tests import fakes  # noqa: E402 (as above)

MODULE = "held_up_reader"
READER = """
import time
from qa_service.mail import child
from qa_service.mail.reader import read

def held_up(raw, own):
    time.sleep(0.02)
    return read(raw, own)

if __name__ == "__main__":
    child.main(held_up)
"""
DRIVER = """
import sys
from pathlib import Path
from qa_service.artifact import publish
from qa_service.artifact.read import read
from qa_service.batch.ledger import Ledger
from qa_service.batch.run import run
from qa_service.mail.pool import ReadingPool
from qa_service.mail.sources import mails
from qa_service.retriever import Retriever
folder, ledger_path = map(Path, sys.argv[1:])
index = folder / "index"
retriever = Retriever(read(index / publish.current(index)))
# The time limit is not what is shown here, and a loaded machine must not change a row.
with ReadingPool(2, seconds=30.0, module="held_up_reader") as pool, Ledger(ledger_path) as ledger:
    for _ in range(3):
        pool.read(b"")  # the processes that read are up, so that a life is spent on mails
    print("up", flush=True)
    run(mails([str(folder / "in")]), retriever, pool, ledger)
"""
_QUESTIONS = ("What is alpha?", "What is beta?", "Where is six?", "What must a company do to keep its status?")
# From "up" to the kill at most; a commit comes after 0.2 seconds, so many lives end around one.
_LONGEST_LIFE_SECONDS = 0.35


@dataclass(frozen=True)
class Outcome:
    """What is in a ledger: the rows in order, how many results, and whether SQLite finds it sound."""

    rows: list[bytes]
    results: int
    sound: bool


def write_mails(folder: Path, count: int) -> None:
    """Small mails; one in twenty has the Message-ID of the one before, and one in fifty its bytes."""
    draw = random.Random(20261124)  # noqa: S311 (not for secrets)
    folder.mkdir()
    before = b""
    for i in range(count):
        number = i - 1 if i % 20 == 19 else i  # noqa: PLR2004 (as said)
        asked = "\n".join(draw.sample(_QUESTIONS, draw.randint(1, 2)))
        head = f"From: ana{i}@example.org\nMessage-ID: <{number}@example.org>\nSubject: Question {i}\n"
        raw = before if i % 50 == 49 else f"{head}\nHello,\n\n{asked}\n\nKind regards\nAna\n".encode()  # noqa: PLR2004 (as said)
        (folder / f"{i:06}.eml").write_bytes(raw)
        before = raw


def start(folder: Path, ledger: Path) -> subprocess.Popen[bytes]:
    """A process that runs over the mails and has just opened its ledger."""
    path = os.pathsep.join((str(folder), str(ROOT)))
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(folder), str(ledger)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert process.stdout is not None
    if process.stdout.readline() != b"up\n":
        sys.exit("the driver does not start")
    return process


def finish(folder: Path, ledger: Path) -> Outcome:
    """Run to the end, and look at what is there."""
    process = start(folder, ledger)
    if process.wait():
        sys.exit("the driver failed")
    with Ledger(ledger) as opened:
        rows = list(opened.rows())
    with closing(sqlite3.connect(ledger)) as db:
        sound = db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return Outcome(rows, db.execute("SELECT count(*) FROM results").fetchone()[0], sound)


def kill(folder: Path, ledger: Path, kills: int) -> list[int]:
    """Kill the run so often; how many results were there after each kill."""
    draw = random.Random(5)  # noqa: S311 (not for secrets)
    counts = []
    for _ in range(kills):
        process = start(folder, ledger)
        time.sleep(draw.uniform(0.0, _LONGEST_LIFE_SECONDS))
        process.kill()
        process.wait()
        with closing(sqlite3.connect(ledger)) as db:
            counts.append(db.execute("SELECT count(*) FROM results").fetchone()[0])
    return counts


def orphans() -> int:
    """How many reading processes are left, a while after the last parent ended."""
    left = [one for one in psutil.process_iter(["cmdline"]) if MODULE in (one.info["cmdline"] or ())]
    return len(psutil.wait_procs(left, timeout=30)[1])


def main() -> int:
    """Print the figures; 1 if anything was lost, done twice or damaged."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mails", type=int, default=2_000)
    parser.add_argument("--kills", type=int, default=200)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fakes.build_index(folder)
        (folder / f"{MODULE}.py").write_text(READER, "utf-8")
        write_mails(folder / "in", wanted.mails)
        expected = finish(folder, folder / "undisturbed.db")
        began = time.monotonic()
        counts = kill(folder, folder / "killed.db", wanted.kills)
        got = finish(folder, folder / "killed.db")
        took = time.monotonic() - began
    unfinished = sum(count < expected.results for count in counts)
    lost = len(set(expected.rows) - set(got.rows))
    twice = len(got.rows) - len(set(got.rows))
    print(
        f"{wanted.mails} mails, {wanted.kills} kills in {took:.0f} s, {unfinished} of them before the last mail was done."
    )
    kinds = Counter(json.loads(row)["status"] for row in got.rows)
    print(f"Rows by status: {', '.join(f'{count} {kind}' for kind, count in sorted(kinds.items()))}.")
    print(f"Results after each tenth kill: {counts[9::10]}")
    print(
        f"Rows: {len(got.rows)}; lost: {lost}; twice: {twice}; in the order and with the bytes of an undisturbed run: ",
        end="",
    )
    print(f"{'yes' if got.rows == expected.rows else 'NO'}; results: {got.results} of {expected.results}.")
    print(f"PRAGMA integrity_check: {'ok' if got.sound else 'NOT ok'}; processes left: {(left := orphans())}.")
    held = (
        counts[-1] > 0 and counts == sorted(counts) and got == expected and got.sound and len(got.rows) == wanted.mails
    )
    return 0 if held and not (left or twice or kinds["error"]) else 1


if __name__ == "__main__":
    sys.exit(main())
