"""What the widget does: asking, answering, voting, failing, and what the page around it can do with it."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import PATIENCE_MS, violations
from tests.widget import (
    ENTRY,
    EXAMPLES,
    LONG_URL,
    RESPONSES,
    SCRIPT,
    Reply,
    Service,
    ask,
    found,
    opened,
    page_of,
    service,
    tag,
    visit,
)

MOST_BYTES = 6_000
LISTEN = """types => {
  window.heard = [];
  for (const type of types) document.addEventListener(type, event => window.heard.push([type, event.detail]));
}"""
PARTS = set(
    "launcher dialog panel heading close form label input button status results example answer confidence question text source "
    "copy feedback choice related contact retry".split()
)
EVENTS = ["faq-ask", "faq-answer", "faq-feedback", "faq-error"]


def eventually(page: Page, condition: str, argument: object = None) -> None:
    page.wait_for_function(condition, arg=argument)


def focused(page: Page) -> str:
    """The part that has the focus, inside the widget; or the element of the page."""
    said: str = page.evaluate(
        "() => { const one = document.activeElement; const inner = one?.shadowRoot?.activeElement;"
        " return inner ? inner.part.value || inner.textContent : one?.localName || '' }"
    )
    return said


def test_it_is_small() -> None:
    """The file weighs at most 6 kB on its way."""
    assert len(gzip.compress(SCRIPT, 9, mtime=0)) <= MOST_BYTES


def test_its_types_hold(root: Path, tmp_path: Path) -> None:
    """Tsc, as strict as it gets, finds nothing."""
    assert shutil.which("tsc"), "tsc is needed: apt-get install node-typescript"
    options = {"checkJs": True, "noEmit": True, "strict": True, "target": "es2022", "module": "es2022"}
    files = [str(root / "qa_service/web" / name) for name in ("faq-ask.js", "faq-ask.d.ts")]
    config = {"compilerOptions": {**options, "lib": ["es2022", "dom", "dom.iterable"]}, "files": files}
    (tmp_path / "tsconfig.json").write_text(json.dumps(config))
    done = subprocess.run(["tsc", "-p", str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_it_makes_no_markup_of_text_and_keeps_nothing() -> None:
    """No innerHTML and its like, no eval, no storage, no cookie, no other file."""
    script = SCRIPT.decode()
    banned = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|Function\(|Storage|cookie|indexedDB|\bimport\s*\("
    assert re.findall(banned, script) == []
    assert re.findall(r"https?://", script) == []


def test_the_documents_list_what_can_be_set(root: Path) -> None:
    """README and the page `/widget/` name every attribute, event, custom property and part."""
    script = SCRIPT.decode()
    attributes = set(re.findall(r"#get\('([a-z-]+)'", script)) | {"lang", "theme"}
    assert attributes == set(
        "endpoint key lang mode top heading heading-level placeholder contact-url deep-link theme".split()
    )
    properties = set(re.findall(r"var\((--faq-[a-z-]+)", script))
    assert len(properties) == 8
    readme = (root / "README.md").read_text("utf-8").partition("## The widget")[2].partition("\n## ")[0]
    showcase = (root / "qa_service/web/showcase.html").read_text("utf-8")
    for text in (readme, showcase):
        words = set(re.findall(r"[a-z-]*[a-z]", text))
        assert attributes | properties | set(EVENTS) | PARTS <= words


def test_keyboard_alone(browser: Browser) -> None:
    """From the launcher by Tab, Enter and Escape through asking, the answer, a vote, closing; the focus comes back."""
    with service() as made, opened(browser) as page:
        widget = visit(page, made, page_of(tag(made.url, "dialog"), "<a href='#'>After</a>"))
        press = page.keyboard.press
        press("Tab")
        assert focused(page) == "launcher fill"
        press("Enter")
        expect(widget.locator("[part~=example]")).to_have_count(3)
        assert focused(page) == "input"
        page.keyboard.type("answered")
        press("Enter")
        expect(widget.locator("article")).to_have_count(1)
        assert focused(page) == "input"
        seen = []
        while (now := focused(page)) != "Yes":
            seen.append(now)
            press("Tab")
        assert seen == ["input", "button fill", LONG_URL, "CTPAT Top FAQs", "copy plain"]
        press("Enter")
        expect(widget.locator("[role=status]")).to_have_text("Thank you.")
        assert focused(page) == "Yes"
        assert made.votes == [{"query_id": "0" * 32, "entry_id": ENTRY["id"], "helpful": True}]
        press("Escape")
        expect(widget.locator("dialog")).not_to_be_visible()
        assert focused(page) == "launcher fill"
        press("Tab")
        assert focused(page) == "a"


def test_the_dialog_keeps_the_focus_and_its_button_closes_it(browser: Browser) -> None:
    """Behind the dialog nothing can be reached; its close button closes it and gives the focus back."""
    with service() as made, opened(browser) as page:
        widget = visit(page, made, page_of(tag(made.url, "dialog"), "<a href='#'>After</a>"))
        widget.locator("[part~=launcher]").click()
        expect(widget.locator("[part~=example]")).to_have_count(3)
        reached = set()
        for _ in range(12):
            page.keyboard.press("Tab")
            reached.add(focused(page))
        assert "a" not in reached
        assert {"input", "close", "example plain", "button fill"} <= reached
        widget.get_by_role("button", name="Close").click()
        expect(widget.locator("dialog")).not_to_be_visible()
        assert focused(page) == "launcher fill"


def test_examples_and_related_questions_take_the_focus_to_the_answer(browser: Browser) -> None:
    """What is pressed goes away with its list, so the focus moves to what came in its place."""
    with service() as made, opened(browser) as page:
        widget = visit(page, made, page_of(tag(made.url)))
        widget.locator("[part~=example]").first.press("Enter")
        expect(widget.locator("article [part~=question]")).to_be_focused()
        expect(widget.locator("input")).to_have_value(EXAMPLES[0]["question"])
        ask(widget, "abstained")
        widget.locator("[part~=related]").nth(1).press("Enter")
        expect(widget.locator("article [part~=question]")).to_be_focused()
        assert [one["question"] for one in made.asked] == [
            EXAMPLES[0]["question"],
            "abstained",
            EXAMPLES[1]["question"],
        ]


def test_an_answer_as_it_is_shown(browser: Browser) -> None:
    """Question, answer, confidence in words, source and date are those of the service; the HTML is what the build made of it."""
    with service() as made, opened(browser) as page:
        widget = visit(page, made, page_of(tag(made.url)))
        ask(widget, "answered")
        article = widget.locator("article")
        assert article.locator("[part~=question]").text_content() == ENTRY["question"]
        assert article.locator("[part~=text]").evaluate("one => one.innerHTML") == ENTRY["answer_html"]
        assert article.locator("[part~=confidence]").text_content() == "Very likely your question"
        assert article.locator("[part~=source]").text_content() == "Source: CTPAT Top FAQs · Reviewed May 1, 2026"
        assert article.locator("[part~=source] a").get_attribute("href") == "https://www.example.gov/faq"
        made.replies["unsure"] = [Reply(body=found("answered", [{**ENTRY, "confidence": 0.7}], [], feedback=False))]
        ask(widget, "unsure")
        expect(article.locator("[part~=confidence]")).to_have_text("Probably your question")
        assert article.locator("[part~=feedback]").count() == 0


@pytest.mark.parametrize(
    ("language", "shown"),
    [
        ("es", "Fuente: CTPAT Top FAQs · Revisado 1 de mayo de 2026"),
        ("fr", "Source: CTPAT Top FAQs · Révisé 1 mai 2026"),
    ],
)
def test_dates_are_the_languages(browser: Browser, language: str, shown: str) -> None:
    """A date is written as the language writes it."""
    with service() as made, opened(browser) as page:
        widget = visit(page, made, page_of(tag(made.url), lang=language))
        ask(widget, "answered")
        assert widget.locator("[part~=source]").text_content() == shown


def test_a_choice_opens_its_answer(browser: Browser) -> None:
    """Where several entries may be meant, each is a question that opens its official answer."""
    with service() as made, opened(browser) as page:
        widget = visit(page, made, page_of(tag(made.url)))
        ask(widget, "ambiguous")
        choices = widget.locator("details")
        expect(choices).to_have_count(3)
        expect(choices.locator("[part~=text]").first).not_to_be_visible()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(choices.locator("[part~=text]").first).to_be_visible()
        assert choices.locator("[part~=confidence]").count() == 0


def test_a_vote_can_be_changed_and_say_why(browser: Browser) -> None:
    """Yes, then no, then a reason: each is sent, the last one stands, and the events tell the page."""
    with service() as made, opened(browser) as page:
        widget = visit(page, made, page_of(tag(made.url)))
        page.evaluate(LISTEN, EVENTS)
        ask(widget, "answered")
        buttons = widget.locator("[part~=feedback] button")
        told = "count => window.heard.filter(one => one[0] == 'faq-feedback').length == count"
        for count, name in enumerate(("Yes", "No", "Out of date"), 1):
            buttons.filter(has_text=re.compile(f"^{name}$")).click()
            eventually(page, told, count)
        expect(buttons.nth(4)).to_have_attribute("aria-pressed", "true")
        expect(widget.locator("[aria-pressed=true]")).to_have_count(1)
        which = {"query_id": "0" * 32, "entry_id": ENTRY["id"]}
        votes: list[dict[str, Any]] = [
            {**which, "helpful": True},
            {**which, "helpful": False},
            {**which, "helpful": False, "reason": "outdated"},
        ]
        assert made.votes == votes
        heard = [one for name, one in page.evaluate("window.heard") if name == "faq-feedback"]
        assert [{key: value for key, value in one.items() if value is not None} for one in heard] == votes


def test_a_vote_that_fails_says_so(browser: Browser) -> None:
    """A vote that did not arrive is not thanked for."""
    with service() as made, opened(browser) as page:
        made.feedback = Reply(503, {})
        widget = visit(page, made, page_of(tag(made.url)))
        ask(widget, "answered")
        widget.get_by_role("button", name="Yes").click()
        expect(widget.locator("[role=status]")).to_have_text("The service does not answer.")


def test_no_votes_where_the_service_takes_none(browser: Browser) -> None:
    """Without a store for votes nobody is asked for one."""
    with service() as made, opened(browser) as page:
        made.replies["q"] = [Reply(body={**RESPONSES["answered"], "feedback": False})]
        widget = visit(page, made, page_of(tag(made.url)))
        ask(widget, "q")
        expect(widget.locator("article")).to_have_count(1)
        assert widget.locator("[part~=feedback]").count() == 0


@pytest.mark.parametrize(
    ("deep_link", "link"),
    [
        (None, "{api}/entry/profile-extension"),
        ("https://www.example.gov/faq?a=1#{id}", "https://www.example.gov/faq?a=1#profile-extension"),
        ("/faq#{id}", "{page}/faq#profile-extension"),
    ],
)
def test_the_link_to_an_answer(browser: Browser, deep_link: str | None, link: str) -> None:
    """The link that is copied is the service's own page, or the pattern of the page."""
    with service() as made, opened(browser, permissions=["clipboard-read", "clipboard-write"]) as page:
        attributes = {} if deep_link is None else {"deep_link": deep_link}
        widget = visit(page, made, page_of(tag(made.url, **attributes)))
        ask(widget, "answered")
        widget.get_by_role("button", name="Copy link").click()
        expect(widget.locator("[role=status]")).to_have_text("Link copied.")
        assert page.evaluate("navigator.clipboard.readText()") == link.format(api=made.url, page=made.page_url)


def test_a_link_that_can_not_be_copied_is_shown(browser: Browser) -> None:
    """Where the browser refuses its clipboard, the link itself is said."""
    with service() as made, opened(browser) as page:
        page.add_init_script("navigator.clipboard.writeText = () => Promise.reject(new Error('no'))")
        widget = visit(page, made, page_of(tag(made.url)))
        ask(widget, "answered")
        widget.get_by_role("button", name="Copy link").click()
        expect(widget.locator("[role=status]")).to_have_text(f"{made.url}/entry/profile-extension")


def test_the_page_drives_it(browser: Browser) -> None:
    """`ask` shows and returns what came without taking the focus; events bubble out; a page may prevent a question."""
    with service() as made, opened(browser) as page:
        made.policy = ""
        widget = visit(page, made, page_of("<textarea></textarea>", tag(made.url)))
        page.evaluate(LISTEN, EVENTS)
        page.locator("textarea").fill("typing")
        returned = page.evaluate("document.querySelector('faq-ask').ask(' answered ')")
        assert returned == RESPONSES["answered"]
        assert focused(page) == "textarea"
        assert page.evaluate("window.heard") == [
            ["faq-ask", {"question": "answered"}],
            ["faq-answer", RESPONSES["answered"]],
        ]
        page.evaluate("document.querySelector('faq-ask').addEventListener('faq-ask', event => event.preventDefault())")
        assert page.evaluate("document.querySelector('faq-ask').ask('more').then(found => found === undefined)")
        assert [one["question"] for one in made.asked] == ["answered"]
        assert widget.locator("article").count() == 0


def test_a_whole_mail_is_cut_to_what_can_be_asked(browser: Browser) -> None:
    """A text that a page hands over may be longer than a question can be; its beginning is asked."""
    with service() as made, opened(browser) as page:
        visit(page, made, page_of(tag(made.url)))
        page.evaluate("document.querySelector('faq-ask').ask('x'.repeat(5000))")
        assert made.asked == [{"question": "x" * 2000, "top": 3}]


def test_open_close_and_ask_of_a_dialog(browser: Browser) -> None:
    """`open(text)` opens and asks, `close` closes, `ask` opens by itself; an inline widget takes `open` and `close` calmly."""
    with service() as made, opened(browser) as page:
        widget = visit(page, made, page_of(tag(made.url, "dialog")))
        dialog = widget.locator("dialog")
        page.evaluate("document.querySelector('faq-ask').open('answered')")
        expect(widget.locator("article")).to_be_visible()
        page.evaluate("document.querySelector('faq-ask').close()")
        expect(dialog).not_to_be_visible()
        page.evaluate("document.querySelector('faq-ask').ask('abstained')")
        expect(dialog).to_be_visible()
        expect(widget.locator("[part~=related]")).to_have_count(3)
        page.evaluate("document.querySelector('faq-ask').setAttribute('mode', 'inline')")
        page.evaluate("{ const one = document.querySelector('faq-ask'); one.open(); one.close(); }")
        expect(widget.locator("[part~=example]")).to_have_count(3)
        assert dialog.count() == 0


def test_attributes(browser: Browser) -> None:
    """Heading, its level, placeholder, contact, number of answers, key, theme and language are what the page says."""
    with service() as made, opened(browser) as page:
        element = tag(
            made.url,
            heading="Ask CTPAT",
            heading_level="3",
            placeholder="In your own words",
            contact_url="tel:+15551234",
            top="5",
            key="public-key",
            theme="dark",
            lang="es-MX",
        )
        widget = visit(page, made, page_of("<h2>Help</h2>", element))
        ask(widget, "abstained")
        expect(widget.locator("[part~=contact]")).to_have_attribute("href", "tel:+15551234")
        assert widget.locator("h3[part~=heading]").text_content() == "Ask CTPAT"
        assert widget.locator("h4").text_content() == "Preguntas relacionadas"
        assert widget.locator("input").get_attribute("placeholder") == "In your own words"
        assert made.asked == [{"question": "abstained", "top": 5}]
        assert {one.get("Authorization") for one in made.headers} == {"Bearer public-key"}
        assert widget.evaluate("one => getComputedStyle(one).colorScheme") == "dark"
        assert "GET /v1/info?language=es" in made.paths
        assert violations(page) == []
        page.evaluate("document.querySelector('faq-ask').setAttribute('lang', 'fr')")
        expect(widget.locator("label")).to_have_text("Votre question")


def test_nothing_is_kept_and_nobody_else_is_asked(browser: Browser) -> None:
    """No cookie is sent or set, nothing is stored, and every request goes to the page or the service."""
    with service() as made, opened(browser) as page:
        hosts = set()
        page.on("request", lambda request: hosts.add("/".join(request.url.split("/")[:3])))
        page.context.add_cookies([{"name": "a", "value": "b", "url": made.url}])
        widget = visit(page, made, page_of(tag(made.url)))
        for question in ("answered", "ambiguous", "abstained"):
            ask(widget, question)
            expect(widget.locator("[role=status]")).not_to_have_text("Searching…")
        assert [one for one in made.headers if "Cookie" in one] == []
        assert page.context.cookies() == [{**page.context.cookies()[0], "name": "a", "value": "b"}]
        assert page.evaluate("localStorage.length + sessionStorage.length") == 0
        assert hosts == {made.url, made.page_url}


def test_without_a_script_its_content_stays(browser: Browser) -> None:
    """Without JavaScript the links inside the element are what is shown; with it they give way."""
    links = '<a href="/faq">All questions and answers</a>'
    with service() as made, opened(browser, java_script_enabled=False) as page:
        made.html = page_of(tag(made.url, light_dom=links))
        page.goto(made.page_url)
        expect(page.get_by_role("link", name="All questions and answers")).to_be_visible()
    with service() as made, opened(browser) as page:
        widget = visit(page, made, page_of(tag(made.url, light_dom=links)))
        expect(widget.locator("form")).to_be_visible()
        expect(page.get_by_role("link", name="All questions and answers")).not_to_be_visible()


def test_two_on_one_page(browser: Browser) -> None:
    """Two widgets are told apart by name, and each shows its own."""
    with service() as made, opened(browser) as page:
        visit(page, made, page_of(tag(made.url), tag(made.url), tag(made.url, "dialog")))
        one, two, three = (page.locator("faq-ask").nth(i) for i in range(3))
        ask(one, "answered")
        ask(two, "abstained")
        expect(one.locator("article")).to_have_count(1)
        expect(two.locator("[part~=related]")).to_have_count(3)
        three.locator("[part~=launcher]").click()
        expect(three.locator("[part~=example]")).to_have_count(3)
        names = [widget.locator("form").get_attribute("aria-label") for widget in (one, two, three)]
        assert names == ["Ask a question", "Ask a question 2", "Ask a question 3"]
        assert (one.locator("article").count(), two.locator("article").count()) == (1, 0)
        page.keyboard.press("Escape")
        assert violations(page) == []


def test_the_file_twice_on_a_page(browser: Browser) -> None:
    """A page that loads the file twice, under two addresses, has one element and no error."""
    again = '<script type="module" src="/faq-ask.js?again"></script>'
    with service() as made, opened(browser) as page:
        widget = visit(page, made, page_of(tag(made.url), script=again))
        ask(widget, "answered")
        expect(widget.locator("article")).to_have_count(1)


def test_the_last_question_counts(browser: Browser) -> None:
    """A question in place of one that is under way ends that one, and only the last answer is shown and told."""
    with service() as made, opened(browser) as page:
        hold = threading.Event()
        made.replies["slow"] = [Reply(body=RESPONSES["answered"], held=hold)]
        widget = visit(page, made, page_of(tag(made.url)))
        page.evaluate(LISTEN, EVENTS)
        ended: list[str] = []
        page.on("requestfailed", lambda request: ended.append(request.url))
        page.evaluate("() => { window.first = document.querySelector('faq-ask').ask('slow') }")
        expect(widget.locator("[role=status]")).to_have_text("Searching…")
        ask(widget, "abstained")
        expect(widget.locator("[part~=related]")).to_have_count(3)
        hold.set()
        assert page.evaluate("window.first.then(found => found === undefined)")
        assert [one[0] for one in page.evaluate("window.heard")] == ["faq-ask", "faq-ask", "faq-answer"]
        assert ended == [f"{made.url}/v1/ask"]


def _arrived(page: Page, made: Service, question: str) -> None:
    """Return once the service has been asked: a page says that it searches before its request has left the browser."""
    end = time.monotonic() + PATIENCE_MS / 1000
    while question not in [one["question"] for one in made.asked]:
        assert time.monotonic() < end
        page.wait_for_timeout(10)


@pytest.mark.parametrize("how", ["remove", "close"])
def test_taken_away_under_way(browser: Browser, how: str) -> None:
    """Removed, or its dialog closed, while a request or a wait is under way: that ends untold, and coming back it is new."""
    with service() as made, opened(browser) as page:
        hold = threading.Event()
        made.replies["slow"] = [Reply(body=RESPONSES["answered"], held=hold)]
        made.replies["busy"] = [Reply(503, {}, {"Retry-After": "1"})]
        mode = "dialog" if how == "close" else "inline"
        widget = visit(page, made, page_of(tag(made.url, mode)))
        page.evaluate(LISTEN, EVENTS)
        for question in ("slow", "busy"):
            page.evaluate("question => { window.asked = document.querySelector('faq-ask').ask(question) }", question)
            expect(widget.locator("[role=status]")).to_have_text(
                "Searching…" if question == "slow" else "Too many questions. Next try in 1 s."
            )
            _arrived(page, made, question)
            if how == "close":
                page.keyboard.press("Escape")
            else:
                page.evaluate("() => { window.gone = document.querySelector('faq-ask'); window.gone.remove() }")
            assert page.evaluate("window.asked.then(found => found === undefined)")
            hold.set()
            if how == "close":
                widget.locator("[part~=launcher]").click()
            else:
                page.evaluate("document.querySelector('main').append(window.gone)")
            expect(widget.locator("[role=status]")).to_have_text("")
            expect(widget.locator("[part~=example]")).to_have_count(3)
        page.wait_for_timeout(1_200)  # longer than the wait that was given up
        assert [one["question"] for one in made.asked] == ["slow", "busy"]
        assert [one[0] for one in page.evaluate("window.heard")] == ["faq-ask", "faq-ask", "faq-error"]


@pytest.mark.parametrize("status", [429, 503])
def test_an_overloaded_service_is_asked_again_when_it_says_so(browser: Browser, status: int) -> None:
    """The wait is what Retry-After says, also for who asks meanwhile; then the answer comes without another press."""
    with service() as made, opened(browser) as page:
        made.replies["q"] = [Reply(status, {}, {"Retry-After": "2"}), Reply(body=RESPONSES["answered"])]
        widget = visit(page, made, page_of(tag(made.url)))
        begun = time.monotonic()
        ask(widget, "q")
        expect(widget.locator("[role=status]")).to_have_text(f"Too many questions. Next try in {2} s.")
        ask(widget, "q")
        expect(widget.locator("article")).to_have_count(1)
        assert time.monotonic() - begun >= 2
        assert len(made.asked) == 2


def test_a_service_that_stays_overloaded_is_left_alone(browser: Browser) -> None:
    """After three tries it takes a person to try again, and that works."""
    with service() as made, opened(browser) as page:
        made.replies["q"] = [Reply(503, {}, {"Retry-After": "1"})] * 3 + [Reply(body=RESPONSES["answered"])]
        page.clock.install()
        widget = visit(page, made, page_of(tag(made.url)))
        page.evaluate(LISTEN, EVENTS)
        ask(widget, "q")
        for tries in (1, 2):
            eventually(page, "tries => window.heard.filter(one => one[0] == 'faq-error').length == tries", tries)
            page.clock.fast_forward(1_000)
        expect(widget.locator("[role=status]")).to_have_text("The service does not answer.")
        assert len(made.asked) == 3
        page.clock.fast_forward(1_000)
        widget.get_by_role("button", name="Try again").click()
        expect(widget.locator("article")).to_have_count(1)
        assert focused(page) == "input"
        assert [one[1] for one in page.evaluate("window.heard") if one[0] == "faq-error"] == [{"reason": "busy"}] * 3


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(500, {}), "unreachable"),
        (Reply(401, {}), "unreachable"),
        (Reply(422, {}), "unreachable"),
        (Reply(503, {}, {"Retry-After": "soon"}), "unreachable"),
        (Reply(200, b'{"outcome": "answ'), "unreachable"),
        (Reply(200, b"<html>Captive portal</html>"), "unreachable"),
        (Reply(200, None), "unreachable"),
        (Reply(200, {}), "unreachable"),
        (Reply(200, {"outcome": "zebra", "answers": [], "related": []}), "unreachable"),
        (Reply(200, {"outcome": "answered", "answers": [{}], "related": []}), "unreachable"),
        (Reply(200, {"outcome": "answered", "answers": "zebra", "related": []}), "unreachable"),
    ],
)
def test_what_is_no_answer(browser: Browser, reply: Reply, reason: str) -> None:
    """Errors, half a JSON, other pages and other shapes show the error, nothing of what came, and a way on."""
    with service() as made, opened(browser) as page:
        made.replies["q"] = [reply, Reply(body=RESPONSES["answered"])]
        widget = visit(page, made, page_of(tag(made.url, contact_url="https://www.example.gov/contact")))
        page.evaluate(LISTEN, EVENTS)
        ask(widget, "q")
        expect(widget.locator("[role=status]")).to_have_text("The service does not answer.")
        assert widget.locator("[part~=results] > *").all_text_contents() == ["Try again", "Contact us"]
        assert page.evaluate("window.heard")[1:] == [["faq-error", {"reason": reason}]]
        widget.get_by_role("button", name="Try again").click()
        expect(widget.locator("article")).to_have_count(1)


def test_a_service_that_is_down(browser: Browser) -> None:
    """Nobody listens: the widget says so, without examples and without an error of its own."""
    with service() as made, opened(browser) as page:
        made.policy = ""
        widget = visit(page, made, page_of(tag("http://127.0.0.1:9")))
        ask(widget, "q")
        expect(widget.locator("[role=status]")).to_have_text("The service does not answer.")


def test_examples_are_a_courtesy(browser: Browser) -> None:
    """Without examples, or with others than a list, asking works."""
    bodies: tuple[object, ...] = (
        {"examples": [], "contact_url": None},
        {},
        None,
        {"examples": "zebra", "contact_url": 1},
    )
    for body in bodies:
        with service() as made, opened(browser) as page:
            made.info = Reply(body=body)
            widget = visit(page, made, page_of(tag(made.url)))
            eventually(
                page, "() => performance.getEntriesByType('resource').some(one => one.name.includes('/v1/info'))"
            )
            ask(widget, "abstained")
            expect(widget.locator("[role=status]")).to_have_text("No official answer.")


def test_the_page_styles_it(browser: Browser) -> None:
    """Custom properties and parts reach inside; the page's own rules do not."""
    style = """
      button { background: rgb(9, 9, 9) }
      faq-ask { --faq-accent: rgb(1, 2, 3); --faq-focus: rgb(4, 5, 6); --faq-font: 20px monospace }
      faq-ask::part(heading) { color: rgb(7, 8, 9) }
    """
    with service() as made, opened(browser) as page:
        made.policy = ""
        widget = visit(page, made, page_of(tag(made.url)))
        page.add_style_tag(content=style)
        styles = "one => [getComputedStyle(one).color, getComputedStyle(one).backgroundColor, getComputedStyle(one).fontSize]"
        assert widget.locator("form button").evaluate(styles)[1:] == ["rgb(1, 2, 3)", "20px"]
        assert widget.locator("[part~=heading]").evaluate(styles)[0] == "rgb(7, 8, 9)"


def test_every_part_has_its_name(browser: Browser) -> None:
    """Every visible part can be styled by `::part()`."""
    parts: set[str] = set()
    with service() as made, opened(browser) as page:
        widget = visit(page, made, page_of(tag(made.url, "dialog")))
        widget.locator("[part~=launcher]").click()
        made.replies["error"] = [Reply(500, {})]
        expect(widget.locator("[part~=example]")).to_have_count(3)
        for question in ("", "answered", "ambiguous", "abstained", "error"):
            if question:
                ask(widget, question)
                expect(widget.locator("[part~=results] > *").first).to_be_visible()
            parts |= set(
                " ".join(
                    widget.evaluate(
                        "host => [...host.shadowRoot.querySelectorAll('[part]')].map(one => one.part.value)"
                    )
                ).split()
            )
    assert parts == PARTS | {"row", "fill", "list", "plain", "quiet"}


def test_what_is_taken_away_is_let_go(browser: Browser) -> None:
    """Fifty widgets that were made, asked and taken away leave no node and no listener behind."""
    cycle = """async () => {
      const one = document.createElement('faq-ask');
      one.setAttribute('endpoint', document.querySelector('faq-ask').getAttribute('endpoint'));
      document.body.append(one);
      await one.ask('answered');
      one.ask('abstained');
      one.remove();
    }"""
    with service() as made, opened(browser) as page:
        visit(page, made, page_of(tag(made.url)))
        session = page.context.new_cdp_session(page)

        def counted() -> dict[str, int]:
            for _ in range(2):
                session.send("HeapProfiler.collectGarbage")
            found: dict[str, int] = session.send("Memory.getDOMCounters")
            return {name: found[name] for name in ("nodes", "jsEventListeners")}

        for _ in range(3):
            page.evaluate(cycle)
        before = counted()
        for _ in range(50):
            page.evaluate(cycle)
        page.wait_for_load_state("networkidle")
        after = counted()
        grown = {name: after[name] - before[name] for name in before}
        # A widget with an answer is some forty nodes and ten listeners; a page keeps a few of its own.
        assert max(grown.values()) < 40, grown
