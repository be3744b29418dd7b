from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_service.confidence import (
    Calibration,
    Signals,
    Weights,
    confidences,
    contenders,
    decide,
    joint_confidence,
    margins,
    scores,
)
from qa_service.domain import Outcome

CALIBRATION = Calibration(answer_threshold=0.5, ambiguity_ratio=0.5)


def test_the_score_is_the_weighted_sum_of_the_signals() -> None:
    """Each signal counts with its weight."""
    signals = Signals(np.array([1.0, 0.5]), np.array([0.5, 0.0]), np.array([0.2, 0.1]))
    got = scores(signals, Weights(question=0.2, question_answer=0.3, lexical=0.5))
    assert np.allclose([0.2 + 0.15 + 0.1, 0.1 + 0.05], got)


@pytest.mark.parametrize(
    ("score", "expected"),
    [([0.9, 0.5, 0.2], [0.4, -0.4, -0.7]), ([0.3, 0.3], [0.0, 0.0]), ([0.6], [0.6])],
)
def test_margins_by_hand(score: list[float], expected: list[float]) -> None:
    """The best has its lead, the others their distance to the best, a lone candidate its own score."""
    assert np.allclose(expected, margins(np.array(score)))


def test_confidence_by_hand() -> None:
    """The logistic function of intercept, score and margin."""
    c = Calibration(intercept=-2.0, score=3.0, margin=1.0)
    expected = [1 / (1 + math.exp(2.0 - 3.0 * 0.8 - 0.3)), 1 / (1 + math.exp(2.0 - 3.0 * 0.5 + 0.3))]
    assert np.allclose(expected, confidences(np.array([0.8, 0.5]), c))


@given(st.lists(st.floats(-1.0, 1.5), min_size=1, max_size=12))
def test_confidence_keeps_the_order_of_the_scores(values: list[float]) -> None:
    """A higher score never has a lower confidence, and confidence is a probability."""
    score = np.sort(np.array(values))[::-1]
    got = confidences(score, Calibration())
    assert np.all(np.diff(got) <= 0.0)
    assert np.all((got >= 0.0) & (got <= 1.0))


@pytest.mark.parametrize(
    ("confidence", "outcome", "count"),
    [
        ([], Outcome.ABSTAINED, 0),
        ([0.49, 0.01], Outcome.ABSTAINED, 0),
        ([0.5, 0.01], Outcome.ANSWERED, 1),
        ([0.9, 0.8, 0.1], Outcome.ANSWERED, 1),  # odds 9 and 4: less than half
        ([0.9, 0.85, 0.1], Outcome.AMBIGUOUS, 2),  # odds 9 and 5.7
        ([0.4, 0.4, 0.01], Outcome.AMBIGUOUS, 2),  # together 0.64
        ([0.3, 0.3, 0.3, 0.3], Outcome.AMBIGUOUS, 3),  # never more than three choices
        ([0.1, 0.1, 0.1], Outcome.ABSTAINED, 0),  # close, but together only 0.27
        ([1.0, 1.0, 0.2], Outcome.AMBIGUOUS, 2),
        ([0.0, 0.0], Outcome.ABSTAINED, 0),
    ],
)
def test_outcomes_by_hand(confidence: list[float], outcome: Outcome, count: int) -> None:
    """A lone contender above the threshold answers, close ones are offered together, the rest abstains."""
    assert (outcome, count) == decide(np.array(confidence), CALIBRATION)


def test_joint_confidence_is_the_chance_that_one_is_right() -> None:
    """One minus the product of the chances that each contender is wrong."""
    assert joint_confidence(np.array([0.4, 0.4, 0.01]), CALIBRATION) == pytest.approx(1 - 0.6 * 0.6)
    assert joint_confidence(np.array([]), CALIBRATION) == 0.0


probabilities = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=6).map(lambda p: np.sort(np.array(p))[::-1])


@given(probabilities, st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_higher_threshold_only_removes_answers(confidence: np.ndarray, one: float, other: float) -> None:
    """Whatever the confidences, raising the threshold keeps the outcome and its answers, or takes all away."""
    low, high = sorted((one, other))
    before = decide(confidence, replace(CALIBRATION, answer_threshold=low))
    after = decide(confidence, replace(CALIBRATION, answer_threshold=high))
    assert after in (before, (Outcome.ABSTAINED, 0))


@given(probabilities)
def test_contenders_are_one_to_three(confidence: np.ndarray) -> None:
    """There is always a best entry, and never more than three choices."""
    assert 1 <= contenders(confidence, CALIBRATION) <= 3


@pytest.mark.parametrize(
    "wrong", [{"score": -1.0}, {"margin": -0.1}, {"answer_threshold": 1.1}, {"ambiguity_ratio": 0.0}]
)
def test_numbers_that_would_break_the_order_are_refused(wrong: dict[str, float]) -> None:
    """A calibration is checked when it is made."""
    with pytest.raises(ValueError, match=r"coefficient|threshold"):
        replace(CALIBRATION, **wrong)  # type: ignore[arg-type]


def test_a_calibration_survives_its_file() -> None:
    """What is written into the index is what is read from it."""
    made = Calibration(weights=Weights(0.1, 0.2, 0.7), intercept=-1.0, figures={"top_1": 0.9})
    assert made == Calibration.from_json(made.to_json())
