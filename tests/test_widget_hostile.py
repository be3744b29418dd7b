"""Whatever an answer, a question or a name holds, the widget runs none of it and loads none of it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.widget import ENTRY, Reply, Service, ask, found, opened, page_of, service, tag, visit

# {hit} marks the window when it runs.
PAYLOADS = (
    "<script>{hit}</script>",
    "<img src=x onerror={hit}>",
    "<svg onload={hit}></svg>",
    "<svg><script>{hit}</script></svg>",
    "<svg><a xlink:href='javascript:{hit}'><text>x</text></a></svg>",
    "<svg><animate onbegin={hit} attributeName=x dur=1s></svg>",
    "<svg><foreignObject><iframe srcdoc='<script>{hit}</script>'></iframe></foreignObject></svg>",
    "<math><mi href='javascript:{hit}'>x</mi></math>",
    "<math><mtext><table><mglyph><style><img src onerror={hit}></style></mglyph></table></mtext></math>",
    "<iframe srcdoc='<script>parent.hit=1</script>'></iframe>",
    "<iframe src='javascript:parent.hit=1'></iframe>",
    "<object data='javascript:{hit}'></object>",
    "<embed src='javascript:{hit}'>",
    "<a href='javascript:{hit}'>press</a>",
    "<a href=' &#1; javascript:{hit}'>press</a>",
    "<a href='JaVaScRiPt&colon;{hit}'>press</a>",
    "<a href='java&Tab;script:{hit}'>press</a>",
    "<a href='data:text/html,<script>{hit}</script>'>press</a>",
    "<a href='vbscript:{hit}'>press</a>",
    "<a href='https://example.gov' onclick={hit}>press</a>",
    "<p onmouseover={hit} onfocus={hit} tabindex=0 autofocus>over</p>",
    "<details open ontoggle={hit}><summary>x</summary></details>",
    "<form action='javascript:{hit}'><button>press</button></form>",
    "<button formaction='javascript:{hit}' type=submit>press</button>",
    "<input autofocus onfocus={hit}>",
    "<video><source onerror={hit}></video>",
    "<audio src=x onerror={hit}></audio>",
    "<style>@import 'https://evil.example/x.css'; * {{ background: url(https://evil.example/x) }}</style>",
    "<link rel=stylesheet href='https://evil.example/x.css'>",
    "<meta http-equiv=refresh content='0;url=javascript:{hit}'>",
    "<base href='https://evil.example/'>",
    "<template><script>{hit}</script></template>",
    "<noscript><p title='</noscript><img src=x onerror={hit}>'></noscript>",
    "<p style='background:url(https://evil.example/x)'>x</p>",
    "<b><!--><img src=x onerror={hit}>--></b>",
    "<xss-element onclick={hit}><slot onslotchange={hit}></slot></xss-element>",
    "\"><script>{hit}</script>'`${{{hit}}}",
    "</div></template></style></textarea></title><script>{hit}</script>",
)
HIT = "window.hit=1"
ALLOWED = set(
    "a b blockquote br code dd dl dt em hr i li ol p pre s strong sub sup table tbody td th thead tr u ul".split()
)
# How an answer comes onto the page: by the browser's own sanitiser, node by node, or, where a policy forbids both, as text.
WITHOUT_SET_HTML = "delete Element.prototype.setHTML"


def hostile(payload: str) -> dict[str, Any]:
    """An entry that holds a payload wherever it can."""
    source = {"document": payload, "title": payload, "uri": f"javascript:{HIT}"}
    return {
        **ENTRY,
        "id": payload,
        "question": payload,
        "answer": payload,
        "answer_html": payload,
        "source": source,
        "language": payload,
        "reviewed_at": payload,
    }


def press_all(page: Page) -> None:
    """Press and point at everything that the payload may have left in the answer, and follow no link."""
    page.evaluate(
        "() => { const root = document.querySelector('faq-ask').shadowRoot;"
        " const stay = event => event.preventDefault(); addEventListener('click', stay); addEventListener('submit', stay);"
        " for (const one of root.querySelectorAll('[part~=text] *')) {"
        "   one.dispatchEvent(new MouseEvent('mouseover', {bubbles: true, composed: true}));"
        "   if (one.focus) one.focus(); if (one.click && one.localName !== 'a') one.click(); }"
        " removeEventListener('click', stay); removeEventListener('submit', stay); }"
    )


def shown(page: Page, question: str) -> None:
    """Ask, and wait for what comes."""
    page.evaluate("question => document.querySelector('faq-ask').ask(question)", question)
    assert page.locator("faq-ask [part~=results] > *").count() > 0


def held_by(page: Page, made: Service, responses: list[dict[str, Any]]) -> None:
    """Show each response in turn and see that nothing came of it."""
    elsewhere: list[str] = []
    page.on("request", lambda request: elsewhere.append(request.url))
    visit(page, made, page_of(tag(made.url)))
    for response in responses:
        made.replies["q"] = [Reply(body=response)]
        shown(page, "q")
        press_all(page)
    page.wait_for_timeout(50)  # a load that fails tells so later
    assert page.evaluate("window.hit") is None
    assert [one for one in elsewhere if not one.startswith((made.url, made.page_url))] == []


@pytest.mark.parametrize("script", ["", WITHOUT_SET_HTML], ids=["setHTML", "node-by-node"])
def test_payloads_in_answers(browser: Browser, script: str) -> None:
    """On a page without a policy, no payload in an answer runs; what is left is on the list of elements, with safe links."""
    with service() as made, opened(browser) as page:
        made.policy = ""
        page.add_init_script(script)
        answers = [
            {**ENTRY, "answer_html": f"<p>Before</p>{payload.format(hit=HIT)}<p>After</p>"} for payload in PAYLOADS
        ]
        held_by(page, made, [found("answered", [one], []) for one in answers])
        widget = page.locator("faq-ask")
        for one in answers:
            made.replies["q"] = [Reply(body=found("answered", [one], []))]
            shown(page, "q")
            text = widget.locator("[part~=text]")
            expect(text).to_contain_text("Before")
            names, attributes, links = text.evaluate(
                "one => { const all = [...one.querySelectorAll('*')];"
                " return [all.map(node => node.localName), all.flatMap(node => node.getAttributeNames()),"
                " all.filter(node => node.href).map(node => node.protocol)] }"
            )
            assert set(names) <= ALLOWED, one["answer_html"]
            assert set(attributes) <= {"href", "start", "value"}, one["answer_html"]
            assert set(links) <= {"https:"}, one["answer_html"]


def test_payloads_everywhere(browser: Browser) -> None:
    """No payload in a question, an id, a title, a file's name, a language, a date or an address runs, whatever the outcome."""
    with service() as made, opened(browser) as page:
        made.policy = ""
        responses = []
        for payload in PAYLOADS:
            one = {**hostile(payload.format(hit=HIT)), "reviewed_at": None}
            responses += [
                found("answered", [one], []),
                found("ambiguous", [one, one], []),
                found("abstained", [], [{key: one[key] for key in ("id", "question", "language")}]),
            ]
        made.info = Reply(body={"examples": [hostile(PAYLOADS[1].format(hit=HIT))], "contact_url": f"javascript:{HIT}"})
        held_by(page, made, responses)
        widget = page.locator("faq-ask")
        assert widget.locator("[part~=contact]").count() == 0
        made.replies["q"] = [Reply(body=found("answered", [hostile("x")], []))]
        ask(widget, "q")
        expect(widget.locator("[part~=source]")).to_have_text("Source: x · Reviewed Invalid Date")


def test_payloads_under_the_strictest_policy(browser: Browser) -> None:
    """Under Trusted Types without a policy the same answers are shown, and the browser has nothing to say."""
    with service() as made, opened(browser) as page:
        answers = [
            {**ENTRY, "answer_html": f"<p>Before</p>{payload.format(hit=HIT)}<p>After</p>"} for payload in PAYLOADS[:1]
        ]
        held_by(page, made, [found("answered", [one], []) for one in answers])
        assert page.locator("faq-ask [part~=text]").text_content() == "BeforeAfter"


def test_an_older_browser_under_trusted_types_shows_the_text(browser: Browser) -> None:
    """Where there is no setHTML and the policy forbids to parse, the answer is shown as it was published."""
    with service() as made:
        context = browser.new_context()
        page = context.new_page()
        page.add_init_script(WITHOUT_SET_HTML)
        widget = visit(page, made, page_of(tag(made.url)))
        ask(widget, "answered")
        expect(widget.locator("[part~=text]")).to_have_text(ENTRY["answer"])
        context.close()


def test_payloads_in_the_question(browser: Browser) -> None:
    """What somebody types, or a page hands over, is text."""
    with service() as made, opened(browser) as page:
        made.policy = ""
        widget = visit(page, made, page_of(tag(made.url)))
        for payload in PAYLOADS:
            asked = payload.format(hit=HIT)
            page.evaluate("text => document.querySelector('faq-ask').ask(text)", asked)
            expect(widget.locator("input")).to_have_value(asked)
        assert [one["question"] for one in made.asked] == [payload.format(hit=HIT) for payload in PAYLOADS]
        assert page.evaluate("window.hit") is None


def test_payloads_in_attributes(browser: Browser) -> None:
    """What a page's attributes hold is text, and a contact that is no address is left out."""
    with service() as made, opened(browser) as page:
        made.policy = ""
        widget = visit(page, made, page_of(tag(made.url)))
        for payload in PAYLOADS:
            for name in ("heading", "placeholder", "contact-url", "heading-level", "lang", "top", "deep-link"):
                page.evaluate(
                    "([name, value]) => document.querySelector('faq-ask').setAttribute(name, value)",
                    [name, payload.format(hit=HIT)],
                )
        page.evaluate("document.querySelector('faq-ask').removeAttribute('heading-level')")
        ask(widget, "abstained")
        expect(widget.locator("[part~=related]")).to_have_count(3)
        assert page.evaluate("window.hit") is None
        assert widget.locator("[part~=contact]").count() == 0
