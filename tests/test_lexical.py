from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_service import lexical
from qa_service.domain import Floats
from qa_service.lexical import (
    K1,
    MIN_DICE,
    B,
    Lexicon,
    bigrams,
    build_lexicon,
    counted,
    dice,
    inverse_document_frequency,
    term_saturation,
)


def scores(lexicon: Lexicon, terms: list[str]) -> Floats:
    return lexicon.scores(lexicon.bag(terms))


DOCUMENTS = [{"red": 2.0, "green": 1.0}, {"green": 1.0, "blue": 1.0}, {"blue": 3.0, "black": 1.0}]
LENGTHS = [3, 2, 4]
MEAN = 3.0


def test_idf_by_hand() -> None:
    """With 3 documents, a term in one has ln(1 + 2.5/1.5), a term in none ln(1 + 3.5/0.5)."""
    assert math.log(1 + 2.5 / 1.5) == inverse_document_frequency(3, 1)
    assert math.log(8.0) == inverse_document_frequency(3, 0)


def test_saturation_by_hand() -> None:
    """A term that stands twice in a document of mean length has 2 / (2 + k1)."""
    assert 2 / (2 + K1) == term_saturation(2, 3, 3.0)
    assert 1 / (1 + K1 * (1 - B + B * 2)) == term_saturation(1, 6, 3.0)


def test_terms_count_with_the_weight_of_their_field() -> None:
    """A term that stands in several fields counts with the sum of their weights, each occurrence by itself."""
    assert {"red": 11.0, "green": 5.0, "blue": 1.0} == counted((["red", "green", "red"], 5.0), (["blue", "red"], 1.0))
    assert {} == counted()


def test_bigrams_by_hand() -> None:
    """The ends of a word are neighbours of its first and last letter."""
    assert {" r", "re", "ed", "d "} == bigrams("red")
    assert {" a", "aa", "a "} == bigrams("aaaa")


def test_dice_by_hand() -> None:
    """Twice what two sets share, over what they hold together."""
    assert 2 * 2 / (4 + 3) == dice(frozenset("abcd"), frozenset("abx"))
    assert dice(frozenset("ab"), frozenset("ab")) == 1.0
    assert dice(frozenset("ab"), frozenset("cd")) == 0.0


def test_bounded_score_by_hand() -> None:
    """The share of the question's weight that a document holds: idf times saturation, over the sum of the idf."""
    lexicon = build_lexicon(DOCUMENTS)
    green, missing = inverse_document_frequency(3, 2), inverse_document_frequency(3, 0)
    expected = [
        green * term_saturation(1, LENGTHS[0], MEAN) / (green + missing),
        green * term_saturation(1, LENGTHS[1], MEAN) / (green + missing),
        0.0,
    ]
    assert np.allclose(expected, scores(lexicon, ["green", "violet"]), atol=1e-7)


def test_a_repeated_term_counts_once() -> None:
    """Saying a word twice does not change the score."""
    lexicon = build_lexicon(DOCUMENTS)
    assert scores(lexicon, ["red", "blue"]).tolist() == scores(lexicon, ["red", "blue", "red", "red"]).tolist()


@pytest.mark.parametrize("documents", [DOCUMENTS, [{}, {}], [{}]])
def test_no_terms_score_nothing(documents: list[dict[str, float]]) -> None:
    """A question without a term, or a FAQ without one, has score 0 everywhere, not a division by zero."""
    lexicon = build_lexicon(documents)
    assert [0.0] * len(documents) == scores(lexicon, []).tolist()
    assert [0.0] * len(documents) == scores(lexicon, ["violet"]).tolist()


def test_postings_are_grouped_by_term() -> None:
    """The postings of each term stand together, documents ascending, each with its saturation."""
    lexicon = build_lexicon(DOCUMENTS)
    held = {
        term: lexicon.documents[lexicon.starts[place] : lexicon.starts[place + 1]].tolist()
        for term, place in lexicon.vocabulary.items()
    }
    assert {"black": [2], "blue": [1, 2], "green": [0, 1], "red": [0]} == held
    blue = slice(*lexicon.starts[lexicon.vocabulary["blue"] :][:2])
    expected = [term_saturation(1, LENGTHS[1], MEAN), term_saturation(3, LENGTHS[2], MEAN)]
    assert np.allclose(expected, lexicon.saturations[blue], atol=1e-7)


# "seller" has the bigrams " s se el ll le er r", "seler" all of them but "ll": 2 · 6 / (7 + 6).
ONE_LETTER_LESS = 12 / 13


def test_a_misspelt_term_is_taken_for_the_nearest() -> None:
    """A term that is not in the vocabulary stands for the term with the most bigrams in common, and says how alike."""
    lexicon = build_lexicon([{"seller": 1.0, "sell": 1.0, "sealer": 1.0, "buyer": 1.0}])
    assert (lexicon.vocabulary["seller"], ONE_LETTER_LESS) == lexicon.resolve("seler")


def test_a_known_term_is_never_taken_for_another() -> None:
    """A term of the vocabulary is itself, however near another stands."""
    lexicon = build_lexicon([{"seller": 1.0, "seler": 1.0}])
    assert (lexicon.vocabulary["seler"], 1.0) == lexicon.resolve("seler")


@pytest.mark.parametrize(
    ("term", "held"),
    [
        ("blac", "black"),  # 2 · 4 / (5 + 6) is enough, but four letters are too few
        ("red", "redd"),
        ("form7501", "form7502"),  # another number is another form, not a misspelling
        ("abcde1", "abcde"),
        ("\u00e9\u00e9", "\u00e9\u00e9\u00e9\u00e9\u00e9"),
        ("eller", "seller"),  # people rarely miss the first letter
        ("teller", "seller"),
        ("seeker", "seller"),  # " s se er r": 2 · 4 / (7 + 7) is too few
        ("abcdefg1", "abcdefg"),
        ("abcdefghmnop", "abcdefghqrstu"),  # 2 · 8 / (13 + 14), or 0.593
    ],
)
def test_what_is_not_taken_for_a_misspelling(term: str, held: str) -> None:
    """Short terms, terms with digits, terms of another first letter and terms that share too little stay unknown."""
    assert (None, 0.0) == build_lexicon([{held: 1.0}]).resolve(term)


@pytest.mark.parametrize("held", ["abcde1", "abc"])
def test_what_no_term_is_taken_for(held: str) -> None:
    """A term of the vocabulary with a digit or of three letters is never what a misspelling means."""
    assert dice(bigrams("abcde"), bigrams(held)) >= MIN_DICE or held == "abc"
    assert (None, 0.0) == build_lexicon([{held: 1.0}]).resolve("abcde")


@pytest.mark.parametrize(("length", "found"), [(3, False), (4, True)])
def test_a_letter_too_many_may_be_dropped_from_five(length: int, found: bool) -> None:
    """A misspelling of five letters may mean a term of four and not one of three: " f fo or rm m " of " f fo or rm mm m "."""
    held = "form"[:length]
    expected = (0, pytest.approx(2 * 5 / 11)) if found else (None, 0.0)
    assert expected == build_lexicon([{held: 1.0}]).resolve("formm")


def test_the_likeness_that_is_just_enough() -> None:
    """A coefficient of exactly 0.6 is enough: " a aa ab bc cd d " and " a aa ab b " share 3 of 6 and 4; 3 of 7 and 4 don't."""
    lexicon = build_lexicon([{"aaab": 1.0}])
    assert (0, 2 * 3 / 10) == lexicon.resolve("aabcd")
    assert dice(bigrams("aabcde"), bigrams("aaab")) == 2 * 3 / 11
    assert (None, 0.0) == lexicon.resolve("aabcde")


def test_a_misspelt_term_counts_by_its_likeness() -> None:
    """It scores what the right spelling scores, times how alike the two are."""
    lexicon = build_lexicon([{"seller": 2.0, "red": 1.0}, {"red": 1.0}, {"blue": 1.0}])
    right, wrong = scores(lexicon, ["seller", "blue"]), scores(lexicon, ["seler", "blue"])
    assert right[0] > 0.0
    assert np.allclose([ONE_LETTER_LESS * right[0], 0.0, right[2]], wrong, atol=1e-7)


def test_a_term_beside_its_misspelling_counts_once() -> None:
    """Right and wrong spelling in one question score the term once, at its best, out of the weight of both."""
    lexicon = build_lexicon([{"seller": 2.0, "red": 1.0}, {"red": 1.0}])
    alone = scores(lexicon, ["seller"])
    for terms in (["seller", "seler"], ["seler", "seller"]):
        assert np.allclose(alone / 2, scores(lexicon, terms), atol=1e-7)


def oracle(documents: list[dict[str, float]], question: list[str]) -> list[float]:
    """Bounded BM25 by loops over all documents and terms, misspellings included."""
    lengths = [sum(d.values()) for d in documents]
    mean = sum(lengths) / len(lengths) or 1.0
    vocabulary = sorted({term for d in documents for term in d})
    meant: dict[str, float] = {}
    total = 0.0
    for term in dict.fromkeys(question):
        held, likeness = term, 1.0
        if term not in vocabulary:
            near = [
                (dice(bigrams(term), bigrams(v)), v)
                for v in vocabulary
                if len(term) >= 5 and term.isalpha() and len(v) >= 4 and v.isalpha() and v[0] == term[0]
            ]
            likeness, held = max(near, key=lambda pair: pair[0], default=(0.0, term))
            if likeness < 0.6:
                held, likeness = term, 0.0
        weight = inverse_document_frequency(len(documents), sum(held in d for d in documents))
        total += weight
        meant[held] = max(meant.get(held, 0.0), weight * likeness)
    return [
        sum(w * term_saturation(d[t], n, mean) for t, w in meant.items() if t in d) / total if total else 0.0
        for d, n in zip(documents, lengths, strict=True)
    ]


words = st.sampled_from(["a", "b", "c7", "seller", "seler", "sellers", "sealer", "teller", "sel", "sell", "seller7"])
counts = st.dictionaries(words, st.sampled_from([1.0, 2.0, 5.0, 11.0]), max_size=6)


@given(st.lists(counts, min_size=1, max_size=6), st.lists(words, max_size=6))
def test_scores_equal_a_dense_oracle_and_stay_in_bounds(documents: list[dict[str, float]], question: list[str]) -> None:
    """Postings give what a loop over all documents and terms gives, always in [0, 1]."""
    got = scores(build_lexicon(documents), question)
    assert np.allclose(oracle(documents, question), got, atol=1e-6)
    assert np.all((got >= 0.0) & (got <= 1.0))


@given(
    st.text(st.sampled_from("abcd1"), min_size=1, max_size=8), st.lists(st.text(st.sampled_from("abcd1"), min_size=1))
)
def test_what_a_term_is_taken_for(term: str, held: list[str]) -> None:
    """A term is itself, unknown, or a term of letters with the same first letter and at least 0.6 alike."""
    lexicon: Lexicon = build_lexicon([dict.fromkeys(held, 1.0)])
    place, likeness = lexicon.resolve(term)
    found = {p: t for t, p in lexicon.vocabulary.items()}.get(-1 if place is None else place)
    if term in held:
        assert (found, likeness) == (term, 1.0)
    elif found is None:
        assert likeness == 0.0
    else:
        assert found[0] == term[0]
        assert (found + term).isalpha()
        assert len(term) >= 5
        assert 0.6 <= likeness == dice(bigrams(term), bigrams(found))


@pytest.mark.parametrize("others", [0, 3])
def test_other_entries_do_not_change_the_bound(others: int) -> None:
    """An entry that holds all of a question's words without end comes near 1, whatever else is in the FAQ."""
    documents = [{"red": 500.0}, *([{"blue": 500.0}] * others)]
    assert scores(build_lexicon(documents), ["red"])[0] > 0.99


@given(
    st.lists(counts, min_size=1, max_size=40),
    st.lists(words, max_size=6),
    st.sets(st.integers(0, 39), max_size=40),
)
def test_some_documents_score_what_all_of_them_score(
    documents: list[dict[str, float]], question: list[str], chosen: set[int]
) -> None:
    """Few documents looked up by themselves, or many picked from all, have the very same scores."""
    lexicon = build_lexicon(documents)
    bag = lexicon.bag(question)
    some = np.array(sorted(n for n in chosen if n < len(documents)), dtype=np.int64)
    assert lexicon.scores(bag)[some].tolist() == lexicon.scores_of(bag, some).tolist()


@given(st.lists(counts, min_size=1, max_size=40), st.lists(words, max_size=6), st.integers(1, 10))
def test_leaders_are_the_best_documents(documents: list[dict[str, float]], question: list[str], count: int) -> None:
    """Where all postings may be looked at, the leaders are the best of all documents that hold a term at all."""
    lexicon = build_lexicon(documents)
    bag = lexicon.bag(question)
    everything = lexicon.scores(bag)
    order = [n for n in np.argsort(-everything, kind="stable").tolist() if everything[n] > 0.0][:count]
    got = lexicon.leaders(bag, count).tolist()
    assert everything[order].tolist() == pytest.approx(everything[got].tolist(), abs=1e-6)
    assert len(set(got)) == len(got)
    allowed = np.arange(len(documents)) % 2 == 0
    assert all(allowed[n] for n in lexicon.leaders(bag, count, allowed).tolist())
    held = int(np.count_nonzero(everything[allowed] > 0.0))
    assert len(lexicon.leaders(bag, count, allowed)) == min(count, held)


def test_leaders_look_at_a_bounded_number_of_postings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rare term is looked at first; the one that stands everywhere no longer fits, and counts in the scores only."""
    monkeypatch.setattr(lexical, "_POSTINGS", 2)
    lexicon = build_lexicon([{"the": 1.0}, {"the": 9.0}, {"the": 1.0, "red": 1.0}, {"red": 2.0}])
    bag = lexicon.bag(["the", "red"])
    assert [3, 2] == lexicon.leaders(bag, 4).tolist()
    assert np.count_nonzero(lexicon.scores(bag)) == 4
    assert [] == lexicon.leaders(lexicon.bag(["the"]), 4).tolist()


def test_only_so_many_terms_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """What people write does not fill the memory, and a term that was forgotten means the same again."""
    monkeypatch.setattr(lexical, "_REMEMBERED_TERMS", 3)
    lexicon, fresh = build_lexicon(DOCUMENTS), build_lexicon(DOCUMENTS)
    terms = ["red", "violet", "greem", "green", "blue", "orange"]
    for term in terms * 2:
        assert fresh.resolve(term) == lexicon.resolve(term)
        assert len(lexicon._meanings) <= 3
    assert fresh.bag(terms) == lexicon.bag(terms)
