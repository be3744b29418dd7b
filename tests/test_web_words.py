from __future__ import annotations

import re
from dataclasses import fields
from datetime import date
from string import Formatter

import pytest

from qa_service.web.assets import asset
from qa_service.web.words import Words, words_for

LANGUAGES = ["en", "es", "fr"]


def texts(words: Words) -> dict[str, str]:
    return {field.name: value for field in fields(words) if isinstance(value := getattr(words, field.name), str)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_all_texts(language: str) -> None:
    """No text is empty, and each takes the same values as the English one."""

    def named(text: str) -> set[str | None]:
        return {name for _, name, _, _ in Formatter().parse(text) if name is not None}

    english = texts(words_for("en"))
    for name, text in texts(words_for(language)).items():
        assert text.strip(), name
        assert named(text) == named(english[name]), name
    assert words_for(language).language == language
    assert len(set(words_for(language).months)) == 12


def test_a_variant_speaks_its_language() -> None:
    """A tag is looked up by its primary part, in any case; what is unknown is English."""
    assert [words_for(tag).language for tag in ("es-MX", "FR", "en-US", "de", "")] == ["es", "fr", "en", "en", "en"]


@pytest.mark.parametrize(
    ("language", "first", "other"),
    [
        ("en", "May 1, 2026", "December 31, 2025"),
        ("es", "1 de mayo de 2026", "31 de diciembre de 2025"),
        ("fr", "1er mai 2026", "31 décembre 2025"),
    ],
)
def test_dates_as_people_write_them(language: str, first: str, other: str) -> None:
    """A date has the name of its month and the order of its language."""
    words = words_for(language)
    assert (words.date(date(2026, 5, 1)), words.date(date(2025, 12, 31))) == (first, other)


def test_confidence_in_words() -> None:
    """From 0.9 on a match is very likely, below it is likely."""
    words = words_for("en")
    assert [words.confidence(p) for p in (1.0, 0.9, 0.899)] == [words.sure, words.sure, words.likely]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_element_says_the_same(language: str) -> None:
    """What the page and the element both say, they say alike, so that nothing changes when the script takes over."""
    words = words_for(language)
    script = asset("faq-ask.js").body.decode().replace("\u00a0", " ")
    for text in (words.ask, words.label, words.button, words.related, words.contact):
        assert re.search(rf"['\"`]{re.escape(text)}['\"`]", script), text
