from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_service.domain import Entry, LabelledQuestion, Match, Outcome, Result, Source
from qa_service.evaluate import answered_share, is_right, ranked_ids, threshold_for, top_1


def match(entry_id: str) -> Match:
    entry = Entry(entry_id, "What?", "That.", Source("d", None, "0", 0, 5))
    return Match(entry, 0.5, 0.5, 0.5, "What?")


def result(answers: str, related: str) -> Result:
    outcome = Outcome.ANSWERED if answers else Outcome.ABSTAINED
    return Result(outcome, tuple(map(match, answers)), tuple(map(match, related)), "v-0")


def test_right_means_the_first_answer_is_a_right_entry() -> None:
    """A right entry below the first, or among the related, does not make an answer right."""
    question = LabelledQuestion("q", ("a", "b"))
    assert is_right(result("b", "a"), question)
    assert not is_right(result("c", "a"), question)
    assert not is_right(result("", "a"), question)


def test_ranks_go_through_answers_and_related() -> None:
    """The nearest entries are the answers and then the related ones."""
    assert ranked_ids(result("b", "ac")) == ["b", "a", "c"]


def test_top_1_counts_the_nearest_entry_whatever_the_outcome() -> None:
    """Abstaining does not make the nearest entry wrong; unanswerable questions don't count."""
    questions = [LabelledQuestion("q", ("a",)), LabelledQuestion("q", ("a",)), LabelledQuestion("q", ())]
    assert top_1([result("a", ""), result("", "ba"), result("b", "")], questions) == 0.5
    assert top_1([], []) == 0.0


def test_answered_share_counts_choices_as_answers() -> None:
    """Everything but an abstention is an answer."""
    assert answered_share([result("a", ""), result("", "a"), result("ab", ""), result("", "")]) == 0.5
    assert answered_share([]) == 0.0


def test_threshold_by_hand() -> None:
    """Of 20 confidences one may pass at 5 %: the threshold lies just above the second."""
    confidences = np.arange(20) / 20
    threshold = threshold_for(confidences, 0.05)
    assert threshold > 0.9
    assert threshold < 0.95
    assert np.mean(confidences >= threshold) == 0.05


@pytest.mark.parametrize(("confidences", "target", "expected"), [([], 0.05, 0.5), ([0.3, 0.4], 1.0, 0.0)])
def test_thresholds_at_the_ends(confidences: list[float], target: float, expected: float) -> None:
    """Without unanswerable questions it is one half; where all may pass it is zero."""
    assert threshold_for(np.array(confidences), target) == expected


@given(st.lists(st.floats(0.0, 0.999), min_size=1, max_size=60), st.floats(0.0, 0.99))
def test_the_target_always_holds(confidences: list[float], target: float) -> None:
    """At the threshold, no more than the target's share is answered."""
    values = np.array(confidences)
    assert np.mean(values >= threshold_for(values, target)) <= target
