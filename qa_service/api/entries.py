"""The routes that show the FAQ itself and what serves it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Annotated

from fastapi import FastAPI, Query, Request
from starlette.responses import Response

from qa_service import __version__
from qa_service.api.catalogue import Catalogue
from qa_service.api.convert import entry_out
from qa_service.api.live import LiveIndex
from qa_service.api.replies import conditional, errors
from qa_service.api.schemas import (
    LANGUAGE_CHARS,
    LANGUAGE_PATTERN,
    EntriesPage,
    EntryOut,
    ExampleOut,
    Info,
    ModelOut,
)
from qa_service.artifact.read import Snapshot
from qa_service.config import Settings
from qa_service.domain import Entry
from qa_service.errors import CursorError
from qa_service.retriever import Retriever

_First = Annotated[
    str | None,
    Query(
        description="Examples in this language (BCP 47) come first.",
        max_length=LANGUAGE_CHARS,
        pattern=LANGUAGE_PATTERN,
    ),
]
_UNKNOWN_CURSOR = "the cursor is not one of this index; begin again without it"


def add(app: FastAPI, live: LiveIndex, catalogue: Catalogue, settings: Settings) -> None:
    """Add the routes to the application."""

    @app.get(
        "/v1/entries",
        response_model=EntriesPage,
        responses=errors(422, 503),
        summary="All official questions and answers",
    )
    async def entries(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=100)] = 50,
        cursor: Annotated[str | None, Query(max_length=1000)] = None,
    ) -> Response:
        return conditional(request, _page(live.retriever(), limit, cursor))

    @app.get(
        "/v1/entries/{entry_id}",
        response_model=EntryOut,
        responses=errors(404, 503),
        summary="One official question and answer",
    )
    async def entry(request: Request, entry_id: str) -> Response:
        return conditional(request, entry_out(live.retriever().entry(entry_id)))

    @app.get("/v1/info", response_model=Info, responses=errors(422, 503), summary="What serves")
    async def info(request: Request, language: _First = None) -> Response:
        retriever = live.retriever()
        outline = await catalogue.outline(retriever)
        examples = outline.examples_for(language) if language else outline.examples
        return conditional(request, _info(retriever.snapshot, outline.title, examples, settings.contact_url))


def _page(retriever: Retriever, limit: int, cursor: str | None) -> EntriesPage:
    held = retriever.effective_entries()
    start = 0
    if cursor is not None:
        last = _from_cursor(cursor)
        start = next((i + 1 for i, entry in enumerate(held) if entry.id == last), 0)
        if not start:
            raise CursorError(_UNKNOWN_CURSOR)
    page = held[start : start + limit]
    more = start + limit < len(held)
    return EntriesPage(
        entries=[entry_out(e) for e in page],
        next_cursor=_to_cursor(page[-1].id) if more else None,
        index_version=retriever.version,
    )


def _info(snapshot: Snapshot, title: str, examples: Sequence[Entry], contact_url: str) -> Info:
    card = snapshot.manifest.model
    return Info(
        service_version=__version__,
        index_version=snapshot.version,
        model=ModelOut(
            name=card.name,
            precision=card.precision,
            dimension=card.dimension,
            weights_sha256=card.weights_sha256,
        ),
        entries=len(snapshot.entries),
        languages=list(snapshot.manifest.languages),
        documents=dict(snapshot.manifest.documents),
        answer_threshold=round(snapshot.calibration.answer_threshold, 6),
        figures=dict(snapshot.calibration.figures),
        title=title,
        examples=[ExampleOut(id=e.id, question=e.question, language=e.language) for e in examples],
        contact_url=contact_url or None,
    )


def _to_cursor(entry_id: str) -> str:
    return base64.urlsafe_b64encode(entry_id.encode()).decode().rstrip("=")


def _from_cursor(cursor: str) -> str:
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except ValueError:
        raise CursorError(_UNKNOWN_CURSOR) from None
