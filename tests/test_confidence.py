from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import astuple, fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_service.confidence import (
    HEAD,
    PRIOR,
    PRIOR_LABELLED,
    Calibration,
    Logistic,
    Signals,
    Weights,
    contenders,
    contributions,
    decide,
    evidence,
    joint_confidence,
    novelty,
    scores,
)
from qa_service.domain import AtThreshold, Outcome, Rule

CALIBRATION = Calibration(answer_threshold=0.5, ambiguity_ratio=0.5)
SIGNALS = Signals(
    wording=np.array([1.0, 0.5]),
    passage=np.array([0.5, 0.0]),
    prototype=np.array([0.25, -0.5]),
    entry_words=np.array([0.2, 0.1]),
    wording_words=np.array([0.0, 0.3]),
)


def test_the_score_is_the_weighted_sum_of_the_signals() -> None:
    """Each of the five signals counts with its own weight."""
    weights = Weights(wording=0.2, passage=0.3, prototype=0.4, entry_words=0.5, wording_words=0.6)
    expected = [0.2 * 1.0 + 0.3 * 0.5 + 0.4 * 0.25 + 0.5 * 0.2, 0.2 * 0.5 - 0.4 * 0.5 + 0.5 * 0.1 + 0.6 * 0.3]
    assert np.allclose(expected, scores(SIGNALS, weights))


def test_contributions_by_hand() -> None:
    """What each signal adds goes by the signal's name, and together they are the score."""
    weights = Weights()
    got = contributions(SIGNALS, weights)
    assert list(Signals._fields) == list(got)
    assert np.allclose([weights.prototype * 0.25, weights.prototype * -0.5], got["prototype"])
    assert np.allclose([weights.wording_words * 0.0, weights.wording_words * 0.3], got["wording_words"])
    assert np.allclose(sum(got.values()), scores(SIGNALS, weights))


def test_the_published_weights_add_up_to_one() -> None:
    """A candidate for which every signal is 1 has a score of 1, and each signal has a weight of its own."""
    assert list(Signals._fields) == [f.name for f in fields(Weights)]
    assert sum(astuple(Weights())) == pytest.approx(1.0)
    assert min(astuple(Weights())) > 0.0


def test_signals_are_taken_together() -> None:
    """Another order is the other order of every signal."""
    turned = SIGNALS.take(np.array([1, 0]))
    assert [values[::-1].tolist() for values in SIGNALS] == [values.tolist() for values in turned]


@pytest.mark.parametrize("count", [1, 2, 7])
def test_the_score_adds_one_signal_after_the_other(count: int) -> None:
    """Whatever the number of candidates, a score has the same bits as a sum from the first signal to the last."""
    draw = np.random.default_rng(3)
    signals = Signals(*draw.uniform(-1.0, 1.0, (5, count)).astype(np.float32))
    weights = astuple(Weights(0.13, 0.29, 0.31, 0.17, 0.1))
    for candidate, got in enumerate(scores(signals, Weights(*weights)).tolist()):
        one, *others = (weight * float(values[candidate]) for weight, values in zip(weights, signals, strict=True))
        for other in others:
            one += other
        assert one == got


@pytest.mark.parametrize(
    ("score", "margins"),
    [
        ([], []),
        ([0.6], [0.0]),
        ([0.3, 0.3], [0.0, 0.0]),
        ([0.9, 0.5], [0.4, -0.4]),
        ([0.9, 0.5, 0.1], [0.9 - 0.3, 0.5 - 0.5, 0.1 - 0.7]),
        ([0.9, 0.6, 0.3, 0.0], [0.9 - 0.3, 0.6 - 0.4, 0.3 - 0.5, 0.0 - 0.6]),
        ([0.9, 0.6, 0.3, 0.0, -1.0], [0.9 - 0.3, 0.6 - 0.4, 0.3 - 0.5, 0.0 - 0.6, -1.0 - 0.6]),
        ([0.5, 0.5, 0.5, 0.5, 0.5], [0.0, 0.0, 0.0, 0.0, 0.0]),
    ],
)
def test_evidence_by_hand(score: list[float], margins: list[float]) -> None:
    """To its score each candidate adds its distance to the mean of the three best others, a lone one nothing."""
    assert [own + margin for own, margin in zip(score, margins, strict=True)] == pytest.approx(evidence(score))


SCORES = st.lists(st.floats(-1.0, 1.5), max_size=12).map(lambda values: sorted(values, reverse=True))


@given(SCORES)
def test_evidence_equals_a_loop_over_the_others(score: list[float]) -> None:
    """For every candidate: its score, and its score minus the mean of the three best of the others."""
    expected = []
    for place, value in enumerate(score):
        rivals = sorted(score[:place] + score[place + 1 :], reverse=True)[:3]
        expected.append(value + (value - sum(rivals) / len(rivals) if rivals else 0.0))
    assert np.allclose(expected, evidence(score), atol=1e-9)


@given(SCORES, st.integers(HEAD, 12))
def test_the_evidence_of_the_best_does_not_need_the_rest(score: list[float], count: int) -> None:
    """The best four or more have by themselves what they have before all others, to the last digit."""
    assert evidence(score)[:count] == evidence(score[:count])


@given(SCORES)
def test_evidence_keeps_the_order_of_the_scores(score: list[float]) -> None:
    """A higher score never has less evidence, and equal scores have the same."""
    assert np.all(np.diff(evidence(score)) <= 1e-12)


@pytest.mark.parametrize(
    ("own", "unanswerable", "expected"),
    [
        ([], [0.5], 0.0),
        ([0.5], [], 0.0),
        ([], [], 0.0),
        ([0.5], [0.2], 0.3),
        ([0.1, 0.9, 0.6, 0.3], [0.2], 0.6 - 0.2),  # the three largest of four
        ([0.4], [-1.0, 0.6, 0.0, 0.3], 0.4 - 0.3),
        ([0.4, 0.2], [0.5, 0.1], 0.0),
        ([1.0, 1.0, 1.0], [-1.0, -1.0, -1.0], 2.0),
    ],
)
def test_novelty_by_hand(own: list[float], unanswerable: list[float], expected: float) -> None:
    """The mean of the three largest cosines to the entry, minus that to what is known to be unanswerable."""
    assert expected == pytest.approx(
        novelty(np.array(own, dtype=np.float32), np.array(unanswerable, dtype=np.float32)), abs=1e-6
    )


def test_the_best_entrys_probability_by_hand() -> None:
    """The logistic function of intercept, evidence and novelty, question by question; rivals do not count."""
    logistic = Logistic(intercept=-2.0, slope=3.0, novelty=4.0, rival=7.0)
    expected = [1 / (1 + math.exp(2.0 - 3.0 * 0.8)), 1 / (1 + math.exp(2.0 - 3.0 * 0.5 + 4.0 * 0.2))]
    assert np.allclose(expected, logistic.best(np.array([0.8, 0.5]), np.array([0.0, -0.2])))


def test_every_candidates_probability_by_hand() -> None:
    """From the logit of the best, whichever place it has, the others' falls by their distance times its coefficient."""
    logistic = Logistic(intercept=-2.0, slope=3.0, novelty=4.0, rival=7.0)
    top = -2.0 + 3.0 * 0.8 + 4.0 * 0.1
    expected = [1 / (1 + math.exp(-top + 7.0 * 0.3)), 1 / (1 + math.exp(-top)), 1 / (1 + math.exp(-top + 7.0 * 1.0))]
    assert np.allclose(expected, logistic.all([0.5, 0.8, -0.2], 0.1))
    assert [] == logistic.all([], 0.0)


@given(st.lists(st.floats(-1.0, 2.0), min_size=1, max_size=6), st.floats(-2.0, 2.0))
def test_the_best_of_all_is_the_best_by_itself(proofs: list[float], fresh: float) -> None:
    """Beside others, the best entry has the probability that the fit gave it."""
    got = PRIOR_LABELLED.all(proofs, fresh)
    assert np.max(got) == pytest.approx(float(PRIOR_LABELLED.best(np.array([max(proofs)]), fresh)[0]))


def test_probability_at_the_ends() -> None:
    """Evidence without measure is certainty, not an overflow."""
    logistic = Logistic(intercept=0.0, slope=1e6, novelty=0.0, rival=2e6)
    assert [0.0, 0.5, 1.0] == pytest.approx(logistic.best(np.array([-10.0, 0.0, 10.0]), 0.0).tolist())
    assert [0.0, 0.0, 1.0] == pytest.approx(logistic.all([-10.0, 0.0, 10.0], 0.0))


@given(st.lists(st.floats(-1.0, 1.5), min_size=1, max_size=12), st.floats(-2.0, 2.0))
def test_confidence_keeps_the_order_of_the_scores(values: list[float], fresh: float) -> None:
    """Ordered by confidence is ordered by score, and confidence is a probability, whatever the novelty."""
    score = sorted(values, reverse=True)
    for logistic in (PRIOR, PRIOR_LABELLED, Logistic(0.0, 0.001, 0.0, 0.001)):
        got = np.array(logistic.all(evidence(score), fresh))
        assert np.all(np.diff(got) <= 1e-12)
        assert np.all((got >= 0.0) & (got <= 1.0))


@given(st.lists(st.integers(-20, 120), min_size=1, max_size=8, unique=True), st.floats(-2.0, 2.0))
def test_the_order_by_confidence_is_the_order_by_score(hundredths: list[int], fresh: float) -> None:
    """Candidates a hundredth apart stand in the same order by confidence as by score, none beside another."""
    score = sorted((value / 100 for value in hundredths), reverse=True)
    confidence = Logistic(-5.0, 8.0, 4.0, 5.0).all(evidence(score), fresh)
    assert sorted(set(confidence), reverse=True) == confidence


@given(st.floats(-2.0, 2.0), st.floats(-2.0, 2.0), st.lists(st.floats(-1.0, 2.0), min_size=1, max_size=5))
def test_what_is_nearer_to_the_unanswerable_is_less_likely(one: float, other: float, proofs: list[float]) -> None:
    """More novelty never lowers the probability of any candidate."""
    low, high = (np.array(PRIOR_LABELLED.all(proofs, n)) for n in sorted((one, other)))
    assert np.all(low <= high)


@pytest.mark.parametrize(
    ("confidence", "outcome", "count", "rule"),
    [
        ([], Outcome.ABSTAINED, 0, Rule.NOTHING),
        ([0.49, 0.01], Outcome.ABSTAINED, 0, Rule.CLOSE_MISS),
        ([0.25, 0.01], Outcome.ABSTAINED, 0, Rule.CLOSE_MISS),  # half way to the threshold
        ([0.24, 0.01], Outcome.ABSTAINED, 0, Rule.GAP),
        ([0.5, 0.01], Outcome.ANSWERED, 1, Rule.CLEAR),
        ([0.9, 0.8, 0.1], Outcome.ANSWERED, 1, Rule.CLEAR),  # odds 9 and 4: less than half
        ([0.9, 0.85, 0.1], Outcome.AMBIGUOUS, 2, Rule.SEVERAL),  # odds 9 and 5.7
        ([0.4, 0.4, 0.01], Outcome.AMBIGUOUS, 2, Rule.SEVERAL),  # together 0.64
        ([0.3, 0.3, 0.3, 0.3], Outcome.AMBIGUOUS, 3, Rule.SEVERAL),  # never more than three choices
        ([0.1, 0.1, 0.1], Outcome.ABSTAINED, 0, Rule.CLOSE_MISS),  # close, but together only 0.27
        ([1.0, 1.0, 0.2], Outcome.AMBIGUOUS, 2, Rule.SEVERAL),
        ([0.0, 0.0], Outcome.ABSTAINED, 0, Rule.GAP),
    ],
)
def test_outcomes_by_hand(confidence: list[float], outcome: Outcome, count: int, rule: Rule) -> None:
    """A lone contender above the threshold answers, close ones are offered together, the rest abstains, and says why."""
    assert (outcome, count, rule) == decide(confidence, CALIBRATION)


def test_joint_confidence_is_the_chance_that_one_is_right() -> None:
    """One minus the product of the chances that each contender is wrong."""
    assert joint_confidence([0.4, 0.4, 0.01], CALIBRATION) == pytest.approx(1 - 0.6 * 0.6)
    assert joint_confidence([], CALIBRATION) == 0.0


probabilities = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=6).map(lambda p: sorted(p, reverse=True))


@given(probabilities, st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_higher_threshold_only_removes_answers(confidence: list[float], one: float, other: float) -> None:
    """Whatever the confidences, raising the threshold keeps the outcome and its answers, or takes all away."""
    low, high = sorted((one, other))
    before = decide(confidence, replace(CALIBRATION, answer_threshold=low))
    after = decide(confidence, replace(CALIBRATION, answer_threshold=high))
    assert after == before or after[:2] == (Outcome.ABSTAINED, 0)


@given(probabilities)
def test_contenders_are_one_to_three(confidence: list[float]) -> None:
    """There is always a best entry, and never more than three choices."""
    assert 1 <= contenders(confidence, CALIBRATION) <= 3


@pytest.mark.parametrize(
    ("coefficients", "message"),
    [
        ((0.0, 0.0, 0.0, 1.0), "order of the answers"),
        ((0.0, -1.0, 0.0, 1.0), "order of the answers"),
        ((0.0, math.nan, 0.0, 1.0), "not a number"),
        ((math.nan, 1.0, 0.0, 1.0), "not a number"),
        ((0.0, 1.0, math.inf, 1.0), "not a number"),
        ((0.0, 1.0, 0.0, 0.0), "order of the answers"),
        ((0.0, 1.0, 0.0, -1.0), "order of the answers"),
        ((0.0, 1.0, -0.1, 1.0), "known to be unanswerable"),
    ],
)
def test_coefficients_that_would_break_the_order_are_refused(coefficients: Sequence[float], message: str) -> None:
    """A logistic map is checked when it is made."""
    with pytest.raises(ValueError, match=message):
        Logistic(*coefficients)


@pytest.mark.parametrize(
    "wrong", [{"answer_threshold": 1.1}, {"answer_threshold": -0.1}, {"ambiguity_ratio": 0.0}, {"ambiguity_ratio": 1.1}]
)
def test_thresholds_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    """A calibration is checked when it is made."""
    with pytest.raises(ValueError, match="threshold"):
        replace(CALIBRATION, **wrong)  # type: ignore[arg-type]


def test_a_calibration_survives_its_file() -> None:
    """What is written into the index is what is read from it."""
    weights, logistic = Weights(0.1, 0.2, 0.3, 0.25, 0.15), Logistic(-1.0, 2.0, 3.0, 4.0)
    curve = (AtThreshold(0.5, 3, 2, 1), AtThreshold(0.9, 1, 0, 0))
    made = Calibration(weights, logistic, 0.7, 0.8, {"top_1": 0.9}, curve, answerable=6, unanswerable=4)
    assert made == Calibration.from_json(json.loads(json.dumps(made.to_json())))


def test_a_calibration_from_a_file_is_checked() -> None:
    """A file can't bring in what the constructor refuses."""
    values = Calibration().to_json()
    with pytest.raises(ValueError, match="order of the answers"):
        Calibration.from_json({**values, "logistic": {**values["logistic"], "slope": 0.0}})
