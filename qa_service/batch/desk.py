"""Who answers the mails of an IMAP folder: the run over them, and the ledger that remembers what is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage

from qa_service.batch.ledger import Ledger
from qa_service.batch.pipeline import OnDone
from qa_service.batch.run import run
from qa_service.batch.settle import Done, reply_from
from qa_service.exports.drafts import message
from qa_service.mail.account import Draft, DroppedError, Fetched, Position
from qa_service.mail.pool import ReadingPool
from qa_service.mail.sources import Mail
from qa_service.retriever import Retriever


@dataclass(frozen=True)
class Drafting:
    """Whether and how drafts are made: the address they come from, and whether also where a person is needed."""

    sender: Address
    partial: bool

    def message(self, held: str | None) -> EmailMessage | None:
        """The draft of a mail from what the ledger holds for it, or None where none is due."""
        reply = reply_from(held) if held else None
        return message(reply, self.sender, datetime.now(UTC), partial=self.partial)


class FolderDesk:
    """Answers the mails of one folder. Whatever it returns from is on the disk."""

    def __init__(  # noqa: PLR0913 (what a run is made of, and who is told)
        self,
        url: str,
        retriever: Retriever,
        pool: ReadingPool,
        ledger: Ledger,
        *,
        drafting: Drafting | None = None,
        top: int = 3,
        on_done: OnDone = lambda _done: None,
        on_dropped: Callable[[DroppedError, float], None] = lambda _error, _seconds: None,
    ) -> None:
        """Begin a run.

        Args:
            url: names the folder in the ledger; without the user, as a mail's URL has it.
            retriever: answers the questions.
            pool: reads the mails.
            ledger: remembers rows, position and drafts.
            drafting: how drafts are made; None for none.
            top: how many entries come back for each question at most.
            on_done: is called for each mail once its row is on the disk.
            on_dropped: is told that the connection was lost, and in how many seconds it is tried again.
        """
        self._url = url
        self._retriever = retriever
        self._pool = pool
        self._ledger = ledger
        self._drafting = drafting
        self._top = top
        self._on_done = on_done
        self.dropped = on_dropped
        # What may want a draft and is not saved yet. Where the connection is lost before the drafts lie in the mailbox,
        # the mails come again, but this run has their rows already and tells nothing of them.
        self._pending: list[Done] = []
        ledger.begin(retriever.version)

    def position(self) -> Position | None:
        saved = self._ledger.position(self._url)
        return Position(*saved) if saved else None

    def answer(self, mails: Sequence[Fetched]) -> Sequence[Draft]:
        def tell(one: Done) -> None:
            self._pending.append(one)
            self._on_done(one)

        taken = (Mail(one.name, one.raw or b"", one.failure) for one in mails)
        run(taken, self._retriever, self._pool, self._ledger, top=self._top, goes_on=True, on_done=tell)
        return list(self._due())

    def _due(self) -> Iterator[Draft]:
        if self._drafting is None:
            return
        for one in self._pending:
            made = self._drafting.message(one.reply)
            if made is not None and not self._ledger.is_drafted(str(made["Message-ID"])):
                yield Draft(str(made["Message-ID"]), made.as_bytes())

    def save(self, position: Position, drafted: Sequence[str]) -> None:
        self._ledger.remember(self._url, (position.uidvalidity, position.uid), drafted)
        self._pending.clear()
