"""Fitting the confidence and choosing the threshold of one index, on questions that it has not learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from qa_service import curves, evaluate
from qa_service.assemble import Corpus, assemble
from qa_service.confidence import (
    PRIOR,
    PRIOR_LABELLED,
    Calibration,
    Doubles,
    Logistic,
    decide,
    joint_confidence,
    sigmoid,
)
from qa_service.domain import LabelledQuestion, Query
from qa_service.evaluate import Judged
from qa_service.questions import MAX_QUESTION_CHARS
from qa_service.retriever import Clock, Retriever, today

UNANSWERABLE_TARGET = 0.05
_FOLDS = 20
_FEW_FOLDS = 4
_MANY_ENTRIES = 5_000
# Strength of the prior: penalties on the intercept and, near the variances on public sets, on the two slopes.
_RIDGE = (0.1, 0.197, 0.05)
_RIVAL_RIDGE = (0.02,)
_RIVALS = 4
# A slope stays positive and novelty on its side of zero, or the order of the answers could turn round.
_LOWEST = np.array([-np.inf, 1e-3, 0.0])
_LOWEST_RIVAL = np.array([1e-3])
_FLOOR = 0.6
_STRUCK_OUT_QUANTILE = 0.9
_STRUCK_OUT_QUESTIONS = 500
_HEAD = 8
_SHARES = ("top_1", "answerable_answered_right", "answerable_answered_wrong", "unanswerable_answered")


@dataclass(frozen=True)
class Trial:
    """A question asked of an index that has not learned it.

    `evidence` holds that of the best entries, in descending order, and `ids` their ids.
    """

    question: LabelledQuestion
    evidence: Sequence[float]
    novelty: float
    ids: tuple[str, ...]

    @property
    def right(self) -> bool:
        """Whether the nearest entry is one of the right ones."""
        return bool(self.ids) and self.ids[0] in self.question.entry_ids


def fit_logistic(tried: Sequence[Trial], prior: Logistic) -> Logistic:
    """The coefficients that make the outcomes of trials and the prior together most probable (MAP).

    Logistic regression (Hastie, Tibshirani and Friedman, "The Elements of Statistical Learning", section 4.4.1) with a
    Gaussian prior around the coefficients of public sets: first of the best entries, then of those behind them.
    """
    seen = [t for t in tried if len(t.evidence)]
    if not seen:
        return prior
    design = np.array([(1.0, t.evidence[0], t.novelty) for t in seen])
    start = np.array([prior.intercept, prior.slope, prior.novelty])
    beta = newton(design, np.array([float(t.right) for t in seen]), start, np.array(_RIDGE), _LOWEST)
    intercept, slope, novelty = map(float, beta)
    fitted = Logistic(intercept, slope, novelty, prior.rival)
    behind = [
        (top, t.evidence[rank] - t.evidence[0], float(t.ids[rank] in t.question.entry_ids))
        for t, top in zip(seen, design @ beta, strict=True)
        for rank in range(1, min(_RIVALS, len(t.evidence)))
        if t.question.entry_ids
    ]
    if not behind:
        return fitted
    offset, distance, right = np.array(behind).T
    rival = newton(distance[:, None], right, np.array([prior.rival]), np.array(_RIVAL_RIDGE), _LOWEST_RIVAL, offset)
    return replace(fitted, rival=float(rival[0]))


def newton(  # noqa: PLR0913 (a regression, its prior and its bounds)
    design: Doubles,
    right: Doubles,
    prior: Doubles,
    ridge: Doubles,
    lowest: Doubles,
    offset: Doubles | float = 0.0,
) -> Doubles:
    """Logistic regression by Newton's method, held to a prior and above lowest values.

    Args:
        design: shape (n, k).
        right: 1 or 0, shape (n,).
        prior: the coefficients to start from and to hold to, shape (k,).
        ridge: how firmly each is held to, shape (k,).
        lowest: the least each may be, shape (k,).
        offset: added to the logit, shape (n,).

    Returns:
        The coefficients, shape (k,).
    """
    beta = prior.copy()
    for _ in range(100):
        probability = sigmoid(design @ beta + offset)
        gradient = design.T @ (probability - right) + ridge * (beta - prior)
        hessian = (design * (probability * (1.0 - probability))[:, None]).T @ design + np.diag(ridge)
        # A coefficient that would go below its lowest value stays there, and the others are fitted to it (Bertsekas,
        # "Projected Newton Methods", 1982). Steps stay short, so that a separable sample can't run away.
        free = (beta > lowest) | (gradient < 0.0)
        step = np.zeros(len(beta))
        step[free] = np.clip(np.linalg.solve(hessian[np.ix_(free, free)], gradient[free]), -2.0, 2.0)
        moved = np.maximum(beta - step, lowest)
        if float(np.max(np.abs(moved - beta))) < 1e-9:  # noqa: PLR2004
            break
        beta = moved
    return beta


def trials(corpus: Corpus, calibration: Calibration, clock: Clock = today) -> list[Trial]:
    """Ask every labelled question of an index that has learned the others, fold by fold."""
    everything = range(len(corpus.labelled))
    folds = min(_FOLDS if len(corpus.entries) <= _MANY_ENTRIES else _FEW_FOLDS, len(everything))
    found: dict[int, Trial] = {}
    for fold in range(folds):
        left_out = list(everything[fold::folds])
        taught = [i for i in everything if i % folds != fold]
        retriever = Retriever(assemble(corpus, taught, calibration), clock)
        for i in left_out:
            found[i] = _try(retriever, corpus.labelled[i])
    return [found[i] for i in everything]


def _try(retriever: Retriever, question: LabelledQuestion) -> Trial:
    seen = retriever.examine(Query(question.text, top=_HEAD))
    ids = tuple(retriever.snapshot.entries[place].id for place in seen.places[:_HEAD].tolist())
    return Trial(question, seen.evidence, seen.novelty, ids)


def calibrate(corpus: Corpus) -> Calibration:
    """Fit the logistic map and choose the threshold.

    With labelled questions: the map is fitted to them, held to the coefficients of public sets, and the threshold lets at
    most 5 % of those that are known to be unanswerable through. Without: the coefficients of public sets, and a threshold
    above what nine in ten of the FAQ's own questions reach when their own entry is struck out.
    """
    # Every entry is taken to be in effect: the same content must give the same calibration on whatever day it is built.
    timeless = tuple(replace(entry, effective_from=None, effective_to=None) for entry in corpus.entries)
    corpus = replace(corpus, entries=timeless)
    known = [q for q in corpus.labelled if not q.entry_ids]
    prior = PRIOR_LABELLED if known else PRIOR
    calibration = Calibration(logistic=prior)
    if not corpus.labelled:
        return replace(calibration, answer_threshold=struck_out_threshold(corpus, calibration))
    tried = trials(corpus, calibration)
    calibration = replace(calibration, logistic=fit_logistic(tried, prior))
    if known:
        judged = judge_trials(tried, calibration)
        threshold = evaluate.threshold_for(judged.joint[~judged.answerable], UNANSWERABLE_TARGET)
    else:
        threshold = struck_out_threshold(corpus, calibration)
    return with_figures(tried, replace(calibration, answer_threshold=threshold))


def with_figures(tried: Sequence[Trial], calibration: Calibration) -> Calibration:
    """A calibration with what it does, and what other thresholds would do, on the questions it was made from."""
    judged = judge_trials(tried, calibration)
    answerable = int(np.count_nonzero(judged.answerable))
    return replace(
        calibration,
        figures=figures_of(tried, calibration),
        curve=tuple(curves.at_threshold(judged, threshold) for threshold in curves.THRESHOLDS),
        answerable=answerable,
        unanswerable=len(tried) - answerable,
    )


def struck_out_threshold(corpus: Corpus, calibration: Calibration) -> float:
    """A threshold without labels: the FAQ's own questions, each with its own entry struck out, are unanswerable ones."""
    retriever = Retriever(assemble(corpus, range(len(corpus.labelled)), calibration))
    askable = [i for i, entry in enumerate(corpus.entries) if len(entry.question) <= MAX_QUESTION_CHARS]
    if not askable:
        return _FLOOR
    chosen = np.unique(np.linspace(0, len(askable) - 1, _STRUCK_OUT_QUESTIONS).astype(np.int64)).tolist()
    reached = []
    for place in (askable[i] for i in chosen):
        seen = retriever.examine(Query(corpus.entries[place].question), struck_out=place)
        reached.append(joint_confidence(seen.confidence, calibration))
    return max(_FLOOR, float(np.quantile(reached, _STRUCK_OUT_QUANTILE)))


def judge_trials(tried: Sequence[Trial], calibration: Calibration) -> Judged:
    """Hold trials against their labels, by the same rules as the results of an index."""
    confidences = [calibration.logistic.all(t.evidence, t.novelty) for t in tried]
    return Judged(
        answerable=np.array([bool(t.question.entry_ids) for t in tried], dtype=np.bool_),
        rank=np.array([evaluate.rank_of_right(t.ids, t.question) for t in tried], dtype=np.int64),
        top=np.array([np.max(c, initial=0.0) for c in confidences], dtype=np.float64),
        joint=np.array([joint_confidence(c, calibration) for c in confidences], dtype=np.float64),
        answers=np.array([decide(c, calibration)[1] for c in confidences], dtype=np.int64),
    )


def figures_of(tried: Sequence[Trial], calibration: Calibration) -> dict[str, float]:
    """What the calibration does on the questions it was made from, each asked of an index that had not learned it."""
    judged = judge_trials(tried, calibration)
    shares = evaluate.shares(judged)
    figures = {
        "labelled_questions": float(len(tried)),
        **{name: float(np.mean(shares[name])) if len(shares[name]) else 0.0 for name in _SHARES},
        "abstention_auroc": evaluate.auroc(judged.top[judged.answerable], judged.top[~judged.answerable]),
        "calibration_error": evaluate.expected_calibration_error(judged.top, judged.right.astype(np.float64)),
    }
    return {name: round(value, 4) for name, value in figures.items()}
