from __future__ import annotations

import io
import re
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page, expect

from qa_service.api.mailing import MailQuestion, MailResponse, mail_response
from qa_service.domain import Outcome, Result
from qa_service.exports.page import write_page
from tests.browser import NARROW, WIDE, opened, overflow, violations
from tests.mailrows import ANSWER, LETTER, VERSION, abstained, ambiguous, answered, mail, result, rows, skipped
from tests.tags import Tags

HOSTILE = "<script>window.hit=1</script><img src=x onerror='window.hit=1'>\"'&amp;</style></pre></textarea><!--<svg/onload=hit=1>"
MANY = 10_000


def page_of(*held: MailResponse) -> str:
    out = io.StringIO()
    write_page(held, out)
    return out.getvalue()


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """A report of a mail of each status, and one of long words."""
    path = tmp_path / "report.html"
    letter = replace(LETTER, subject="x" * 300, new_text=f"{'long' * 200}\nDo we stay certified?")
    unwieldy = mail(answered(answer="word" * 300), letter=letter, passages=("Do we stay certified?",), file="f" * 300)
    path.write_text(page_of(*rows(), mail_response(unwieldy)), "utf-8")
    return path


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page on which no error and no refusal of the browser goes unnoticed."""
    with opened(browser) as one:
        yield one


def shown(page: Page) -> list[str]:
    """The files of the mails that are shown, in order."""
    return page.locator(".mail:not([hidden]) .about bdi").all_text_contents()


def test_what_needs_a_person_comes_first() -> None:
    """Errors, partly answered, unanswered, answered, skipped; mails of one status stay in the order they came."""
    again = [row.model_copy(update={"file": f"{row.file}2"}) for row in rows()]
    found = re.findall(r'data-status="(\w+)".*?<bdi data-find>inbox/([^<]+)', page_of(*rows(), *again), re.DOTALL)
    assert [
        ("error", "bomb.eml"),
        ("error", "bomb.eml2"),
        ("partial", "partial.eml"),
        ("partial", "partial.eml2"),
        ("abstained", "1.eml"),
        ("abstained", "1.eml2"),
        ("matched", "matched.eml"),
        ("matched", "matched.eml2"),
        ("skipped", "away.eml"),
        ("skipped", "away.eml2"),
    ] == found


def test_every_element_is_closed_and_every_link_leads_somewhere() -> None:
    """The page is well-formed, no id is given twice, and links within it have their targets."""
    elements = Tags(page_of(*rows(), *rows())).elements
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    links = [str(attributes["href"]) for tag, attributes in elements if tag == "a"]
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in links if link.startswith("#")} <= set(ids)
    assert sum(link.startswith("#m") for link in links) > 8


def test_nothing_comes_from_elsewhere() -> None:
    """No element loads anything, and the policy of the page forbids it; style and script are those that it names."""
    elements = Tags(page_of(*rows())).elements
    assert not [tag for tag, attributes in elements if {"src", "srcset", "data", "style", "onclick"} & set(attributes)]
    assert not [tag for tag, _ in elements if tag in ("link", "img", "iframe", "object", "base")]
    policy = next(str(a["content"]) for _, a in elements if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'; style-src 'sha256-" in policy
    assert "unsafe" not in policy


def test_the_empty_report() -> None:
    """No mail is a report too."""
    assert "0 mails with 0 questions" in page_of()


def marked(*places: tuple[int | None, int | None], text: str = "0123456789") -> str:
    """The text of a mail whose questions are at these places, as it is marked; a mark is [number:text]."""
    questions = [
        MailQuestion(text="?", start=start, end=end, outcome=Outcome.ABSTAINED, answers=[], related=[])
        for start, end in places
    ]
    row = mail_response(skipped()).model_copy(update={"questions": questions, "new_text": text})
    held = re.search(r"<div class=\"text\"[^>]*>(.*?)</div>", page_of(row), re.DOTALL)
    assert held
    return re.sub(r'<mark class="abstained" id="m1t(\d+)">(.*?)<a [^>]*>\d+</a></mark>', r"[\1:\2]", held[1])


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([(0, 3), (5, 7)], "[1:012]34[2:56]789"),
        ([(5, 7), (0, 3)], "[2:012]34[1:56]789"),
        ([(0, 10)], "[1:0123456789]"),
        ([(None, None)], "0123456789"),
        ([(2, 6), (4, 8)], "01[1:2345][2:67]89"),
        ([(2, 6), (2, 6)], "01[1:2345][2:]6789"),
        ([(8, 99)], "01234567[1:89]"),
        ([(99, 120)], "0123456789[1:]"),
    ],
)
def test_questions_are_marked_where_they_stand(places: list[tuple[int | None, int | None]], expected: str) -> None:
    """By their offsets; what two of them share belongs to the first, and no letter is lost or doubled."""
    assert expected == marked(*places)


@given(st.text(max_size=40), st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=4))
def test_marks_lose_nothing_of_the_text(text: str, places: list[tuple[int, int]]) -> None:
    """Without the marks, the text is the mail's, whatever the offsets are."""
    row = mail_response(skipped())
    questions = [
        MailQuestion(text="?", start=min(place), end=max(place), outcome=Outcome.ABSTAINED, answers=[], related=[])
        for place in places
    ]
    html = page_of(row.model_copy(update={"questions": questions, "new_text": f"x{text}"}))
    held = re.search(r'<div class="text"[^>]*>(.*?)</div>', html, re.DOTALL)
    assert held
    bare = re.sub(r'<a class="number".*?</a>', "", held[1])
    assert "".join(Tags(bare).text).replace("\r", "") == f"x{text}".replace("\r", "")


@pytest.mark.parametrize(
    ("confidence", "expected"),
    [
        (1.0, "very likely right (over 99&nbsp;%)"),
        (0.97, "very likely right (97&nbsp;%)"),
        (0.8, "likely right (80&nbsp;%)"),
        (0.5, "more likely right than not (50&nbsp;%)"),
        (0.3, "uncertain (30&nbsp;%)"),
    ],
)
def test_confidence_is_told_in_words_and_as_a_number(confidence: float, expected: str) -> None:
    """A probability is told as one, and never as certainty."""
    assert f"Answered: {expected}" in page_of(mail_response(mail(answered(confidence=confidence))))


def test_the_source_is_a_link_where_it_has_an_address() -> None:
    """An address of the web is linked, without telling it where the reader came from; a document is named."""
    linked = page_of(mail_response(mail(answered(uri='https://example.gov/faq?a=1&b="'))))
    assert (
        'Source: <a href="https://example.gov/faq?a=1&amp;b=&quot;" rel="noreferrer">https://example.gov/faq?a=1&amp;b='
        in linked
    )
    assert "Source: faq.md" in page_of(mail_response(mail(answered())))


def test_the_page_is_written_in_flat_memory(tmp_path: Path) -> None:
    """Ten times the mails take no more memory than the mails themselves would."""

    def peak(count: int) -> int:
        row = rows()[1].model_copy(update={"new_text": "x" * 4_000})
        tracemalloc.start()
        with (tmp_path / "report.html").open("w", encoding="utf-8") as out:
            write_page((row.model_copy(update={"file": str(i)}) for i in range(count)), out)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    few, many = peak(50), peak(500)
    assert many - few < 450 * 4_000 / 4


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW, 320])
def test_axe_finds_nothing(browser: Browser, report: Path, width: int, scheme: Any) -> None:
    """At every width, light and dark, with everything opened: no barrier, and nothing wider than the window."""
    with opened(browser, width, color_scheme=scheme, reduced_motion="reduce") as page:
        page.goto(report.as_uri())
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert violations(page) == []
        assert overflow(page) == 0


def test_targets_are_large_enough(page: Page, report: Path) -> None:
    """What can be clicked is at least 24 pixels high and wide; a box counts with its label."""
    page.goto(report.as_uri())
    targets = page.locator(
        "summary:visible, button:visible, select:visible, [type=search], label:has([type=checkbox]), .number"
    )
    boxes = [box for target in targets.all() if (box := target.bounding_box())]
    assert len(boxes) > 30
    assert [box for box in boxes if box["width"] < 24 or box["height"] < 24] == []


def test_wide_is_side_by_side_and_narrow_is_stacked(page: Page, report: Path) -> None:
    """Answers stand beside the text where there is room, and below it on a phone."""

    def boxes() -> tuple[Any, Any]:
        sides = page.locator(".mail.partial .sides > div")
        return sides.nth(0).bounding_box(), sides.nth(1).bounding_box()

    page.goto(report.as_uri())
    text, answers = boxes()
    assert answers["y"] == text["y"]
    assert answers["x"] >= text["x"] + text["width"]
    page.set_viewport_size({"width": NARROW, "height": 900})
    text, answers = boxes()
    assert answers["x"] == text["x"]
    assert answers["y"] >= text["y"] + text["height"]


def test_filters(page: Page, report: Path) -> None:
    """By status, by outcome, by words wherever they stand and however they are written; the count is told."""
    page.goto(report.as_uri())
    assert [f"inbox/{name}.eml" for name in ("bomb", "partial", "1", "matched")] == shown(page)[:4]
    assert page.inner_text("#count") == "6 of 6 mails"
    page.uncheck("[value=matched]")
    page.uncheck("[value=skipped]")
    assert ["inbox/bomb.eml", "inbox/partial.eml", "inbox/1.eml"] == shown(page)
    page.select_option("[name=outcome]", "ambiguous")
    assert ["inbox/partial.eml"] == shown(page)
    page.select_option("[name=outcome]", "")
    page.fill("[name=search]", "BÓMB")
    expect(page.locator("#count")).to_contain_text("1 of 6 mails")
    assert ["inbox/bomb.eml"] == shown(page)
    page.fill("[name=search]", "specialist certified")
    page.locator(".mail.partial:visible").wait_for()
    assert ["inbox/partial.eml"] == shown(page)
    assert page.inner_text("#count") == "1 of 6 mails"
    page.fill("[name=search]", "nowhere to be found")
    expect(page.locator("#count")).to_contain_text("0 of 6 mails")
    assert shown(page) == []


def test_orders(page: Page, tmp_path: Path) -> None:
    """The least certain answer first, the newest first, and back to what needs a person."""
    held = [
        mail_response(mail(answered(confidence=sure), letter=replace(LETTER, date=date), file=file))
        for file, sure, date in (
            ("a", 0.9, LETTER.date),
            ("b", 0.6, None),
            ("c", 0.7, datetime(2026, 11, 24, tzinfo=UTC) + timedelta(hours=1)),
        )
    ]
    report = tmp_path / "report.html"
    report.write_text(page_of(mail_response(skipped()), *held), "utf-8")
    page.goto(report.as_uri())
    away = "inbox/away.eml"
    assert ["a", "b", "c", away] == shown(page)
    page.select_option("[name=order]", "least")
    assert ["b", "c", "a", away] == shown(page)
    page.select_option("[name=order]", "newest")
    assert ["c", "a", away, "b"] == shown(page)
    page.select_option("[name=order]", "need")
    assert ["a", "b", "c", away] == shown(page)


def test_copying_a_draft(browser: Browser, report: Path) -> None:
    """The button copies the draft as it is, and says so; where there is no clipboard it selects the text."""
    with opened(browser, permissions=["clipboard-read", "clipboard-write"]) as page:
        page.goto(report.as_uri())
        page.click(".mail.partial .copy")
        page.get_by_role("status").get_by_text("Draft copied.").wait_for()
        assert rows()[3].draft == page.evaluate("navigator.clipboard.readText()")
        page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
        page.click(".mail.matched .copy")
        page.get_by_role("status").get_by_text("Draft selected").wait_for()
        assert ANSWER.strip() in page.evaluate("getSelection().toString()").replace("\r", "")


def test_opening_and_closing(page: Page, report: Path) -> None:
    """All mails that are shown are opened or closed at once, and an address that names one of them opens it."""
    page.goto(report.as_uri())
    page.click("#close")
    assert page.locator(".mail > details[open]").count() == 0
    page.click("#open")
    assert page.locator(".mail > details:not([open])").count() == 0
    page.click("#close")
    key = page.locator(".mail.partial").get_attribute("id")
    page.evaluate(f"location.hash = '{key}q2'")
    page.locator(".mail.partial > details[open]").wait_for()
    page.evaluate("location.hash = 'list'")
    assert page.locator(".mail > details[open]").count() == 1


def test_the_keyboard_reaches_the_mails(page: Page, report: Path) -> None:
    """The first stop is a link over everything to the mails, and a question's number leads to its answer and back."""
    page.goto(report.as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the mails"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "list"
    page.locator(".mail.partial mark .number").first.press("Enter")
    assert page.locator(".question:target h4 bdi").inner_text() == "Do we stay certified?"
    page.locator(".question:target .number").press("Enter")
    assert page.locator("mark:target").inner_text().startswith("Do we stay certified?")


def test_without_javascript(browser: Browser, report: Path) -> None:
    """Everything can be read: no filter that does nothing, no mail that is hidden."""
    with opened(browser, java_script_enabled=False) as page:
        page.goto(report.as_uri())
        assert len(shown(page)) == 6
        assert not page.is_visible("#filters")
        assert not page.is_visible("#bar")
        assert page.locator(".copy:visible").count() == 0
        page.click(".mail.partial .draft summary")
        assert rows()[3].draft == page.locator(".mail.partial pre").text_content()


def test_print_shows_the_mails_alone(page: Page, report: Path) -> None:
    """On paper there are no controls."""
    page.goto(report.as_uri())
    page.emulate_media(media="print", color_scheme="dark")
    assert not page.is_visible("#filters")
    assert page.locator("button:visible").count() == 0
    assert page.locator(".mail:visible").count() == 6
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def hostile(outcome: Outcome) -> Result:
    entry = replace(answered().answers[0].entry, question=HOSTILE, answer=HOSTILE, language=HOSTILE)
    source = replace(entry.source, document=HOSTILE, uri="javascript:window.hit=1")
    evil = replace(entry, source=source)
    near = [(evil, 0.2)]
    return result(outcome, [], near) if outcome is Outcome.ABSTAINED else result(outcome, [(evil, 0.8)], near)


def test_nothing_that_others_wrote_runs(page: Page, tmp_path: Path) -> None:
    """Text, subject, questions, answers, sources, reasons and names are shown as they are, and nothing in them acts."""
    letter = replace(LETTER, subject=HOSTILE, new_text=f"{HOSTILE}?")
    results = [hostile(outcome) for outcome in Outcome]
    one = mail_response(mail(*results, letter=letter, passages=(HOSTILE,) * 3, file=HOSTILE))
    row = one.model_copy(update={"reason": HOSTILE, "language": HOSTILE, "index_version": HOSTILE})
    report = tmp_path / "report.html"
    report.write_text(page_of(row), "utf-8")
    page.goto(report.as_uri())
    assert page.evaluate("window.hit") is None
    assert page.locator("#mails img, #mails script, #mails svg, a[href^='javascript']").count() == 0
    assert page.locator("blockquote").first.text_content() == HOSTILE
    assert page.locator(".mail h3").text_content() == HOSTILE
    assert f"Source: {HOSTILE}" in (page.locator(".answer .quiet").first.text_content() or "")
    assert rows()[0].index_version == VERSION


def test_ten_thousand_mails(page: Page, tmp_path: Path) -> None:
    """A report of 10,000 mails is listed a page at a time, and is filtered, sorted and searched whole."""
    kinds = [mail_response(one) for one in (mail(answered()), mail(ambiguous(), abstained()), skipped())]
    report = tmp_path / "report.html"
    with report.open("w", encoding="utf-8") as out:
        write_page((kinds[i % 3].model_copy(update={"file": f"mail-{i:05}"}) for i in range(MANY)), out)
    page.goto(report.as_uri())
    assert page.inner_text("#count") == "10,000 of 10,000 mails, 1 to 50 shown"
    assert [f"mail-{i:05}" for i in range(1, 150, 3)] == shown(page)
    page.click("#after")
    assert page.inner_text("#count") == "10,000 of 10,000 mails, 51 to 100 shown"
    assert shown(page)[0] == "mail-00151"
    page.uncheck("[value=partial]")
    assert page.inner_text("#count") == "6,667 of 10,000 mails, 1 to 50 shown"
    page.fill("[name=search]", "mail-0999 alpha")
    expect(page.locator("#count")).to_contain_text("4 of 10,000 mails")
    assert ["mail-09990", "mail-09993", "mail-09996", "mail-09999"] == shown(page)
    expect(page.locator("#after")).to_be_hidden()
    page.fill("[name=search]", "")
    expect(page.locator("#count")).to_contain_text("6,667 of 10,000 mails")
    page.evaluate("location.hash = 'm9994'")
    expect(page.locator("#m9994")).to_be_visible()
