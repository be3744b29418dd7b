"""The HTTP service: thin routes over one retriever, and one renderer of errors."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from structlog.typing import FilteringBoundLogger

from qa_service import __version__
from qa_service.api import admin, ask, assets, entries, feedback, mail, openapi, pages, probes, problems
from qa_service.api.catalogue import Catalogue
from qa_service.api.engine import Engine
from qa_service.api.guard.body import Bodies, BodyGuard
from qa_service.api.guard.cors import shared_with
from qa_service.api.guard.direct import Direct, Handler, Short, Uncompressed
from qa_service.api.guard.head import Head
from qa_service.api.guard.keys import KeyGuard, Keys
from qa_service.api.guard.trace import Trace
from qa_service.api.journal import Journal
from qa_service.api.live import LiveIndex, Opener
from qa_service.artifact.read import read
from qa_service.config import Settings, allowed_origins, key_digests, own_addresses
from qa_service.encoder import processors, usable_processors
from qa_service.errors import QaError
from qa_service.observe import Metrics, logger
from qa_service.retriever import Retriever

_Lifespan = Callable[[FastAPI], contextlib.AbstractAsyncContextManager[None]]
_COMPRESSED_BYTES = 500  # what is smaller gains less than a packet
_COMPRESSION = 6


class _Closable(Protocol):
    """Something that lets go of what it holds."""

    def close(self) -> None: ...


def open_retriever(engine: str, cache_bytes: int = 0, seats: Sequence[int] | None = None) -> Opener:
    """How a folder becomes a retriever; `seats` are the processors that may compute a single question together."""
    return lambda folder: Retriever(read(folder, engine, seats), cache_bytes=cache_bytes)


def create_app(settings: Settings, opener: Opener | None = None) -> FastAPI:
    """Build the application. The index is loaded in the background, so that probes are answered from the start."""
    metrics, log = Metrics(), logger(settings.log_level)
    threads = settings.threads or max(1, usable_processors() // settings.workers)
    # Several workers don't know of each other, and would all stay on the first processors.
    own = processors() if settings.workers == 1 else ()
    opener = opener or open_retriever(settings.vector_engine, settings.cache_bytes, own[:threads])
    live = LiveIndex(settings.index_dir, opener, metrics, log)
    desk = mail.MailDesk(threads, own_addresses(settings))
    engine = Engine(threads, settings.max_waiting_questions, settings.deadline_ms, metrics, own)
    journal = Journal(settings, metrics, log)
    office = admin.AdminDesk(settings, live, journal, metrics)
    app = FastAPI(
        title="FAQ answers",
        version=__version__,
        description="The official answer to a question asked in one's own words, word for word, or none.",
        lifespan=_lifespan(live, journal, settings.poll_seconds, (engine, desk, office, journal)),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,  # `openapi.describe` adds the route
        telemetry={"tracing": False, "metrics": False, "logs": False},  # the figures are those of `/metrics`
    )
    app.state.live, app.state.engine, app.state.metrics, app.state.journal = live, engine, metrics, journal
    handlers = ask.handlers(live, engine, journal)
    _render_errors(app)
    openapi.describe(app)
    ask.add(app, handlers)
    mail.add(app, live, engine, desk, journal)
    feedback.add(app, live, journal)
    catalogue = Catalogue(settings)
    entries.add(app, live, catalogue, settings)
    pages.add(app, pages.Pages(live, engine, journal, catalogue, settings))
    assets.add(app, settings)
    probes.add(app, live, metrics)
    admin.add(app, office)
    _guard(app, handlers, settings, metrics, log)
    return app


def _lifespan(
    live: LiveIndex, journal: Journal, poll_seconds: float, closed_at_the_end: Sequence[_Closable]
) -> _Lifespan:
    """What goes on beside the requests, and what is closed after them, in this order."""

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        hangup = asyncio.Event()
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # no signals outside the main thread
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hangup.set)
        beside = [asyncio.create_task(_watch(live, hangup, poll_seconds)), asyncio.create_task(journal.run())]
        yield
        for task in beside:
            task.cancel()
        for one in closed_at_the_end:
            one.close()

    return lifespan


def _guard(
    app: FastAPI, handlers: Mapping[str, Handler], settings: Settings, metrics: Metrics, log: FilteringBoundLogger
) -> None:
    """Stand the guards before the application, whose routes are all there, and before the handlers of the short way."""
    limits = {
        ask.ASK_BATCH: settings.max_batch_body_bytes,
        mail.MAIL: settings.max_mail_bytes,
        feedback.FEEDBACK: feedback.MAX_BODY_BYTES,
    }
    share = shared_with(allowed_origins(settings))
    trace = partial(Trace, metrics=metrics, log=log, share=share)
    compress = partial(GZipMiddleware, minimum_size=_COMPRESSED_BYTES, compresslevel=_COMPRESSION)
    keys = Keys(key_digests(settings), settings.admin_key_sha256)
    bodies = Bodies(settings.max_body_bytes, limits)
    # A request meets the last one first. A key is asked for before the body is read, but a preflight, which can't bring one,
    # is answered before that.
    for guard in (partial(BodyGuard, bodies=bodies), partial(KeyGuard, keys=keys), compress, Head, share, trace):
        app.add_middleware(guard)
    framework = app.build_middleware_stack()
    app.middleware_stack = Direct(
        framework, handlers, trace(share(Uncompressed(Short(handlers, refused, keys, bodies), compress)))
    )


async def _watch(live: LiveIndex, hangup: asyncio.Event, poll_seconds: float) -> None:
    """Load the index, then look for a newer one at every poll and at every SIGHUP."""
    while True:
        hangup.clear()
        await asyncio.to_thread(live.refresh)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(hangup.wait(), poll_seconds)


def _render_errors(app: FastAPI) -> None:
    async def render(_: Request, exc: Exception) -> Response:
        return refused(exc) or problems.for_status(500, "")

    for kind in (QaError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, render)


def refused(exc: Exception) -> Response | None:
    """The response for an error that a request brought about; None for one that is this service's own."""
    if isinstance(exc, QaError):
        return problems.respond(problems.problem(exc))
    if isinstance(exc, RequestValidationError):
        return problems.respond(problems.invalid(exc.errors()))
    if isinstance(exc, HTTPException):
        return problems.for_status(exc.status_code, str(exc.detail), dict(exc.headers or {}))
    return None


def application(index_dir: Path | None = None) -> FastAPI:
    """The application as its environment describes it; what an ASGI server is given by name."""
    return create_app(Settings(index_dir=index_dir) if index_dir else Settings())
