from __future__ import annotations

from typing import Any

from qa_service.domain import Entry, Source
from qa_service.web.outline import Section, outline


def entry(id: str, question: str = "", document: str = "faq.md", title: str | None = None, **more: Any) -> Entry:  # noqa: A002
    """An entry of a document."""
    source = Source(document, more.pop("uri", None), "0" * 64, 0, 1, title)
    return Entry(
        id=id, question=question or f"What is {id}?", answer=more.pop("answer", f"About {id}."), source=source, **more
    )


def test_the_title_of_a_single_document() -> None:
    """A FAQ of one document is called as that calls itself, in its language."""
    made = outline([entry("a", title="Questions sur l’entrée", language="fr-CA"), entry("b", language="fr-CA")])
    assert (made.title, made.language, made.words.language) == ("Questions sur l’entrée", "fr-CA", "fr")


def test_the_title_of_several_documents() -> None:
    """Of several documents none gives its title to all; a general word of the page's language does."""
    made = outline([entry("a", title="A", language="es"), entry("b", document="b.md", title="B", language="es-MX")])
    assert (made.title, made.language) == ("Preguntas frecuentes", "es")


def test_the_title_of_a_document_without_one() -> None:
    """The name of a file is no title of a page."""
    assert outline([entry("a")]).title == "Frequently asked questions"


def test_the_title_that_the_installation_gives() -> None:
    """A title of the settings comes before all others."""
    assert outline([entry("a", title="A")], "Ours").title == "Ours"


def test_the_language_of_most_entries() -> None:
    """The page speaks as most entries do, variants counted together; English where it has no words for that."""
    assert outline([entry("a"), entry("b", language="es"), entry("c", language="es-MX")]).words.language == "es"
    assert outline([entry("a", language="de")]).words.language == "en"


def test_an_empty_faq() -> None:
    """Without an entry there is one page, in the installation's language."""
    made = outline([], fallback="fr")
    assert (made.pages, made.title, made.language, made.sections, made.examples) == (
        1,
        "Questions fréquentes",
        "fr",
        (),
        (),
    )


def test_documents_begin_where_their_entries_do() -> None:
    """Each document has its title, or its name, and the page that it begins on."""
    entries = [entry(f"a{i}", title="First") for i in range(100)] + [entry("b", document="b.csv", language="es")]
    made = outline(entries)
    assert made.sections == (Section("First", "en", 0), Section("b.csv", "es", 100))
    assert [section.page for section in made.sections] == [1, 2]


def test_pages_of_a_hundred() -> None:
    """A hundred entries are one page, one more are two; each entry knows its page."""
    entries = [entry(f"e{i}") for i in range(201)]
    assert [outline(entries[:n]).pages for n in (1, 100, 101, 200, 201)] == [1, 1, 2, 2, 3]
    made = outline(entries)
    assert [made.page_of(f"e{i}") for i in (0, 99, 100, 199, 200)] == [1, 1, 2, 2, 3]


def test_examples_are_short_questions_in_the_order_of_the_faq() -> None:
    """The three shortest questions are the examples."""
    lengths = [20, 9, 30, 8, 10, 40]
    made = outline([entry(f"e{i}", "q" * length) for i, length in enumerate(lengths)])
    assert [e.id for e in made.examples] == ["e1", "e3", "e4"]


def test_editors_choose_the_examples() -> None:
    """Entries tagged as examples come before shorter ones; what is left over goes to the shortest."""
    entries = [
        entry("short", "q"),
        entry("brief", "qq"),
        entry("x", "q" * 100, tags=("example",)),
        entry("small", "qqq"),
        entry("y", "q" * 90, tags=("other", "example")),
    ]
    assert [e.id for e in outline(entries).examples] == ["short", "x", "y"]


def test_a_long_question_is_no_example_beside_shorter_ones() -> None:
    """What has more than 140 characters is left out, even where it is tagged."""
    entries = [
        entry("limit", "q" * 140),
        entry("long", "q" * 141, tags=("example",)),
        entry("longer", "q" * 150),
    ]
    assert [e.id for e in outline(entries).examples] == ["limit"]
    assert [e.id for e in outline(entries[1:]).examples] == ["long"]


def test_every_language_has_its_examples() -> None:
    """Each language in effect has up to three, variants of one language together."""
    entries = [entry(f"{lang}{i}", "q" * (10 - i), language=lang) for i in range(3) for lang in ("en", "en-US", "fr")]
    assert [e.id for e in outline(entries).examples] == ["fr0", "en1", "fr1", "en2", "en-US2", "fr2"]


def test_examples_in_ones_own_language_come_first() -> None:
    """Whoever reads in a language gets its examples before the others, each group in the order of the FAQ."""
    made = outline([entry("a"), entry("b", language="es"), entry("c", language="en-US"), entry("d", language="es-MX")])
    assert [e.id for e in made.examples_for("es-AR")] == ["b", "d", "a", "c"]
    assert [e.id for e in made.examples_for("de")] == ["a", "b", "c", "d"]
