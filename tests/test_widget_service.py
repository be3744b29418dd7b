"""The widget of a page elsewhere and the service itself, with what a browser asks of both."""

from __future__ import annotations

import hashlib
from pathlib import Path

from playwright.sync_api import Browser, expect

from qa_service.web.assets import asset
from tests.servers import running
from tests.test_api_ask import calibrated
from tests.widget import POLICY, ask, opened, service, tag

KEY = "public-key"


def test_a_page_elsewhere_asks_and_votes(browser: Browser, index: Path, tmp_path: Path) -> None:
    """With the snippet of `/widget/`, a key and the strictest policy, a page of a named origin asks, is answered, and votes."""
    widget_file = asset("faq-ask.js")
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    with service() as agency:
        kept = {"state_dir": str(tmp_path / "state"), "origins": agency.page_url, "key_sha256": digest}
        with running(index, calibrated(), **kept) as base, opened(browser) as page:
            agency.policy = POLICY.replace("script-src 'self'", f"script-src {base}").format(api=base)
            script = (
                f'<script type="module" src="{base}/widget/{widget_file.published}" integrity="{widget_file.integrity}"'
                " crossorigin></script>"
            )
            agency.html = (
                f'<!DOCTYPE html><html lang="en"><head><title>Agency</title>{script}</head>'
                f"<body>{tag(base, key=KEY)}{tag(base, key='another')}</body></html>"
            )
            page.goto(agency.page_url)
            known, unknown = page.locator("faq-ask").nth(0), page.locator("faq-ask").nth(1)
            expect(known.locator("[part~=example]")).to_have_count(3)
            ask(known, "What is alpha?")
            expect(known.locator("[part~=text] a")).to_have_attribute("href", "https://example.gov")
            known.get_by_role("button", name="Yes").click()
            expect(known.locator("[role=status]")).to_have_text("Thank you.")
            ask(unknown, "What is alpha?")
            expect(unknown.locator("[role=status]")).to_have_text("The service does not answer.")


def test_a_page_that_is_not_named_can_not_ask(browser: Browser, index: Path) -> None:
    """A page of another origin than those that the service names gets nothing, and its widget says so."""
    with (
        service() as agency,
        running(index, calibrated(), origins="https://www.example.gov") as base,
        opened(browser, passing=("Access to fetch", "Failed to load resource")) as page,
    ):
        agency.policy = ""
        agency.html = (
            '<!DOCTYPE html><html lang="en"><head><title>Agency</title>'
            f'<script type="module" src="{base}/widget/faq-ask.js"></script></head><body>{tag(base)}</body></html>'
        )
        page.goto(agency.page_url)
        widget = page.locator("faq-ask")
        ask(widget, "What is alpha?")
        expect(widget.locator("[role=status]")).to_have_text("The service does not answer.")
