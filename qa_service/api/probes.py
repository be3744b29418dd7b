"""The routes for those who watch the service: alive, ready, figures."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.responses import PlainTextResponse, Response

from qa_service.api import replies
from qa_service.api.live import LiveIndex
from qa_service.api.schemas import Ready
from qa_service.observe import Metrics


def add(app: FastAPI, live: LiveIndex, metrics: Metrics) -> None:
    """Add the routes to the application."""

    @app.get("/livez", summary="Whether the process runs")
    async def livez() -> Response:
        return Response(b'{"status":"alive"}', media_type=replies.JSON)

    @app.get(
        "/readyz",
        response_model=Ready,
        responses=replies.errors(503),
        summary="Whether questions can be asked",
    )
    async def readyz() -> Response:
        retriever = live.retriever()
        return replies.json(Ready(status="ready", index_version=retriever.version, refused=live.refused))

    @app.get("/metrics", response_class=PlainTextResponse, summary="Figures for Prometheus")
    async def figures() -> Response:
        return Response(metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")
