"""The page for those who keep the FAQ: what serves, what is asked, what helps, what is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from qa_service import __version__
from qa_service.feedback.store import Store
from qa_service.observe import Metrics
from qa_service.retriever import Retriever
from qa_service.web import admin_volume, admin_votes
from qa_service.web.admin_curve import Curve, curve
from qa_service.web.admin_unanswered import MOST_RECORDS, Collected, Grouper, to_csv
from qa_service.web.admin_volume import Volume
from qa_service.web.admin_votes import Rated
from qa_service.web.assets import asset
from qa_service.web.templates import render
from qa_service.web.words import words_for

_TITLE = "How the FAQ is doing"
_MOST = {"open": 12, "closed": 60, "alone": 100, "rated": 200}
_MS_PER_SECOND = 1_000.0


@dataclass(frozen=True, slots=True)
class Records:
    """Where the figures are: in the process, and in the state folder if it `is_wanted` and can be used."""

    metrics: Metrics
    store: Store | None
    is_wanted: bool
    is_recording: bool
    record_days: int


@dataclass(frozen=True, slots=True)
class Serving:
    """What serves: `published` is when its version was put into its folder, `refused` why a newer one does not serve."""

    service_version: str
    index_version: str
    published: datetime | None
    loaded: datetime | None
    refused: str | None
    model: str
    precision: str
    entries: int
    languages: tuple[str, ...]
    documents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """All that the page shows. `rated` is None without a state folder, `unanswered` where no questions are recorded.

    `is_broken` says that there should be a state folder, which can't be used. `entries` are the official questions by id;
    those of `shown` are in effect and have a page.
    """

    at: datetime
    serving: Serving
    volume: Volume
    rated: tuple[Rated, ...] | None
    unanswered: Collected | None
    curve: Curve
    is_broken: bool
    record_days: int
    entries: dict[str, str]
    shown: frozenset[str]

    @property
    def votes(self) -> tuple[int, int]:
        """How many votes on entries called the answer helpful, of how many."""
        held = [one for one in self.rated or () if one.entry_id is not None]
        return sum(one.helpful for one in held), sum(one.votes for one in held)


class Admin:
    """Makes the page and the table of what is unanswered, in one thread; it may take seconds the first time."""

    def __init__(self, records: Records, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Read from some records.

        Args:
            records: where the figures are.
            clock: says what time it is, in UTC.
        """
        self._records = records
        self._clock = clock
        self._grouper = Grouper()

    def html(
        self, retriever: Retriever, published: datetime | None, loaded: datetime | None, refused: str | None
    ) -> str:
        """The page, for the address `/admin/`.

        Args:
            retriever: what serves.
            published: when its version was put into its folder.
            loaded: when it took over.
            refused: why a newer version was refused.

        Raises:
            StoreError: the state folder can't be read.
        """
        return render(
            "admin.html",
            words=words_for("en"),
            document_title=_TITLE,
            root="../",
            style=asset("page.css"),
            sheet=asset("admin.css"),
            page=self._page(retriever, _serving(retriever, published, loaded, refused)),
            most=_MOST,
            percent=percent,
            ms=milliseconds,
        )

    def csv(self, retriever: Retriever) -> bytes:
        """The unanswered questions as a table; it has none where none are recorded.

        Raises:
            StoreError: the state folder can't be read.
        """
        return to_csv(self._unanswered(retriever) or Collected(), retriever.snapshot)

    def _page(self, retriever: Retriever, serving: Serving) -> Page:
        records, store = self._records, self._records.store
        entries = {entry.id: entry.question for entry in retriever.snapshot.entries}
        if store is None:
            volume, rated = admin_volume.since_start(records.metrics), None
        else:
            volume = admin_volume.by_day(store.days(admin_volume.DAYS))
            rated = admin_votes.rated(store.votes(), entries)
        return Page(
            at=self._clock(),
            serving=serving,
            volume=volume,
            rated=rated,
            unanswered=self._unanswered(retriever),
            curve=curve(retriever.snapshot.calibration),
            is_broken=records.is_wanted and store is None,
            record_days=records.record_days,
            entries=entries,
            shown=frozenset(entry.id for entry in retriever.effective_entries()),
        )

    def _unanswered(self, retriever: Retriever) -> Collected | None:
        store = self._records.store
        if store is None or not self._records.is_recording:
            return None
        return self._grouper.collect(store.unanswered(MOST_RECORDS), retriever.snapshot)


def _serving(retriever: Retriever, published: datetime | None, loaded: datetime | None, refused: str | None) -> Serving:
    manifest = retriever.snapshot.manifest
    return Serving(
        service_version=__version__,
        index_version=retriever.version,
        published=published,
        loaded=loaded,
        refused=refused,
        model=manifest.model.name,
        precision=manifest.model.precision,
        entries=len(retriever.snapshot.entries),
        languages=manifest.languages,
        documents=tuple(manifest.documents),
    )


def percent(count: float, of: float) -> str:
    r"""A share in whole percent, or a dash of nothing; only none is 0 and only all is 100.

    >>> percent(1, 1000), percent(999, 1000), percent(1, 3), percent(0, 0)
    ('1\xa0%', '99\xa0%', '33\xa0%', '–')
    """
    if not of:
        return "–"
    least, most = int(count > 0), 100 - int(count < of)
    return f"{min(max(round(100 * count / of), least), most)}\u00a0%"


def milliseconds(value: float | None) -> str:
    r"""A time as people read it, or a dash for none.

    >>> milliseconds(4.4721), milliseconds(447.21), milliseconds(1250.0), milliseconds(None)
    ('4.5\xa0ms', '447\xa0ms', '1.2\xa0s', '–')
    """
    if value is None:
        return "–"
    if value >= _MS_PER_SECOND:
        return f"{value / _MS_PER_SECOND:.1f}\u00a0s"
    return f"{value:.{0 if value >= 10 else 1}f}\u00a0ms"  # noqa: PLR2004 (two digits are enough)
