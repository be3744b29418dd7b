"""Pictures of every state of the widget and of every page, to be looked at: `make screenshots`."""

from __future__ import annotations

import base64
import hashlib
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import httpx2
from playwright.sync_api import Browser, Page, ViewportSize

from qa_service import loaders
from qa_service.config import Settings
from qa_service.domain import Entry
from qa_service.markup import answer_html
from tests import widget as stage
from tests.browser import chromium
from tests.servers import running
from tests.test_widget_states import MODES, STATES, Scene

SIZES: dict[str, ViewportSize] = {"desktop": {"width": 1024, "height": 720}, "phone": {"width": 390, "height": 780}}
SCHEMES = ("light", "dark")
_KEY = "key"
_FLUSHED_MS = 6_000  # the figures of the day are written every five seconds
_ASKED = (
    "are we still certified while our extension is pending?",
    "ftz and ctpat together?",
    "what equipment is needed for a virtual validation",
    "what does membership cost?",
    "how much is the yearly fee?",
    "can I bring my dog to the validation?",
    "are virtual validations here to stay",
)
# An agency's page has a style of its own; the widget takes its font.
_HOST = "body { margin: 0 auto; max-width: 60rem; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif }"


def _answer(entry: Entry, confidence: float) -> dict[str, Any]:
    return {
        "id": entry.id,
        "question": entry.question,
        "answer": entry.answer,
        "answer_html": answer_html(entry.answer, None),
        "confidence": confidence,
        "source": {"document": entry.source.document, "title": entry.source.title, "uri": "https://www.cbp.gov/"},
        "language": entry.language,
        "reviewed_at": "2026-05-01",
    }


def responses(data: Path) -> dict[str, dict[str, Any]]:
    """What the service says in these pictures, made of the official FAQ."""
    (document,) = loaders.load([data], "en")
    answers = [_answer(entry, 0.97) for entry in document.entries]
    virtual = [one for one in answers if "virtual validation" in one["question"]]
    related = [
        {key: one[key] for key in ("id", "question", "language")} for one in (answers[2], answers[3], answers[6])
    ]
    return {
        "answered": stage.found("answered", [answers[2]], related),
        "ambiguous": stage.found("ambiguous", virtual[:3], []),
        "abstained": stage.found("abstained", [], related),
    }


def _shoot(page: Page, folder: Path, name: str, whole: bool = False) -> None:
    """Write a picture of each size and scheme; as WebP, which takes a quarter of a PNG's bytes."""
    session = page.context.new_cdp_session(page)
    for size, box in SIZES.items():
        page.set_viewport_size(box)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # literals
            options: dict[str, Any] = {"format": "webp", "quality": 75}
            if whole:
                height = page.evaluate("document.documentElement.scrollHeight")
                clip = {"x": 0, "y": 0, "width": box["width"], "height": height, "scale": 1}
                options |= {"captureBeyondViewport": True, "clip": clip}
            taken = session.send("Page.captureScreenshot", options)["data"]
            (folder / f"{name}-{size}-{scheme}.webp").write_bytes(base64.b64decode(taken))
    session.detach()


def widget_states(browser: Browser, folder: Path, data: Path) -> None:
    """Every state of the widget in each mode."""
    told = responses(data)
    for mode in MODES:
        context = browser.new_context()
        page = context.new_page()
        page.clock.install()
        with stage.service() as made:
            made.policy = ""
            made.replies = {name: [stage.Reply(body=body)] for name, body in told.items()}
            made.info = stage.Reply(
                body={"examples": told["abstained"]["related"], "contact_url": "mailto:help@example.gov"}
            )
            element = stage.visit(
                page,
                made,
                stage.page_of("<p>We answer your questions about the program.</p>", stage.tag(made.url, mode)),
            )
            page.add_style_tag(content=_HOST)
            scene = Scene(page, element, made)
            if mode == "dialog":
                _shoot(page, folder, "dialog-closed")
                element.locator("[part~=launcher]").click()
            for state, reach in STATES.items():
                reach(scene)
                page.wait_for_function(
                    "document.querySelector('faq-ask').shadowRoot.querySelector('[role=status]').textContent !== null"
                )
                _shoot(page, folder, f"{mode}-{state}")
            for reply in (one for planned in made.replies.values() for one in planned):
                if isinstance(reply.held, threading.Event):
                    reply.held.set()
        context.close()


def pages(browser: Browser, folder: Path, index: Path) -> None:
    """Every page of the service, after some have asked and voted."""
    digest = hashlib.sha256(_KEY.encode()).hexdigest()
    with (
        tempfile.TemporaryDirectory() as state,
        running(
            index,
            state_dir=state,
            record_questions=True,
            admin_key_sha256=digest,
            contact_url="mailto:help@example.gov",
        ) as base,
    ):
        for place, question in enumerate(_ASKED * 3):
            found = httpx2.post(f"{base}/v1/ask", json={"question": question}).json()
            for answer in found["answers"]:
                vote = {"query_id": found["query_id"], "entry_id": answer["id"], "helpful": place % 4 != 0}
                httpx2.post(f"{base}/v1/feedback", json=vote).raise_for_status()
        context = browser.new_context(http_credentials={"username": "admin", "password": _KEY})
        page = context.new_page()
        page.goto(base)
        page.locator("faq-ask [part~=example]").first.wait_for()
        _shoot(page, folder, "page")
        page.locator("#_open").click()
        _shoot(page, folder, "page-open", whole=True)
        page.wait_for_timeout(_FLUSHED_MS)
        for path, name in (("widget/", "page-widget"), ("admin/", "page-admin")):
            page.goto(f"{base}/{path}", wait_until="networkidle")
            _shoot(page, folder, name, whole=True)
        context.close()
        context = browser.new_context(java_script_enabled=False)
        page = context.new_page()
        page.goto(base)
        page.locator("#_question").fill("are we still certified while our extension is pending?")
        page.locator("form button").click()
        _shoot(page, folder, "page-without-script")
        context.close()


def main(folder: Path) -> None:
    """Make all pictures anew."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.webp"):
        old.unlink()
    with chromium() as browser:
        widget_states(browser, folder, Path("data"))
        pages(browser, folder, Settings().index_dir)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
