"""A draft as an RFC 5322 message in the thread of its mail, for a person to send: nothing here sends."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, getaddresses
from pathlib import Path

from qa_service import text as strings
from qa_service.errors import QaError
from qa_service.mail.base import Reply, Status

_MAX_REFERENCES = 20
_MAX_SUBJECT_CHARS = 250
_MAX_NAME_CHARS = 80
_MAX_ADDRESS_CHARS = 254  # RFC 5321, erratum 1690
_DIGEST_CHARS = 16
# `email` decodes an encoded word wherever it is set as a header, with the line breaks that are encoded in it, and
# older releases of Python write those out: https://github.com/python/cpython/issues/121650. So none is let in.
_ENCODED_WORD = "=?"
# The addresses that a browser takes in an e-mail field: no quotes, no comments, no spaces, so nothing to smuggle in.
# https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?!.*=\?)[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@(?P<domain>{_LABEL}(?:\.{_LABEL})*)")
_MESSAGE_ID = re.compile(r"(?!.*=\?)[!-;=?-~]{1,250}")  # printable ASCII without the brackets around it
_REPLY_PREFIX = re.compile(r"\A(?:(?:re|aw|sv|antw|rif)(?:\[\d+\])?\s*[:：]\s*)+", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UNSAFE_IN_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_THREAD_HEADERS = ("in-reply-to", "references")


class _MailPolicy(EmailPolicy):
    """SMTP's policy, but for message ids longer than a line: those it would encode as words, and no client could thread them."""

    def fold(self, name: str, value: str) -> str:
        if name.lower() in _THREAD_HEADERS:
            return f"{name}: {f'{self.linesep} '.join(str(value).split())}{self.linesep}"
        return str(super().fold(name, value))

    def fold_binary(self, name: str, value: str) -> bytes:
        if name.lower() in _THREAD_HEADERS:
            return self.fold(name, value).encode("ascii")
        return super().fold_binary(name, value)


POLICY = _MailPolicy(linesep="\r\n")


def desk_address(text: str) -> Address:
    """The address that drafts come from, with or without a name: `help@example.gov` or `Help desk <help@example.gov>`.

    Raises:
        QaError: it is not one plain address.
    """
    found = getaddresses([text])
    name, bare = found[0] if len(found) == 1 else ("", "")
    if not _is_address(bare) or _CONTROL.search(text) or _ENCODED_WORD in text:
        raise QaError(f"{text!r} is not an address to send from; write it as Help desk <help@example.gov>")
    return Address(display_name=name, addr_spec=bare)


def message(reply: Reply | None, sender: Address, now: datetime, *, partial: bool = False) -> EmailMessage | None:
    """The draft of a mail as a message, or None where there is none to send.

    There is one where every question is answered, or, with `partial`, at least one; and where the mail names a plain
    ASCII address to reply to. Its Message-ID depends on what it says and on the mail, not on the time: the same draft
    made again has the same one.

    Args:
        reply: the reply to the mail, None where there is none.
        sender: the desk's address, as `desk_address` reads it.
        now: the date of the draft, with its time zone.
        partial: also where a person has to see to some of the questions.
    """
    if reply is None or not (partial or reply.status is Status.MATCHED) or not _is_address(reply.reply_to or ""):
        return None
    made = EmailMessage(POLICY)
    made["From"] = sender
    made["To"] = Address(addr_spec=reply.reply_to or "")
    made["Subject"] = _subject(reply.subject)
    made["Date"] = format_datetime(now)
    made["Message-ID"] = f"<{_digest(reply)}@{sender.domain}>"
    if own := _ids((reply.message_id or "",)):
        made["In-Reply-To"] = own[0]
        made["References"] = " ".join(_thread(reply.references, own[0]))
    made["Auto-Submitted"] = "auto-replied"
    made["X-Unsent"] = "1"  # opens as a draft in Outlook
    made.set_content(reply.text, cte="quoted-printable")
    return made


def _is_address(text: str) -> bool:
    return len(text) <= _MAX_ADDRESS_CHARS and bool(_ADDRESS.fullmatch(text))


def _subject(subject: str) -> str:
    """The subject of a reply: one "Re:", however many there were, in whatever language."""
    bare = _REPLY_PREFIX.sub("", strings.normalise(subject), count=1) if subject else ""
    return f"Re: {bare[:_MAX_SUBJECT_CHARS].replace(_ENCODED_WORD, '= ?')}".rstrip()


def _ids(raw: tuple[str, ...]) -> list[str]:
    """Those of some message ids that are well-formed, in brackets."""
    bare = (one.strip().removeprefix("<").removesuffix(">") for one in raw)
    return [f"<{one}>" for one in bare if _MESSAGE_ID.fullmatch(one)]


def _thread(references: tuple[str, ...], own: str) -> list[str]:
    """The letter's thread and the letter; of a long one the first and the last, as RFC 5537, section 3.4.4, shortens it."""
    thread = [*dict.fromkeys(one for one in _ids(references) if one != own), own]
    return thread if len(thread) <= _MAX_REFERENCES else [thread[0], *thread[1 - _MAX_REFERENCES :]]


def _digest(reply: Reply) -> str:
    parts = (reply.message_id or reply.file, reply.reply_to or "", reply.subject, reply.text)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_CHARS]


def write(folder: Path, name: str, made: EmailMessage) -> Path:
    """Write a draft as `<name>-<digest>.eml`, whole or not at all. One that is there already stays as it is, with its edits.

    Args:
        folder: where drafts go; made where it is missing.
        name: the mail's, whatever it contains: only letters, digits, dots, dashes and underscores of it are kept.
        made: the draft. The digest is its Message-ID's, so that drafts that differ never share a file.

    Returns:
        The file.
    """
    safe = _UNSAFE_IN_NAME.sub("_", name.removesuffix(".eml"))[-_MAX_NAME_CHARS:].strip("._-") or "mail"
    target = folder / f"{safe}-{made['Message-ID'][1 : _DIGEST_CHARS + 1]}.eml"
    folder.mkdir(parents=True, exist_ok=True)
    if target.exists():
        return target
    descriptor, temporary = tempfile.mkstemp(prefix=".draft-", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(made.as_bytes())
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).rename(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return target
