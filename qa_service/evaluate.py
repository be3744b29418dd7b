"""Figures of merit, one function each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qa_service.confidence import Calibration, Doubles, joint_confidence
from qa_service.domain import Ints, LabelledQuestion, Mask, Result

DEPTH = 10


@dataclass(frozen=True)
class Judged:
    """What came of each labelled question; every array has shape (questions,).

    `rank` is the place of the first right entry among the nearest, from 1, and 0 where none of those that came back is
    right. `top` is the confidence of the nearest entry, `joint` that of the contenders together, which is held against the
    threshold; both are 0 where nothing was found. `answers` is how many entries were given as answers: 0 for an
    abstention, more than one for choices.
    """

    answerable: Mask
    rank: Ints
    top: Doubles
    joint: Doubles
    answers: Ints

    @property
    def right(self) -> Mask:
        """Whether the nearest entry is a right one, whatever the outcome."""
        return np.asarray(self.rank == 1)


def judge(results: Sequence[Result], questions: Sequence[LabelledQuestion], calibration: Calibration) -> Judged:
    """Hold results against the labels.

    Args:
        results: of queries whose `top` is at least 3, which is what the joint confidence is made from.
        questions: what was asked, in the same order.
        calibration: of the index that was asked.
    """
    pairs = list(zip(results, questions, strict=True))
    confidences = [[m.confidence for m in (*r.answers, *r.related)] for r in results]
    return Judged(
        answerable=np.array([bool(q.entry_ids) for q in questions], dtype=np.bool_),
        rank=np.array([rank_of_right(ranked_ids(r), q) for r, q in pairs], dtype=np.int64),
        top=np.array([c[0] if len(c) else 0.0 for c in confidences], dtype=np.float64),
        joint=np.array([joint_confidence(c, calibration) for c in confidences], dtype=np.float64),
        answers=np.array([len(r.answers) for r in results], dtype=np.int64),
    )


def ranked_ids(result: Result) -> list[str]:
    """The ids of what a question found, best first, whatever the outcome."""
    return [match.entry.id for match in (*result.answers, *result.related)]


def rank_of_right(ids: Sequence[str], question: LabelledQuestion) -> int:
    """The place of the first right entry among those that came back, best first, from 1; 0 where none is right."""
    return next((place for place, found in enumerate(ids, 1) if found in question.entry_ids), 0)


def reciprocal_ranks(rank: Ints, depth: int = DEPTH) -> Doubles:
    """One over the rank of the first right entry, 0 beyond `depth`; their mean over questions is MRR@depth, in [0, 1].

    Voorhees, "The TREC-8 Question Answering Track Report", 1999.

    Args:
        rank: from 1, and 0 where no right entry came back, shape (n,).
        depth: the last rank that counts.
    """
    return np.where(found_within(rank, depth), 1.0 / np.maximum(rank, 1), 0.0)


def found_within(rank: Ints, k: int) -> Mask:
    """Whether a right entry is among the k nearest; their mean over answerable questions is recall@k, in [0, 1].

    One right entry is enough, as one answer is what a person needs: "success at k" (Craswell, Encyclopedia of Database
    Systems, 2009), which is recall where each question has one right entry.

    Args:
        rank: from 1, and 0 where no right entry came back, shape (n,).
        k: how many of the nearest entries count.
    """
    return (rank >= 1) & (rank <= k)


def shares(judged: Judged) -> dict[str, Doubles]:
    """What is shown as a share or a mean: for each figure by its name the values of the questions that it is about.

    An answer is right where the nearest entry is; choices count as an answer.
    """
    yes, no = judged.answerable, ~judged.answerable
    answered, right = judged.answers > 0, judged.right
    values: dict[str, tuple[Doubles | Mask, Mask]] = {
        "top_1": (right, yes),
        "mrr_10": (reciprocal_ranks(judged.rank, DEPTH), yes),
        **{f"recall_{k}": (found_within(judged.rank, k), yes) for k in (3, 5, DEPTH)},
        "answerable_answered_right": (answered & right, yes),
        "answerable_answered_wrong": (answered & ~right, yes),
        "answerable_ambiguous": (judged.answers > 1, yes),
        "answerable_abstained": (~answered, yes),
        "unanswerable_answered": (answered, no),
    }
    return {name: value[of].astype(np.float64) for name, (value, of) in values.items()}


def threshold_for(unanswerable: Doubles, target: float) -> float:
    """A threshold at which at most `target` of the unanswerable questions are answered.

    It lies halfway between the last that may pass and the first that may not, which on other questions of the same kind
    keeps nearer to the target than either.

    Args:
        unanswerable: the joint confidence of the contenders of each unanswerable question, shape (n,).
        target: the share in [0, 1] that may get an answer.
    """
    if not len(unanswerable):
        return 0.5
    allowed = int(np.floor(target * len(unanswerable)))
    descending = np.sort(unanswerable)[::-1]
    if allowed >= len(descending):
        return 0.0
    first_out = float(descending[allowed])
    last_in = float(descending[allowed - 1]) if allowed else 1.0
    return min(1.0, max((first_out + last_in) / 2.0, float(np.nextafter(first_out, 2.0))))


def auroc(answerable: Doubles, unanswerable: Doubles) -> float:
    """The chance that an answerable question has a higher confidence than an unanswerable one, ties counting half.

    The area under the ROC curve as the Mann-Whitney statistic (Hanley and McNeil, Radiology 143, 1982).

    Args:
        answerable: confidences, shape (n,).
        unanswerable: confidences, shape (m,).

    Returns:
        In [0, 1]; 0.5 where either is empty.
    """
    if not len(answerable) or not len(unanswerable):
        return 0.5
    ordered = np.sort(unanswerable)
    below = np.searchsorted(ordered, answerable, side="left")
    tied = np.searchsorted(ordered, answerable, side="right") - below
    return float(np.mean((below + 0.5 * tied) / len(ordered)))


def expected_calibration_error(confidence: Doubles, right: Doubles, bins: int = 15) -> float:
    """The mean distance between confidence and accuracy over bins of equal width, weighted by their size.

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, equation 3.

    Args:
        confidence: in [0, 1], shape (n,).
        right: 1 where right and 0 where not, shape (n,).
        bins: how many bins [0, 1] is cut into.
    """
    if not len(confidence):
        return 0.0
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    sizes = np.bincount(place, minlength=bins)
    gaps = np.bincount(place, weights=confidence - right, minlength=bins)
    return float(np.abs(gaps).sum() / sizes.sum())
