"""Which IMAP folder is read, who may open it, and what is remembered of it."""

from __future__ import annotations

import ipaddress
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol
from urllib.parse import SplitResult, quote, unquote, urlsplit

from qa_service.errors import QaError

PASSWORD_VARIABLE = "QA_IMAP_PASSWORD"  # noqa: S105 (the name of a variable)
_TOKEN_SECONDS = 30.0
_MAX_TOKEN_CHARS = 16_384  # Microsoft's are about 2,500
_FORM = "write imaps://user@host/Folder, with %40 for the @ of a user's name"


class MailboxError(QaError):
    """A mailbox can't be used as it was asked for: its URL, its password, its folder, its certificate."""

    code = "mailbox-invalid"


class DroppedError(MailboxError):
    """The server can't be reached, or it hung up. Trying again later may do."""

    code = "mailbox-dropped"
    exit_status = 75  # EX_TEMPFAIL of sysexits.h


class Security(StrEnum):
    """How a connection is kept from other eyes."""

    TLS = "tls"  # from the first byte
    STARTTLS = "starttls"  # before the password is sent; a server without it is refused
    LOOPBACK = "loopback"  # not at all, for it does not leave this machine


@dataclass(frozen=True, slots=True)
class Account:
    """A folder of an IMAP server, and how to log in. `secret` gives the password, or the OAuth access token."""

    host: str
    port: int
    user: str = field(repr=False)
    folder: str
    security: Security
    secret: Callable[[], str] = field(repr=False)
    oauth: bool = False

    def mail_url(self, uidvalidity: int, uid: int) -> str:
        """The URL of one mail as RFC 5092 writes it. It leaves out the user, whose name is an address as a rule."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"imap://{host}/{quote(self.folder)};UIDVALIDITY={uidvalidity}/;UID={uid}"


@dataclass(frozen=True, slots=True)
class Position:
    """How far a folder has been done: all up to `uid`. A new `uidvalidity` makes every uid void (RFC 3501, 2.3.1.1)."""

    uidvalidity: int
    uid: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """One mail of a folder. `raw` is None where it was not fetched, and `failure` says why; `size` is in bytes."""

    name: str
    uidvalidity: int
    uid: int
    size: int
    raw: bytes | None = field(repr=False)
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A reply for the Drafts folder: an RFC 5322 message, and the Message-ID in it, the same at every run."""

    message_id: str
    message: bytes = field(repr=False)


class Desk(Protocol):
    """Who answers the mails of a folder and remembers what is done. Each step is durable when it returns."""

    def position(self) -> Position | None:
        """How far the folder is done; None before the first run."""

    def answer(self, mails: Sequence[Fetched]) -> Sequence[Draft]:
        """Match the mails, commit their rows, and give the drafts that are due.

        After a kill the same mails come again. Their drafts are due again too, until `save` was given their Message-IDs.
        """

    def save(self, position: Position, drafted: Sequence[str]) -> None:
        """Remember in one step how far the folder is done, and the Message-IDs of drafts that lie in Drafts now."""

    def dropped(self, error: DroppedError, seconds: float) -> None:
        """Take note that the connection was lost and is tried again in so many seconds."""


def account(url: str, secret: Callable[[], str], *, oauth: bool = False) -> Account:
    """The account that a URL names: `imaps://user@host[:993]/Folder`, or `imap://` with port 143.

    `imaps` is TLS from the first byte. `imap` is plain to this machine alone; to any other it upgrades by STARTTLS
    before the password is sent, and refuses a server that can't. The folder is INBOX where none is named; it is written
    as the server names it, with percent-escapes for what a URL does not hold.

    Raises:
        MailboxError: the URL is of another form, or holds a password. The message repeats nothing of it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise MailboxError(f"the mailbox URL can't be read; {_FORM}") from None
    if parts.password is not None:
        raise MailboxError(
            f"a password in the mailbox URL is seen by everyone on this machine; set {PASSWORD_VARIABLE} instead"
        )
    if parts.scheme not in {"imap", "imaps"} or not parts.hostname or not parts.username:
        raise MailboxError(f"the mailbox URL names no scheme, user or host; {_FORM}")
    if parts.query or parts.fragment:
        raise MailboxError("the mailbox URL has a ? or # in it; write %3F or %23 where the folder's name has one")
    user, folder = unquote(parts.username), unquote(parts.path.strip("/")) or "INBOX"
    if not (user + folder).isprintable():
        raise MailboxError(f"the mailbox URL has control characters in it; {_FORM}")
    security = _security(parts)
    return Account(
        parts.hostname, port or (993 if security is Security.TLS else 143), user, folder, security, secret, oauth
    )


def _security(parts: SplitResult) -> Security:
    if parts.scheme == "imaps":
        return Security.TLS
    return Security.LOOPBACK if _is_loopback(parts.hostname or "") else Security.STARTTLS


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def password(environment: Mapping[str, str], prompt: Callable[[], str] | None = None) -> Callable[[], str]:
    """What gives the password: the environment variable QA_IMAP_PASSWORD, else a person, who is asked once.

    Raises:
        MailboxError: there is neither, told when the password is needed.
    """
    held: list[str] = []

    def get() -> str:
        if not held:
            given = environment.get(PASSWORD_VARIABLE) or (prompt() if prompt else "")
            if not given:
                raise MailboxError(f"no password for the mailbox; set {PASSWORD_VARIABLE}, or name a token command")
            held.append(given)
        return held[0]

    return get


def token_command(command: Sequence[str], seconds: float = _TOKEN_SECONDS) -> Callable[[], str]:
    """What gives an OAuth access token: a command that prints it. It is run anew for each login, for tokens expire.

    The command is an argument list and no shell sees it. What it prints appears in no error.

    Raises:
        MailboxError: told when the token is needed: the command can't be started, fails, takes longer than `seconds`,
            or prints something else than a token.
    """

    def get() -> str:
        try:
            done = subprocess.run(  # noqa: S603 (the person's own command, without a shell)
                list(command), stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False
            )
        except subprocess.TimeoutExpired:
            raise MailboxError(f"the token command took longer than {seconds:g} s; run it by hand") from None
        except (OSError, ValueError, IndexError) as exc:
            raise MailboxError(f"the token command can't be started ({type(exc).__name__}); check its path") from None
        if done.returncode:
            raise MailboxError(f"the token command failed with exit status {done.returncode}; run it by hand")
        token = done.stdout.decode("ascii", "replace").strip()
        if not token or len(token) > _MAX_TOKEN_CHARS or not token.isascii() or not token.isprintable() or " " in token:
            raise MailboxError("the token command printed no access token; it must print the token and nothing else")
        return token

    return get
