"""Mail out of an IMAP folder, drafts into its Drafts folder. Nothing is sent, deleted or marked as seen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, zip_longest
from threading import Event
from types import TracebackType
from typing import Any, Self, TypeVar

from qa_service.mail.account import Account, Draft, DroppedError, Fetched, MailboxError, Position
from qa_service.mail.base import MAX_MAIL_BYTES
from qa_service.mail.imap import KEYWORD, Connection, Selected

_T = TypeVar("_T")

POLL_SECONDS = 60.0
_UID_WINDOW = 100_000  # uids asked for at a time, so that memory is flat in a folder of a million mails
_CHUNK = 500
_SEARCHED = 16  # Message-IDs in one search
_BATCH = 64
_BATCH_BYTES = 8 * 1024 * 1024
_MESSAGE_ID = re.compile(r"<[!#-\[\]-~]+>")
_UID = re.compile(rb"\bUID (\d+)")
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d+)")
_FLAGS = re.compile(rb"\bFLAGS \(([^)]*)\)")
_SHORT_BODY = re.compile(rb'\bBODY\[\] (?:NIL|"((?:[^"\\]|\\.)*)")')


class Mailbox:
    """A folder of an IMAP server, open between `with` and its end.

    Every method raises DroppedError where the connection is lost and MailboxError where the server refuses.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._selected: Selected | None = None
        self._drafts: str | None = None
        self._keeps_keywords = True
        self.reached: Position | None = None

    def __enter__(self) -> Self:
        self._connection = Connection(self._account)
        try:
            self._select()
        except BaseException:
            self._connection.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close(is_lost=isinstance(error, DroppedError))

    def _select(self, folder: str | None = None) -> Selected:
        """Make the account's folder, or Drafts for reading, the one that commands speak of."""
        name = folder or self._account.folder
        if self._selected is None or self._selected.name != name:
            self._selected = None
            self._selected = self._connection.select(name, readonly=folder is not None)
        return self._selected

    def new(self, position: Position | None) -> Iterator[Fetched]:
        r"""The mails after `position` without the keyword `$QAMatched`, in the order of their uids.

        From the folder's beginning where there is no position, or where the folder's UIDVALIDITY is another one. Mails
        over 25 MB are not fetched. It ends early where UIDVALIDITY changes meanwhile. `reached` is how far it came.
        """
        self._selected = None  # to hear of what has come since
        now = self._select()
        start = position.uid + 1 if position and position.uidvalidity == now.uidvalidity else 1
        self.reached = Position(now.uidvalidity, start - 1)
        for uids in self._uids(start, now.uid_next):
            for group in batches(self._sizes(uids)):
                for mail in self._fetch(now.uidvalidity, group):
                    self.reached = Position(now.uidvalidity, mail.uid)
                    yield mail
                if self._select().uidvalidity != now.uidvalidity:
                    return
            self.reached = Position(now.uidvalidity, uids[-1])

    def _uids(self, start: int, end: int) -> Iterator[list[int]]:
        for first in range(start, end, _UID_WINDOW):
            last = min(first + _UID_WINDOW, end) - 1
            found = b" ".join(self._connection.uid("SEARCH", f"UID {first}:{last}")).split()
            yield from _chunks(sorted(int(uid) for uid in found if first <= int(uid) <= last), _CHUNK)

    def _sizes(self, uids: Sequence[int]) -> list[tuple[int, int]]:
        """The uid and the size in bytes of each mail that is not flagged as done, in the order of the uids."""
        found = {}
        for item in self._connection.uid("FETCH", _uid_set(uids), "(RFC822.SIZE FLAGS)"):
            uid, size, flags = (pattern.search(item) for pattern in (_UID, _SIZE, _FLAGS))
            if uid and size and flags and KEYWORD.lower().encode() not in flags[1].lower().split():
                found[int(uid[1])] = int(size[1])
        return sorted(found.items())

    def _fetch(self, uidvalidity: int, group: Sequence[tuple[int, int]]) -> Iterator[Fetched]:
        bodies = self._bodies([uid for uid, size in group if size <= MAX_MAIL_BYTES])
        for uid, size in group:
            name = self._account.mail_url(uidvalidity, uid)
            raw = bodies.get(uid)
            if size > MAX_MAIL_BYTES or (raw is not None and len(raw) > MAX_MAIL_BYTES):
                yield Fetched(name, uidvalidity, uid, size, None, f"larger than {MAX_MAIL_BYTES:,} bytes: {size:,}")
            elif raw is not None:
                yield Fetched(name, uidvalidity, uid, size, raw)
            elif uid in bodies:
                yield Fetched(name, uidvalidity, uid, size, None, "the mail server can't give this mail")
            # A mail without a response was deleted meanwhile.

    def _bodies(self, uids: Sequence[int]) -> dict[int, bytes | None]:
        """The mails by uid, as they lie on the server; None for one that the server refuses to give."""
        if not uids:
            return {}
        try:
            return dict(_bodies_in(self._connection.uid("FETCH", _uid_set(uids), "(BODY.PEEK[])")))
        except DroppedError:
            raise
        except MailboxError:  # one broken mail must not take the others with it
            if len(uids) == 1:
                return {uids[0]: None}
            return {uid: raw for one in uids for uid, raw in self._bodies([one]).items()}

    def mark(self, mails: Sequence[Fetched]) -> bool:
        """Flag mails with the keyword `$QAMatched`; False where the server keeps no keywords, or the uids are void."""
        now = self._select()
        uids = [mail.uid for mail in mails if mail.uidvalidity == now.uidvalidity]
        if not uids or not now.keeps_keywords or not self._keeps_keywords:
            return False
        try:
            for some in _chunks(uids, _CHUNK):
                # Not imap_tools' flag(): it expunges afterwards, and with that deletes what others marked so.
                self._connection.uid("STORE", _uid_set(some), "+FLAGS.SILENT", f"({KEYWORD})")
        except DroppedError:
            raise
        except MailboxError:
            self._keeps_keywords = False
        return self._keeps_keywords

    def append_drafts(self, drafts: Sequence[Draft]) -> int:
        """Put drafts into the Drafts folder, but for those whose Message-ID lies there already; gives their number."""
        for draft in drafts:
            if not _MESSAGE_ID.fullmatch(draft.message_id):
                raise MailboxError("a draft's Message-ID must be <printable ASCII> without quotes and spaces")
        once = list({draft.message_id: draft for draft in drafts}.values())
        put = 0
        for some in _chunks(once, _SEARCHED):
            self._drafts = self._drafts or self._connection.drafts()
            self._select(self._drafts)
            self._connection.sync()
            has_some = self._has(some)
            for draft in some:
                if not (has_some and self._has([draft])):
                    self._connection.append(draft.message, self._drafts)
                    put += 1
        return put

    def _has(self, drafts: Sequence[Draft]) -> bool:
        """Whether the folder holds one of these drafts or more. A server reads every header for it, so few are asked."""
        keys = [f'HEADER Message-ID "{draft.message_id}"' for draft in drafts]
        criteria = " ".join([*(f"OR {key}" for key in keys[:-1]), keys[-1]])
        return bool(b"".join(self._connection.uid("SEARCH", criteria)).strip())

    def wait(self, stop: Event, seconds: float = POLL_SECONDS) -> bool:
        """Wait until the server tells of new mail (True), or until `stop` or the time is over (False).

        Look with `new` after either, for a server may lose a notice, and one without IDLE gives none.
        """
        self._select()
        return self._connection.wait(stop, seconds)


def _uid_set(uids: Iterable[int]) -> str:
    return ",".join(map(str, uids))


def _chunks(things: Iterable[_T], size: int) -> Iterator[list[_T]]:
    rest = iter(things)
    while chunk := list(islice(rest, size)):
        yield chunk


def batches(sized: Iterable[tuple[_T, int]]) -> Iterator[list[tuple[_T, int]]]:
    """Things with their sizes in bytes, in batches that are cut where their number or their bytes are enough."""
    batch: list[tuple[_T, int]] = []
    for one in sized:
        batch.append(one)
        if len(batch) == _BATCH or sum(size for _, size in batch) >= _BATCH_BYTES:
            yield batch
            batch = []
    if batch:
        yield batch


def _bodies_in(items: Sequence[Any]) -> Iterator[tuple[int, bytes]]:
    """The uid and the body of each response that has both; news of other mails' flags may stand between."""
    for item, after in zip_longest(items, items[1:], fillvalue=b""):
        if isinstance(item, tuple):
            head, raw = item
            if uid := _UID.search(head) or (_UID.search(after) if isinstance(after, bytes) else None):
                yield int(uid[1]), raw
        elif (uid := _UID.search(item)) and (short := _SHORT_BODY.search(item)):
            yield int(uid[1]), re.sub(rb"\\(.)", rb"\1", short[1] or b"")
