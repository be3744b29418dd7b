from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from qa_service.build import BuildRequest, build
from tests import fakes
from tests.browser import NARROW, WIDE, opened, overflow, violations
from tests.pdf import text_of
from tests.servers import running
from tests.test_api_ask import calibrated

SMALLEST = 320
LONG_WORD, LONG_URL = "long" * 75, f"https://example.gov/{'path/' * 50}?q=1"
TRAVEL = f"""# Travel and permits

## What is alpha?
<!-- faq
id: alpha
source_uri: https://example.gov/travel
reviewed_at: 2026-05-01
-->

Take **both** forms, or see <{LONG_URL}>:

1. the *first* one
2. the second one
   - with its {LONG_WORD}

| form | fee | {LONG_WORD} |
|---|---|---|
| A1 | 10 USD | yes |

## What is beta?
<!-- faq
id: beta
-->

> Green two.

```
code = {LONG_WORD}
```
"""
CUSTOMS = [
    {"id": "gamma", "question": "What is gamma?", "answer": "Azul.", "language": "es"},
    {"id": "ñ.1", "question": f"What is {LONG_WORD}?", "answer": "Blue three.\n\nSecond paragraph."},
]
ANSWERS = ["Take both forms", "the second one", "10 USD", "Green two.", "Azul.", "Blue three.", "Second paragraph."]
LOOKS: list[dict[str, Any]] = [{"color_scheme": "light"}, {"color_scheme": "dark"}, {"forced_colors": "active"}]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service with a FAQ of two documents."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "travel.md").write_text(TRAVEL, "utf-8")
    (folder / "customs.json").write_text(json.dumps(CUSTOMS), "utf-8")
    request = BuildRequest([folder / "travel.md", folder / "customs.json"], folder / "index", None)
    build(request, lambda _model: fakes.exporter())
    with running(folder / "index", calibrated(), contact_url="mailto:help@example.gov") as base:
        yield base


def entry(page: Page, question: str) -> Any:
    """The accordion of a question in the list."""
    return page.locator("#_entries details").filter(has=page.get_by_role("heading", name=question, exact=True))


def ready(page: Page) -> None:
    """Wait until the element has taken over the box, with its examples."""
    expect(page.locator("faq-ask").first.get_by_text("For example:")).to_be_visible()


@pytest.mark.parametrize("width", [WIDE, NARROW, SMALLEST])
@pytest.mark.parametrize("look", LOOKS, ids=["light", "dark", "forced"])
def test_the_pages_are_accessible(browser: Browser, site: str, width: int, look: dict[str, Any]) -> None:
    """On either page axe finds nothing, nothing is wider than the window, and no policy is broken, whatever the look."""
    with opened(browser, width, **look) as page:
        page.goto(site)
        ready(page)
        page.get_by_role("button", name="Open all answers").click()
        assert (violations(page), overflow(page)) == ([], 0)
        page.goto(f"{site}/widget/")
        ready(page)
        assert (violations(page), overflow(page)) == ([], 0)


@pytest.mark.parametrize("look", LOOKS, ids=["light", "dark", "forced"])
def test_results_of_the_form_are_accessible(browser: Browser, site: str, look: dict[str, Any]) -> None:
    """So it is with an answer, with choices and with none."""
    with opened(browser, SMALLEST, **look) as page:
        for question in ("What is alpha?", "what is", "seven eight nine"):
            page.goto(site)
            page.evaluate("(question) => { document.getElementById('_question').value = question; }", question)
            page.evaluate("document.querySelector('form').submit()")
            page.locator("#_result").wait_for()
            ready(page)
            assert (question, violations(page), overflow(page)) == (question, [], 0)


def test_without_a_script_the_form_answers(browser: Browser, site: str) -> None:
    """With no script at all a question is asked and its official answer stands there, with the focus on it."""
    with opened(browser, SMALLEST, java_script_enabled=False) as page:
        page.goto(site)
        page.get_by_label("Your question").fill("What is alpha?")
        page.get_by_role("button", name="Ask").click()
        expect(page).to_have_url(f"{site}/")
        result = page.get_by_role("region", name="Official answer")
        expect(result).to_contain_text("Take both forms")
        expect(page.get_by_role("heading", name="Official answer")).to_be_focused()
        expect(page.get_by_label("Your question")).to_have_value("What is alpha?")
        expect(page.get_by_role("button", name="Open all answers")).to_be_hidden()


def test_without_a_script_the_list_is_read(browser: Browser, site: str) -> None:
    """The accordions open without a script."""
    with opened(browser, java_script_enabled=False) as page:
        page.goto(site)
        expect(page.get_by_text("Green two.")).to_be_hidden()
        page.get_by_role("heading", name="What is beta?").click()
        expect(page.get_by_text("Green two.")).to_be_visible()


def test_the_element_asks(browser: Browser, site: str) -> None:
    """Under the page's own policy the element asks and shows the official answer."""
    with opened(browser) as page:
        page.goto(site)
        ready(page)
        field = page.get_by_role("textbox", name="Your question")
        field.fill("What is beta?")
        field.press("Enter")
        expect(page.locator("faq-ask").get_by_text("Green two.")).to_be_visible()
        expect(page).to_have_url(f"{site}/")


@pytest.mark.parametrize("script", [True, False])
@pytest.mark.parametrize(("fragment", "question"), [("gamma", "What is gamma?"), ("%C3%B1.1", f"What is {LONG_WORD}?")])
def test_an_address_opens_its_answer(browser: Browser, site: str, script: bool, fragment: str, question: str) -> None:
    """Whoever follows the address of an answer sees it open, its question at the top of the window, others closed."""
    with opened(browser, NARROW, java_script_enabled=script) as page:
        page.goto(f"{site}/#{fragment}")
        expect(entry(page, question).locator(".answer")).to_be_visible()
        expect(page.get_by_role("heading", name=question, exact=True)).to_be_in_viewport()
        expect(page.get_by_text("Green two.")).to_be_hidden()


def test_a_link_to_an_entry_opens_it(browser: Browser, site: str) -> None:
    """The permanent address leads to the answer, and so does the link in an answer on the page itself."""
    with opened(browser) as page:
        page.goto(f"{site}/entry/gamma")
        expect(page).to_have_url(f"{site}/#gamma")
        expect(page.get_by_text("Azul.")).to_be_visible()
        page.goto(site)
        entry(page, "What is beta?").locator("summary").click()
        entry(page, "What is beta?").get_by_role("link", name="Link to this answer").click()
        expect(page).to_have_url(f"{site}/#beta")
        expect(page.get_by_text("Green two.")).to_be_visible()
        page.get_by_role("navigation", name="Contents").get_by_role("link", name="customs.json").click()
        expect(page.get_by_role("heading", name="customs.json")).to_be_in_viewport()


def test_the_script_opens_what_a_browser_would_not(browser: Browser, site: str) -> None:
    """Where the address changes to that of a closed answer, the script opens it; an address of nothing does no harm."""
    with opened(browser) as page:
        page.add_init_script(
            "addEventListener('hashchange', () => { document.querySelector('details:has(#gamma)').open = false; })"
        )
        page.goto(site)
        for fragment in ("%E0%A4%A", "nothing", "_main", "gamma"):
            page.evaluate("(fragment) => { location.hash = fragment; }", fragment)
        expect(page.get_by_text("Azul.")).to_be_visible()


def test_the_keyboard_goes_everywhere(browser: Browser, site: str) -> None:
    """The first stop skips to the content; every answer is opened with the keyboard, and the focus shows."""
    with opened(browser) as page:
        page.goto(site)
        ready(page)
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#_main")).to_be_focused()
        page.get_by_role("button", name="Open all answers").focus()
        page.keyboard.press("Tab")
        summary = entry(page, "What is alpha?").locator("summary")
        expect(summary).to_be_focused()
        expect(summary).to_have_css("outline-style", "solid")
        page.keyboard.press("Enter")
        expect(page.get_by_text("Take both forms")).to_be_visible()


def test_all_answers_open_and_close(browser: Browser, site: str) -> None:
    """One button opens all answers and then closes them; it says which of the two it will do."""
    with opened(browser) as page:
        page.goto(site)
        page.get_by_role("button", name="Open all answers").click()
        expect(page.locator("#_entries details[open]")).to_have_count(4)
        page.get_by_role("button", name="Close all answers").click()
        expect(page.locator("#_entries details[open]")).to_have_count(0)
        expect(page.get_by_role("button", name="Open all answers")).to_be_visible()


@pytest.mark.parametrize("script", [True, False])
def test_paper_has_every_answer(browser: Browser, site: str, script: bool) -> None:
    """Printed, every question and every answer can be read, with its source, and nothing that is for clicking."""
    with opened(browser, java_script_enabled=script) as page:
        page.goto(site)
        printed = text_of(page.pdf())
    for text in (*ANSWERS, "What is alpha?", "What is gamma?", "Source: Travel and permits", "Reviewed: May 1, 2026"):
        assert "".join(text.split()) in printed
    for text in ("Ask a question", "Open all answers", "Link to this answer", "Skip to the content"):
        assert "".join(text.split()) not in printed


def test_after_printing_the_page_is_as_before(browser: Browser, site: str) -> None:
    """Answers that were opened for the paper are closed again, the others stay open."""
    with opened(browser) as page:
        page.goto(site)
        entry(page, "What is beta?").locator("summary").click()
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        expect(page.locator("#_entries details[open]")).to_have_count(4)
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        expect(page.locator("#_entries details[open]")).to_have_count(1)
        expect(page.get_by_text("Green two.")).to_be_visible()


def test_pages_of_a_large_faq(browser: Browser, tmp_path: Path) -> None:
    """The navigation says which page one is on, leads on and back, and an entry is found on the page that has it."""
    many: list[dict[str, object]] = [
        {"id": f"e{i:03}", "question": f"What is {i}?", "answer": f"No {i}."} for i in range(950)
    ]
    fakes.build_index(tmp_path, many)
    with running(tmp_path / "index") as base, opened(browser, SMALLEST) as page:
        page.goto(base)
        ready(page)
        pages = page.get_by_role("navigation", name="Pages")
        pages.get_by_role("link", name="Next page").click()
        expect(page).to_have_url(f"{base}/?page=2")
        expect(pages.locator("[aria-current=page]")).to_have_accessible_name("Page 2")
        pages.get_by_role("link", name="Page 10").click()
        ready(page)
        assert (violations(page), overflow(page)) == ([], 0)
        page.goto(f"{base}/entry/e123")
        expect(page.get_by_text("No 123.", exact=True)).to_be_visible()


def test_the_snippet_is_copied(browser: Browser, site: str) -> None:
    """One press of the button has the lines in the clipboard."""
    with opened(browser, permissions=["clipboard-read", "clipboard-write"]) as page:
        page.goto(f"{site}/widget/")
        page.get_by_role("button", name="Copy", exact=True).click()
        expect(page.get_by_text("Copied.", exact=True)).to_be_visible()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == page.locator("#_snippet").text_content()
        assert copied.startswith(f'<script type="module" src="{site}/widget/faq-ask.')


def test_without_a_clipboard_the_snippet_is_selected(browser: Browser, site: str) -> None:
    """Where there is no clipboard the lines are selected, and the page says what to do."""
    with opened(browser) as page:
        page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
        page.goto(f"{site}/widget/")
        page.get_by_role("button", name="Copy", exact=True).click()
        expect(page.get_by_text("Selected: copy it with the keyboard.")).to_be_visible()
        assert page.evaluate("String(getSelection())") == page.locator("#_snippet").text_content()


def test_a_ticket_is_asked_first(browser: Browser, site: str) -> None:
    """The form of the example asks the FAQ in the dialog and says what would become of the ticket."""
    with opened(browser) as page:
        page.goto(f"{site}/widget/")
        ready(page)
        for subject, told in (
            ("What is beta?", "The FAQ answers it: no ticket is needed."),
            ("seven eight nine", "Now the ticket would be written."),
        ):
            page.get_by_label("What is your ticket about?").fill(subject)
            page.get_by_role("button", name="Write the ticket").click()
            expect(page.get_by_text(told)).to_be_attached()
            page.keyboard.press("Escape")
            expect(page.get_by_role("dialog")).to_be_hidden()
