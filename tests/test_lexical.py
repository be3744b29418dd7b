from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_service.lexical import K1, B, build_lexicon, inverse_document_frequency, term_saturation

DOCUMENTS = [["red", "green", "red"], ["green", "blue"], ["blue", "blue", "blue", "black"]]
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


def test_bounded_score_by_hand() -> None:
    """The share of the question's weight that an entry holds: idf times saturation, over the sum of the idf."""
    lexicon = build_lexicon(DOCUMENTS)
    green, missing = inverse_document_frequency(3, 2), inverse_document_frequency(3, 0)
    expected = [
        green * term_saturation(1, LENGTHS[0], MEAN) / (green + missing),
        green * term_saturation(1, LENGTHS[1], MEAN) / (green + missing),
        0.0,
    ]
    assert np.allclose(expected, lexicon.scores(["green", "violet"]), atol=1e-7)


def test_a_repeated_term_counts_once() -> None:
    """Saying a word twice does not change the score."""
    lexicon = build_lexicon(DOCUMENTS)
    assert lexicon.scores(["red", "blue"]).tolist() == lexicon.scores(["red", "blue", "red", "red"]).tolist()


def test_no_terms_score_nothing() -> None:
    """A question without a term has score 0 everywhere, not a division by zero."""
    assert [0.0, 0.0, 0.0] == build_lexicon(DOCUMENTS).scores([]).tolist()


def test_postings_are_grouped_by_term() -> None:
    """The postings of each term stand together, entries ascending."""
    lexicon = build_lexicon(DOCUMENTS)
    held = {
        term: lexicon.entries[lexicon.starts[place] : lexicon.starts[place + 1]].tolist()
        for term, place in lexicon.vocabulary.items()
    }
    assert {"black": [2], "blue": [1, 2], "green": [0, 1], "red": [0]} == held


words = st.sampled_from(["a", "b", "c", "d", "e"])


@given(st.lists(st.lists(words, max_size=8), min_size=1, max_size=6), st.lists(words, max_size=6))
def test_scores_equal_a_dense_oracle_and_stay_in_bounds(documents: list[list[str]], question: list[str]) -> None:
    """Postings give what a loop over all entries and terms gives, always in [0, 1]."""
    mean = max(1.0, sum(map(len, documents)) / len(documents))
    terms = list(dict.fromkeys(question))
    weights = {t: inverse_document_frequency(len(documents), sum(t in d for d in documents)) for t in terms}
    expected = [
        sum(weights[t] * term_saturation(d.count(t), len(d), mean) for t in terms if t in d) / sum(weights.values())
        if terms
        else 0.0
        for d in documents
    ]
    got = build_lexicon(documents).scores(question)
    assert np.allclose(expected, got, atol=1e-6)
    assert np.all((got >= 0.0) & (got <= 1.0))


@pytest.mark.parametrize("others", [0, 3])
def test_other_entries_do_not_change_the_bound(others: int) -> None:
    """An entry that holds all of a question's words without end comes near 1, whatever else is in the FAQ."""
    documents = [["red"] * 500, *([["blue"] * 500] * others)]
    assert build_lexicon(documents).scores(["red"])[0] > 0.99
