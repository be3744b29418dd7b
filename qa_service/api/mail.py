"""The route that reads a mail."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from qa_service.api import replies
from qa_service.api.engine import Engine
from qa_service.api.journal import Journal
from qa_service.api.live import LiveIndex
from qa_service.api.mailing import MailResponse, mail_response
from qa_service.domain import Query
from qa_service.errors import OverloadedError
from qa_service.mail.base import Reading
from qa_service.mail.match import askable, judged
from qa_service.mail.pool import ReadingPool

MAIL = "/v1/mail"
MEDIA_TYPES = ("message/rfc822", "application/vnd.ms-outlook")
_TOP = 3
# A mail costs a second at most, so nobody waits longer than that many seconds.
_WAITING_EACH = 4


class MailDesk:
    """Reads mails in child processes, which are started by the first one. A full line refuses at once."""

    def __init__(self, size: int, own: frozenset[str]) -> None:
        self._size = size
        self._own = own
        self._waiting = 0
        self._lock = threading.Lock()
        self._pool: ReadingPool | None = None
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="qa-mail")

    async def read(self, raw: bytes) -> Reading:
        """Read one mail.

        Raises:
            OverloadedError: too many mails are waiting.
        """
        if self._waiting >= self._size * _WAITING_EACH:
            raise OverloadedError(f"{self._waiting} mails are waiting already")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, raw)
        finally:
            self._waiting -= 1

    def _read(self, raw: bytes) -> Reading:
        with self._lock:
            if self._pool is None:
                self._pool = ReadingPool(self._size, self._own)
        return self._pool.read(raw)

    def close(self) -> None:
        """End the children."""
        self._threads.shutdown(cancel_futures=True)
        if self._pool is not None:
            self._pool.close()


def add(app: FastAPI, live: LiveIndex, engine: Engine, desk: MailDesk, journal: Journal) -> None:
    """Add the route to the application."""

    @app.post(
        MAIL,
        response_model=MailResponse,
        responses=replies.errors(408, 413, 415, 503),
        summary="Find the questions of a mail and their answers",
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES},
            }
        },
    )
    async def mail(request: Request) -> Response:
        begun = time.perf_counter()
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in MEDIA_TYPES:
            raise HTTPException(415, f"send the message as it is, with the content type {' or '.join(MEDIA_TYPES)}")
        retriever = live.retriever()
        reading = await desk.read(await request.body())
        asked = askable(reading)
        results = await engine.ask(retriever, [Query(one.text, _TOP) for one in asked]) if asked else []
        seconds = time.perf_counter() - begun
        for one, result in zip(asked, results, strict=True):
            journal.note(result, one.text, seconds)
        found = judged("-", reading, results, retriever.version)
        journal.note_mail(found.status)
        return replies.json(mail_response(found))
