from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from email import message_from_bytes
from email.headerregistry import Address
from pathlib import Path
from typing import Any

import pytest

from qa_service.artifact import publish
from qa_service.artifact.read import read
from qa_service.batch.desk import Drafting, FolderDesk
from qa_service.batch.ledger import Ledger
from qa_service.cli import app
from qa_service.mail import mailbox as mailbox_module
from qa_service.mail.account import Fetched, Position
from qa_service.mail.imap import Connection
from qa_service.mail.mailbox import Mailbox
from qa_service.mail.pool import ReadingPool
from qa_service.retriever import Retriever
from tests import dovecot
from tests.dovecot import Dovecot
from tests.test_cli_mail import DESK, PLACE, QA, fake_index, mail, rows, run, told

_URL = "imap://mail.example/INBOX"
_STEPS = ("row", "append", "mark", "save")

pytestmark = pytest.mark.usefixtures("bare_environment")


def _main(step: str, *arguments: str) -> None:
    """`qa mail` in a process of its own, in batches of four mails, which kills itself hard after a step."""

    def deadly(work: Callable[..., Any]) -> Callable[..., Any]:
        def do(*given: Any) -> None:
            work(*given)
            os.kill(os.getpid(), signal.SIGKILL)

        return do

    mailbox_module._BATCH = 4
    owner = {"row": Ledger, "append": Connection, "mark": Mailbox, "save": FolderDesk}[step]
    name = "keep" if step == "row" else step
    setattr(owner, name, deadly(getattr(owner, name)))
    app(["mail", *arguments])


if __name__ == "__main__":
    _main(*sys.argv[1:])


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with dovecot.running() as running:
        yield running


@pytest.fixture
def folder(server: Dovecot, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder of the test's own, and what `qa` needs to log in and to draft."""
    name = re.sub(r"\W", "-", request.node.name)
    with server.client() as client:
        assert client.create(name)[0] == "OK"
    monkeypatch.setenv("QA_IMAP_PASSWORD", dovecot.PASSWORD)
    monkeypatch.setenv("QA_DESK_ADDRESS", DESK)
    return name


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index of the fake FAQ, with the calibration that can be worked out by hand."""
    return fake_index(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def retriever(plain: Path) -> Retriever:
    return Retriever(read(plain / publish.current(plain)))


@pytest.fixture(scope="module")
def pool() -> Iterator[ReadingPool]:
    with ReadingPool(1, frozenset()) as opened:
        yield opened


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "held") as opened:
        yield opened


def fetched(uid: int, raw: bytes | None, failure: str | None = None) -> Fetched:
    return Fetched(f"{_URL};UIDVALIDITY=7/;UID={uid}", 7, uid, len(raw or b""), raw, failure)


def threads(server: Dovecot, folder: str) -> list[str]:
    """Which mails of a folder the drafts answer, in order."""
    ids = {str(message_from_bytes(raw)["Message-ID"]) for _, raw in server.mails(folder)}
    held = [str(message_from_bytes(raw)["In-Reply-To"]) for _, raw in server.mails("Entw&APw-rfe")]
    return sorted(each for each in held if each in ids)


def flags(server: Dovecot, folder: str) -> list[set[str]]:
    return [held - {r"\Recent"} for held, _ in server.mails(folder)]


def wait_until(is_true: Callable[[], bool], process: subprocess.Popen[Any]) -> None:
    end = time.monotonic() + 30
    while not is_true():
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)


# -- The desk


def test_answers(retriever: Retriever, pool: ReadingPool, ledger: Ledger) -> None:
    """Each mail has its row; a draft is due where all is answered, until it is known to lie in the mailbox."""
    heard: list[str] = []
    desk = FolderDesk(
        _URL, retriever, pool, ledger, drafting=Drafting(Address("", "help", "desk.example"), False),
        on_done=lambda one: heard.append(one.file),
    )  # fmt: skip
    mails = [fetched(3, mail("a")), fetched(4, mail("b", "Who pays?")), fetched(5, None, "larger than 25 MB")]
    drafts = desk.answer(mails)
    assert [json.loads(row)["status"] for row in ledger.rows()] == ["matched", "abstained", "error"]
    assert heard == [each.name for each in mails]
    [draft] = drafts
    made = message_from_bytes(draft.message)
    assert (made["Message-ID"], made["In-Reply-To"]) == (draft.message_id, "<a@partner.example>")
    again = FolderDesk(_URL, retriever, pool, ledger, drafting=Drafting(Address("", "help", "desk.example"), False))
    assert [one.message_id for one in again.answer(mails)] == [draft.message_id]
    again.save(Position(7, 5), [draft.message_id])
    assert again.answer(mails) == []


def test_without_drafts(retriever: Retriever, pool: ReadingPool, ledger: Ledger) -> None:
    """Where none are wanted none are due."""
    assert FolderDesk(_URL, retriever, pool, ledger).answer([fetched(1, mail("a"))]) == []


def test_partial_drafts(retriever: Retriever, pool: ReadingPool, ledger: Ledger) -> None:
    """Where partial ones are wanted, a mail with one answer has a draft."""
    sender = Address("", "help", "desk.example")
    mails = [fetched(1, mail("a", "What is beta? And who pays for the blue boat?"))]
    due = [
        len(FolderDesk(_URL, retriever, pool, ledger, drafting=Drafting(sender, partial)).answer(mails))
        for partial in (False, True)
    ]
    assert due == [0, 1]


def test_position(retriever: Retriever, pool: ReadingPool, ledger: Ledger) -> None:
    """How far a folder is done is remembered for each folder."""
    desk, other = (FolderDesk(url, retriever, pool, ledger) for url in (_URL, "imap://mail.example/Other"))
    assert desk.position() is None
    desk.save(Position(7, 5), ())
    desk.save(Position(7, 9), ())
    assert (desk.position(), other.position()) == (Position(7, 9), None)


# -- `qa mail --imap`


def options(server: Dovecot, folder: str, plain: Path, tmp_path: Path) -> list[str]:
    return [
        "--imap", server.url(folder), "--ledger", str(tmp_path / "ledger"), "--index", str(plain), "--drafts",
        "--drafts-folder", str(tmp_path / "files"),
    ]  # fmt: skip


def test_a_folder(server: Dovecot, folder: str, plain: Path, tmp_path: Path) -> None:
    """Mails are matched, flagged and left unseen, a reply lies in Drafts in its thread; a second run adds nothing."""
    originals = [mail("imap1"), mail("imap2", f"Who pays for {PLACE}?")]
    server.deliver(*originals, folder=folder)
    wanted = options(server, folder, plain, tmp_path)
    result = run(*wanted)
    found = rows(result.stdout)
    assert [(row["message_id"], row["status"]) for row in found] == [
        ("<imap1@partner.example>", "matched"),
        ("<imap2@partner.example>", "abstained"),
    ]
    assert all(re.fullmatch(rf"imap://127\.0\.0\.1/{folder};UIDVALIDITY=\d+/;UID=\d+", row["file"]) for row in found)
    assert (result.stderr, (tmp_path / "files").exists()) == ("", False)
    assert [raw for _, raw in server.mails(folder)] == originals
    assert flags(server, folder) == [{"$QAMatched"}] * 2
    assert threads(server, folder) == ["<imap1@partner.example>"]
    held = [message_from_bytes(raw) for _, raw in server.mails("Entw&APw-rfe")]
    [draft] = [made for made in held if made["In-Reply-To"] == "<imap1@partner.example>"]
    assert (draft["Auto-Submitted"], draft["From"], draft["To"]) == ("auto-replied", DESK, "ana@partner.example")
    assert run(*wanted).stdout == ""
    assert threads(server, folder) == ["<imap1@partner.example>"]
    server.deliver(mail("imap3", "What is beta?"), folder=folder)
    assert [row["message_id"] for row in rows(run(*wanted).stdout)] == ["<imap3@partner.example>"]


def test_kills(server: Dovecot, folder: str, plain: Path, tmp_path: Path, root: Path) -> None:
    """A run is killed hard after every step in turn, and ends with one row, one flag and one draft for each mail."""
    ids = [f"<kill{n:02}@partner.example>" for n in range(20)]
    server.deliver(*(mail(f"kill{n:02}", f"What is {('alpha', 'beta')[n % 2]}?") for n in range(20)), folder=folder)
    wanted = options(server, folder, plain, tmp_path)
    for step in _STEPS:
        command = [sys.executable, "-m", "tests.test_batch_desk", step, *wanted]
        killed = subprocess.run(command, cwd=root, timeout=60, check=False, capture_output=True)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
    run(*wanted)
    with Ledger(tmp_path / "ledger") as held:
        done = [json.loads(row) for row in held.history()]
    assert sorted(row["message_id"] for row in done) == ids
    assert {row["status"] for row in done} == {"matched"}
    assert threads(server, folder) == ids
    assert flags(server, folder) == [{"$QAMatched"}] * len(ids)


def test_watch(server: Dovecot, folder: str, plain: Path, tmp_path: Path) -> None:
    """A watch answers what is there and what comes, and ends well when it is told to."""
    server.deliver(mail("old"), folder=folder)
    arguments = [QA, "mail", *options(server, folder, plain, tmp_path), "--watch"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8") as process:
        wait_until(lambda: len(threads(server, folder)) == 1, process)
        server.deliver(mail("new", "What is gamma?"), folder=folder)
        wait_until(lambda: flags(server, folder) == [{"$QAMatched"}] * 2, process)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    assert [row["message_id"] for row in rows(out)] == [
        "<old@partner.example>",
        "<new@partner.example>",
    ]
    assert len(threads(server, folder)) == 2


@pytest.mark.parametrize("step", ["append_drafts", "mark"])
def test_a_dropped_connection_is_told(
    server: Dovecot, folder: str, plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """A sentence on standard error says what was lost and when it is tried again, and the work is done."""
    server.deliver(mail(f"drop-{step}"), folder=folder)
    work: Callable[..., Any] = getattr(Mailbox, step)
    lost: list[str] = []

    def hung_up(mailbox: Mailbox, given: Sequence[Any]) -> Any:
        if not lost:
            lost.append(step)
            mailbox._connection.close(is_lost=True)
        return work(mailbox, given)

    monkeypatch.setattr(Mailbox, step, hung_up)
    monkeypatch.setattr("qa_service.mail.follow._MAX_PAUSE_SECONDS", 0.0)
    said = run(*options(server, folder, plain, tmp_path)).stderr
    assert said.startswith("qa: ")
    assert said.endswith("; tried again in 0 s\n")
    assert (flags(server, folder), threads(server, folder)) == ([{"$QAMatched"}], [f"<drop-{step}@partner.example>"])


@pytest.mark.parametrize(
    ("token_command", "status", "said"),
    [
        ("false", 1, "the token command failed with exit status 1; run it by hand"),
        ("/no/such/command", 1, "the token command can't be started (FileNotFoundError); check its path"),
        ("'unclosed", 2, "--token-command has a quote or a backslash that nothing follows; close it"),
    ],
)
def test_token_command(
    server: Dovecot, plain: Path, tmp_path: Path, token_command: str, status: int, said: str
) -> None:
    """A command that gives no token is told as such."""
    wanted = options(server, "INBOX", plain, tmp_path)[:-3]
    assert told(*wanted, "--token-command", token_command, status=status) == said


def test_no_password(
    server: Dovecot, folder: str, plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody can be asked the variable is named."""
    monkeypatch.delenv("QA_IMAP_PASSWORD")
    assert "set QA_IMAP_PASSWORD" in told(*options(server, folder, plain, tmp_path), status=1)
