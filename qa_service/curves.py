"""Figures that are more than a number: bins, curves, tables and counts of pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qa_service.confidence import Doubles
from qa_service.domain import AtThreshold, Ints, LabelledQuestion, Mask, Result
from qa_service.evaluate import Judged, ranked_ids

BINS = 15
HISTOGRAM_BINS = 20
THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(2, 20))


@dataclass(frozen=True, slots=True)
class Bin:
    """The questions whose confidence lies in [low, high): how many, their mean confidence, the share that was right."""

    low: float
    high: float
    size: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """The share of questions that are answered and the share of those that is wrong, from the strictest threshold on.

    Both have shape (distinct confidences,); coverage rises to 1.
    """

    coverage: Doubles
    risk: Doubles


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often one entry was nearest, and how often it was given as an answer, where others are right.

    No expected entry means that the FAQ has no answer.
    """

    expected: tuple[str, ...]
    found: str
    nearest: int
    answered: int


def reliability_bins(confidence: Doubles, right: Mask, bins: int = BINS) -> tuple[Bin, ...]:
    """The bins of a reliability diagram that hold any question, from low to high.

    Niculescu-Mizil and Caruana, "Predicting Good Probabilities with Supervised Learning", ICML 2005. They are the bins of
    `evaluate.expected_calibration_error`: the mean of |confidence - accuracy|, weighted by size, is that error.

    Args:
        confidence: in [0, 1], shape (n,).
        right: shape (n,).
        bins: how many bins of equal width [0, 1] is cut into; the last holds 1 as well.
    """
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    sizes = np.bincount(place, minlength=bins)
    summed = np.bincount(place, weights=confidence, minlength=bins)
    correct = np.bincount(place, weights=right.astype(np.float64), minlength=bins)
    return tuple(
        Bin(i / bins, (i + 1) / bins, int(sizes[i]), float(summed[i] / sizes[i]), float(correct[i] / sizes[i]))
        for i in np.flatnonzero(sizes).tolist()
    )


def risk_coverage(confidence: Doubles, right: Mask) -> RiskCoverage:
    """The risk-coverage curve: one point for each threshold that a question's own confidence makes.

    El-Yaniv and Wiener, "On the Foundations of Noise-free Selective Classification", JMLR 11, 2010. Answering a question
    without a right entry is wrong. Questions of one confidence are answered together.

    Args:
        confidence: what the threshold is held against, shape (n,).
        right: whether the answer would be right, shape (n,).
    """
    order = np.argsort(-confidence, kind="stable")
    falls = np.flatnonzero(np.diff(confidence[order], append=-np.inf))
    wrong = np.cumsum(~right[order])[falls]
    return RiskCoverage(coverage=(falls + 1) / max(1, len(order)), risk=wrong / (falls + 1.0))


def area_under_risk_coverage(confidence: Doubles, right: Mask) -> float:
    """The mean risk over the thresholds that the questions' own confidences make (AURC), in [0, 1]; lower is better.

    Geifman, Uziel and El-Yaniv, "Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers", ICLR 2019, section 2.

    Args:
        confidence: what the threshold is held against, shape (n,).
        right: whether the answer would be right, shape (n,).
    """
    if not len(confidence):
        return 0.0
    curve = risk_coverage(confidence, right)
    return float(np.sum(curve.risk * np.diff(curve.coverage, prepend=0.0)))


def histogram(confidence: Doubles, bins: int = HISTOGRAM_BINS) -> Ints:
    """How many confidences lie in each of the bins of equal width that [0, 1] is cut into, shape (bins,)."""
    return np.bincount(np.minimum((confidence * bins).astype(np.int64), bins - 1), minlength=bins)


def at_threshold(judged: Judged, threshold: float) -> AtThreshold:
    """What would come of the questions at another threshold. Which entry is nearest does not depend on it."""
    answered = judged.joint >= threshold
    return AtThreshold(
        threshold,
        answered_right=int(np.count_nonzero(answered & judged.right)),
        answered_wrong=int(np.count_nonzero(answered & judged.answerable & ~judged.right)),
        unanswerable_answered=int(np.count_nonzero(answered & ~judged.answerable)),
    )


def confusions(results: Sequence[Result], questions: Sequence[LabelledQuestion]) -> tuple[Confusion, ...]:
    """Which entry was nearest instead of which, most frequent first.

    Unanswerable questions count where they were answered: some entry is always nearest to them.
    """
    nearest: Counter[tuple[tuple[str, ...], str]] = Counter()
    answered: Counter[tuple[tuple[str, ...], str]] = Counter()
    for result, question in zip(results, questions, strict=True):
        found = ranked_ids(result)[:1]
        if not found or found[0] in question.entry_ids or not (question.entry_ids or result.answers):
            continue
        pair = (question.entry_ids, found[0])
        nearest[pair] += 1
        answered[pair] += bool(result.answers)
    counted = [Confusion(*pair, nearest=count, answered=answered[pair]) for pair, count in nearest.items()]
    return tuple(sorted(counted, key=lambda c: (-c.nearest, -c.answered, c.expected, c.found)))
