"""The index version that serves, and how a newer one takes its place while requests go on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from qa_service.artifact import publish
from qa_service.errors import ArtifactError, NotReadyError
from qa_service.observe import Metrics
from qa_service.retriever import Retriever

Opener = Callable[[Path], Retriever]


class LiveIndex:
    """Holds one retriever. A request takes it once and keeps it, so it never sees two versions.

    A new version is verified, parsed and warmed before the one reference is swapped. What does not verify is refused,
    and the version before goes on serving; at a cold start that is the last published one that does verify. `refused` is
    why the newest was refused, `loaded` when the one that serves took over.
    """

    def __init__(self, root: Path, opener: Opener, metrics: Metrics, log: FilteringBoundLogger) -> None:
        self._root = root
        self._open = opener
        self._metrics = metrics
        self._log = log
        self._lock = threading.Lock()
        self._retriever: Retriever | None = None
        self.refused: str | None = None
        self.loaded: datetime | None = None

    def retriever(self) -> Retriever:
        """The retriever to answer a request with.

        Raises:
            NotReadyError: none has been verified and warmed yet.
        """
        if self._retriever is None:
            raise NotReadyError(self.refused or "the index is being loaded")
        return self._retriever

    def refresh(self) -> None:
        """Look at `CURRENT` and take over the version it names, if it is another and verifies."""
        with self._lock:
            try:
                version = publish.current(self._root)
                if self._retriever is None or self._retriever.version != version:
                    retriever = self._load(version)
                    self._accept()  # before the swap, so that nobody sees the new version beside an old refusal
                    self._swap(retriever)
                self._accept()
            except ArtifactError as exc:
                self._refuse(str(exc))
                if self._retriever is None:
                    self._fall_back()

    def _accept(self) -> None:
        self.refused = None
        self._metrics.refused.set(0)

    def _load(self, version: str) -> Retriever:
        try:
            retriever = self._open(self._root / version)
            retriever.warm()
        except ArtifactError:
            raise
        except Exception as exc:
            # Whatever a version does to the libraries that read it, watching goes on.
            raise ArtifactError(f"can't be loaded ({type(exc).__name__})", version) from exc
        return retriever

    def _swap(self, retriever: Retriever) -> None:
        version = retriever.version
        if self._retriever is not None:
            self._metrics.index.labels(self._retriever.version).set(0)
        self._retriever, self.loaded = retriever, datetime.now(UTC)
        self._metrics.index.labels(version).set(1)
        self._metrics.loads.labels("ok").inc()
        self._log.info("index-loaded", version=version)

    def _refuse(self, reason: str) -> None:
        self._metrics.refused.set(1)
        if reason != self.refused:
            self._metrics.loads.labels("refused").inc()
            self._log.error("index-refused", reason=reason)
        self.refused = reason

    def _fall_back(self) -> None:
        for version in publish.versions(self._root):
            try:
                self._swap(self._load(version))
            except ArtifactError as exc:
                self._log.error("index-refused", reason=str(exc))
            else:
                return
