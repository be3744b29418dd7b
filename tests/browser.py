"""Debian's Chromium for the tests of pages, and what axe finds on them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
WIDE, NARROW = 1280, 390
PATIENCE_MS = 60_000  # for machines that are busy with something else
# Rules of WCAG 2.2 AA that axe leaves out unless it is asked; nothing but what is wrong is sent back.
_AXE: dict[str, Any] = {
    "rules": {"target-size": {"enabled": True}, "label-content-name-mismatch": {"enabled": True}},
    "resultTypes": ["violations"],
    "preload": False,
}


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; without a sandbox of its own, which containers don't allow."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Browser, width: int = WIDE, passing: tuple[str, ...] = (), **options: Any) -> Iterator[Page]:
    """A page on which no message of the console and no error goes unnoticed.

    Args:
        browser: it opens in a context of its own.
        width: of the window, in pixels.
        passing: what messages begin with that are let pass.
        options: what else the context is to be.
    """
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    said: list[str] = []
    try:
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        yield page
    finally:
        context.close()
    assert [one for one in said if not one.startswith(passing)] == []


def violations(page: Page) -> list[tuple[str, list[Any]]]:
    """What axe finds wrong with a page: each rule, with the elements."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    found = page.evaluate("options => axe.run(options).then(found => found.violations)", _AXE)
    return [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found]


def overflow(page: Page) -> int:
    """How many pixels the page is wider than its window."""
    wider: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wider
