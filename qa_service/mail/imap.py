"""A connection to an IMAP server, logged in, its errors told as ours."""

from __future__ import annotations

import imaplib
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedReader
from threading import Event
from typing import Any, cast

from imap_tools import BaseMailBox, FolderInfo, MailBox, MailBoxUnencrypted
from imap_tools.errors import ImapToolsError, MailboxFolderSelectError, MailboxTaggedResponseError
from imap_tools.utils import quote

from qa_service.mail.account import PASSWORD_VARIABLE, Account, DroppedError, MailboxError, Security

KEYWORD = "$QAMatched"
_TIMEOUT_SECONDS = 30.0
_STOP_SECONDS = 0.5  # how often a waiting client looks whether it is to stop
_MAX_IDLE_SECONDS = 28 * 60.0  # RFC 2177: a server may log a client off that has idled for 30 minutes
_DRAFTS = frozenset({"drafts", "draft", "borradores", "brouillons", "entwürfe"})
_MAX_NAMED = 10
# RFC 5530 and RFC 3501: the login may be right, the server can't say so now.
_PASSING = frozenset({"UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG"})
_CODE = re.compile(r"\[([A-Z][A-Z-]+)")


@dataclass(frozen=True, slots=True)
class Selected:
    """What the server says of the folder that commands speak of now."""

    name: str
    uidvalidity: int
    uid_next: int
    keeps_keywords: bool


class Connection:
    """A logged-in connection.

    Every method raises DroppedError where the connection is lost and MailboxError where the server refuses. Of what the
    server says, errors repeat the response code of RFC 5530 alone, since the rest may hold an address.
    """

    def __init__(self, account: Account) -> None:
        self._box = _connect(account)
        self._client = self._box.client
        try:
            _log_in(self._client, account)
            with _told("CAPABILITY"):
                self._idles = b"IDLE" in b" ".join(self._client.capability()[1]).upper().split()
        except BaseException:
            _hang_up(self._client)
            raise

    def close(self, *, is_lost: bool = False) -> None:
        """Log out, unless nobody listens; never CLOSE, which would delete what others have marked so."""
        if not is_lost:
            with suppress(OSError, imaplib.IMAP4.error, ImapToolsError):
                self._box.logout()
        _hang_up(self._client)

    def select(self, name: str, *, readonly: bool = False) -> Selected:
        """Make a folder the one that commands speak of."""
        with _told("the folder"):
            try:
                self._set(name, readonly=readonly)
            except MailboxFolderSelectError as exc:
                names = ", ".join(sorted(folder.name for folder in self._folders())[:_MAX_NAMED])
                raise MailboxError(
                    f"the mailbox opens no folder {name!r}{_code(exc)}; name one that it has: {names}"
                ) from None
            kept = self._said("PERMANENTFLAGS").strip(b"()").lower().split()
            keeps = b"\\*" in kept or KEYWORD.lower().encode() in kept
            return Selected(name, int(self._said("UIDVALIDITY")), int(self._said("UIDNEXT")), keeps)

    def _said(self, code: str) -> bytes:
        return self._client.response(code)[1][-1] or b""

    def _set(self, name: str, *, readonly: bool) -> None:
        try:
            self._box.folder.set(name, readonly)
        except imaplib.IMAP4.readonly:  # others own it and let us read: go on without keywords
            self._box.folder.set(name, readonly=True)

    def _folders(self) -> list[FolderInfo]:
        with _told("the list of folders"):
            found = self._box.folder.list()
        return [f for f in found if not {r"\noselect", r"\nonexistent"} & {flag.lower() for flag in f.flags}]

    def drafts(self) -> str:
        r"""The name of the Drafts folder: the one with the attribute \Drafts (RFC 6154), else one named so."""
        folders = self._folders()
        marked = [f.name for f in folders if r"\drafts" in {flag.lower() for flag in f.flags}]
        named = [f.name for f in folders if (f.name.rsplit(f.delim, 1)[-1] if f.delim else f.name).lower() in _DRAFTS]
        for name in marked + named:
            return name
        raise MailboxError("the mailbox has no Drafts folder; make a folder named Drafts")

    def uid(self, command: str, *arguments: str) -> list[Any]:
        """The untagged responses to a UID command, as imaplib gives them: bytes, or a pair of bytes with a literal."""
        with _told(f"UID {command}"):
            status, data = self._client.uid(command, *arguments)
            if status != "OK":
                raise MailboxError(f"the mail server refused UID {command}{_code(data)}")
            return [item for item in data if item is not None]

    def sync(self) -> None:
        """Let the server tell what has changed, so that the next search sees it."""
        with _told("NOOP"):
            self._client.noop()

    def append(self, message: bytes, folder: str) -> None:
        r"""Put a message into a folder as a draft: with \Draft, without \Seen."""
        with _told("a draft"):
            self._box.append(message, folder, flag_set=[r"\Draft"])

    def wait(self, stop: Event, seconds: float) -> bool:
        """Wait until the server tells of new mail (True), or until `stop` or the time is over (False).

        A server without IDLE tells nothing; with such a one this only waits.
        """
        if not self._idles:
            stop.wait(seconds)
            return False
        with _told("IDLE"):
            try:
                self._box.idle.start()  # type: ignore[no-untyped-call]
            except MailboxTaggedResponseError as exc:
                if not exc.command_result[0].startswith(b"* "):
                    self._idles = False  # it was refused, whatever the server promised
                    return False
                is_told = True  # it was told before IDLE began
            else:
                is_told = False
            try:
                return is_told or self._listen(stop, min(seconds, _MAX_IDLE_SECONDS))
            finally:
                self._box.idle.stop()  # type: ignore[no-untyped-call]

    def _listen(self, stop: Event, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while not stop.is_set() and (left := end - time.monotonic()) > 0:
            if b" EXISTS" in self._buffered():
                return True
            turn, began = min(left, _STOP_SECONDS), time.monotonic()
            lines = self._box.idle.poll(turn)
            if any(b" EXISTS" in line for line in lines):
                return True
            if not lines and time.monotonic() - began < turn / 2:
                break  # readable, and nothing to read: the end of IDLE shows whether the connection still stands
        return False

    def _buffered(self) -> bytes:
        """What came in one packet with the answer to IDLE, and so is where polling can't see it."""
        self._client.sock.settimeout(0)
        try:
            return cast(BufferedReader, self._client.file).peek(1)
        except OSError:  # a TLS record is not whole yet
            return b""
        finally:
            self._client.sock.settimeout(_TIMEOUT_SECONDS)


def _connect(account: Account) -> BaseMailBox:
    where = f"{account.host}:{account.port}"
    context = ssl.create_default_context()
    try:
        if account.security is Security.TLS:
            return MailBox(account.host, account.port, timeout=_TIMEOUT_SECONDS, ssl_context=context)
        box = MailBoxUnencrypted(account.host, account.port, timeout=_TIMEOUT_SECONDS)
        if account.security is Security.STARTTLS:
            _start_tls(box.client, where, context)
    except ssl.SSLCertVerificationError as exc:
        raise MailboxError(
            f"the certificate of {where} can't be verified ({exc.verify_message}); "
            "correct the host, or set SSL_CERT_FILE to the file of the authority that signed it"
        ) from None
    except ssl.SSLError:
        raise MailboxError(f"{where} speaks no TLS; use imaps:// with port 993, or imap:// with port 143") from None
    except (socket.gaierror, UnicodeError):
        raise DroppedError(
            f"there is no host {account.host}; correct the mailbox URL, or look at the network"
        ) from None
    except (OSError, imaplib.IMAP4.error) as exc:
        raise DroppedError(f"{where} can't be reached ({type(exc).__name__}); correct its host and port") from None
    return box


def _start_tls(client: imaplib.IMAP4, where: str, context: ssl.SSLContext) -> None:
    try:
        if "STARTTLS" not in client.capabilities:
            raise MailboxError(f"{where} has no STARTTLS, and a password is not sent in the clear; use imaps://")
        client.starttls(context)
    except BaseException:
        _hang_up(client)
        raise


def _hang_up(client: imaplib.IMAP4) -> None:
    with suppress(OSError):  # it may be gone already
        client.shutdown()


def _log_in(client: imaplib.IMAP4, account: Account) -> None:
    """Authenticate by SASL: XOAUTH2, or PLAIN, which holds any UTF-8; by LOGIN where the server has no PLAIN."""
    secret = account.secret()
    if not secret.isprintable():
        raise MailboxError("the password or token has control characters in it; set it without a line end")
    try:
        if account.oauth:
            client.authenticate("XOAUTH2", _once(f"user={account.user}\1auth=Bearer {secret}\1\1"))
        elif "AUTH=PLAIN" in client.capabilities or not (account.user + secret).isascii():
            client.authenticate("PLAIN", _once(f"\0{account.user}\0{secret}"))
        else:
            client.login(str(quote(account.user)), secret)
    except (OSError, imaplib.IMAP4.abort):
        raise DroppedError(f"{account.host} hung up during the login; try again later") from None
    except imaplib.IMAP4.error as exc:
        code = _code(exc)
        if code.strip(" ()") in _PASSING:
            raise DroppedError(f"{account.host} can't log anyone in now{code}; try again later") from None
        remedy = "the token command" if account.oauth else PASSWORD_VARIABLE
        raise MailboxError(
            f"{account.host} refused the login{code}; correct the user in the URL, or {remedy}"
        ) from None


def _once(answer: str) -> Callable[[bytes], bytes]:
    """Answers the first challenge with the secret, and what comes after, an error's details, with nothing."""
    answers = [answer.encode()]
    return lambda _challenge: answers.pop() if answers else b""


def _code(said: object) -> str:
    found = _CODE.search(str(said))
    return f" ({found[1]})" if found else ""


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, imaplib.IMAP4.abort) as exc:
        raise DroppedError(f"the mail server hung up at {what} ({type(exc).__name__}); try again later") from None
    except (ImapToolsError, imaplib.IMAP4.error) as exc:
        raise MailboxError(f"the mail server refused {what}{_code(exc)}") from None
    except ValueError:
        raise MailboxError(f"the mail server's answer to {what} can't be understood") from None
