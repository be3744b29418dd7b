"""The run over many mails: each is read in a process, matched in a thread, and has its row in the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from qa_service.batch.ledger import Kept, Ledger
from qa_service.batch.pipeline import OnDone, Pipeline
from qa_service.batch.settle import Scribe, failed, kept
from qa_service.encoder import usable_processors
from qa_service.mail.base import Status
from qa_service.mail.match import match
from qa_service.mail.pool import ReadingPool
from qa_service.mail.sources import Mail
from qa_service.retriever import Retriever

UNMATCHED = "could not be matched"


@dataclass(frozen=True, slots=True)
class Counts:
    """How many mails of a run came to which end."""

    matched: int = 0
    partial: int = 0
    abstained: int = 0
    skipped: int = 0
    error: int = 0

    @property
    def total(self) -> int:
        """How many mails there were."""
        return self.matched + self.partial + self.abstained + self.skipped + self.error


def run(  # noqa: PLR0913 (what a run is made of, and who is told)
    mails: Iterable[Mail],
    retriever: Retriever,
    pool: ReadingPool,
    ledger: Ledger,
    *,
    top: int = 3,
    goes_on: bool = False,
    on_done: OnDone = lambda _done: None,
) -> Counts:
    """Give every mail its row in the ledger, in the order in which they come.

    A message whose result the ledger has is not read again. One that came before in this run, by its bytes or its
    Message-ID, is skipped as a duplicate; if the earlier file is gone and the bytes are the same, it has moved, and its row
    takes the new name. A path that comes twice has one row. When this raises, Ctrl-C included, what is done is committed.

    Args:
        mails: are taken as they are needed, in a thread of their own; may have no end.
        retriever: answers the questions.
        pool: reads the mails.
        ledger: is told of each mail.
        top: how many entries come back for each question at most.
        goes_on: whether these mails belong to the run that the ledger has begun.
        on_done: is called for each mail in order, in this thread, once its row is on the disk.

    Raises:
        QaError: the ledger, the pool or the source of the mails can't go on.
    """
    if not goes_on:
        ledger.begin(retriever.version)
    threads = usable_processors() + 1  # one more than compute, since each waits for its child too
    with ThreadPoolExecutor(threads, "qa-mail") as executor:
        pipeline = Pipeline(
            _Matcher(retriever, pool, top), ledger, Scribe(ledger, retriever.version), executor, on_done
        )
        try:
            pipeline.run(mails)
        except BaseException:
            pipeline.stop()
            raise
    return Counts(**{status.value: pipeline.counts[status] for status in Status})


class _Matcher:
    """From a mail to what is kept of it; in a thread of the executor."""

    def __init__(self, retriever: Retriever, pool: ReadingPool, top: int) -> None:
        self._retriever = retriever
        self._pool = pool
        self._top = top

    def __call__(self, mail: Mail) -> Kept:
        reading = self._pool.read(mail.raw)
        try:
            return kept(match(mail.name, reading, self._retriever, self._top))
        except Exception:  # noqa: BLE001 (one bad mail stops nothing; what went wrong may hold its text)
            return kept(failed(mail.name, UNMATCHED, self._retriever.version))
