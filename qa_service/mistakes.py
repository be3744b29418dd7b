"""Which labelled questions went wrong, and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from qa_service import evaluate
from qa_service.domain import LabelledQuestion, Result
from qa_service.evaluate import Judged


class Slip(StrEnum):
    """What can go wrong with a question, worst first."""

    WRONG_ANSWER = "answered with another entry"
    NO_ANSWER_EXISTS = "answered, though the FAQ has no answer"
    WRONG_CHOICES = "choices without the right entry"
    LATER_CHOICE = "the right entry is among the choices, but not first"
    FAR_MISS = "no answer given; another entry is nearest"
    NEAR_MISS = "no answer given; the right entry is nearest"


@dataclass(frozen=True, slots=True)
class Mistake:
    """A question that went wrong. `confidence` is what was held against the threshold."""

    text: str
    slip: Slip
    expected: tuple[str, ...]
    found: str | None
    confidence: float


def mistakes(results: Sequence[Result], questions: Sequence[LabelledQuestion], judged: Judged) -> tuple[Mistake, ...]:
    """The questions that went wrong, worst first.

    A wrong answer is the worse the surer it was, a missing one the worse the less sure.
    """
    wrong = []
    for number, (result, question) in enumerate(zip(results, questions, strict=True)):
        slip = _slip(bool(question.entry_ids), int(judged.answers[number]), int(judged.rank[number]))
        if slip:
            found = next(iter(evaluate.ranked_ids(result)), None)
            wrong.append(Mistake(question.text, slip, question.entry_ids, found, float(judged.joint[number])))
    return tuple(sorted(wrong, key=_badness))


def _badness(mistake: Mistake) -> tuple[int, float]:
    missing = mistake.slip in (Slip.FAR_MISS, Slip.NEAR_MISS)
    return list(Slip).index(mistake.slip), mistake.confidence if missing else -mistake.confidence


def _slip(answerable: bool, answers: int, rank: int) -> Slip | None:
    if not answerable:
        return Slip.NO_ANSWER_EXISTS if answers else None
    if not answers:
        return Slip.NEAR_MISS if rank == 1 else Slip.FAR_MISS
    if rank == 1:
        return None
    if answers == 1:
        return Slip.WRONG_ANSWER
    return Slip.LATER_CHOICE if 0 < rank <= answers else Slip.WRONG_CHOICES
