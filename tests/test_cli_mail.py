from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Sequence
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from qa_service.api.mailing import MailResponse
from qa_service.batch.ledger import Ledger
from qa_service.cli import app, mail_output
from qa_service.mail.base import Reading
from qa_service.mail.pool import ReadingPool
from tests import fakes
from tests.test_api_ask import PLAIN
from tests.test_cli import _recalibrate

QA = str(Path(sys.executable).parent / "qa")
DESK = "Help desk <help@desk.example>"
KEYS = [
    "file", "message_id", "subject", "date", "status", "reason", "language", "questions", "new_text", "draft",
    "index_version",
]  # fmt: skip
# A word that stands in the mails and nowhere else.
PLACE = "Zanzibar"

pytestmark = pytest.mark.usefixtures("bare_environment")


def fake_index(folder: Path) -> Path:
    fakes.build_index(folder)
    _recalibrate(folder / "index", PLAIN)
    return folder / "index"


def mail(name: str, text: str = "What is alpha?", subject: str = "A question", head: str = "") -> bytes:
    """A mail from Ana, whose Message-ID has the name in it."""
    return (
        f"From: Ana <ana@partner.example>\r\nTo: help@desk.example\r\nMessage-ID: <{name}@partner.example>\r\n"
        f"Subject: {subject}\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n{head}\r\n"
        f"Hello,\r\n\r\n{text}\r\n\r\nThanks,\r\nAna\r\n"
    ).encode()


MAILS = {
    "1-matched.eml": mail("matched"),
    "2-partial.eml": mail("partial", f"What is beta? And who pays for the {PLACE}?"),
    "3-abstained.eml": mail("abstained", f"Who was seen in {PLACE}?"),
    "4-skipped.eml": mail("skipped", head="Auto-Submitted: auto-replied\r\n"),
}
STATUSES = ["matched", "partial", "abstained", "skipped"]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index of the fake FAQ, with the calibration that can be worked out by hand."""
    return fake_index(tmp_path_factory.mktemp("plain"))


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """A folder with a mail of each status but error."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    for name, raw in MAILS.items():
        (folder / name).write_bytes(raw)
    return folder


def run(*arguments: str | Path, status: int = 0, stdin: bytes | None = None) -> Any:
    """Run `qa mail` in this process. Whatever it says on standard error repeats nothing of a mail."""
    result = CliRunner().invoke(app, ["mail", *map(str, arguments)], input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == status, result.stderr
    for word in (PLACE, "ana@", "partner.example"):
        assert word not in result.stderr
    return result


def told(*arguments: str | Path, status: int) -> str:
    """The one sentence of a command that can't be done."""
    result = run(*arguments, status=status)
    assert result.stdout == ""
    assert result.stderr.startswith("qa: ")
    assert result.stderr.count("\n") == 1
    return str(result.stderr).removeprefix("qa: ").rstrip()


def rows(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def drafts(folder: Path) -> list[Message]:
    return [message_from_bytes(path.read_bytes()) for path in sorted(folder.iterdir())]


def test_a_line_a_mail(plain: Path, inbox: Path) -> None:
    """In a pipe each mail is a line of JSON with the keys in order, and `match` may be left out."""
    result = run(inbox, "--index", plain)
    found = rows(result.stdout)
    assert [str(inbox / name) for name in MAILS] == [row["file"] for row in found]
    assert [row["status"] for row in found] == STATUSES
    assert all(list(row) == KEYS for row in found)
    assert result.stderr == ""
    assert run("match", inbox, "--index", plain).stdout == result.stdout
    first = found[0]
    assert (first["message_id"], first["subject"]) == ("<matched@partner.example>", "A question")
    [asked] = first["questions"]
    assert list(asked) == ["text", "start", "end", "outcome", "answers", "related"]
    assert first["new_text"][asked["start"] : asked["end"]] == "What is alpha?"
    assert [answer["id"] for answer in asked["answers"]] == ["alpha"]
    assert [[q["outcome"] for q in row["questions"]] for row in found[1:]] == [
        ["answered", "abstained"],
        ["abstained"],
        [],
    ]
    assert "automatic" in found[3]["reason"]


def test_formats(plain: Path, inbox: Path) -> None:
    """JSON is one array of the same rows; a table counts the mails and names those that need a person."""
    lines = run(inbox, "--index", plain, "--format", "jsonl").stdout
    assert json.loads(run("match", inbox, "--index", plain, "--format", "json").stdout) == rows(lines)
    shown = run(inbox, "--index", plain, "--format", "table").stdout
    assert shown.splitlines()[0] == "1 abstained, 1 matched, 1 partial, 1 skipped"
    assert [name for name in MAILS if name in shown] == ["2-partial.eml", "3-abstained.eml"]


def test_an_empty_folder(plain: Path, tmp_path: Path) -> None:
    """No mail is an empty array, and a sentence in the table."""
    (tmp_path / "empty").mkdir()
    outputs = [run(tmp_path / "empty", "--index", plain, "--format", f).stdout for f in ("json", "table")]
    assert outputs == ["[]\n", "no mail\n"]


def test_a_long_table_is_cut(plain: Path, tmp_path: Path) -> None:
    """Of those that need a person twenty are shown, and the others are counted."""
    folder = tmp_path / "many"
    folder.mkdir()
    for n in range(23):
        (folder / f"{n:02}.eml").write_bytes(mail(str(n), "Who pays?"))
    shown = run(folder, "--index", plain, "--format", "table").stdout
    assert shown.count(".eml") == 20
    assert "and 3 more that need a person; --html FILE shows them all" in shown


def test_exports(plain: Path, inbox: Path, tmp_path: Path) -> None:
    """The report, the table and the workbook have every mail."""
    html, csv, xlsx = (tmp_path / f"out.{kind}" for kind in ("html", "csv", "xlsx"))
    run(inbox, "--index", plain, "--html", html, "--csv", csv, "--xlsx", xlsx)
    page, table = html.read_text("utf-8"), csv.read_text("utf-8-sig")
    with zipfile.ZipFile(xlsx) as book:
        sheet = "".join(book.read(name).decode() for name in book.namelist() if name.endswith(".xml"))
    for name in MAILS:
        assert all(name in text for text in (page, table, sheet))
    assert page.lower().startswith("<!doctype html>")


@pytest.mark.parametrize("option", ["--html", "--csv", "--xlsx"])
def test_an_export_that_can_not_be_written(plain: Path, inbox: Path, tmp_path: Path, option: str) -> None:
    """The file is named, with the remedy."""
    target = tmp_path / "nowhere" / "out"
    said = told(inbox, "--index", plain, option, target, status=1)
    assert said == f"{target}: can't be written (No such file or directory); name a file in a folder that exists"


def test_drafts_need_an_address(inbox: Path) -> None:
    """Without one that they come from there are no drafts, and nothing is read."""
    assert told(inbox, "--drafts", status=2) == "drafts need an address to come from; set QA_DESK_ADDRESS"


def test_drafts(plain: Path, inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A draft is a file in the thread of its mail, only where all is answered unless partial ones are wanted."""
    monkeypatch.setenv("QA_DESK_ADDRESS", DESK)
    folder = tmp_path / "out" / "drafts"
    where = ("--index", plain, "--drafts-folder", folder)
    run(inbox, "--drafts", *where)
    [one] = drafts(folder)
    assert one["In-Reply-To"] == "<matched@partner.example>"
    assert (one["Auto-Submitted"], one["From"], one["To"]) == ("auto-replied", DESK, "ana@partner.example")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    run(inbox, "--partial-drafts", *where)
    threads = sorted(str(made["In-Reply-To"]) for made in drafts(folder))
    assert threads == ["<matched@partner.example>", "<partial@partner.example>"]
    assert all(path.read_bytes() == raw for path, raw in before.items())


def test_a_drafts_folder_that_is_a_file(
    plain: Path, inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an error that names it."""
    monkeypatch.setenv("QA_DESK_ADDRESS", DESK)
    taken = tmp_path / "taken"
    taken.write_text("")
    assert str(taken) in told(inbox, "--index", plain, "--drafts", "--drafts-folder", taken, status=1)


def test_a_second_run_reads_nothing_again(
    plain: Path, inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a ledger the second run prints the same bytes without a look at a mail, and one more mail is read alone."""
    seen: list[bytes] = []
    read = ReadingPool.read

    def noted(pool: ReadingPool, raw: bytes) -> Reading:
        seen.append(raw)
        return read(pool, raw)

    monkeypatch.setattr(ReadingPool, "read", noted)
    again = (inbox, "--index", plain, "--ledger", tmp_path / "ledger")
    first = run(*again).stdout_bytes
    assert sorted(seen) == sorted(MAILS.values())
    seen.clear()
    assert run(*again).stdout_bytes == first
    assert seen == []
    (inbox / "5-new.eml").write_bytes(mail("new", "What is gamma?"))
    assert run(*again).stdout_bytes.startswith(first)
    assert seen == [mail("new", "What is gamma?")]


def test_report(plain: Path, inbox: Path, tmp_path: Path) -> None:
    """The coverage report counts what was answered by which entry, and groups what was not."""
    ledger = tmp_path / "ledger"
    run(inbox, "--index", plain, "--ledger", ledger)
    report = ("report", "--ledger", ledger, "--index", plain)
    line = run(*report).stdout
    found = json.loads(line)
    assert line.count("\n") == 1
    assert json.loads(run(*report, "--format", "json").stdout) == found
    assert {one["id"]: one["count"] for one in found["entries"]} == {"alpha": 1, "beta": 1}
    assert [found["mails"][status] for status in STATUSES] == [1, 1, 1, 1]
    shown = run(*report, "--format", "table").stdout
    places = [shown.index(text) for text in ("Mails: ", "Questions: ", "What is alpha?", "Without an official answer")]
    assert places == sorted(places)


def test_a_report_of_no_ledger(tmp_path: Path) -> None:
    """The error says how to make one, and none is made."""
    ledger = tmp_path / "ledger"
    said = told("report", "--ledger", ledger, status=2)
    assert said == f"{ledger}: there is no such ledger; `qa mail PATH --ledger {ledger}` makes one"
    assert not ledger.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name files or folders of mails, - for standard input, or --imap and a mailbox"),
        (["-", "--imap", "imap://ana@localhost/"], "name files or folders of mails, - for standard input, or --imap"),
        (["-", "--watch"], "--watch and --token-command go with --imap"),
        (["-", "--token-command", "true"], "--watch and --token-command go with --imap"),
        (["--imap", "imap://ana@localhost/"], "--imap needs --ledger FILE"),
    ],
)
def test_options_that_do_not_go_together(arguments: Sequence[str], said: str) -> None:
    """Each is told before anything is opened."""
    assert told(*arguments, status=2).startswith(said)


def test_a_missing_path(plain: Path, tmp_path: Path) -> None:
    """It is named, with what the system says."""
    missing = tmp_path / "missing"
    assert told(missing, "--index", plain, status=2) == f"{missing}: can't be read (No such file or directory)"


def test_standard_input(plain: Path) -> None:
    """A dash reads one mail, which is named so."""
    [row] = rows(run("-", "--index", plain, stdin=mail("piped")).stdout)
    assert (row["file"], row["status"], row["message_id"]) == ("-", "matched", "<piped@partner.example>")


def test_progress(plain: Path, inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal sees the mails counted, and standard output has the lines alone."""
    terminal = io.StringIO()
    monkeypatch.setattr(mail_output, "stderr", Console(file=terminal, force_terminal=True, width=80))
    assert [row["status"] for row in rows(run(inbox, "--index", plain).stdout)] == STATUSES
    assert "4 mails" in terminal.getvalue()
    assert "/s" in terminal.getvalue()


def many(folder: Path, count: int) -> list[bytes]:
    """Write mails in a folder of their own."""
    folder.mkdir()
    raws = [mail(f"n{n}", f"What is alpha? {PLACE} {n}?") for n in range(count)]
    for n, raw in enumerate(raws):
        (folder / f"{n:04}.eml").write_bytes(raw)
    return raws


def wait_for(path: Path, size: int, process: subprocess.Popen[Any]) -> None:
    """Wait until a process has written so many bytes into a file."""
    end = time.monotonic() + 60
    while not path.exists() or path.stat().st_size < size:
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.005)


def interrupted(folder: Path, plain: Path, ledger: Path, *options: str | Path) -> tuple[int, str, str]:
    """Press Ctrl-C on a run over many mails in a process of its own, once it has rows on the disk."""
    arguments = [QA, "mail", str(folder), "--index", str(plain), *map(str, options)]
    environment = {**os.environ, "TMPDIR": str(ledger.parent)}
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", env=environment
    ) as process:
        while not (found := [*ledger.parent.glob("ledger-wal"), *ledger.parent.glob("qa-mail-*/ledger-wal")]):
            assert process.poll() is None
            time.sleep(0.005)
        wait_for(found[0], 80_000, process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_ctrl_c_keeps_what_is_done(plain: Path, tmp_path: Path) -> None:
    """An interrupted run says so in a sentence, its ledger has whole rows, and the same command ends the work."""
    raws = many(tmp_path / "many", 400)
    ledger = tmp_path / "ledger"
    status, out, err = interrupted(tmp_path / "many", plain, ledger, "--ledger", ledger)
    assert (status, out) == (130, "")
    assert " ".join(err.split()) == (
        "qa: interrupted; what is done is in the ledger, and the same command goes on from there"
    )
    with Ledger(ledger) as held:
        done = [MailResponse.model_validate_json(row) for row in held.rows()]
    assert 0 < len(done) < len(raws)
    found = rows(run(tmp_path / "many", "--index", plain, "--ledger", ledger).stdout)
    assert [row["file"] for row in found] == [str(tmp_path / "many" / f"{n:04}.eml") for n in range(len(raws))]
    # On a busy machine a mail may take longer than its second; nothing else leaves it without its id.
    ids = {n: row["message_id"] for n, row in enumerate(found) if row["reason"] != "took longer than 1 second"}
    assert ids == {n: f"<n{n}@partner.example>" for n in ids}


def test_ctrl_c_without_a_ledger(plain: Path, tmp_path: Path) -> None:
    """It promises nothing that was not asked to be kept, and leaves nothing behind."""
    many(tmp_path / "many", 400)
    (tmp_path / "temporary").mkdir()
    status, out, err = interrupted(tmp_path / "many", plain, tmp_path / "temporary" / "ledger")
    assert (status, out) == (130, "")
    assert " ".join(err.split()) == "qa: interrupted; with --ledger FILE a run goes on from where it was"
    assert list((tmp_path / "temporary").glob("qa-mail-*")) == []


def test_help() -> None:
    """Help is of the group, and of each command by its name."""
    assert "report" in run("--help").stdout
    assert "--partial-drafts" in run("match", "--help").stdout
