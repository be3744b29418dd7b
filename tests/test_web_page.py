from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import date

import jinja2
import pytest

from qa_service.domain import Entry, Match, Outcome, Result
from qa_service.web.faq import Asked, Site, link, list_entries, page_numbers, render_faq, render_message
from qa_service.web.linked_data import faq_page
from qa_service.web.outline import outline
from qa_service.web.templates import render
from qa_service.web.words import words_for
from tests.tags import Tags
from tests.test_web_outline import entry

HOSTILE = "</script><script>window.hit=1</script><!--<img src=x onerror='window.hit=1'>\"'&amp;</title></details>{{ 7*7 }}\u2028"
SITE = Site("https://faq.example.gov/")
TWO = [
    entry(
        "a", document="a.md", title="Alpha", answer_html="<p>One <b>word</b>.</p>", uri="https://example.gov/a?x=1&y=2"
    ),
    entry("b", document="b.md", title="Beta", language="es", reviewed_at=date(2026, 5, 1), answer="Plain.\nTwo."),
]


def page(entries: list[Entry], number: int = 1, site: Site = SITE, asked: Asked | None = None, title: str = "") -> str:
    made = outline(entries, title)
    return render_faq(made, number, site, list_entries(made, number), asked)


def result(outcome: Outcome, *entries: Entry, related: tuple[Entry, ...] = ()) -> Result:
    def match(one: Entry) -> Match:
        return Match(one, 1.0, 1.0, 0.95, one.question)

    return Result(outcome, tuple(map(match, entries)), tuple(map(match, related)), "v-0")


def linked_data(text: str) -> dict[str, object]:
    (block,) = [block for block in Tags(text).blocks if block.strip()]
    return dict(json.loads(block))


def test_every_entry_is_on_the_page() -> None:
    """Each entry is an accordion: its question in a heading of its language, its answer as HTML or as the text it is."""
    text = page(TWO)
    assert '<summary><h3 lang="en" dir="auto">What is a?</h3></summary>' in text
    assert '<div class="answer" lang="en" dir="auto"><p>One <b>word</b>.</p></div>' in text
    assert '<summary><h3 lang="es" dir="auto">What is b?</h3></summary>' in text
    assert '<div class="answer plain" lang="es" dir="auto">Plain.\nTwo.</div>' in text


def test_an_entry_says_where_it_comes_from() -> None:
    """The source is the document's title, linked where it has an address, and the day of the last review is told."""
    text = page(TWO)
    assert '<a href="https://example.gov/a?x=1&amp;y=2"><bdi>Alpha</bdi></a>' in text
    assert "<bdi>Beta</bdi>" in text
    assert 'Reviewed: <time datetime="2026-05-01">May 1, 2026</time>' in text
    assert text.count("<time") == 1


def test_the_place_of_an_entry_is_within_its_answer() -> None:
    """The id lies inside the closed part, where browsers open what an address leads to; links lead there."""
    text = page([*TWO, entry("ñ.1", document="b.md")])
    for id_, href in (("a", "#a"), ("b", "#b"), ("ñ.1", "#%C3%B1.1")):
        assert re.search(
            rf'<summary>[^\n]*</summary>\n<div class="inside">\n<span class="place" id="{id_}"></span>', text
        )
        assert f'<a class="dot" href="{href}">Link to this answer</a>' in text


def test_headings_are_in_order() -> None:
    """One heading of the first level, and none skips a level; each document has its own, and the contents name it."""
    levels = [int(tag[1]) for tag, _ in Tags(page(TWO)).elements if re.fullmatch(r"h\d", tag)]
    assert levels == [1, 2, 2, 2, 3, 2, 3]
    assert '<a href="#_document-2" lang="es" dir="auto">Beta</a>' in page(TWO)
    assert "<nav" not in page(TWO[:1])


def test_ids_are_given_once_and_links_lead_somewhere() -> None:
    """No id is twice on the page, with a result on top of it either, and no link within it is dead."""
    asked = Asked("a?", result(Outcome.AMBIGUOUS, *TWO))
    for text in (page(TWO), page(TWO, asked=asked), page(TWO, asked=Asked("", problem="No.", refused=True))):
        tags = Tags(text)
        ids = [attributes["id"] for _, attributes in tags.elements if "id" in attributes]
        assert len(ids) == len(set(ids))
        assert {str(a["href"])[1:] for a in tags.named("a") if str(a["href"]).startswith("#")} <= set(ids)
        assert {str(label["for"]) for label in tags.named("label")} <= set(ids)


def test_nothing_is_inline_and_nothing_from_elsewhere() -> None:
    """No style or handler stands in the page, and what it loads comes from the service, under a hash."""
    tags = Tags(page(TWO))
    assert not [a for _, a in tags.elements if "style" in a or any(name.startswith("on") for name in a)]
    loaded = [str(a["src"]) for a in tags.named("script") if "src" in a]
    loaded += [str(a["href"]) for a in tags.named("link") if a["rel"] == "stylesheet"]
    assert [re.sub(r"[0-9a-f]{16}", "0", one) for one in loaded] == [
        "assets/page.0.js",
        "widget/faq-ask.0.js",
        "assets/page.0.css",
    ]


def test_the_element_stands_around_a_form() -> None:
    """The box is the element with a form inside, which works without it; with keys there is the form alone."""
    text = page(TWO, site=replace(SITE, contact_url="mailto:help@example.gov"))
    assert (
        '<faq-ask endpoint="./" mode="inline" heading-level="2" lang="en" deep-link="./#{id}" '
        'contact-url="mailto:help@example.gov">\n<form method="post" action="./" autocomplete="off">'
    ) in text
    keyed = page(TWO, site=replace(SITE, widget=False))
    assert "faq-ask" not in keyed
    assert '<form method="post" action="./" autocomplete="off">' in keyed


def test_the_head_says_what_the_page_is() -> None:
    """Title, description and the one address of the page."""
    tags = Tags(page(TWO[:1]))
    assert "Alpha" in tags.text
    assert {"name": "description", "content": "Alpha: official questions and answers, word for word."} in tags.named(
        "meta"
    )
    assert [a["href"] for a in tags.named("link") if a["rel"] == "canonical"] == ["https://faq.example.gov/"]


def test_the_page_speaks_the_language_of_the_faq() -> None:
    """A Spanish FAQ has a Spanish page."""
    text = page([entry("a", language="es")])
    assert '<html lang="es">' in text
    assert "Todas las preguntas y respuestas" in text


def test_an_empty_faq_says_so() -> None:
    """Without an entry there is a sentence, and no data block."""
    text = page([])
    assert "There are no questions and answers at the moment." in text
    assert "ld+json" not in text


def test_linked_data_holds_the_entries() -> None:
    """The data block has every entry of the page with the HTML of its answer, its language and its address."""
    found = linked_data(page(TWO, title="Ours"))
    assert {key: found[key] for key in ("@context", "@type", "url", "name", "inLanguage")} == {
        "@context": "https://schema.org",
        "@type": "FAQPage",
        "url": "https://faq.example.gov/",
        "name": "Ours",
        "inLanguage": "en",
    }
    assert found["mainEntity"] == [
        {
            "@type": "Question",
            "name": "What is a?",
            "inLanguage": "en",
            "url": "https://faq.example.gov/#a",
            "acceptedAnswer": {
                "@type": "Answer",
                "text": "<p>One <b>word</b>.</p>",
                "inLanguage": "en",
                "url": "https://faq.example.gov/#a",
            },
        },
        {
            "@type": "Question",
            "name": "What is b?",
            "inLanguage": "es",
            "url": "https://faq.example.gov/#b",
            "acceptedAnswer": {
                "@type": "Answer",
                "text": "Plain.\nTwo.",
                "inLanguage": "es",
                "url": "https://faq.example.gov/#b",
            },
        },
    ]


def test_linked_data_cannot_break_out() -> None:
    """Whatever an entry says, the block has no character that HTML would read, and says the same when it is parsed."""
    held = entry("a", HOSTILE, answer="x", answer_html=HOSTILE)
    block = faq_page([held], HOSTILE, "en", "https://faq.example.gov/", lambda id_: f"#{id_}")
    assert not set("<>&\u2028\u2029") & set(block)
    found = json.loads(block)
    assert (found["name"], found["mainEntity"][0]["name"]) == (HOSTILE, HOSTILE)
    assert found["mainEntity"][0]["acceptedAnswer"]["text"] == HOSTILE


def test_plain_answers_are_text_in_linked_data() -> None:
    """An answer without HTML is escaped there, for the property holds HTML."""
    block = faq_page([entry("a", answer='1 < 2 & "3"')], "T", "en", "u", str)
    assert json.loads(block)["mainEntity"][0]["acceptedAnswer"]["text"] == '1 &lt; 2 &amp; "3"'


def test_hostile_texts_stay_texts() -> None:
    """Titles, questions, plain answers, names of documents and what was asked are shown as they are and do nothing."""
    held = entry("a", HOSTILE, document=HOSTILE, title=HOSTILE, answer=HOSTILE)
    other = entry("b", HOSTILE, document="b.md", answer=HOSTILE)
    for asked in (None, Asked(HOSTILE, result(Outcome.ANSWERED, held)), Asked(HOSTILE, problem="No.", refused=True)):
        text = page([held, other], asked=asked, site=replace(SITE, base=f"http://{HOSTILE}/"), title=HOSTILE)
        tags = Tags(text)
        assert {name for name, _ in tags.elements} & {"img"} == set()
        assert not [block for block in tags.blocks if block.strip() and not block.startswith('{"@context"')]
        assert "49" not in tags.text
        assert tags.text.count(HOSTILE) >= 4
        assert [a["value"] for a in tags.named("input")] == [asked.question if asked else ""]


def test_one_answer_on_top() -> None:
    """The answer comes with its question, how sure it is in words and its source, and the title says so first."""
    text = page(TWO, asked=Asked("what?", result(Outcome.ANSWERED, TWO[0])))
    on_top = text[text.index('<section class="result"') : text.index('<nav class="contents"')]
    assert '<h2 id="_result" tabindex="-1" autofocus>Official answer</h2>' in on_top
    assert '<h3 lang="en" dir="auto">What is a?</h3>' in on_top
    assert "<p>One <b>word</b>.</p>" in on_top
    assert "Very likely your question" in on_top
    assert "<title>Official answer - Frequently asked questions</title>" in text
    assert 'value="what?"' in text
    assert "ld+json" not in text


def test_choices_on_top() -> None:
    """Where several entries come close they are offered, each to be opened."""
    text = page(TWO, asked=Asked("what?", result(Outcome.AMBIGUOUS, *TWO)))
    on_top = text[text.index('<section class="result"') : text.index('<nav class="contents"')]
    assert "Which of these do you mean?" in on_top
    assert on_top.count("<details") == 2
    assert "<title>Which of these do you mean? - Frequently asked questions</title>" in text


def test_no_answer_on_top() -> None:
    """Without an answer there are the related questions and the way to a person, where there is one."""
    asked = Asked("what?", result(Outcome.ABSTAINED, related=(TWO[1],)))
    text = page(TWO, asked=asked, site=replace(SITE, contact_url="tel:+15551234"))
    on_top = text[text.index('<section class="result"') : text.index('<nav class="contents"')]
    assert "There is no official answer to this question here." in on_top
    assert '<a href="#b" lang="es" dir="auto">What is b?</a>' in on_top
    assert '<a class="button" href="tel:+15551234">Contact us</a>' in on_top
    bare = page(TWO, asked=Asked("what?", result(Outcome.ABSTAINED)))
    assert "Related questions" not in bare
    assert "Contact us" not in bare


def test_a_question_that_cannot_be_asked() -> None:
    """The sentence stands beside the field and belongs to it; the field keeps what was typed and has the focus."""
    tags = Tags(page(TWO, asked=Asked("zebra", problem="Too long.", refused=True)))
    (field,) = tags.named("input")
    assert {
        "aria-describedby": "_problem",
        "aria-invalid": "true",
        "autofocus": None,
        "value": "zebra",
    }.items() <= field.items()
    assert "Error: Too long. - Frequently asked questions" in tags.text


def test_a_question_that_has_to_wait() -> None:
    """Where the service is busy there is nothing wrong with what was typed."""
    (field,) = Tags(page(TWO, asked=Asked("zebra", problem="Busy."))).named("input")
    assert field["aria-describedby"] == "_problem"
    assert "aria-invalid" not in field


def many(count: int) -> list[Entry]:
    return [entry(f"e{i}") for i in range(count)]


def test_a_large_faq_has_pages() -> None:
    """A page has a hundred entries, its own address, its neighbours, and a navigation that says where one is."""
    text = page(many(1000), 3)
    tags = Tags(text)
    links = {str(a["rel"]): a["href"] for a in tags.named("link")}
    assert [a["id"] for _, a in tags.elements if a.get("class") == "place"] == [f"e{i}" for i in range(200, 300)]
    assert links["canonical"] == "https://faq.example.gov/?page=3"
    assert links["prev"] == "https://faq.example.gov/?page=2"
    assert links["next"] == "https://faq.example.gov/?page=4"
    assert '<a href="./?page=3" aria-label="Page 3" aria-current="page">3</a>' in text
    assert '<a rel="prev" href="./?page=2">Previous page</a>' in text
    assert '<a rel="next" href="./?page=4">Next page</a>' in text
    assert "Frequently asked questions - page 3 of 10" in tags.text
    assert len(linked_data(text)["mainEntity"]) == 100  # type: ignore[arg-type]


def test_the_first_and_the_last_page() -> None:
    """The first page has the plain address and nothing before it, the last one nothing behind it."""
    first, last = page(many(250), 1), page(many(250), 3)
    assert '<link rel="canonical" href="https://faq.example.gov/">' in first
    assert 'rel="prev"' not in first
    assert 'rel="next"' not in last
    assert '<link rel="prev" href="https://faq.example.gov/">' in page(many(250), 2)
    assert '<a href="./" aria-label="Page 1">1</a>' in last


def test_links_to_entries_outlast_a_new_page() -> None:
    """Where there are pages, links go to the entry wherever it stands."""
    made = outline(many(101))
    assert link(made, "e100") == "entry/e100"
    assert SITE.entry_url(made, "e100") == "https://faq.example.gov/?page=2#e100"
    assert SITE.entry_url(made, "e0") == "https://faq.example.gov/#e0"
    assert link(outline([entry("é")]), "é") == "#%C3%A9"


def test_documents_across_pages() -> None:
    """A document that goes on has its heading again; the contents lead to the page that it begins on."""
    entries = [*(entry(f"a{i}", title="A") for i in range(150)), *(entry(f"b{i}", document="b.md") for i in range(80))]
    first, second, third = (page(entries, n) for n in (1, 2, 3))
    headings = [re.findall(r'<h2 id="_document-(\d)"', text) for text in (first, second, third)]
    assert headings == [["1"], ["1", "2"], ["2"]]
    assert '<li><a href="./?page=2#_document-2"' in first
    assert '<li><a href="./#_document-1"' in second
    assert '<li><a href="#_document-2"' in second


@pytest.mark.parametrize(
    ("number", "pages", "expected"),
    [
        (1, 1, [1]),
        (1, 2, [1, 2]),
        (2, 3, [1, 2, 3]),
        (1, 9, [1, 2, None, 9]),
        (4, 9, [1, 2, 3, 4, 5, None, 9]),
        (5, 9, [1, None, 4, 5, 6, None, 9]),
        (9, 9, [1, None, 8, 9]),
    ],
)
def test_page_numbers(number: int, pages: int, expected: list[int | None]) -> None:
    """The first, the last and those around; a gap stands for two pages at least."""
    assert page_numbers(number, pages) == expected


def test_a_message_is_a_page() -> None:
    """A sentence has its page, with the way back to the first one from where it is."""
    text = render_message(words_for("fr"), "<T>", "<t>", "../")
    assert '<html lang="fr">' in text
    assert "<h1>&lt;T&gt;</h1>\n<p>&lt;t&gt;</p>" in text
    assert '<a href="../">' in text
    assert 'href="../assets/page.' in text
    assert '<a href="./">' in render_message(words_for("fr"), "T", "t", "")
    Tags(text)


def test_a_template_misses_no_value_in_silence() -> None:
    """A value that is not given is an error."""
    with pytest.raises(jinja2.UndefinedError, match="words"):
        render("message.html")


def test_the_service_starts_without_templates() -> None:
    """The template engine is loaded for the first page, not for the service."""
    code = "import qa_service.api.app, sys; assert 'jinja2' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
