"""The routes of those who keep the FAQ; `api.guard.keys` stands before them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from fastapi import FastAPI
from starlette.responses import Response

from qa_service.api.journal import Journal
from qa_service.api.live import LiveIndex
from qa_service.artifact.manifest import MANIFEST
from qa_service.config import Settings
from qa_service.errors import OverloadedError
from qa_service.observe import Metrics
from qa_service.retriever import Retriever

if TYPE_CHECKING:
    from qa_service.web.admin import Admin

_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
# Who may see the page may also reload it impatiently.
_MOST_WAITING = 4

Made = TypeVar("Made")


class AdminDesk:
    """Makes the page in a thread of its own: grouping some hundred questions for the first time takes seconds."""

    def __init__(self, settings: Settings, live: LiveIndex, journal: Journal, metrics: Metrics) -> None:
        self._settings = settings
        self._live = live
        self._journal = journal
        self._metrics = metrics
        self._admin: Admin | None = None
        self._waiting = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="qa-admin")

    async def html(self) -> bytes:
        """The page.

        Raises:
            NotReadyError: there is no index yet.
            OverloadedError: too many have asked for it.
            StoreError: the state folder can't be read.
        """
        return await self._made(self._html)

    async def csv(self) -> bytes:
        """The unanswered questions as a table; without any where none are recorded. Errors are those of `html`."""
        return await self._made(self._csv)

    async def _made(self, make: Callable[[Retriever], Made]) -> Made:
        retriever = self._live.retriever()
        if self._waiting >= _MOST_WAITING:
            raise OverloadedError(f"{self._waiting} requests for this page are waiting already")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, make, retriever)
        finally:
            self._waiting -= 1

    def _html(self, retriever: Retriever) -> bytes:
        admin, live = self._kept(), self._live
        return admin.html(retriever, self._published(retriever), live.loaded, live.refused).encode()

    def _csv(self, retriever: Retriever) -> bytes:
        return self._kept().csv(retriever)

    def _kept(self) -> Admin:
        from qa_service.web.admin import Admin, Records  # noqa: PLC0415 (the service starts without it)

        if self._admin is None:
            held, store = self._settings, self._journal.store
            records = Records(self._metrics, store, bool(held.state_dir), held.record_questions, held.record_days)
            self._admin = Admin(records)
        return self._admin

    def _published(self, retriever: Retriever) -> datetime | None:
        """When the version that serves was put into its folder, if it is still there."""
        try:
            written = (self._settings.index_dir / retriever.version / MANIFEST).stat().st_mtime
        except OSError:
            return None
        return datetime.fromtimestamp(written, UTC)

    def close(self) -> None:
        """Let go of the thread; it ends after what it is making."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def add(app: FastAPI, desk: AdminDesk) -> None:
    """Add the routes to the application."""

    @app.get("/admin/", include_in_schema=False)
    async def page() -> Response:
        headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
        return Response(await desk.html(), headers=headers, media_type="text/html; charset=utf-8")

    @app.get("/admin/unanswered.csv", include_in_schema=False)
    async def unanswered() -> Response:
        headers = {"Content-Disposition": 'attachment; filename="unanswered.csv"', "Cache-Control": "no-store"}
        return Response(await desk.csv(), headers=headers, media_type="text/csv; charset=utf-8")
