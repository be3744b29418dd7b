from __future__ import annotations

import base64
import hashlib
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from qa_service.errors import QaError
from qa_service.mail import mailbox as mailbox_module
from qa_service.mail.account import (
    Account,
    Draft,
    DroppedError,
    Fetched,
    MailboxError,
    Position,
    Security,
    account,
    password,
    token_command,
)
from qa_service.mail.follow import follow
from qa_service.mail.imap import Connection
from qa_service.mail.mailbox import Mailbox
from tests import dovecot
from tests.dovecot import Dovecot

QUESTION = b"From: Ana <ana@example.com>\r\nMessage-ID: <%d@example.com>\r\nSubject: Question %d\r\n\r\nIs it free?\r\n"


def mail(number: int) -> bytes:
    return QUESTION % (number, number)


def secret() -> str:
    return dovecot.PASSWORD


class Book:
    """A desk that writes down in SQLite, as the ledger does, and drafts an answer to every mail."""

    def __init__(self, path: Path | str) -> None:
        self.database = sqlite3.connect(path, isolation_level=None)
        self.database.execute("CREATE TABLE IF NOT EXISTS row (hash TEXT PRIMARY KEY, name TEXT)")
        self.database.execute("CREATE TABLE IF NOT EXISTS drafted (id TEXT PRIMARY KEY)")
        self.database.execute(
            "CREATE TABLE IF NOT EXISTS position (one INTEGER PRIMARY KEY, validity INTEGER, uid INTEGER)"
        )
        self.drops: list[float] = []
        self.answered: list[bytes | None] = []
        self.done: list[bytes | None] = []

    def position(self) -> Position | None:
        found = self.database.execute("SELECT validity, uid FROM position").fetchone()
        return Position(*found) if found else None

    def answer(self, mails: Sequence[Fetched]) -> list[Draft]:
        drafts = []
        for each in mails:
            self.answered.append(each.raw)
            digest = hashlib.sha256(each.raw or each.name.encode()).hexdigest()
            self.database.execute("INSERT OR IGNORE INTO row VALUES (?, ?)", (digest, each.name))
            drafts.append(draft(digest[:16], each.raw or b""))
        placed = {found[0] for found in self.database.execute("SELECT id FROM drafted")}
        return [each for each in drafts if each.message_id not in placed]

    def save(self, position: Position, drafted: Sequence[str]) -> None:
        self.database.execute("BEGIN")
        self.database.executemany("INSERT INTO drafted VALUES (?)", [(each,) for each in drafted])
        self.database.execute("REPLACE INTO position VALUES (1, ?, ?)", (position.uidvalidity, position.uid))
        self.database.execute("COMMIT")
        self.done = list(self.answered)

    def dropped(self, error: DroppedError, seconds: float) -> None:
        assert dovecot.PASSWORD not in str(error)
        self.drops.append(seconds)

    def rows(self) -> list[str]:
        return sorted(found[0] for found in self.database.execute("SELECT hash FROM row"))


def draft(key: str, original: bytes) -> Draft:
    found = re.search(rb"Message-ID: (\S+)", original)
    thread = found[1].decode() if found else ""
    message_id = f"<{key}@help.example.org>"
    text = f"Message-ID: {message_id}\r\nIn-Reply-To: {thread}\r\nReferences: {thread}\r\nSubject: Re\r\n\r\nYes.\r\n"
    return Draft(message_id, text.encode())


def _main(database: str, url: str, step: str) -> None:
    """A run in a process of its own, which kills itself hard after a step."""
    desk = Book(database)

    def deadly(work: Callable[..., Any]) -> Callable[..., Any]:
        def do(*arguments: Any) -> None:
            work(*arguments)
            os.kill(os.getpid(), signal.SIGKILL)

        return do

    mailbox_module._BATCH = 2
    if step in {"answer", "save"}:
        setattr(desk, step, deadly(getattr(desk, step)))
    else:
        owner = Connection if step == "append" else Mailbox
        setattr(owner, step, deadly(getattr(owner, step)))
    follow(account(url, secret), desk, threading.Event())


if __name__ == "__main__":
    _main(*sys.argv[1:])


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with dovecot.running() as running:
        yield running


@pytest.fixture(scope="module")
def plain() -> Iterator[Dovecot]:
    with dovecot.running(plain=True) as running:
        yield running


@pytest.fixture
def folder(server: Dovecot, request: pytest.FixtureRequest) -> str:
    """A folder of the test's own."""
    name = re.sub(r"\W", "-", request.node.name)
    create(server, name)
    return name


@pytest.fixture
def book() -> Iterator[Book]:
    opened = Book(":memory:")
    yield opened
    opened.database.close()


def create(server: Dovecot, name: str) -> None:
    with server.client() as client:
        assert client.create(name)[0] == "OK"


def opened(server: Dovecot, folder: str, **how: Any) -> Mailbox:
    return Mailbox(account(server.url(folder, **how), secret))


def drafts_of(server: Dovecot, originals: Sequence[bytes]) -> list[bytes]:
    """The drafts that answer one of these mails."""
    threads = [re.search(rb"Message-ID: (\S+)", raw)[1] for raw in originals]  # type: ignore[index]
    held = [raw for _, raw in server.mails("Entw&APw-rfe")]
    return [raw for raw in held if re.search(rb"In-Reply-To: (\S+)", raw)[1] in threads]  # type: ignore[index]


# -- The URL and the secret


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("imaps://ana@mail.example.org", ("mail.example.org", 993, "ana", "INBOX", Security.TLS)),
        ("imaps://ana%40b.org@mail.example.org:1993/Help/New", ("mail.example.org", 1993, "ana@b.org", "Help/New", Security.TLS)),
        ("imap://ana@mail.example.org/Gr%C3%B6%C3%9Fe%20%26", ("mail.example.org", 143, "ana", "Größe &", Security.STARTTLS)),
        ("imap://ana@localhost:2143/", ("localhost", 2143, "ana", "INBOX", Security.LOOPBACK)),
        ("imap://ana@127.3.2.1/", ("127.3.2.1", 143, "ana", "INBOX", Security.LOOPBACK)),
        ("imap://ana@[::1]/", ("::1", 143, "ana", "INBOX", Security.LOOPBACK)),
    ],
)  # fmt: skip
def test_a_url_names_host_user_and_folder(url: str, expected: tuple[object, ...]) -> None:
    """TLS comes from the scheme; `imap` is plain to this machine alone."""
    made = account(url, secret)
    assert expected == (made.host, made.port, made.user, made.folder, made.security)


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("https://ana@mail.example.org/", "names no scheme, user or host; write imaps://user@host/Folder"),
        ("imaps://mail.example.org/", "names no scheme, user or host"),
        ("imaps://ana@", "names no scheme, user or host"),
        ("imaps://ana@mail.example.org:port/", "can't be read"),
        ("imaps://ana@[mail/", "can't be read"),
        ("imaps://ana:hush@mail.example.org/", "set QA_IMAP_PASSWORD instead"),
        ("imaps://ana@mail.example.org/In?box", "write %3F or %23"),
        ("imaps://ana@mail.example.org/In#box", "write %3F or %23"),
        ("imaps://ana@mail.example.org/In%0D%0Abox", "control characters"),
        ("imaps://an%00a@mail.example.org/", "control characters"),
    ],
)
def test_a_url_that_says_too_little_or_too_much(url: str, remedy: str) -> None:
    """It is refused with the remedy, and nothing of it is repeated."""
    with pytest.raises(MailboxError, match=re.escape(remedy)) as caught:
        account(url, secret)
    assert "hush" not in str(caught.value)
    assert "ana" not in str(caught.value)


def test_a_mail_is_named_by_its_url_without_the_user() -> None:
    """The name is that of RFC 5092, percent-encoded."""
    made = account("imaps://ana@[::1]/Gr%C3%B6%C3%9Fe", secret)
    assert made.mail_url(7, 12) == "imap://[::1]/Gr%C3%B6%C3%9Fe;UIDVALIDITY=7/;UID=12"


def test_nothing_prints_a_secret_or_a_mail() -> None:
    """The representations of an account, a mail and a draft hold neither secret, user nor text."""
    made = account("imaps://ana@mail.example.org/", lambda: "hush")
    shown = f"{made} {Fetched('n', 1, 2, 3, b'hush')} {Draft('<1@example.org>', b'hush')}"
    assert "hush" not in shown
    assert "ana" not in shown


def test_the_password_is_that_of_the_environment_else_asked_once() -> None:
    """A person is asked where the variable is not set, and again never."""
    asked: list[str] = []

    def prompt() -> str:
        asked.append("asked")
        return "typed"

    assert password({"QA_IMAP_PASSWORD": "set"}, prompt)() == "set"
    get = password({}, prompt)
    assert (get(), get(), asked) == ("typed", "typed", ["asked"])
    with pytest.raises(MailboxError, match="set QA_IMAP_PASSWORD"):
        password({})()


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_token_is_what_a_command_prints() -> None:
    """No shell sees the command, and it runs anew for each login."""
    get = token_command([*_python("import sys, time; print(sys.argv[1], time.time_ns(), sep='.')"), "$(id)"])
    first, second = get(), get()
    assert first.startswith("$(id).")
    assert first != second


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (_python("print('hush'); raise SystemExit(3)"), "failed with exit status 3"),
        (_python("print('hush', flush=True); import time; time.sleep(60)"), "took longer than 0.5 s"),
        (_python("print()"), "printed no access token"),
        (_python("print('hush hush')"), "printed no access token"),
        (_python("print('hush' * 9999)"), "printed no access token"),
        (_python("import sys; sys.stdout.buffer.write(b'hush\\xff')"), "printed no access token"),
        (["/nowhere/hush"], r"can't be started \(FileNotFoundError\)"),
        ([], r"can't be started \(IndexError\)"),
    ],
)
def test_a_token_command_that_fails(command: list[str], message: str) -> None:
    """The error tells what went wrong and nothing of what the command is or printed."""
    seconds = 0.5 if "longer" in message else 30.0
    with pytest.raises(MailboxError, match=message) as caught:
        token_command(command, seconds)()
    assert "hush" not in str(caught.value)


# -- Reading


def test_mails_come_as_they_are_and_stay_unseen(server: Dovecot, folder: str) -> None:
    """Bytes are exact, names are URLs, and the server's flags do not change."""
    server.deliver(mail(1), mail(2), folder=folder)
    with opened(server, folder) as box:
        found = list(box.new(None))
        validity = found[0].uidvalidity
        assert box.reached == Position(validity, 2)
    expected = [
        (f"imap://127.0.0.1/{folder};UIDVALIDITY={validity}/;UID={n}", n, len(mail(n)), mail(n), None) for n in (1, 2)
    ]
    assert expected == [(m.name, m.uid, m.size, m.raw, m.failure) for m in found]
    assert [(set(), mail(1)), (set(), mail(2))] == [(flags - {r"\Recent"}, raw) for flags, raw in server.mails(folder)]


def test_a_position_is_where_reading_goes_on(server: Dovecot, folder: str) -> None:
    """Only later mails come; with nothing new the last one does not come again."""
    server.deliver(mail(1), mail(2), mail(3), folder=folder)
    with opened(server, folder) as box:
        first = next(box.new(None))
        rest = list(box.new(Position(first.uidvalidity, 1)))
        assert [mail(2), mail(3)] == [m.raw for m in rest]
        assert [] == list(box.new(Position(first.uidvalidity, 3)))
        assert box.reached == Position(first.uidvalidity, 3)
        server.deliver(mail(4), folder=folder)
        assert [mail(4)] == [m.raw for m in box.new(box.reached)]


def test_many_mails_come_in_batches_and_in_order(server: Dovecot, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of uids, chunks and batches that are smaller than the folder, and holes in it, lose and double nothing."""
    for name, small in {"_UID_WINDOW": 3, "_CHUNK": 2, "_BATCH": 2}.items():
        monkeypatch.setattr(mailbox_module, name, small)
    server.deliver(*[mail(n) for n in range(1, 12)], folder=folder)
    with server.client(folder) as client:
        client.uid("STORE", "4,5,6,9", "+FLAGS", r"(\Deleted)")
        client.expunge()
    with opened(server, folder) as box:
        assert [1, 2, 3, 7, 8, 10, 11] == [m.uid for m in box.new(None)]


def test_a_flag_tells_other_runs_that_a_mail_is_done(server: Dovecot, folder: str) -> None:
    """A flagged mail does not come again even without a position; the keyword is all that changes."""
    server.deliver(mail(1), mail(2), folder=folder)
    with opened(server, folder) as box:
        assert box.mark([next(box.new(None))])
        assert [mail(2)] == [m.raw for m in box.new(None)]
        assert not box.mark([])
    assert [{"$QAMatched"}, set()] == [flags - {r"\Recent"} for flags, _ in server.mails(folder)]


def test_flagging_deletes_nothing(server: Dovecot, folder: str) -> None:
    """A mail that another client has marked as deleted is still there after a run and its logout."""
    server.deliver(mail(1), mail(2), folder=folder)
    with server.client(folder) as client:
        client.uid("STORE", "1", "+FLAGS", r"(\Deleted)")
    with opened(server, folder) as box:
        box.mark(list(box.new(None)))
    assert [{r"\Deleted", "$QAMatched"}, {"$QAMatched"}] == [f - {r"\Recent"} for f, _ in server.mails(folder)]


def test_another_uidvalidity_starts_over(server: Dovecot, folder: str) -> None:
    """A folder that was made anew is read from its beginning; uids of the old one flag nothing in it."""
    server.deliver(mail(1), mail(2), folder=folder)
    with opened(server, folder) as box:
        old = list(box.new(None))
        position = box.reached
    with server.client() as client:
        client.delete(folder)
    create(server, folder)
    server.deliver(mail(3), mail(4), folder=folder)
    with opened(server, folder) as box:
        assert not box.mark(old)
        assert [mail(3), mail(4)] == [m.raw for m in box.new(position)]
    assert [set(), set()] == [flags - {r"\Recent"} for flags, _ in server.mails(folder)]


def test_uids_that_become_void_meanwhile(server: Dovecot, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is made anew while it is read gives nothing under the old uids; the next look starts over."""
    monkeypatch.setattr(mailbox_module, "_BATCH", 1)
    server.deliver(mail(1), mail(2), folder=folder)
    with opened(server, folder) as box:
        found = box.new(None)
        first = next(found)
        box.append_drafts([draft("void", mail(1))])
        with server.client() as client:
            client.delete(folder)
        create(server, folder)
        server.deliver(mail(3), mail(4), folder=folder)
        assert [] == list(found)
        assert box.reached == Position(first.uidvalidity, 1)
        assert [mail(3), mail(4)] == [m.raw for m in box.new(box.reached)]


def test_a_mail_over_the_limit_is_not_fetched(server: Dovecot, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes as a failure with its size; the server's own count shows that only the other one was read."""
    monkeypatch.setattr(mailbox_module, "MAX_MAIL_BYTES", 1_000)
    monkeypatch.setattr(mailbox_module, "_BATCH", 1)
    large = mail(1) + b"x" * 2_000 + b"\r\n"
    server.deliver(large, mail(2), folder=folder)
    with opened(server, folder) as box:
        found = list(box.new(None))
    assert [(None, f"larger than 1,000 bytes: {len(large):,}"), (mail(2), None)] == [(m.raw, m.failure) for m in found]
    assert _logged(server, f"Logged out .*body_count=1 body_bytes={len(mail(2))}\n")


def _logged(server: Dovecot, pattern: str, count: int = 1) -> list[str]:
    """What a pattern finds in the server's log, which is written a little after the fact."""
    for _ in range(500):
        found = re.findall(pattern, (server.folder / "log").read_text())
        if len(found) >= count:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{pattern} is not in the log")


def test_a_folder_may_be_named_in_any_script(server: Dovecot) -> None:
    """The URL's UTF-8 becomes the modified UTF-7 that IMAP has."""
    create(server, '"Fragen &- W&APw-nsche &ZeVnLIqe-"')
    with server.client() as client:
        assert client.append('"Fragen &- W&APw-nsche &ZeVnLIqe-"', "", "", mail(1))[0] == "OK"
    with opened(server, "Fragen%20%26%20W%C3%BCnsche%20%E6%97%A5%E6%9C%AC%E8%AA%9E") as box:
        assert [mail(1)] == [m.raw for m in box.new(None)]


@pytest.mark.parametrize("folder", ["Shared", "Closed"])
def test_without_keywords_the_position_alone_tells(plain: Dovecot, folder: str, book: Book) -> None:
    """A folder that is read-only, or keeps no keywords, is read once all the same and left as it is."""
    with opened(plain, folder):
        plain.drop(mail(1), folder)  # the server makes the folder when it is opened first
    for _ in range(2):
        follow(account(plain.url(folder), secret), book, threading.Event())
    assert [mail(1)] == book.answered
    with opened(plain, folder) as box:
        assert not box.mark(list(box.new(None)))
    assert [set()] == [flags - {r"\Recent"} for flags, _ in plain.mails(folder)]


# -- Drafts


def test_a_draft_is_threaded_and_put_in_once(server: Dovecot) -> None:
    r"""The folder is the one marked as \Drafts, whatever its name; the bytes are ours, the flag is \Draft alone."""
    made = draft("once", mail(1))
    with opened(server, "INBOX") as box:
        assert [1, 0] == [box.append_drafts([made, made]), box.append_drafts([made])]
    with opened(server, "INBOX") as box:
        assert 1 == box.append_drafts([made, draft("other", mail(2))])
    held = [(flags - {r"\Recent"}, raw) for flags, raw in server.mails("Entw&APw-rfe") if b"<once@" in raw]
    assert [({r"\Draft"}, made.message)] == held
    assert b"In-Reply-To: <1@example.com>\r\nReferences: <1@example.com>\r\n" in made.message


def test_a_drafts_folder_is_known_by_its_name(plain: Dovecot) -> None:
    """Where the server marks none, a name does; reading goes on in the account's folder afterwards."""
    plain.deliver(mail(9))
    with opened(plain, "") as box:
        found = list(box.new(None))
        assert box.append_drafts([draft("named", mail(9))])
        assert box.mark(found)
    assert b"<named@" in plain.mails("Entw&APw-rfe")[-1][1]
    assert "$QAMatched" in plain.mails()[-1][0]


@pytest.mark.parametrize(
    "message_id", ['<a"b@example.org>', "<a\r\nb@example.org>", "<ä@example.org>", "<a\\b@example.org>"]
)
def test_a_draft_with_an_unfit_message_id(server: Dovecot, message_id: str) -> None:
    """It is refused before the server is asked."""
    with opened(server, "INBOX") as box, pytest.raises(MailboxError, match="without quotes and spaces"):
        box.append_drafts([Draft(message_id, b"")])


# -- A run, and its end at any moment


def test_a_run_answers_drafts_flags_and_remembers(server: Dovecot, folder: str, book: Book) -> None:
    """A second run has nothing to do; flagged mails are passed over and the position goes past them."""
    originals = [mail(n) for n in (101, 102, 103)]
    server.deliver(*originals, folder=folder)
    mailbox = account(server.url(folder), secret)
    follow(mailbox, book, threading.Event())
    follow(mailbox, book, threading.Event())
    assert originals == book.answered
    assert 3 == len(drafts_of(server, originals))
    assert [{"$QAMatched"}] * 3 == [flags - {r"\Recent"} for flags, _ in server.mails(folder)]
    position = book.position()
    assert position
    assert position.uid == 3
    other = Book(":memory:")
    follow(mailbox, other, threading.Event())
    assert (other.answered, other.position()) == ([], position)
    other.database.close()


def test_a_stop_lets_the_batch_in_hand_be_finished(
    server: Dovecot, folder: str, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mail that is being answered is drafted, flagged and remembered; the next one is left for another run."""
    monkeypatch.setattr(mailbox_module, "_BATCH", 1)
    server.deliver(mail(131), mail(132), folder=folder)
    stop = threading.Event()

    class Stopping(Book):
        def answer(self, mails: Sequence[Fetched]) -> list[Draft]:
            stop.set()
            return super().answer(mails)

    desk = Stopping(":memory:")
    follow(account(server.url(folder), secret), desk, stop, watch=True)
    assert ([mail(131)], 1) == (desk.done, len(drafts_of(server, [mail(131)])))
    desk.database.close()
    follow(account(server.url(folder), secret), book, threading.Event())
    assert [mail(132)] == book.done


def test_a_mail_that_came_twice_is_drafted_once(server: Dovecot, folder: str, book: Book) -> None:
    """The same bytes under two uids are one row and one draft, and both are flagged."""
    server.deliver(mail(121), mail(121), folder=folder)
    follow(account(server.url(folder), secret), book, threading.Event())
    assert (1, 1) == (len(book.rows()), len(drafts_of(server, [mail(121)])))
    assert [{"$QAMatched"}] * 2 == [flags - {r"\Recent"} for flags, _ in server.mails(folder)]


def test_a_folder_made_anew_is_not_answered_twice(server: Dovecot, folder: str, book: Book) -> None:
    """The same mails under another UIDVALIDITY come again; the desk knows them, and their drafts are not made again."""
    originals = [mail(n) for n in (111, 112)]
    server.deliver(*originals, folder=folder)
    follow(account(server.url(folder), secret), book, threading.Event())
    with server.client("Entw&APw-rfe") as client:  # a person has sent the drafts
        client.store("1:*", "+FLAGS", r"(\Deleted)")
        client.expunge()
    with server.client() as client:
        client.delete(folder)
    create(server, folder)
    server.deliver(*originals, folder=folder)
    follow(account(server.url(folder), secret), book, threading.Event())
    assert originals * 2 == book.answered
    assert 2 == len(book.rows())
    assert [] == drafts_of(server, originals)


@pytest.mark.parametrize("step", ["answer", "append", "append_drafts", "mark", "save"])
def test_a_kill_loses_and_doubles_nothing(
    server: Dovecot, folder: str, tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """A process is killed hard after a step of its first batch; the next run ends the work."""
    placed = {"answer": 0, "append": 1, "append_drafts": 2, "mark": 2, "save": 2}
    originals = [mail(200 + 10 * list(placed).index(step) + n) for n in range(3)]
    server.deliver(*originals, folder=folder)
    database = tmp_path / "ledger"
    command = [sys.executable, "-m", "tests.test_mail_imap", str(database), server.url(folder), step]
    killed = subprocess.run(command, cwd=root, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL
    book = Book(database)
    assert 2 == len(book.rows())
    assert placed[step] == len(drafts_of(server, originals))
    monkeypatch.setattr(mailbox_module, "_BATCH", 2)
    follow(account(server.url(folder), secret), book, threading.Event())
    assert sorted(hashlib.sha256(raw).hexdigest() for raw in originals) == book.rows()
    drafts = drafts_of(server, originals)
    wanted = [draft(hashlib.sha256(raw).hexdigest()[:16], raw).message for raw in originals]
    assert sorted(wanted) == sorted(drafts)
    assert [{"$QAMatched"}] * 3 == [flags - {r"\Recent"} for flags, _ in server.mails(folder)]
    assert (book.position() or Position(0, 0)).uid == 3
    book.database.close()


# -- Watching


class _Watch:
    """`follow` in a thread, until its `with` ends."""

    def __init__(self, mailbox: Account, seconds: float = 600.0) -> None:
        self.stop = threading.Event()
        self.book: Book | None = None
        self._thread = threading.Thread(target=self._run, args=(mailbox, seconds))
        self.failure: QaError | None = None

    def _run(self, mailbox: Account, seconds: float) -> None:
        self.book = Book(":memory:")
        try:
            follow(mailbox, self.book, self.stop, watch=True, seconds=seconds)
        except QaError as exc:
            self.failure = exc
        finally:
            self.book.database.close()

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def done(self, *expected: bytes) -> bool:
        """Whether just these mails are done, after the time that it may take."""
        for _ in range(1500):
            if self.book and len(self.book.done) >= len(expected):
                break
            time.sleep(0.02)
        return self.book is not None and list(expected) == self.book.done


def test_idle_wakes_for_a_new_mail(server: Dovecot, folder: str) -> None:
    """The server's notice ends the wait; ten minutes would have been the alternative."""
    with opened(server, folder) as box:
        timer = threading.Timer(0.2, server.drop, (mail(1), folder))
        timer.start()
        assert box.wait(threading.Event(), 600)
        assert [mail(1)] == [m.raw for m in box.new(None)]
        timer.join()


def test_idle_over_tls_wakes_too(server: Dovecot, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What TLS holds in its own buffers is heard."""
    monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
    with opened(server, folder, scheme="imaps", host="localhost") as box:
        timer = threading.Timer(0.2, server.drop, (mail(1), folder))
        timer.start()
        assert box.wait(threading.Event(), 600)
        timer.join()


def test_a_wait_ends_with_its_time(server: Dovecot, folder: str) -> None:
    """Nothing new is no news, with IDLE."""
    with opened(server, folder) as box:
        assert not box.wait(threading.Event(), 0.1)
        assert [] == list(box.new(None))


def test_an_interrupt_ends_idle_in_good_order(server: Dovecot, folder: str) -> None:
    """What breaks a wait off, as Ctrl-C does, leaves a connection that can be used."""

    class Interrupted(threading.Event):
        def is_set(self) -> bool:
            raise KeyboardInterrupt

    with opened(server, folder) as box:
        with pytest.raises(KeyboardInterrupt):
            box.wait(Interrupted(), 600)
        server.deliver(mail(1), folder=folder)
        assert [mail(1)] == [m.raw for m in box.new(None)]


@pytest.mark.parametrize("kind", ["server", "plain"])
def test_a_wait_ends_when_told_to(request: pytest.FixtureRequest, kind: str) -> None:
    """The stop event ends it, with IDLE and without."""
    stop = threading.Event()
    with opened(request.getfixturevalue(kind), "Partners") as box:
        timer = threading.Timer(0.1, stop.set)
        timer.start()
        assert not box.wait(stop, 600)
        timer.join()


def test_a_watched_folder_answers_what_comes(server: Dovecot, folder: str) -> None:
    """By IDLE alone, for the poll would take ten minutes."""
    server.deliver(mail(301), folder=folder)
    with _Watch(account(server.url(folder), secret)) as watch:
        assert watch.done(mail(301))
        server.deliver(mail(302), folder=folder)
        assert watch.done(mail(301), mail(302))
    assert watch.failure is None
    assert 2 == len(drafts_of(server, [mail(301), mail(302)]))


def test_without_idle_a_poll_finds_what_comes(plain: Dovecot) -> None:
    """A server that has no IDLE is looked at again and again."""
    with _Watch(account(plain.url("Partners"), secret), seconds=0.1) as watch:
        plain.deliver(mail(311), folder="Partners")
        assert watch.done(mail(311))
        plain.deliver(mail(312), folder="Partners")
        assert watch.done(mail(311), mail(312))


def test_a_lost_connection_is_made_again(server: Dovecot, folder: str) -> None:
    """The server's process of this session is killed; the next mail is answered over another one."""
    server.deliver(mail(321), folder=folder)
    with _Watch(account(server.url(folder), secret)) as watch:
        assert watch.done(mail(321))
        os.kill(int(_logged(server, r"Login: .*mpid=(\d+)")[-1]), signal.SIGKILL)
        server.deliver(mail(322), folder=folder)
        assert watch.done(mail(321), mail(322))
        assert watch.book
        assert [1.0] == watch.book.drops


# -- Who is let in


def _refusal(url: str, given: Callable[[], str] = secret, *, oauth: bool = False) -> QaError:
    with pytest.raises(QaError) as caught, Mailbox(account(url, given, oauth=oauth)):
        pass
    return caught.value


def test_a_wrong_password(server: Dovecot) -> None:
    """The error names the host and the remedy; the password and the user are not in it."""
    refusal = _refusal(server.url(), lambda: "wrong horse")
    expected = "127.0.0.1 refused the login (AUTHENTICATIONFAILED); correct the user in the URL, or QA_IMAP_PASSWORD"
    assert (expected, 1) == (str(refusal), refusal.exit_status)


def test_a_password_that_no_line_can_hold(server: Dovecot) -> None:
    """A line end in it would be a command of its own."""
    refusal = _refusal(server.url(), lambda: "hush\r\nA1 LOGOUT")
    assert "the password or token has control characters in it; set it without a line end" == str(refusal)


def test_a_missing_folder(plain: Dovecot) -> None:
    """The error names some that there are."""
    refusal = str(_refusal(plain.url("Partnres")))
    assert refusal.startswith("the mailbox opens no folder 'Partnres'; name one that it has: Closed, Entwürfe, INBOX")


def test_nobody_listens() -> None:
    """A refused connection may pass, so it has the exit status of a temporary failure."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    refusal = _refusal(f"imap://ana@127.0.0.1:{port}/")
    expected = f"127.0.0.1:{port} can't be reached (ConnectionRefusedError); correct its host and port"
    assert (expected, 75) == (str(refusal), refusal.exit_status)


@pytest.mark.parametrize("host", ["mail.invalid", "mail..example.org", f"{'m' * 64}.example.org"])
def test_no_such_host(host: str) -> None:
    """A name that the resolver does not know, or that can be none, is told as such."""
    assert f"there is no host {host}; correct the mailbox URL, or look at the network" == str(
        _refusal(f"imaps://ana@{host}/")
    )


def test_a_certificate_is_verified(server: Dovecot, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown authority is refused with the remedy, and with it the mail is read, by TLS and by STARTTLS."""
    url = server.url(scheme="imaps", host="localhost")
    expected = "can't be verified (self-signed certificate); correct the host, or set SSL_CERT_FILE"
    starttls = Account("localhost", server.port, dovecot.USER, "INBOX", Security.STARTTLS, secret)
    assert expected in str(_refusal(url))
    with pytest.raises(MailboxError, match=re.escape(expected)), Mailbox(starttls):
        pass
    monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
    for each in (account(url, secret), starttls):
        with Mailbox(each) as box:
            assert [raw for _, raw in server.mails()] == [m.raw for m in box.new(None)]
    assert 2 <= len(_logged(server, "Login: .* TLS", 2))


def test_a_server_without_tls(plain: Dovecot) -> None:
    """Neither is a password sent in the clear, nor plain text taken for TLS."""
    starttls = Account("127.0.0.1", plain.port, dovecot.USER, "INBOX", Security.STARTTLS, secret)
    with pytest.raises(MailboxError, match=r"has no STARTTLS, and a password is not sent in the clear; use imaps://$"):
        Mailbox(starttls).__enter__()
    wrong = Account("127.0.0.1", plain.port, dovecot.USER, "INBOX", Security.TLS, secret)
    with pytest.raises(MailboxError, match=r"speaks no TLS; use imaps:// with port 993, or imap:// with port 143$"):
        Mailbox(wrong).__enter__()


# -- Servers of other makes, by scripts

_SELECT = ["* OK [UIDVALIDITY 7] ok", "* OK [UIDNEXT 9] ok", r"* OK [PERMANENTFLAGS (\Seen \*)] ok"]
_Reply = list[str] | str


class Script:
    """A server that knows what it is told to say to each command, and keeps what it heard.

    A reply is a list of untagged lines before "OK", or one line: "NO …", or "" to hang up.
    """

    def __init__(self, replies: dict[str, _Reply]) -> None:
        self._replies = {"SELECT": _SELECT, "EXAMINE": _SELECT, **replies}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.heard: list[str] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Script:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def url(self) -> str:
        return f"imap://ana%40example.org@127.0.0.1:{self.port}/"

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection, connection.makefile("rwb") as stream:
                self._talk(stream)

    def _talk(self, stream: Any) -> None:
        def say(line: str) -> None:
            stream.write(line.encode() + b"\r\n")
            stream.flush()

        def hear() -> str:
            self.heard.append(stream.readline().decode().rstrip("\r\n"))
            return self.heard[-1]

        say("* OK ready")
        while line := hear():
            tag, _, command = line.partition(" ")
            if command == "CAPABILITY":
                say("* CAPABILITY IMAP4rev1 " + str(self._replies.get("CAPABILITY", "AUTH=PLAIN IDLE")))
                say(f"{tag} OK done")
                continue
            if command.startswith("AUTHENTICATE"):
                say("+ ")
                hear()
                if "challenge" in self._replies:
                    say(f"+ {self._replies['challenge']}")
                    hear()
            key = max((k for k in self._replies if command.startswith(k)), key=len, default="")
            reply = self._replies.get(key, [])
            if not reply and key:
                return
            for said in reply if isinstance(reply, list) else ():
                say(said)
            if command == "IDLE" and isinstance(reply, list):
                hear()
            say(f"{tag} {reply if isinstance(reply, str) and key else 'OK done'}")


def test_xoauth2_sends_the_token_once() -> None:
    """The token goes out as the SASL mechanism has it, and an error's details are answered by nothing."""
    with Script({}) as server:
        with Mailbox(account(server.url(), lambda: "ya29.hush", oauth=True)):
            pass
        at = next(n for n, line in enumerate(server.heard) if line.endswith("AUTHENTICATE XOAUTH2"))
        sent = base64.b64decode(server.heard[at + 1])
    assert sent == b"user=ana@example.org\x01auth=Bearer ya29.hush\x01\x01"
    details = base64.b64encode(b'{"status":"401"}').decode()
    replies: dict[str, _Reply] = {"challenge": details, "AUTHENTICATE": "NO [AUTHENTICATIONFAILED] no ana@example.org"}
    with Script(replies) as server:
        refusal = _refusal(server.url(), lambda: "ya29.hush", oauth=True)
        assert server.heard[-2:] == ["", ""] or server.heard[-1] == ""
    assert str(refusal) == (
        "127.0.0.1 refused the login (AUTHENTICATIONFAILED); correct the user in the URL, or the token command"
    )


def test_login_where_there_is_no_plain() -> None:
    """Quotes in the password are escaped; a password beyond ASCII goes by PLAIN all the same."""
    with Script({"CAPABILITY": "NOTHING"}) as server:
        with Mailbox(account(server.url(), lambda: 'a "b')):
            pass
        assert any(line.endswith(r'LOGIN "ana@example.org" "a \"b"') for line in server.heard)
        with Mailbox(account(server.url(), lambda: "größe")):
            pass
        assert base64.b64encode("\0ana@example.org\0größe".encode()).decode() in server.heard


@pytest.mark.parametrize(
    ("replies", "message"),
    [
        (
            {"AUTHENTICATE": "NO [UNAVAILABLE] later"},
            "127.0.0.1 can't log anyone in now (UNAVAILABLE); try again later",
        ),
        ({"AUTHENTICATE": ""}, "127.0.0.1 hung up during the login; try again later"),
        ({"SELECT": ""}, "the mail server hung up at the folder (abort); try again later"),
    ],
)
def test_what_may_pass_has_its_own_error(replies: dict[str, _Reply], message: str) -> None:
    """A server that is not able to answer now is told from one that refuses."""
    with Script(replies) as server:
        refusal = _refusal(server.url())
    assert (message, DroppedError) == (str(refusal), type(refusal))


def test_a_server_without_uidnext_is_not_understood() -> None:
    """An answer that lacks what is needed is an error, not a guess."""
    with Script({"SELECT": ["* 3 EXISTS"]}) as server:
        assert "the mail server's answer to the folder can't be understood" == str(_refusal(server.url()))


def test_bodies_in_every_form_that_the_protocol_has() -> None:
    """The uid may follow the body, and a short body is a quoted string or NIL; news of others' flags is no mail."""
    replies: dict[str, _Reply] = {
        "UID SEARCH": ["* SEARCH 5 2 3 4 6"],
        "UID FETCH 2,3,4,5,6 (RFC": [
            "* 4 FETCH (UID 5 RFC822.SIZE 4 FLAGS ())",
            "* 1 FETCH (UID 2 RFC822.SIZE 4 FLAGS ())",
            r"* 2 FETCH (FLAGS (\Seen) UID 3 RFC822.SIZE 5)",
            "* 3 FETCH (UID 4 RFC822.SIZE 0 FLAGS ())",
            "* 5 FETCH (UID 6 RFC822.SIZE 9 FLAGS ())",
            r"* 9 FETCH (UID 9 FLAGS (\Seen))",
        ],
        "UID FETCH 2,3,4,5,6 (BODY": [
            "* 1 FETCH (BODY[] {4}\r\na\r\nb UID 2)",
            r'* 2 FETCH (UID 3 BODY[] "a \"b\"")',
            "* 3 FETCH (UID 4 BODY[] NIL)",
            r"* 9 FETCH (UID 9 FLAGS (\Seen))",
            "* 4 FETCH (UID 5 BODY[] {4}\r\nc\r\nd)",
        ],
    }
    with Script(replies) as server, Mailbox(account(server.url(), secret)) as box:
        found = [(m.uid, m.raw) for m in box.new(None)]
        assert [(2, b"a\r\nb"), (3, b'a "b"'), (4, b""), (5, b"c\r\nd")] == found
        assert box.reached == Position(7, 6)


def test_a_mail_that_the_server_can_not_give_stops_no_other() -> None:
    """They are asked for one by one then, and the broken one comes as a failure."""
    sizes = [f"* {n} FETCH (UID {n} RFC822.SIZE 1 FLAGS ())" for n in (1, 2)]
    replies: dict[str, _Reply] = {
        "UID SEARCH": ["* SEARCH 1 2"],
        "UID FETCH 1,2 (RFC": sizes,
        "UID FETCH 1,2 (BODY": "NO [SERVERBUG] broken",
        "UID FETCH 1 (BODY": "NO [SERVERBUG] broken",
        "UID FETCH 2 (BODY": ["* 2 FETCH (UID 2 BODY[] {1}\r\nx)"],
    }
    with Script(replies) as server, Mailbox(account(server.url(), secret)) as box:
        found = [(m.uid, m.raw, m.failure) for m in box.new(None)]
    assert [(1, None, "the mail server can't give this mail"), (2, b"x", None)] == found


def test_a_server_that_hangs_up_while_it_gives_a_mail() -> None:
    """That is no broken mail, but a lost connection; a run that is not a watch gives up in the end."""
    replies: dict[str, _Reply] = {
        "UID SEARCH": ["* SEARCH 1"],
        "UID FETCH 1 (RFC": ["* 1 FETCH (UID 1 RFC822.SIZE 1 FLAGS ())"],
        "UID FETCH 1 (BODY": "",
    }
    with (
        Script(replies) as server,
        Mailbox(account(server.url(), secret)) as box,
        pytest.raises(DroppedError, match="hung up at UID FETCH"),
    ):
        list(box.new(None))


def test_a_run_gives_up_after_five_lost_connections(monkeypatch: pytest.MonkeyPatch, book: Book) -> None:
    """The pause doubles from try to try."""
    monkeypatch.setattr("qa_service.mail.follow._MAX_PAUSE_SECONDS", 0.0)
    with Script({"UID SEARCH": ""}) as server, pytest.raises(DroppedError, match="hung up at UID SEARCH"):
        follow(account(server.url(), secret), book, threading.Event())
    assert 4 == len(book.drops)


def test_a_pause_ends_when_told_to(monkeypatch: pytest.MonkeyPatch, book: Book) -> None:
    """A stop while the connection is down ends the run."""
    stop = threading.Event()
    monkeypatch.setattr(book, "dropped", lambda _error, _seconds: stop.set())
    with Script({"UID SEARCH": ""}) as server:
        follow(account(server.url(), secret), book, stop, watch=True)
    assert stop.is_set()


def test_a_server_that_takes_no_keyword_after_all() -> None:
    """It is asked once, and the position does without."""
    with Script({"UID STORE": "NO [LIMIT] too many keywords"}) as server:
        with Mailbox(account(server.url(), secret)) as box:
            done = [Fetched("", 7, 1, 1, b"x")]
            assert [False, False] == [box.mark(done), box.mark(done)]
        assert 1 == sum("STORE" in line for line in server.heard)


def test_a_server_that_hangs_up_while_it_flags() -> None:
    """A lost connection is no refusal of the keyword."""
    with (
        Script({"UID STORE": ""}) as server,
        Mailbox(account(server.url(), secret)) as box,
        pytest.raises(DroppedError, match="hung up at UID STORE"),
    ):
        box.mark([Fetched("", 7, 1, 1, b"x")])


def test_a_mailbox_without_drafts() -> None:
    """A draft has nowhere to go, and the error says what to make."""
    replies: dict[str, _Reply] = {"LIST": ['* LIST () "/" INBOX', r'* LIST (\Noselect) "/" Drafts']}
    with (
        Script(replies) as server,
        Mailbox(account(server.url(), secret)) as box,
        pytest.raises(MailboxError, match=r"^the mailbox has no Drafts folder; make a folder named Drafts$"),
    ):
        box.append_drafts([draft("x", b"")])


def test_a_full_mailbox() -> None:
    """Of the server's words the response code alone is repeated."""
    replies: dict[str, _Reply] = {
        "LIST": ['* LIST () "." INBOX.Drafts'],
        "APPEND": "NO [OVERQUOTA] ana@example.org has too much",
    }
    with (
        Script(replies) as server,
        Mailbox(account(server.url(), secret)) as box,
        pytest.raises(MailboxError, match=r"^the mail server refused a draft \(OVERQUOTA\)$"),
    ):
        box.append_drafts([draft("x", b"")])


@pytest.mark.parametrize(
    ("said", "is_news"),
    [
        (["+ idling\r\n* 4 EXISTS"], True),  # in one packet
        (["* 4 EXISTS", "+ idling"], True),
        (["+ idling\r\n* OK still here"], False),
        ("NO not today", False),
    ],
)
def test_what_is_said_when_idle_begins(said: _Reply, is_news: bool) -> None:
    """A notice that comes with the answer to IDLE, or before it, is heard; a server may refuse it after all."""
    with Script({"IDLE": said}) as server, Mailbox(account(server.url(), secret)) as box:
        assert is_news == box.wait(threading.Event(), 0.2)


def test_a_server_that_hangs_up_while_it_is_waited_for() -> None:
    """The wait ends at once, for ten minutes of silence are no news of it."""
    with (
        Script({"IDLE": ""}) as server,
        Mailbox(account(server.url(), secret)) as box,
        pytest.raises(DroppedError, match="hung up at IDLE"),
    ):
        box.wait(threading.Event(), 600)
