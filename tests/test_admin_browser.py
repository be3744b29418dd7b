from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from qa_service.feedback.base import Reason, Recorded, Vote
from qa_service.feedback.store import Store
from qa_service.feedback.tally import Tally
from tests import fakes
from tests.browser import NARROW, WIDE, opened, overflow, violations
from tests.servers import running

KEY = "key of the administrators"
SMALLEST = 320
LONG = "long" * 75
LOOKS: list[dict[str, Any]] = [{"color_scheme": "light"}, {"color_scheme": "dark"}, {"forced_colors": "active"}]
ENTRIES: list[dict[str, object]] = [
    *fakes.FAQ,
    {"id": "long", "question": f"What is {LONG}? {'And what must a company do while it waits? ' * 6}", "answer": "It."},
]
LABELS = [
    *({"text": text, "entry_id": "alpha"} for text in ("alpha what is", "alpha red one", "is alpha")),
    *({"text": text, "entry_id": "beta"} for text in ("beta what is", "beta green two", "is beta")),
    *({"text": text, "entry_id": None} for text in ("seven eight", "nine ten", "delta epsilon", "eta theta")),
]


def fill(folder: Path) -> None:
    """Two weeks of questions, votes on every entry and on one that is gone, and questions without an answer."""
    tally, now = Tally(), datetime.now(UTC)
    for back in range(14):
        at = (now - timedelta(days=back)).timestamp()
        for outcome in ("answered",) * (80 + back) + ("ambiguous",) * 9 + ("abstained",) * 20:
            tally.count(at, outcome, 0.004)
    texts = (
        "red delta",
        "a red delta",
        f"red {LONG} delta",
        "<b>red</b> delta",
        "red delta to",
        f"six {LONG}",
        "seven",
    )
    for text in texts:
        tally.record(Recorded(int(now.timestamp()), text, "abstained", "long"))
    with closing(Store(folder)) as store:
        store.add(tally.take())
        for entry in ("alpha", "beta", "gamma", "long", f"gone-{LONG}", None):
            for reason in (None, *Reason):
                store.vote(Vote(store.queries.new(), entry, reason is None, reason))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page of a service with labels, votes and recorded questions."""
    folder = tmp_path_factory.mktemp("admin")
    labels = folder / "questions.jsonl"
    labels.write_text("".join(f"{json.dumps(one)}\n" for one in LABELS), "utf-8")
    fakes.build_index(folder, ENTRIES, labels)
    fill(folder / "state")
    key = hashlib.sha256(KEY.encode()).hexdigest()
    changes: dict[str, Any] = {"admin_key_sha256": key, "state_dir": str(folder / "state"), "record_questions": True}
    with running(folder / "index", **changes) as origin:
        yield f"{origin}/admin/"


@pytest.fixture(scope="module")
def bare_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page of a service without a state folder."""
    folder = tmp_path_factory.mktemp("bare")
    fakes.build_index(folder)
    with running(folder / "index", admin_key_sha256=hashlib.sha256(KEY.encode()).hexdigest()) as origin:
        yield f"{origin}/admin/"


@contextmanager
def visited(browser: Browser, address: str, width: int = WIDE, **look: Any) -> Iterator[Page]:
    """The page, for which the browser asks for name and key."""
    with opened(browser, width, http_credentials={"username": "anybody", "password": KEY}, **look) as page:
        page.goto(address)
        yield page


def open_all(page: Page) -> None:
    for summary in page.locator("summary").all():
        summary.click()


@pytest.mark.parametrize("look", LOOKS, ids=["light", "dark", "forced"])
@pytest.mark.parametrize("width", [WIDE, NARROW, SMALLEST])
def test_axe_finds_nothing(browser: Browser, address: str, width: int, look: dict[str, Any]) -> None:
    """With all of it open there is no barrier, nothing wider than the window, and the policy is kept."""
    with visited(browser, address, width, **look) as page:
        assert violations(page) == []
        open_all(page)
        assert page.locator("details:not([open])").count() == 0
        assert violations(page) == []
        assert overflow(page) == 0


@pytest.mark.parametrize("width", [WIDE, NARROW, SMALLEST])
def test_without_a_folder(browser: Browser, bare_address: str, width: int) -> None:
    """The page of a service that keeps nothing is as sound."""
    with visited(browser, bare_address, width) as page:
        assert (violations(page), overflow(page)) == ([], 0)
        assert page.locator("svg").count() == 0


@pytest.mark.parametrize("width", [WIDE, NARROW, SMALLEST])
def test_tables_fit(browser: Browser, address: str, width: int) -> None:
    """No table is wider than its section, so that none needs to scroll."""
    with visited(browser, address, width) as page:
        open_all(page)
        beyond = """tables => tables.filter((one) => one.getBoundingClientRect().right
          > one.closest('section').getBoundingClientRect().right + 1).map((one) => one.caption.textContent)"""
        assert page.locator("table").count() == 4
        assert page.locator("table").evaluate_all(beyond) == []


def test_the_chart_is_the_table(browser: Browser, address: str) -> None:
    """Each day's bars are as high as the table's numbers, measured in the browser."""
    with visited(browser, address) as page:
        open_all(page)
        rows = page.get_by_role("table", name="Questions by day and outcome").get_by_role("row").all()
        assert ["109", "80", "9", "20"] in [row.locator("td").all_inner_texts() for row in rows]
        bars = page.locator(".days rect").all()[-3:]
        answered, ambiguous, abstained = (bar.evaluate("one => one.getBBox().height") for bar in bars)
        assert answered / abstained == pytest.approx(80 / 20, rel=0.01)
        assert answered / ambiguous == pytest.approx(80 / 9, rel=0.01)


def test_it_says_what_it_shows_to_those_who_do_not_see(browser: Browser, address: str) -> None:
    """Sections, tables and pictures have names, and headings do not skip a level."""
    with visited(browser, address) as page:
        names = ["What serves", "Questions", "What helped", "What is missing", "The threshold"]
        assert [page.get_by_role("region", name=name, exact=True).count() for name in names] == [1] * 5
        assert page.get_by_role("img", name="Questions of the last 30 days by outcome").count() == 1
        assert page.get_by_role("img", name="Shares of questions by threshold").count() == 1
        assert page.get_by_role("table", name="Votes by entry").count() == 1
        levels = page.locator("h1, h2, h3").evaluate_all("all => all.map((one) => Number(one.tagName[1]))")
        assert levels[0] == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))


def test_without_javascript(browser: Browser, address: str) -> None:
    """Nothing is lost: what is folded opens, an entry leads to its page and the table can be saved."""
    with visited(browser, address, java_script_enabled=False) as page:
        page.get_by_text("Day by day", exact=True).click()
        assert page.get_by_role("table", name="Questions by day and outcome").is_visible()
        with page.expect_download() as saving:
            page.get_by_role("link", name="All of them as a table").click()
        assert saving.value.suggested_filename == "unanswered.csv"
        assert saving.value.path().read_bytes().startswith(b'\xef\xbb\xbf"group","question"')
        page.get_by_role("table", name="Votes by entry").get_by_role("link", name="What is alpha?").click()
        assert page.url.endswith("#alpha")


def test_by_keyboard(browser: Browser, address: str) -> None:
    """The first stop skips to the content, and what is folded opens by a key."""
    with visited(browser, address) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Day by day"
        page.keyboard.press("Enter")
        assert page.locator("details[open]").count() == 1


def test_on_paper(browser: Browser, address: str) -> None:
    """On paper everything is unfolded, in black on white."""
    with visited(browser, address, color_scheme="dark") as page:
        page.emulate_media(media="print", color_scheme="dark")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        box = page.get_by_role("table", name="Questions by day and outcome").bounding_box()
        assert box is not None
        assert box["height"] > 300
        assert not page.locator("[download]").is_visible()
