"""The route that takes votes on answers."""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.responses import Response

from qa_service.api import replies, requests
from qa_service.api.journal import Journal
from qa_service.api.live import LiveIndex
from qa_service.api.schemas import FeedbackRequest
from qa_service.errors import QaError
from qa_service.feedback.base import Vote

FEEDBACK = "/v1/feedback"
MAX_BODY_BYTES = 2_048


class FeedbackOffError(QaError):
    """Votes are not taken: there is no folder to keep them in, or it can't be used."""

    status = 404
    code = "feedback-off"


def add(app: FastAPI, live: LiveIndex, journal: Journal) -> None:
    """Add the route to the application."""

    @app.post(
        FEEDBACK,
        status_code=204,
        response_class=Response,
        responses=replies.errors(400, 404, 408, 409, 413, 422, 503),
        summary="Say whether an answer helped",
        openapi_extra=requests.body_of(FeedbackRequest),
    )
    async def feedback(request: Request) -> Response:
        store = journal.store
        if store is None:
            raise FeedbackOffError("votes are not taken here; `feedback` of an answer says whether they are")
        told = await requests.read(request, FeedbackRequest)
        if told.entry_id is not None:
            live.retriever().entry(told.entry_id)
        await journal.vote(store, Vote(told.query_id, told.entry_id, told.helpful, told.reason))
        return Response(status_code=204)
