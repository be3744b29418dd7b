"""From signals to a score, from scores to a probability, from probabilities to an outcome."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qa_service.domain import AtThreshold, Floats, Outcome, Rule

Doubles = NDArray[np.float64]

MAX_CHOICES = 3
_RIVALS = 3
# Evidence and confidence are worked out for the best candidates only: for so many at least, as the best have their rivals.
HEAD = _RIVALS + 1
_NEIGHBOURS = 3


class Signals(NamedTuple):
    """What is known of each candidate entry for one question; every array has shape (candidates,).

    `wording` is the largest cosine to a wording of the entry's question, `passage` the cosine to question and answer as
    one text, `prototype` the cosine to the centre of all its wordings and the passage; `entry_words` and `wording_words`
    are the bounded BM25 of the whole entry and of its best wording.
    """

    wording: Doubles | Floats
    passage: Doubles | Floats
    prototype: Doubles | Floats
    entry_words: Doubles | Floats
    wording_words: Doubles | Floats

    def take(self, order: NDArray[np.int64]) -> Signals:
        """The same signals in another order, in double precision."""
        return Signals(*self.rows()[:, order])

    def rows(self) -> Doubles:
        """The signals one below the other, in double precision; shape (5, candidates)."""
        return np.array(self, dtype=np.float64)


@dataclass(frozen=True)
class Weights:
    """How much each signal counts. They add up to one, so that a score stays near the range of a cosine.

    Fitted with each of seven public sets left out in turn and rounded; the fits score the same as these
    (benchmarks/quality/LOG.md).
    """

    wording: float = 0.10
    passage: float = 0.30
    prototype: float = 0.30
    entry_words: float = 0.20
    wording_words: float = 0.10

    @cached_property
    def column(self) -> Doubles:
        """The weights one below the other; shape (5, 1)."""
        return np.array(astuple(self))[:, None]


def sigmoid(logit: Doubles) -> Doubles:
    """1 / (1 + exp(-logit)), in [0, 1]."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logit, -700.0, 700.0))))


@dataclass(frozen=True, slots=True)
class Logistic:
    """The coefficients of the probability that an entry answers a question, 1 / (1 + exp(-logit)).

    For the best entry the logit is intercept + slope · evidence + novelty · n, where n is how much nearer the question is
    to the entry's wordings than to questions that are known to be unanswerable (0 where none is known). For the others it
    falls from there by rival · (their distance in evidence to the best): once one entry is likely right, another is not.
    """

    intercept: float
    slope: float
    novelty: float
    rival: float

    def __post_init__(self) -> None:
        if not all(math.isfinite(x) for x in astuple(self)):
            raise ValueError("a coefficient is not a number")
        if not (self.slope > 0 and self.rival > 0):
            raise ValueError("a slope that is not positive would turn the order of the answers round")
        if self.novelty < 0:
            raise ValueError("a negative coefficient of novelty would favour what is known to be unanswerable")

    def best(self, evidence: Doubles, novelty: float | Doubles) -> Doubles:
        """The probability that the best entry answers, for the evidence and novelty of each question, in [0, 1]."""
        return sigmoid(self.intercept + self.slope * evidence + self.novelty * novelty)

    def all(self, evidence: Sequence[float], novelty: float) -> list[float]:
        """The probability of every candidate of one question, in [0, 1]; it rises with the evidence."""
        top = max(evidence, default=-math.inf)
        best = self.intercept + self.slope * top + self.novelty * novelty
        return [1.0 / (1.0 + math.exp(min(self.rival * (top - own) - best, 700.0))) for own in evidence]


# Fitted on public sets and on random parts of them with 10, 30 and 70 entries; see benchmarks/quality/LOG.md.
PRIOR = Logistic(-5.617, 8.671, 4.0, 14.0)
# The same where labelled questions are wordings and known unanswerable questions tell novelty.
PRIOR_LABELLED = Logistic(-6.159, 7.965, 4.0, 14.0)


@dataclass(frozen=True, slots=True)
class Calibration:
    """All numbers between the signals and the outcome. They are stored in the index with the figures that chose them.

    `answer_threshold` is the confidence that an answer needs. `ambiguity_ratio` is the share of the best odds that a
    runner-up needs to count as close. `curve` says what each of some thresholds would have done with the `answerable` and
    `unanswerable` labelled questions of the build, each asked of an index that had not learned it; empty without any.
    """

    weights: Weights = field(default_factory=Weights)
    logistic: Logistic = PRIOR
    answer_threshold: float = 0.6
    ambiguity_ratio: float = 0.75
    figures: Mapping[str, float] = field(default_factory=dict)
    curve: tuple[AtThreshold, ...] = ()
    answerable: int = 0
    unanswerable: int = 0

    def __post_init__(self) -> None:
        if not (0.0 <= self.answer_threshold <= 1.0 and 0.0 < self.ambiguity_ratio <= 1.0):
            raise ValueError("a threshold lies in [0, 1] and the ambiguity ratio in (0, 1]")

    def to_json(self) -> dict[str, Any]:
        """The plain values, as they are written into the index."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Calibration:
        """Read what `to_json` wrote."""
        weights, logistic = Weights(**values["weights"]), Logistic(**values["logistic"])
        curve = tuple(AtThreshold(**point) for point in values["curve"])
        return cls(**{**values, "weights": weights, "logistic": logistic, "curve": curve})


@dataclass(slots=True)  # not frozen, which takes three times as long to make
class Examination:
    """The candidates for one question, best first; arrays have shape (candidates,).

    `places` are their places among the entries. `closest` gives, for a rank, the cosine to the closest published wording and
    its number. `novelty` is how much nearer the question is to the best entry than to questions known to be unanswerable.
    `evidence` and `confidence` tell of the best `HEAD` candidates, or of more where more are asked for. `unordered` are
    the signals before the candidates were put into their `order`.
    """

    places: NDArray[np.int64]
    order: NDArray[np.int64]
    unordered: Signals
    closest: Callable[[int], tuple[float, int]]
    novelty: float
    score: Doubles
    evidence: Sequence[float]
    confidence: Sequence[float]

    @property
    def signals(self) -> Signals:
        """The signals of the candidates."""
        return self.unordered.take(self.order)


def contributions(signals: Signals, weights: Weights) -> dict[str, Doubles]:
    """What each signal adds to the score, by its name; each of shape (candidates,)."""
    return dict(zip(Signals._fields, _added(signals, weights), strict=True))


def scores(signals: Signals, weights: Weights) -> Doubles:
    """The weighted sum that entries are ranked by; shape (candidates,)."""
    # One signal after the other, however many candidates there are; a plain sum may choose another order.
    total: Doubles = np.add.accumulate(_added(signals, weights))[-1]
    return total


def _added(signals: Signals, weights: Weights) -> Doubles:
    """What each signal adds to the score; shape (5, candidates)."""
    return weights.column * signals.rows()


def evidence(score: Sequence[float]) -> list[float]:
    """Score + margin: what the logistic map is fitted on. It rises with the score.

    The margin is how far a score lies above the mean of the three best of the others (fewer, where there are fewer); that
    of a lone candidate is 0. It rises with the score, so it never turns the order round.

    Args:
        score: in descending order, of all candidates or of the best four or more.
    """
    rivals = min(_RIVALS, len(score) - 1)
    if rivals < 1:
        return list(score)
    best = score[:rivals]
    mean, total = sum(best) / rivals, sum(score[: rivals + 1])
    found = [own + (own - (total - own) / rivals) for own in best]
    found.extend([own + (own - mean) for own in score[rivals:]])
    return found


def novelty(own: Floats, unanswerable: Floats) -> float:
    """The mean of the three largest cosines to the best entry's wordings, minus that to known unanswerable questions.

    One near neighbour may be chance, three are a neighbourhood: 1, 3 and 5 were tried. 0 where either is empty.

    Args:
        own: cosines to the wordings of the best entry, shape (n,).
        unanswerable: cosines to the questions that are known to be unanswerable, shape (m,).

    Returns:
        In [-2, 2].
    """
    if not len(own) or not len(unanswerable):
        return 0.0
    return _mean_of_largest(own) - _mean_of_largest(unanswerable)


def _mean_of_largest(cosines: Floats) -> float:
    ordered = cosines.copy()
    ordered.sort()
    largest: list[float] = ordered[-_NEIGHBOURS:].tolist()
    return sum(largest) / len(largest)


def contenders(confidence: Sequence[float], calibration: Calibration) -> int:
    """How many of the best entries are in the running: the best, and up to two whose odds come close to its odds.

    Args:
        confidence: in descending order, at least one.
        calibration: its `ambiguity_ratio` says what is close.
    """
    odds = [chance / max(1.0 - chance, sys.float_info.min) for chance in confidence[:MAX_CHOICES]]
    close = calibration.ambiguity_ratio * odds[0]
    return max(1, [odd >= close for odd in odds].count(True))


def joint_confidence(confidence: Sequence[float], calibration: Calibration) -> float:
    """The chance that at least one contender answers the question, taken as independent; what the threshold is for."""
    if not len(confidence):
        return 0.0
    return _joint(confidence, contenders(confidence, calibration))


def _joint(confidence: Sequence[float], running: int) -> float:
    return 1.0 - math.prod([1.0 - chance for chance in confidence[:running]])


def decide(confidence: Sequence[float], calibration: Calibration) -> tuple[Outcome, int, Rule]:
    """The outcome for confidences in descending order, how many of them are answers, and the rule that decided.

    Where the joint confidence of the contenders stays below the threshold, nothing is answered. Otherwise a lone
    contender is the answer, and several are offered as choices. Contenders do not depend on the threshold, so raising
    it only ever takes answers away.
    """
    if not len(confidence):
        return Outcome.ABSTAINED, 0, Rule.NOTHING
    running = contenders(confidence, calibration)
    joint = _joint(confidence, running)
    if joint < calibration.answer_threshold:
        near = joint >= calibration.answer_threshold / 2.0
        return Outcome.ABSTAINED, 0, Rule.CLOSE_MISS if near else Rule.GAP
    return (Outcome.ANSWERED, 1, Rule.CLEAR) if running == 1 else (Outcome.AMBIGUOUS, running, Rule.SEVERAL)
