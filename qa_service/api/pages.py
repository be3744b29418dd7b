"""The routes of the page that people read: the FAQ, a question sent as a form, and the way to one entry."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections import OrderedDict
from dataclasses import dataclass
from urllib.parse import parse_qs

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from qa_service.api.assets import HTML, base_url, precompressed
from qa_service.api.catalogue import Catalogue
from qa_service.api.engine import Engine
from qa_service.api.journal import Journal
from qa_service.api.live import LiveIndex
from qa_service.api.problems import RETRY_AFTER_SECONDS
from qa_service.config import Settings
from qa_service.domain import Query
from qa_service.errors import DeadlineError, NotFoundError, NotReadyError, OverloadedError, QuestionError
from qa_service.questions import MAX_QUESTION_CHARS, checked_question
from qa_service.retriever import Retriever
from qa_service.web import POLICY
from qa_service.web.faq import Asked, Site, list_entries, render_faq, render_message
from qa_service.web.outline import Outline
from qa_service.web.words import Words, words_for

_POLICY = {"Content-Security-Policy": POLICY}
_FORM = "application/x-www-form-urlencoded"
_MAX_FIELDS = 10
_HELD_PAGES = 16
_LEVEL = 6


@dataclass(frozen=True, slots=True)
class _Page:
    """A page without a question, and the part of it that is the same with one."""

    entries_html: str
    body: bytes
    gzipped: bytes


def add(app: FastAPI, pages: Pages) -> None:
    """Add the routes to the application."""
    app.get("/", include_in_schema=False)(pages.show)
    app.post("/", include_in_schema=False)(pages.ask)
    app.get("/entry/{entry_id}", include_in_schema=False)(pages.entry)


class Pages:
    """Renders the FAQ in threads, one page at a time, and holds the pages that were asked for last."""

    def __init__(
        self, live: LiveIndex, engine: Engine, journal: Journal, catalogue: Catalogue, settings: Settings
    ) -> None:
        self._live = live
        self._engine = engine
        self._journal = journal
        self._catalogue = catalogue
        self._settings = settings
        self._lock = asyncio.Lock()
        self._outline: Outline | None = None
        self._held: OrderedDict[tuple[int, str], _Page] = OrderedDict()

    async def show(self, request: Request) -> Response:
        """`GET /`, a page of the FAQ."""
        try:
            outline = await self._catalogue.outline(self._live.retriever())
        except NotReadyError:
            return await self._starting("")
        page = _page_number(request.query_params.get("page", "1"), outline.pages)
        if page is None:
            return await _message(404, outline.words, outline.words.missing_title, outline.words.missing, "")
        held = await self._page(outline, page, self._site(request))
        return precompressed(request, held.body, held.gzipped, HTML, _POLICY)

    async def ask(self, request: Request) -> Response:
        """`POST /`, a question that was sent as a form; the first page with what came of it."""
        begun = time.perf_counter()
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
            raise HTTPException(415, f"the body must be {_FORM}")
        question = _question(await request.body())
        try:
            retriever = self._live.retriever()
        except NotReadyError:
            return await self._starting("")
        outline = await self._catalogue.outline(retriever)
        status, asked = await self._asked(retriever, question, outline.words, begun)
        site = self._site(request)
        held = await self._page(outline, 1, site)
        body = await asyncio.to_thread(render_faq, outline, 1, site, held.entries_html, asked)
        return _html(status, body)

    async def entry(self, request: Request, entry_id: str) -> Response:
        """`GET /entry/{id}`, which leads to where the entry stands now."""
        try:
            outline = await self._catalogue.outline(self._live.retriever())
        except NotReadyError:
            return await self._starting("../")
        if entry_id in outline.places:
            return RedirectResponse(
                self._site(request).entry_url(outline, entry_id), 302, {"Cache-Control": "no-cache"}
            )
        if "text/html" in request.headers.get("accept", ""):
            return await _message(404, outline.words, outline.words.missing_title, outline.words.missing, "../")
        raise NotFoundError("no entry of that id is in effect")

    def _site(self, request: Request) -> Site:
        settings = self._settings
        return Site(base_url(request, settings), settings.contact_url, widget=not settings.key_sha256)

    async def _asked(self, retriever: Retriever, question: str, words: Words, begun: float) -> tuple[int, Asked]:
        """The status and what came of a question."""
        try:
            checked_question(question)
            result = (await self._engine.ask(retriever, [Query(question)]))[0]
        except QuestionError:
            long = words.too_long.format(length=len(question), allowed=MAX_QUESTION_CHARS)
            problem = long if len(question) > MAX_QUESTION_CHARS else words.empty
            return 422, Asked(question, problem=problem, refused=True)
        except (OverloadedError, DeadlineError):
            return 503, Asked(question, problem=words.busy)
        self._journal.note(result, question, time.perf_counter() - begun)
        return 200, Asked(question, result)

    async def _page(self, outline: Outline, page: int, site: Site) -> _Page:
        key = (page, site.base)
        async with self._lock:
            if self._outline is not outline:
                self._held.clear()
                self._outline = outline
            if key not in self._held:
                self._held[key] = await asyncio.to_thread(_render, outline, page, site)
                if len(self._held) > _HELD_PAGES:
                    self._held.popitem(last=False)
            self._held.move_to_end(key)
            return self._held[key]

    async def _starting(self, root: str) -> Response:
        words = words_for(self._settings.language)
        return await _message(503, words, words.starting_title, words.starting, root)


def _render(outline: Outline, page: int, site: Site) -> _Page:
    entries_html = list_entries(outline, page)
    body = render_faq(outline, page, site, entries_html).encode()
    return _Page(entries_html, body, gzip.compress(body, _LEVEL, mtime=0))


async def _message(status: int, words: Words, title: str, text: str, root: str) -> Response:
    return _html(status, await asyncio.to_thread(render_message, words, title, text, root))


def _html(status: int, body: str) -> Response:
    """A page that is made anew each time and is not kept by anybody."""
    headers = _POLICY | {"Cache-Control": "no-store"}
    if status == 503:  # noqa: PLR2004
        headers |= {"Retry-After": RETRY_AFTER_SECONDS}
    return Response(body.encode(), status, headers, HTML)


def _question(body: bytes) -> str:
    """The field of that name; empty where there is none."""
    try:
        fields = parse_qs(body.decode("ascii", "replace"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        return ""
    return fields.get("question", [""])[0]


def _page_number(given: str, pages: int) -> int | None:
    """The page that a request names, or None where there is none of that number."""
    known = given.isascii() and given.isdigit() and len(given) <= len(str(pages))
    page = int(given) if known else 0
    return page if 1 <= page <= pages else None
