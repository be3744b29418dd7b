from __future__ import annotations

import doctest
import re
import unicodedata

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from qa_service import text as strings

SLUG = re.compile(r"[^\W_]+(?:-[^\W_]+)*", re.UNICODE)
TRICKY = st.text(st.sampled_from("aeé \t\n\u00a0\u0301\u200b\u200d\u2028\ufeff\x00?"), max_size=12)
WORD = st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz0123456789"), min_size=1, max_size=14)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("  red \t\r\n blue  ", "red blue"),
        ("caf\u0065\u0301", "caf\u00e9"),
        ("re\u200bd\ufeff", "red"),
        ("red\u2028blue\u00a0green", "red blue green"),
        ("a\x00b\x1bc", "abc"),
        ("\ud800red", "red"),
        ("\U0001f469\u200d\U0001f4bb", "\U0001f469\u200d\U0001f4bb"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),
        ("", ""),
    ],
)
def test_normalise(raw: str, expected: str) -> None:
    """Text is composed, stripped of invisible characters, and single-spaced; joiners stay."""
    assert expected == strings.normalise(raw)


@given(st.text() | TRICKY)
@example("e\u200b\u0301")
@settings(deadline=None)
def test_normalise_is_idempotent(raw: str) -> None:
    """Normalising what is normalised changes nothing."""
    once = strings.normalise(raw)
    assert once == strings.normalise(once)


@given(st.text() | TRICKY)
@example("e\u200b\u0301")
@settings(deadline=None)
def test_normalise_gives_composed_text(raw: str) -> None:
    """Normalised text is in NFC, whatever invisible character stood between a letter and its accent."""
    normalised = strings.normalise(raw)
    assert unicodedata.normalize("NFC", normalised) == normalised


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("", True),
        (" \t\n\u00a0", True),
        ("\u200b\ufeff\u2060", True),
        ("\u200d \u200c", True),
        ("\x00\x07", True),
        ("\ud800", True),
        (".", False),
        (" x\u200b", False),
    ],
)
def test_is_blank(raw: str, expected: bool) -> None:
    """A text is blank when a reader would see nothing of it."""
    assert expected is strings.is_blank(raw)


@pytest.mark.parametrize(
    ("raw", "expected"), [("red \U0001f534", True), ("", True), ("\ud800", False), ("a\udfff", False)]
)
def test_is_encodable(raw: str, expected: bool) -> None:
    """A lone surrogate can't be written down as UTF-8; everything else can."""
    assert expected is strings.is_encodable(raw)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [("Español", "espanol"), ("STRASSE", "strasse"), ("Straße", "strasse"), ("Ångström", "angstrom"), ("ﬁle", "file")],
)
def test_fold(raw: str, expected: str) -> None:
    """Folding takes case, accents and ligatures away."""
    assert expected == strings.fold(raw)


@pytest.mark.parametrize(("raw", "expected"), [("Acme™", "acmetm"), ("№ 5", "no 5"), ("𝐑𝐞𝐝", "red"), ("ℌ", "h")])
def test_fold_lowers_what_decomposes_into_capitals(raw: str, expected: str) -> None:
    """A compatibility character that decomposes into capital letters comes out in lower case too."""
    assert expected == strings.fold(raw)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("Is the MSC available in Español?", ["is", "the", "msc", "available", "in", "espanol"]),
        ("non-member 24/7 snake_case", ["non", "member", "24", "7", "snake", "case"]),
        ("company's", ["company", "s"]),
        ("?! — …", []),
        ("", []),
    ],
)
def test_words(raw: str, expected: list[str]) -> None:
    """Words are runs of letters and digits, folded, in order."""
    assert expected == strings.words(raw)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("Red, or red?", ["red", "or", "red"]),
        ("The importer's bonds", ["the", "import", "bond"]),
        ("The importer\u2019s bonds", ["the", "import", "bond"]),
        ("importers' bonds", ["import", "bond"]),
        ("It isn't, isn\u2019t it?", ["it", "isnt", "isnt", "it"]),
        ("'What' is rock'n'roll", ["what", "is", "rocknroll"]),
        ("C-TPAT 24/7", ["c", "tpat", "24", "7"]),
        ("Espa\u00f1ol", ["espanol"]),
        ("?! \u2014 '", []),
        ("", []),
    ],
)
def test_terms(raw: str, expected: list[str]) -> None:
    """Every occurrence of a word is a term, in order, folded, without possessives, apostrophes and inflections."""
    assert expected == strings.terms(raw)


def test_no_word_is_left_out_of_the_terms() -> None:
    """There is no list of stop words: the commonest words are terms like any other."""
    assert "who is the of and to a in".split() == strings.terms("Who is the of and to a in")


@pytest.mark.parametrize(
    "family",
    [
        ["request", "requests", "requested", "requesting"],
        ["import", "imports", "importer", "importers", "importing"],
        ["company", "companies"],
        ["process", "processes"],
        ["stop", "stops", "stopped", "stopping"],
        ["call", "calls", "called", "calling"],
        ["agree", "agrees", "agreed", "agreeing"],
        ["validate", "validates", "validated"],
        ["validation", "validations"],
        ["supplier", "suppliers", "supplied"],
    ],
)
def test_inflections_share_a_stem(family: list[str]) -> None:
    """The forms of a word that a question and an entry may use are one term."""
    assert len({strings.stem(word) for word in family}) == 1


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("companies", "compani"),
        ("suppliers", "suppli"),
        ("requested", "request"),
        ("classes", "class"),
        ("happily", "happi"),
        ("running", "run"),
        ("organizations", "organiz"),
        ("validate", "validat"),
        ("tariffs", "tarif"),
        ("calling", "call"),
    ],
)
def test_stem(word: str, expected: str) -> None:
    """A plural, then one suffix, then a final e, y or doubled letter is taken off, where four letters are left."""
    assert expected == strings.stem(word)


@pytest.mark.parametrize(
    "word", ["status", "this", "glass", "is", "was", "fee", "able", "2026s", "8501s", "espa\u00f1oles"]
)
def test_words_that_are_their_own_stem(word: str) -> None:
    """Words that only look inflected, short ones, and ones with digits or other letters are left alone."""
    assert word == strings.stem(word)


@given(st.text(st.sampled_from("abcdeginrstuy"), max_size=12))
@settings(deadline=None)
def test_a_stem_is_a_beginning(word: str) -> None:
    """A stem is what the word begins with, a last y written i aside, and never shorter than three letters of it."""
    stem = strings.stem(word)
    assert word.startswith((stem, stem[:-1] + "y" if stem.endswith("i") else stem))
    assert len(stem) >= min(3, len(word))


def test_the_examples_in_the_docstrings_hold() -> None:
    """What the documentation of a function shows is what the function does."""
    found = doctest.testmod(strings)
    assert found.attempted >= 5
    assert found.failed == 0


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Is CTPAT free?", "is-ctpat-free"),
        ("  is   ctpat FREE", "is-ctpat-free"),
        ("¿Qué es esto?", "que-es-esto"),
        ("a" * 60, "a" * 60),
        ("???", "a03b22"),
        (
            "How long must a paint shop keep its colour samples after the last tin is sold?",
            "how-long-must-a-paint-shop-keep-its-colour-samples-6fc47b",
        ),
    ],
)
def test_slug(question: str, expected: str) -> None:
    """A slug is the question's words; a long or wordless question gets six digits of its hash."""
    assert expected == strings.slug(question)


@given(st.lists(WORD, min_size=1, max_size=25))
@settings(deadline=None)
def test_slug_is_short_and_safe(parts: list[str]) -> None:
    """A slug is at most 60 letters and digits, with single hyphens between words."""
    slug = strings.slug(" ".join(parts))
    assert (len(slug) <= 60, SLUG.fullmatch(slug) is not None) == (True, True)


@given(st.text())
@settings(deadline=None)
def test_slug_of_any_text_is_an_identifier(question: str) -> None:
    """Whatever is asked, its slug is not empty and holds nothing that a URL path would have to escape but letters."""
    slug = strings.slug(question)
    assert SLUG.fullmatch(slug) is not None, slug


@pytest.mark.parametrize("question", ["a" * 61, "a" * 200, "赤" * 80], ids=["61 letters", "200 letters", "Chinese"])
def test_slug_of_one_long_word_is_short_too(question: str) -> None:
    """A question without a space to cut at, as in Chinese, still gets a slug of 60 characters at most."""
    assert len(strings.slug(question)) <= 60


@given(st.lists(WORD, min_size=1, max_size=25))
@settings(deadline=None)
def test_slug_depends_on_words_not_on_spacing(parts: list[str]) -> None:
    """The same question, spaced differently and in decomposed form, has the same slug."""
    question = " ".join(parts)
    assert strings.slug(question) == strings.slug(unicodedata.normalize("NFD", "  " + " \u200b\n ".join(parts) + " "))


@given(st.lists(WORD, min_size=1, max_size=25), st.lists(WORD, min_size=1, max_size=25))
@settings(deadline=None)
def test_slugs_of_different_words_differ(first: list[str], second: list[str]) -> None:
    """Two questions of different words have different slugs."""
    assume(first != second)
    assert strings.slug(" ".join(first)) != strings.slug(" ".join(second))


@given(st.lists(WORD, min_size=12, max_size=25), WORD, WORD)
@settings(deadline=None)
def test_slugs_of_long_questions_that_differ_at_the_end_differ(parts: list[str], first: str, second: str) -> None:
    """Two questions that differ only beyond the cut have different slugs."""
    assume(first != second)
    head = "the long beginning that both of these questions have in common is " + " ".join(parts)
    assert strings.slug(f"{head} {first}") != strings.slug(f"{head} {second}")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("Red?", True),
        ("Red？", True),
        ("أحمر؟", True),
        ("Is it “red?”", True),
        ("(Is it red?)", True),
        ("**Red?** ", True),
        ("Red.", False),
        ("Red? Yes", False),
        ("", False),
    ],
)
def test_is_question(raw: str, expected: bool) -> None:
    """A text is a question when it ends in a question mark of any script, quotes and emphasis aside."""
    assert expected is strings.is_question(raw)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("Will U.S. Customs tell us? If so, how?", ["Will U.S. Customs tell us?", "If so, how?"]),
        ("Red vs. blue: which?", ["Red vs. blue: which?"]),
        ("We paint doors. Is it dry! Now?", ["We paint doors.", "Is it dry!", "Now?"]),
        ("Is version 2.5 red?", ["Is version 2.5 red?"]),
        ("One", ["One"]),
        ("", []),
    ],
)
def test_sentences(raw: str, expected: list[str]) -> None:
    """A text is cut behind the end of each sentence, and not at abbreviations and numbers."""
    assert expected == strings.sentences(raw)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("Is it “red?” Or is it blue?", ["Is it “red?”", "Or is it blue?"]),
        ("(Is it red?) Is it blue?", ["(Is it red?)", "Is it blue?"]),
    ],
)
def test_sentences_keep_their_closing_quotes(raw: str, expected: list[str]) -> None:
    """A quote or bracket that closes behind the last mark of a sentence belongs to that sentence."""
    assert expected == strings.sentences(raw)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (
            "Will we be notified? If so, how long in advance?",
            ("Will we be notified?", "If so, how long in advance?"),
        ),
        ("Many shops closed. How will you serve us?", ("Many shops closed.", "How will you serve us?")),
        ("Is it red? Why? Is it blue?", ("Is it red?", "Is it blue?")),
        ("Is it red? Why?", ()),
        ("Is it red?", ()),
        ("We paint. We sell paint.", ()),
        ("  We sell\u200b paint.\nWho buys  it? ", ("We sell paint.", "Who buys it?")),
        ("", ()),
    ],
)
def test_question_parts(question: str, expected: tuple[str, ...]) -> None:
    """A compound question is made of its sentences of three words or more; one alone makes no compound question."""
    assert expected == strings.question_parts(question)


ASCII = st.text(st.characters(max_codepoint=127), max_size=30) | st.text(st.sampled_from("aB3'_- s\t\x00"), max_size=12)


@given(ASCII)
@example("It's 'Rock'n'Roll's' a''b _x_ C-TPAT")
def test_ascii_has_the_words_and_terms_that_any_text_has(raw: str) -> None:
    """The short way for ASCII finds what the patterns find."""
    folded = raw.lower()
    assert re.findall(r"[^\W_]+", folded) == strings.words(raw)
    found = re.findall(r"[^\W_]+(?:'[^\W_]+)*", folded)
    bare = [word[:-2] if word.endswith("'s") else word.replace("'", "") for word in found]
    assert [strings.stem(word) for word in bare] == strings.terms(raw)


def test_only_so_many_words_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """What people write does not fill the memory, and a forgotten word has the same term again."""
    monkeypatch.setattr(strings, "_REMEMBERED_WORDS", 5)
    monkeypatch.setattr(strings, "_term_of", strings._Terms())
    for _ in range(2):
        assert [f"importer{i}x" for i in range(9)] == [strings.terms(f"importer{i}x")[0] for i in range(9)]
        assert len(strings._term_of) <= 5
    assert strings.terms("importers imports") == ["import", "import"]
