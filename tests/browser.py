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
# Rules of WCAG 2.2 AA that axe leaves out unless it is asked.
_MORE_RULES = {"rules": {"target-size": {"enabled": True}, "label-content-name-mismatch": {"enabled": True}}}


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


def violations(page: Page) -> list[tuple[str, list[Any]]]:
    """What axe finds wrong with a page: each rule, with the elements."""
    found = Axe().run(page, options=_MORE_RULES).response["violations"]
    return [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found]


def overflow(page: Page) -> int:
    """How many pixels the page is wider than its window."""
    wider: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wider
