"""Figures of merit, one function each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qa_service.confidence import Doubles
from qa_service.domain import LabelledQuestion, Outcome, Result


def is_right(result: Result, question: LabelledQuestion) -> bool:
    """Whether the first answer is one of the right entries."""
    return bool(result.answers) and result.answers[0].entry.id in question.entry_ids


def ranked_ids(result: Result) -> list[str]:
    """The ids of what a question found, best first, whatever the outcome."""
    return [match.entry.id for match in (*result.answers, *result.related)]


def top_1(results: Sequence[Result], questions: Sequence[LabelledQuestion]) -> float:
    """Share of the answerable questions whose nearest entry is right, in [0, 1]."""
    pairs = [(r, q) for r, q in zip(results, questions, strict=True) if q.entry_ids]
    return float(np.mean([ranked_ids(r)[:1] in ([i] for i in q.entry_ids) for r, q in pairs])) if pairs else 0.0


def answered_share(results: Sequence[Result]) -> float:
    """Share of the questions that got any answer, choices included, in [0, 1]."""
    return float(np.mean([r.outcome is not Outcome.ABSTAINED for r in results])) if results else 0.0


def threshold_for(unanswerable: Doubles, target: float) -> float:
    """The lowest threshold at which at most `target` of the unanswerable questions are answered.

    Args:
        unanswerable: the joint confidence of the contenders of each unanswerable question, shape (n,).
        target: the share in [0, 1] that may get an answer.

    Returns:
        A confidence just above the one that would break the target.
    """
    if not len(unanswerable):
        return 0.5
    allowed = int(np.floor(target * len(unanswerable)))
    descending = np.sort(unanswerable)[::-1]
    if allowed >= len(descending):
        return 0.0
    return float(min(1.0, np.nextafter(descending[allowed], 2.0)))
