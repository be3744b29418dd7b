"""The outline of the FAQ that serves, found out once for each index version and day."""

from __future__ import annotations

import asyncio
from datetime import date

from qa_service.config import Settings
from qa_service.retriever import Retriever
from qa_service.web.outline import Outline, outline


class Catalogue:
    """Holds the outline of the last version and day that were asked for; it is made in a thread, for a FAQ may be large."""

    def __init__(self, settings: Settings) -> None:
        self._title = settings.title
        self._language = settings.language
        self._lock = asyncio.Lock()
        self._held: tuple[tuple[str, date], Outline] | None = None

    async def outline(self, retriever: Retriever) -> Outline:
        """The outline of a retriever's entries that are in effect; the same object until another is needed."""
        wanted = (retriever.version, retriever.day)
        async with self._lock:
            if self._held is None or self._held[0] != wanted:
                self._held = (wanted, await asyncio.to_thread(self._make, retriever))
            return self._held[1]

    def _make(self, retriever: Retriever) -> Outline:
        return outline(retriever.effective_entries(), self._title, self._language)
