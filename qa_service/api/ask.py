"""The routes that answer questions."""

from __future__ import annotations

import time
from collections.abc import Mapping

from fastapi import FastAPI, Request
from pydantic import ValidationError
from starlette.responses import Response

from qa_service import domain
from qa_service.api import problems, replies, requests
from qa_service.api.convert import ask_body, batch_body
from qa_service.api.engine import Engine
from qa_service.api.guard.direct import Handler
from qa_service.api.journal import Journal
from qa_service.api.live import LiveIndex
from qa_service.api.schemas import (
    AskRequest,
    AskResponse,
    BatchItemError,
    BatchRequest,
    BatchResponse,
    Problem,
)
from qa_service.errors import QuestionError
from qa_service.questions import checked_question

_ERRORS = replies.errors(400, 408, 413, 422, 503)


ASK, ASK_BATCH = "/v1/ask", "/v1/ask/batch"


def handlers(live: LiveIndex, engine: Engine, journal: Journal) -> dict[str, Handler]:
    """What answers each path."""

    async def ask(request: Request) -> Response:
        begun = time.perf_counter()
        asked = await requests.read(request, AskRequest)
        checked_question(asked.question)
        result = (await engine.ask(live.retriever(), [_query(asked)]))[0]
        return replies.Json(_noted(journal, result, asked.question, time.perf_counter() - begun))

    async def ask_batch(request: Request) -> Response:
        begun = time.perf_counter()
        batch = await requests.read(request, BatchRequest)
        retriever = live.retriever()
        items = [_batch_item(item, batch) for item in batch.questions]
        results = iter(await engine.ask(retriever, [i for i in items if isinstance(i, domain.Query)]))
        answered: list[bytes] = []
        for item in items:
            if isinstance(item, Problem):
                answered.append(BatchItemError(error=item).model_dump_json().encode())
                continue
            result = next(results)
            answered.append(_noted(journal, result, item.text, time.perf_counter() - begun))
        took_ms = (time.perf_counter() - begun) * 1000
        return replies.Json(batch_body(answered, retriever.version, took_ms))

    return {ASK: ask, ASK_BATCH: ask_batch}


def add(app: FastAPI, held: Mapping[str, Handler]) -> None:
    """Add the routes to the application, and to its description."""
    for path, model, response, summary in (
        (ASK, AskRequest, AskResponse, "Ask a question"),
        (ASK_BATCH, BatchRequest, BatchResponse, "Ask many questions"),
    ):
        app.post(
            path,
            name=held[path].__name__,
            response_model=response,
            responses=_ERRORS,
            summary=summary,
            openapi_extra=requests.body_of(model),
        )(held[path])


def _noted(journal: Journal, result: domain.Result, text: str, seconds: float) -> bytes:
    """A result as it is sent, after the journal was told of it."""
    journal.note(result, text, seconds)
    return ask_body(result, journal.query_id(), seconds * 1000, journal.takes_votes)


def _batch_item(item: object, batch: BatchRequest) -> domain.Query | Problem:
    """The query of a batch's item, or what is wrong with it."""
    shared = {"top": batch.top, "language": batch.language, "tags": batch.tags}
    values = shared | {"question": item} if isinstance(item, str) else item
    try:
        asked = AskRequest.model_validate(values)
        checked_question(asked.question)
    except ValidationError as exc:
        return problems.invalid(exc.errors(include_url=False, include_input=False, include_context=False))
    except QuestionError as exc:
        return problems.problem(exc)
    return _query(asked)


def _query(asked: AskRequest) -> domain.Query:
    return domain.Query(asked.question, asked.top, asked.language, tuple(asked.tags), asked.explain)
