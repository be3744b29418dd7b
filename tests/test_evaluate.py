from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from qa_service.bootstrap import Interval, interval, mean_interval, percentile
from qa_service.confidence import Calibration
from qa_service.curves import (
    Bin,
    Confusion,
    area_under_risk_coverage,
    at_threshold,
    confusions,
    histogram,
    reliability_bins,
    risk_coverage,
)
from qa_service.domain import AtThreshold, Entry, LabelledQuestion, Match, Outcome, Result, Source
from qa_service.evaluate import (
    Judged,
    auroc,
    expected_calibration_error,
    found_within,
    judge,
    rank_of_right,
    ranked_ids,
    reciprocal_ranks,
    shares,
    threshold_for,
)

CONFIDENCES = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.7, 0.9, 1.0]) | st.floats(0.0, 1.0)
SEEN = st.lists(st.tuples(CONFIDENCES, st.booleans()), min_size=1, max_size=60)


def match(entry_id: str) -> Match:
    entry = Entry(entry_id, "What?", "That.", Source("d", None, "0", 0, 5))
    return Match(entry, 0.5, 0.5, 0.5, "What?")


def result(answers: str, related: str) -> Result:
    outcome = Outcome.ANSWERED if answers else Outcome.ABSTAINED
    return Result(outcome, tuple(map(match, answers)), tuple(map(match, related)), "v-0")


def test_ranks_go_through_answers_and_related() -> None:
    """The nearest entries are the answers and then the related ones."""
    assert ranked_ids(result("b", "ac")) == ["b", "a", "c"]


def test_shares_by_hand() -> None:
    """Abstaining does not make the nearest entry wrong; choices count as answers; each kind counts for itself."""
    judged = Judged(
        answerable=np.array([True, True, True, True, False, False]),
        rank=np.array([1, 1, 2, 0, 0, 0]),
        top=np.zeros(6),
        joint=np.zeros(6),
        answers=np.array([1, 0, 2, 0, 3, 0]),
    )
    got = {name: values.tolist() for name, values in shares(judged).items()}
    assert got == {
        "top_1": [1.0, 1.0, 0.0, 0.0],
        "mrr_10": [1.0, 1.0, 0.5, 0.0],
        "recall_3": [1.0, 1.0, 1.0, 0.0],
        "recall_5": [1.0, 1.0, 1.0, 0.0],
        "recall_10": [1.0, 1.0, 1.0, 0.0],
        "answerable_answered_right": [1.0, 0.0, 0.0, 0.0],
        "answerable_answered_wrong": [0.0, 0.0, 1.0, 0.0],
        "answerable_ambiguous": [0.0, 0.0, 1.0, 0.0],
        "answerable_abstained": [0.0, 1.0, 0.0, 1.0],
        "unanswerable_answered": [1.0, 0.0],
    }


def test_threshold_by_hand() -> None:
    """Of 20 confidences one may pass at 5 %: the threshold lies halfway between the first and the second."""
    confidences = np.arange(20) / 20
    threshold = threshold_for(confidences, 0.05)
    assert threshold == pytest.approx((0.95 + 0.9) / 2)
    assert np.mean(confidences >= threshold) == 0.05


def test_threshold_where_none_may_pass() -> None:
    """Of 19 confidences none may pass at 5 %: the threshold lies halfway between the first and certainty."""
    assert threshold_for(np.arange(19) / 20, 0.05) == pytest.approx((0.9 + 1.0) / 2)


def test_threshold_between_equal_confidences() -> None:
    """Where the last that may pass and the first that may not are equal, neither passes."""
    confidences = np.array([0.9, 0.5, 0.5, 0.5])
    threshold = threshold_for(confidences, 0.5)
    assert threshold == np.nextafter(0.5, 1.0)
    assert np.mean(confidences >= threshold) == 0.25


@pytest.mark.parametrize(("confidences", "target", "expected"), [([], 0.05, 0.5), ([0.3, 0.4], 1.0, 0.0)])
def test_thresholds_at_the_ends(confidences: list[float], target: float, expected: float) -> None:
    """Without unanswerable questions it is one half; where all may pass it is zero."""
    assert threshold_for(np.array(confidences), target) == expected


@given(st.lists(st.floats(0.0, 1.0, exclude_max=True), min_size=1, max_size=60), st.floats(0.0, 0.99))
def test_the_target_always_holds(confidences: list[float], target: float) -> None:
    """At the threshold, which is one, no more than the target's share is answered."""
    values = np.array(confidences)
    threshold = threshold_for(values, target)
    assert 0.0 <= threshold <= 1.0
    assert np.mean(values >= threshold) <= target


def columns(seen: list[tuple[float, bool]]) -> tuple[NDArray[Any], NDArray[Any]]:
    return np.array([c for c, _ in seen]), np.array([r for _, r in seen])


def test_rank_of_right_by_hand() -> None:
    """The first right entry counts, from 1; 0 stands for none, and for a question without an answer."""
    assert rank_of_right(["b", "a", "c"], LabelledQuestion("q", ("c", "a"))) == 2
    assert rank_of_right(["a", "c"], LabelledQuestion("q", ("z",))) == 0
    assert rank_of_right(["a"], LabelledQuestion("q", ())) == 0


def test_reciprocal_ranks_by_hand() -> None:
    """1, 1/2 and 1/10 count; rank 11 and no rank do not."""
    assert [1.0, 0.5, 0.1, 0.0, 0.0] == reciprocal_ranks(np.array([1, 2, 10, 11, 0])).tolist()
    assert [1.0, 0.0] == reciprocal_ranks(np.array([1, 2]), depth=1).tolist()


@given(st.lists(st.integers(0, 30), min_size=1, max_size=40), st.integers(1, 20))
def test_reciprocal_ranks_against_plain_python(ranks: list[int], depth: int) -> None:
    """The mean is the one that a loop adds up."""
    expected = sum(1.0 / r for r in ranks if 1 <= r <= depth) / len(ranks)
    assert pytest.approx(expected, abs=1e-12) == reciprocal_ranks(np.array(ranks), depth).mean()


@given(st.lists(st.integers(0, 30), min_size=1, max_size=40))
def test_recall_only_grows(ranks: list[int]) -> None:
    """More entries never lose a right one, and recall@k lies between the share of first places and 1."""
    found = [float(found_within(np.array(ranks), k).mean()) for k in range(1, 31)]
    assert found == sorted(found)
    assert ranks.count(1) / len(ranks) == pytest.approx(found[0])
    assert 1.0 - ranks.count(0) / len(ranks) == pytest.approx(found[-1])


def test_judged_by_hand() -> None:
    """Ranks, confidences and numbers of answers; two contenders of 0.5 are right together with 0.75."""
    questions = [LabelledQuestion("q", ("a",)), LabelledQuestion("q", ()), LabelledQuestion("q", ("a",))]
    judged = judge([result("ba", ""), result("", "a"), result("", "")], questions, Calibration())
    assert judged.answerable.tolist() == [True, False, True]
    assert judged.rank.tolist() == [2, 0, 0]
    assert judged.top.tolist() == [0.5, 0.5, 0.0]
    assert judged.joint.tolist() == [0.75, 0.5, 0.0]
    assert judged.answers.tolist() == [2, 0, 0]
    assert judged.right.tolist() == [False, False, False]


def test_auroc_by_hand() -> None:
    """Of six pairs four are in order and one is tied."""
    assert auroc(np.array([0.9, 0.5]), np.array([0.1, 0.5, 0.6])) == pytest.approx(4.5 / 6)
    assert auroc(np.array([]), np.array([0.1])) == 0.5


@given(st.lists(CONFIDENCES, min_size=1, max_size=30), st.lists(CONFIDENCES, min_size=1, max_size=30))
def test_auroc_against_a_double_loop(yes: list[float], no: list[float]) -> None:
    """The sorted computation gives what counting all pairs gives."""
    expected = sum((a > b) + 0.5 * (a == b) for a in yes for b in no) / (len(yes) * len(no))
    assert pytest.approx(expected, abs=1e-12) == auroc(np.array(yes), np.array(no))


def test_calibration_error_by_hand() -> None:
    """Two bins: two questions at 0.25 and 0.35, one right, and one at 1.0 that is wrong: (|0.6 - 1| + |1 - 0|) / 3."""
    error = expected_calibration_error(np.array([0.25, 0.35, 1.0]), np.array([1.0, 0.0, 0.0]), bins=2)
    assert error == pytest.approx(1.4 / 3)
    assert expected_calibration_error(np.array([]), np.array([])) == 0.0


def test_reliability_bins_by_hand() -> None:
    """Empty bins are left out, and a confidence of 1 is in the last."""
    bins = reliability_bins(np.array([0.25, 0.5, 1.0, 0.75]), np.array([True, False, True, True]), bins=4)
    assert bins == (Bin(0.25, 0.5, 1, 0.25, 1.0), Bin(0.5, 0.75, 1, 0.5, 0.0), Bin(0.75, 1.0, 2, 0.875, 1.0))


@given(SEEN)
def test_the_calibration_error_is_that_of_the_reliability_bins(seen: list[tuple[float, bool]]) -> None:
    """The diagram shows the gaps that the error adds up."""
    confidence, right = columns(seen)
    bins = reliability_bins(confidence, right)
    expected = sum(b.size * abs(b.confidence - b.accuracy) for b in bins) / len(seen)
    assert pytest.approx(expected, abs=1e-12) == expected_calibration_error(confidence, right.astype(np.float64))
    assert len(seen) == sum(b.size for b in bins)


def test_risk_coverage_by_hand() -> None:
    """Ties are answered together; the area is the mean of 0, 1/3, 1/3 and 1/2."""
    confidence, right = np.array([0.5, 0.9, 0.5, 0.1]), np.array([False, True, True, False])
    curve = risk_coverage(confidence, right)
    assert curve.coverage.tolist() == [0.25, 0.75, 1.0]
    assert curve.risk.tolist() == [0.0, 1 / 3, 0.5]
    assert area_under_risk_coverage(confidence, right) == pytest.approx((0 + 1 / 3 + 1 / 3 + 1 / 2) / 4)
    assert area_under_risk_coverage(np.array([]), np.array([], dtype=np.bool_)) == 0.0


@given(SEEN)
def test_aurc_against_its_definition(seen: list[tuple[float, bool]]) -> None:
    """The mean, over each question's confidence as the threshold, of the share of wrong answers at it."""
    risks = []
    for threshold, _ in seen:
        answered = [right for confidence, right in seen if confidence >= threshold]
        risks.append(answered.count(False) / len(answered))
    assert pytest.approx(sum(risks) / len(risks), abs=1e-12) == area_under_risk_coverage(*columns(seen))


@given(SEEN)
def test_coverage_rises_to_all(seen: list[tuple[float, bool]]) -> None:
    """The curve ends where everything is answered, with the share that is wrong overall."""
    curve = risk_coverage(*columns(seen))
    assert np.all(np.diff(curve.coverage) > 0)
    assert (1.0, [r for _, r in seen].count(False) / len(seen)) == (curve.coverage[-1], curve.risk[-1])


def test_histogram_by_hand() -> None:
    """A bin holds its lower end; the last holds 1."""
    assert histogram(np.array([0.0, 0.49, 0.5, 1.0]), bins=2).tolist() == [2, 2]
    assert histogram(np.array([]), bins=3).tolist() == [0, 0, 0]


def judged_of(rows: list[tuple[bool, int, float]]) -> Judged:
    """Questions by whether they are answerable, the rank of the right entry, and the confidence."""
    confidence = np.array([c for _, _, c in rows])
    rank = np.array([rank if yes else 0 for yes, rank, _ in rows])
    return Judged(
        np.array([yes for yes, _, _ in rows]), rank, confidence, confidence, np.ones(len(rows), dtype=np.int64)
    )


def test_thresholds_by_hand() -> None:
    """At 0.5, one of two right ones, the wrong one and the unanswerable one are answered."""
    judged = judged_of([(True, 1, 0.5), (True, 1, 0.4), (True, 2, 0.9), (False, 0, 0.6)])
    assert at_threshold(judged, 0.5) == AtThreshold(0.5, 1, 1, 1)
    assert at_threshold(judged, 0.0) == AtThreshold(0.0, 2, 1, 1)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3), CONFIDENCES), min_size=1, max_size=40))
def test_a_higher_threshold_only_takes_away(rows: list[tuple[bool, int, float]]) -> None:
    """None of the three numbers rises with the threshold."""
    steps = [at_threshold(judged_of(rows), t / 20) for t in range(21)]
    for name in ("answered_right", "answered_wrong", "unanswerable_answered"):
        numbers = [getattr(step, name) for step in steps]
        assert numbers == sorted(numbers, reverse=True)


def test_confusions_by_hand() -> None:
    """Pairs are counted where the nearest is not right; unanswerable questions only where they were answered."""
    asked = [
        (result("b", "a"), LabelledQuestion("q", ("a",))),
        (result("", "ba"), LabelledQuestion("q", ("a",))),
        (result("a", "b"), LabelledQuestion("q", ("a",))),
        (result("c", ""), LabelledQuestion("q", ())),
        (result("", "c"), LabelledQuestion("q", ())),
        (result("", ""), LabelledQuestion("q", ("a",))),
    ]
    found = confusions([r for r, _ in asked], [q for _, q in asked])
    assert found == (Confusion(("a",), "b", nearest=2, answered=1), Confusion((), "c", nearest=1, answered=1))


def test_percentiles_by_hand() -> None:
    """Of 0 to 100 in steps of 1, 95 % lie between 2.5 and 97.5."""
    ends = percentile(np.arange(101.0))
    assert [ends.low, ends.high] == pytest.approx([2.5, 97.5])


def test_a_mean_of_equals_has_a_point_for_an_interval() -> None:
    """Where all questions agree, so do all resamples."""
    assert mean_interval(np.ones(7)) == Interval(1.0, 1.0)


def test_a_mean_interval_is_near_the_normal_one() -> None:
    """For 400 coins of which half show heads, the interval is near 0.5 ± 1.96 · 0.025; the same again each time."""
    coins = np.tile([0.0, 1.0], 200)
    ends = mean_interval(coins)
    assert [ends.low, ends.high] == pytest.approx([0.451, 0.549], abs=0.006)
    assert mean_interval(coins) == ends


def test_blocks_do_not_change_how_many_resamples_are_drawn() -> None:
    """A sample that is larger than a block is drawn one resample at a time."""
    ends = mean_interval(np.tile([0.0, 1.0], 2_500_000), resamples=3)
    assert 0.49 < ends.low <= ends.high < 0.51


def test_an_interval_of_two_samples_keeps_their_sizes() -> None:
    """Each sample is drawn by itself; an empty one stays empty."""
    sizes = []

    def figure(first: NDArray[Any], second: NDArray[Any]) -> float:
        sizes.append((len(first), len(second)))
        return float(first.mean())

    assert interval(figure, np.full(5, 2.0), np.array([]), resamples=4) == Interval(2.0, 2.0)
    assert sizes == [(5, 0)] * 4


@given(st.lists(CONFIDENCES, min_size=2, max_size=30), st.lists(CONFIDENCES, min_size=2, max_size=30))
def test_intervals_of_auroc_lie_in_its_range(yes: list[float], no: list[float]) -> None:
    """An interval has its ends in order, inside [0, 1]."""
    ends = interval(auroc, np.array(yes), np.array(no), resamples=20)
    assert 0.0 <= ends.low <= ends.high <= 1.0
