"""From scores to a probability to an outcome."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa_service.domain import Outcome

Doubles = NDArray[np.float64]

MAX_CHOICES = 3


@dataclass(frozen=True, slots=True)
class Signals:
    """What is known of each candidate entry for one question; every array has shape (candidates,).

    `question` is the largest cosine to a wording of the entry's question, `question_answer` the cosine to question and
    answer together, `lexical` the bounded BM25.
    """

    question: Doubles
    question_answer: Doubles
    lexical: Doubles

    def take(self, order: NDArray[np.int64]) -> Signals:
        """The same signals in another order."""
        return Signals(self.question[order], self.question_answer[order], self.lexical[order])


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each signal counts. They add up to about one, so that a score stays near the range of a cosine."""

    question: float = 0.27
    question_answer: float = 0.43
    lexical: float = 0.30


@dataclass(frozen=True, slots=True)
class Calibration:
    """All numbers between the signals and the outcome. They are stored in the index with the figures that chose them.

    `intercept`, `score` and `margin` are the coefficients of the logistic map; `score` and `margin` are not negative, so
    that confidence never falls as the score rises. `answer_threshold` is the confidence that an answer needs.
    `ambiguity_ratio` is the share of the best odds that a runner-up needs to count as close.
    """

    weights: Weights = field(default_factory=Weights)
    intercept: float = -6.6
    score: float = 14.0
    margin: float = 5.0
    answer_threshold: float = 0.5
    ambiguity_ratio: float = 0.5
    figures: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.score < 0 or self.margin < 0:
            raise ValueError("a negative coefficient would turn the order of the answers round")
        if not (0.0 <= self.answer_threshold <= 1.0 and 0.0 < self.ambiguity_ratio <= 1.0):
            raise ValueError("a threshold lies in [0, 1] and the ambiguity ratio in (0, 1]")

    def to_json(self) -> dict[str, Any]:
        """The plain values, as they are written into the index."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Calibration:
        """Read what `to_json` wrote."""
        return cls(**{**values, "weights": Weights(**values["weights"])})


def scores(signals: Signals, weights: Weights) -> Doubles:
    """The weighted sum that entries are ranked by; shape (candidates,)."""
    total = (
        weights.question * signals.question
        + weights.question_answer * signals.question_answer
        + weights.lexical * signals.lexical
    )
    return np.asarray(total, dtype=np.float64)


def margins(score: Doubles) -> Doubles:
    """How far each score lies above the best of the others; a lone candidate has its own score as its margin."""
    if len(score) < 2:  # noqa: PLR2004
        return score.copy()
    second, first = np.partition(score, -2)[-2:]
    return np.asarray(score - np.where(score == first, second, first))


def confidences(score: Doubles, calibration: Calibration) -> Doubles:
    """The probability that each entry answers the question: 1 / (1 + exp(-(b + s · score + m · margin))).

    It rises with the score, so the order of entries by confidence is their order by score.

    Returns:
        Shape (candidates,), in [0, 1].
    """
    logit = calibration.intercept + calibration.score * score + calibration.margin * margins(score)
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logit, -700.0, 700.0))))


def contenders(confidence: Doubles, calibration: Calibration) -> int:
    """How many of the best entries are in the running: the best, and up to two whose odds come close to its odds.

    Args:
        confidence: in descending order, at least one.
        calibration: its `ambiguity_ratio` says what is close.
    """
    head = confidence[:MAX_CHOICES]
    odds = head / np.maximum(1.0 - head, np.finfo(np.float64).tiny)
    return max(1, int(np.count_nonzero(odds >= calibration.ambiguity_ratio * odds[0])))


def joint_confidence(confidence: Doubles, calibration: Calibration) -> float:
    """The chance that at least one contender answers the question, taken as independent; what the threshold is for."""
    if not len(confidence):
        return 0.0
    running = contenders(confidence, calibration)
    return 1.0 - math.prod(1.0 - float(c) for c in confidence[:running])


def decide(confidence: Doubles, calibration: Calibration) -> tuple[Outcome, int]:
    """The outcome for confidences in descending order, and how many of them are answers.

    Where the joint confidence of the contenders stays below the threshold, nothing is answered. Otherwise a lone
    contender is the answer, and several are offered as choices. Contenders do not depend on the threshold, so raising
    it only ever takes answers away.
    """
    if not len(confidence) or joint_confidence(confidence, calibration) < calibration.answer_threshold:
        return Outcome.ABSTAINED, 0
    running = contenders(confidence, calibration)
    return (Outcome.ANSWERED if running == 1 else Outcome.AMBIGUOUS), running
