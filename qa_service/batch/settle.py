"""From a mail and its result to its row in the ledger: what is new, what was done before, what is a duplicate."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

from qa_service.api.mailing import mail_response
from qa_service.batch.ledger import Kept, Ledger
from qa_service.mail.base import MailResult, Reading, Reply, Status, reply_of
from qa_service.mail.match import judged
from qa_service.mail.sources import Mail, is_gone


@dataclass(frozen=True, slots=True)
class Done:
    """A mail whose row is in the ledger, on the disk. `row` is JSON, as it is exported; `reply` what a draft is made from."""

    file: str
    status: Status
    row: bytes
    reply: str | None = None


def failed(file: str, reason: str, index_version: str) -> MailResult:
    """The result of a mail that could not be read or matched."""
    return judged(file, Reading(None, failure=reason), (), index_version)


def kept(result: MailResult) -> Kept:
    """A result as the ledger keeps it."""
    message_id = result.letter.message_id if result.letter else None
    reply = reply_of(result)
    row = mail_response(result).model_dump_json().encode()
    return Kept(
        result.file, message_id, result.status, row, json.dumps(asdict(reply), ensure_ascii=False) if reply else None
    )


def reply_from(held: str) -> Reply:
    """What a draft is made from, as the ledger holds it."""
    values = json.loads(held)
    return Reply(**values | {"status": Status(values["status"]), "references": tuple(values["references"])})


class Scribe:
    """Writes mails into the ledger, in the order of the run; inside its transactions."""

    def __init__(self, ledger: Ledger, index_version: str) -> None:
        self._ledger = ledger
        self._index_version = index_version

    def settle(self, mail: Mail, digest: bytes, fresh: Kept | None) -> Done | None:
        """Give a mail its row; None where its path has one already.

        Args:
            mail: as it came.
            digest: the hash of its bytes.
            fresh: its result; None where the ledger has one.
        """
        if mail.failure:  # it has no bytes to know it by, and is tried again in the next run
            made = kept(failed(mail.name, mail.failure, self._index_version))
            self._ledger.place(mail.name, None, None, made.row)
            return _done(made)
        made = self._result(digest, fresh)
        original = self._ledger.original(digest, made.message_id)
        if original is None:
            made = self._named(made, mail.name, digest)
            self._ledger.place(mail.name, digest, made.message_id)
            return _done(made)
        if original.file == mail.name:
            return None
        if original.digest == digest and is_gone(original.file):
            self._ledger.move(original, mail.name)
            return _done(self._named(made, mail.name, digest))
        made = _duplicate(made, mail.name, original.file)
        self._ledger.place(mail.name, digest, made.message_id, made.row)
        return _done(made)

    def _result(self, digest: bytes, fresh: Kept | None) -> Kept:
        if fresh is not None:
            self._ledger.keep(digest, fresh)
            return fresh
        known = self._ledger.result(digest)
        assert known is not None  # noqa: S101 (nothing is deleted)
        return known

    def _named(self, made: Kept, file: str, digest: bytes) -> Kept:
        if made.file == file:
            return made
        made = _changed(made, file)
        self._ledger.keep(digest, made)
        return made


def _changed(made: Kept, file: str, **changes: object) -> Kept:
    """A result with some values changed; the rest of its row stays, whichever version of this program wrote it."""
    values = json.loads(made.row) | {"file": file} | changes
    row = json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()
    return Kept(file, made.message_id, values["status"], row, made.reply)


def _duplicate(made: Kept, file: str, original: str) -> Kept:
    made = _changed(made, file, status=Status.SKIPPED, reason=f"duplicate of {original}", questions=[], draft=None)
    return replace(made, reply=None)


def _done(made: Kept) -> Done:
    return Done(made.file, Status(made.status), made.row, made.reply)
