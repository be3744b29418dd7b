from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from qa_service.api.mailing import MailResponse, mail_response
from qa_service.artifact import publish
from qa_service.artifact.read import read
from qa_service.batch.ledger import Ledger
from qa_service.batch.run import Counts, run
from qa_service.batch.settle import Done
from qa_service.mail.base import Reading, Status
from qa_service.mail.match import match
from qa_service.mail.pool import ReaderError, ReadingPool
from qa_service.mail.sources import GONE, Mail, SourceError, mails
from qa_service.retriever import Retriever
from tests import fakes

# A reader of small, honest mails, of slow ones, and of one that does not end.
READER = """
import time
from email import message_from_bytes
from qa_service.mail import child
from qa_service.mail.base import Asked, Letter, Reading

def read(raw, own):
    if b"loop" in raw:
        while True: pass
    if b"slow" in raw:
        time.sleep(0.02)
    mail = message_from_bytes(raw)
    text = mail.get_payload()
    asked = tuple(Asked(line, text.index(line), text.index(line) + len(line)) for line in text.split("\\n") if "?" in line)
    letter = Letter(mail["message-id"], mail["subject"] or "", None, mail["from"], None, (), text, mail["x-skip"])
    return Reading(letter, asked)

if __name__ == "__main__":
    child.main(read)
"""
MODULE = "small_reader"


def mail(name: str, text: str = "What is alpha?\n", message_id: str = "") -> bytes:
    """A small mail from Ana."""
    head = f"From: ana@example.org\nMessage-ID: <{message_id or name}@example.org>\nSubject: {name}\n"
    return f"{head}\n{text}".encode()


def write(folder: Path, **raws: bytes) -> list[str]:
    """Write mails as files; their paths in order."""
    folder.mkdir(exist_ok=True)
    for name, raw in raws.items():
        (folder / f"{name}.eml").write_bytes(raw)
    return [str(folder / f"{name}.eml") for name in raws]


@pytest.fixture(scope="module")
def retriever(tmp_path_factory: pytest.TempPathFactory) -> Retriever:
    """A retriever of the fake FAQ."""
    folder = tmp_path_factory.mktemp("faq")
    fakes.build_index(folder)
    return Retriever(read(folder / "index" / publish.current(folder / "index")))


class CountingPool(ReadingPool):
    """A pool that counts what it is given to read."""

    count = 0

    def read(self, raw: bytes) -> Reading:
        self.count += 1
        return super().read(raw)


@pytest.fixture(scope="module")
def module_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the small reader, on the path."""
    folder = tmp_path_factory.mktemp("reader")
    (folder / f"{MODULE}.py").write_text(READER, "utf-8")
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def shared_pool(module_path: Path) -> Iterator[CountingPool]:  # noqa: ARG001 (the module must be there)
    with CountingPool(2, module=MODULE) as made:
        yield made


@pytest.fixture
def pool(shared_pool: CountingPool) -> CountingPool:
    """The pool of this module, with its count at zero."""
    shared_pool.count = 0
    return shared_pool


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.db") as made:
        yield made


def rows(ledger: Ledger) -> list[dict[str, Any]]:
    return [json.loads(row) for row in ledger.rows()]


def told(ledger: Ledger) -> list[tuple[str, str, str | None]]:
    """Name of the file without its folder, status and reason of each row."""
    return [(Path(row["file"]).stem, row["status"], row["reason"]) for row in rows(ledger)]


def test_each_mail_has_its_row_in_order(
    tmp_path: Path, retriever: Retriever, pool: CountingPool, ledger: Ledger
) -> None:
    """The row is what matching alone gives, and whoever listens is told of each once it is on the disk."""
    raws = {f"m{i:03}": mail(f"m{i}", "What is alpha?\nWhere is six?\n" * (i % 3)) for i in range(150)}
    paths = write(tmp_path / "in", **raws)
    done: list[Done] = []
    counts = run(mails(paths), retriever, pool, ledger, top=2, on_done=done.append)
    alone = [
        mail_response(match(path, pool.read(raw), retriever, 2)).model_dump_json().encode()
        for path, raw in zip(paths, raws.values(), strict=True)
    ]
    assert alone == list(ledger.rows()) == [one.row for one in done]
    assert paths == [one.file for one in done]
    assert {Status.ABSTAINED: 50, Status.PARTIAL: 100} == Counter(one.status for one in done)
    assert (Counts(abstained=50, partial=100), 150) == (counts, counts.total)


def test_a_second_run_reads_nothing(tmp_path: Path, retriever: Retriever, pool: CountingPool, ledger: Ledger) -> None:
    """The same folder gives the same rows; a further mail takes its place among them and is the only one read."""
    write(tmp_path / "in", a=mail("a"), c=mail("c"), d=mail("d", message_id="a"))
    folder = [str(tmp_path / "in")]
    run(mails(folder), retriever, pool, ledger)
    before = list(ledger.rows())
    run(mails(folder), retriever, pool, ledger)
    assert (before, 3) == (list(ledger.rows()), pool.count)
    write(tmp_path / "in", b=mail("b"))
    run(mails(folder), retriever, pool, ledger)
    assert ["a", "b", "c", "d"] == [name for name, _, _ in told(ledger)]
    assert 4 == pool.count


def test_duplicates_are_skipped(tmp_path: Path, retriever: Retriever, pool: CountingPool, ledger: Ledger) -> None:
    """The same Message-ID, or the same bytes, which are not read again; each file still has its row."""
    paths = write(tmp_path / "in", a=mail("a"), b=mail("b"), c=mail("c", message_id="a"), d=mail("b"))
    run(mails(paths), retriever, pool, ledger)
    expected = [
        ("a", "matched", None),
        ("b", "matched", None),
        ("c", "skipped", f"duplicate of {paths[0]}"),
        ("d", "skipped", f"duplicate of {paths[1]}"),
    ]
    assert expected == told(ledger)
    assert 3 == pool.count
    duplicate = MailResponse.model_validate_json(list(ledger.rows())[2])
    assert ([], None, "c") == (duplicate.questions, duplicate.draft, duplicate.subject)
    run(mails(paths[::-1]), retriever, pool, ledger)
    assert [("d", "matched"), ("c", "matched"), ("b", "skipped"), ("a", "skipped")] == [t[:2] for t in told(ledger)]
    run(mails(paths[2:3]), retriever, pool, ledger)
    assert [("c", "matched", None)] == told(ledger)
    assert 3 == pool.count


def test_a_path_that_comes_twice_has_one_row(
    tmp_path: Path, retriever: Retriever, pool: CountingPool, ledger: Ledger
) -> None:
    """It is no duplicate of itself."""
    paths = write(tmp_path / "in", a=mail("a"), b=mail("b"))
    done: list[Done] = []
    run(mails([*paths, str(tmp_path / "in")]), retriever, pool, ledger, on_done=done.append)
    assert [("a", "matched", None), ("b", "matched", None)] == told(ledger)
    assert paths == [one.file for one in done]


def test_a_renamed_file_takes_its_new_name(
    tmp_path: Path, retriever: Retriever, pool: CountingPool, ledger: Ledger
) -> None:
    """Between two runs, and while a run goes on, as a mail program does with a Maildir."""
    (old,) = write(tmp_path / "in", a=mail("a"))
    run(mails([old]), retriever, pool, ledger)
    new = old.replace("a.eml", "b.eml")
    Path(old).rename(new)
    run(mails([new]), retriever, pool, ledger)
    assert [("b", "matched", None)] == told(ledger)

    def renaming() -> Iterator[Mail]:
        yield Mail(new, mail("a"))
        Path(new).rename(old)
        yield Mail(old, mail("a"))
        yield Mail("-", mail("-"))

    run(renaming(), retriever, pool, ledger)
    assert [("a", "matched", None), ("-", "matched", None)] == told(ledger)
    assert 2 == pool.count


def test_a_changed_file_is_read_anew(tmp_path: Path, retriever: Retriever, pool: CountingPool, ledger: Ledger) -> None:
    """Its row is that of what it holds now."""
    paths = write(tmp_path / "in", a=mail("a"))
    run(mails(paths), retriever, pool, ledger)
    write(tmp_path / "in", a=mail("a", "Where is six?\n"))
    run(mails(paths), retriever, pool, ledger)
    assert [("a", "abstained")] == [t[:2] for t in told(ledger)]
    assert 2 == pool.count


def test_one_bad_mail_stops_nothing(tmp_path: Path, retriever: Retriever, pool: CountingPool, ledger: Ledger) -> None:
    """Endless to read, impossible to match, or gone: a row with a reason that tells nothing of its text."""
    question = "What is alpha" + "?" * 10_000
    paths = write(tmp_path / "in", a=mail("loop"), b=mail("b", question), c=mail("c"))
    gone = Mail("gone.eml", b"", GONE)
    run([*mails(paths), gone, Mail("gone too.eml", b"", GONE)], retriever, pool, ledger)
    expected = [
        ("a", "error", "took longer than 1 second"),
        ("b", "error", "could not be matched"),
        ("c", "matched", None),
        ("gone", "error", GONE),
        ("gone too", "error", GONE),
    ]
    assert expected == told(ledger)
    assert MailResponse.model_validate_json(next(ledger.rows())).index_version == retriever.version


def test_what_was_gone_is_tried_again(tmp_path: Path, retriever: Retriever, pool: CountingPool, ledger: Ledger) -> None:
    """In the next run it has the row of its message."""
    (path,) = write(tmp_path / "in", a=mail("a"))
    run([Mail(path, b"", GONE)], retriever, pool, ledger)
    assert [("a", "error", GONE)] == told(ledger)
    run(mails([path]), retriever, pool, ledger)
    assert [("a", "matched", None)] == told(ledger)


@pytest.mark.parametrize("error", [SourceError("went away", "imap"), KeyboardInterrupt()])
def test_a_source_that_fails_ends_the_run(
    retriever: Retriever, pool: CountingPool, ledger: Ledger, error: BaseException
) -> None:
    """What came before is done and committed, and the error is told."""

    def failing() -> Iterator[Mail]:
        yield from (Mail(f"{i}", mail(f"{i}")) for i in range(10))
        raise error

    with pytest.raises(type(error)):
        run(failing(), retriever, pool, ledger)
    assert [f"{i}" for i in range(10)] == [row["file"] for row in rows(ledger)]


def test_readers_that_do_not_start_end_the_run(
    tmp_path: Path, retriever: Retriever, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No mail is blamed for it, and none is lost."""
    (tmp_path / "broken_reader.py").write_text("raise ImportError", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    endless = (Mail(f"{i}", mail(f"{i}")) for i in range(10_000))
    with ReadingPool(1, module="broken_reader") as broken, pytest.raises(ReaderError):
        run(endless, retriever, broken, ledger)
    assert [] == rows(ledger)
    assert next(endless, None) is not None


def test_a_quiet_source_keeps_nothing_waiting(retriever: Retriever, pool: CountingPool, ledger: Ledger) -> None:
    """A mail is committed soon after it came, though the next one is long in coming."""
    committed = threading.Event()

    def waiting() -> Iterator[Mail]:
        yield Mail("first", mail("first"))
        assert committed.wait(30)
        yield Mail("second", mail("second"))

    run(waiting(), retriever, pool, ledger, on_done=lambda _done: committed.set())
    assert ["first", "second"] == [row["file"] for row in rows(ledger)]


def test_no_more_mails_are_taken_in_than_fit(retriever: Retriever, pool: CountingPool, ledger: Ledger) -> None:
    """The source is held back by the number of mails on their way, and by their bytes."""
    taken: list[int] = []
    done: list[Done] = []

    def large() -> Iterator[Mail]:
        for i in range(8):
            taken.append(i - len(done))
            yield Mail(f"{i}", mail(f"{i}") + b"x" * (20 << 20))

    run(large(), retriever, pool, ledger, on_done=done.append)
    assert 8 == len(done)
    assert max(taken) <= 4


def driver(folder: Path, module_path: Path) -> list[str]:
    """The command of a process that runs over `folder/in`."""
    script = f"""
import sys
sys.path.insert(0, {str(module_path)!r})
from pathlib import Path
from qa_service.artifact import publish
from qa_service.artifact.read import read
from qa_service.batch.ledger import Ledger
from qa_service.batch.run import Counts, run
from qa_service.mail.pool import ReadingPool
from qa_service.mail.sources import mails
from qa_service.retriever import Retriever
root = Path({str(folder / "index")!r})
retriever = Retriever(read(root / publish.current(root)))
with Ledger(Path({str(folder / "ledger.db")!r})) as ledger, ReadingPool(1, module={MODULE!r}) as pool:
    print("up", flush=True)
    try:
        run(mails([{str(folder / "in")!r}]), retriever, pool, ledger, on_done=lambda done: print("done", flush=True))
    except KeyboardInterrupt:
        print("\\ninterrupted", flush=True)
"""
    return [sys.executable, "-c", script]


def started(command: list[str]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    return process


def out_of(process: subprocess.Popen[bytes]) -> list[bytes]:
    """The lines that a process prints until it ends."""
    assert process.stdout is not None
    with process.stdout as lines:
        return list(lines)


def results_in(path: Path) -> int:
    """How many results a ledger has, that nobody has open; it must be sound."""
    with closing(sqlite3.connect(path)) as db:
        assert ("ok",) == db.execute("PRAGMA integrity_check").fetchone()
        return int(db.execute("SELECT count(*) FROM results").fetchone()[0])


def test_a_killed_run_loses_nothing(tmp_path: Path, module_path: Path) -> None:
    """Killed six times and started again, it gives each of 60 mails one row, in order."""
    fakes.build_index(tmp_path)
    names = [f"m{i:03}" for i in range(60)]
    write(tmp_path / "in", **{name: mail(f"slow {name}") for name in names})
    counts = []
    for seconds in (0.1, 0.35, 0.15, 0.45, 0.3, 0.4):
        process = started(driver(tmp_path, module_path))
        time.sleep(seconds)
        process.kill()
        process.wait()
        out_of(process)
        counts.append(results_in(tmp_path / "ledger.db"))
    assert sorted(counts) == counts
    process = started(driver(tmp_path, module_path))
    assert 60 == len(out_of(process))
    assert 0 == process.wait()
    assert 60 == results_in(tmp_path / "ledger.db")
    with Ledger(tmp_path / "ledger.db") as ledger:
        assert [(name, "matched", None) for name in names] == told(ledger)


def test_ctrl_c_commits_what_is_done(tmp_path: Path, module_path: Path) -> None:
    """The rows are those of the first mails, without a gap, and the next run does the rest."""
    fakes.build_index(tmp_path)
    names = [f"m{i:04}" for i in range(3_000)]
    write(tmp_path / "in", **{name: mail(name) for name in names})
    process = started(driver(tmp_path, module_path))
    assert process.stdout is not None
    assert process.stdout.readline() == b"done\n"
    process.send_signal(signal.SIGINT)
    lines = out_of(process)
    assert (b"interrupted\n", 0) == (lines[-1], process.wait())
    with Ledger(tmp_path / "ledger.db") as ledger:
        done = [name for name, _, _ in told(ledger)]
    assert 0 < len(done) < 3_000
    assert names[: len(done)] == done
