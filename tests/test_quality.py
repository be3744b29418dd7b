"""Floors under the quality of the whole, with the real model: what a change must not lower.

The held-out questions were written apart from the labelled ones that the index has learned. The large suite is `make quality`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qa_service import evaluate, labels
from qa_service.artifact import publish
from qa_service.artifact.read import read
from qa_service.domain import LabelledQuestion, Outcome, Query, Result
from qa_service.evaluate import Judged
from qa_service.retriever import MAX_TOP, Retriever

Pairs = list[tuple[Result, LabelledQuestion]]


@pytest.fixture(scope="module")
def pairs(seed_index: Path, root: Path) -> Pairs:
    """Every held-out question and what it got."""
    retriever = Retriever(read(seed_index / publish.current(seed_index)))
    questions = labels.read(root / "tests" / "data" / "heldout_questions.jsonl")
    return list(zip(retriever.ask([Query(q.text, top=MAX_TOP) for q in questions]), questions, strict=True))


@pytest.fixture(scope="module")
def judged(pairs: Pairs, seed_index: Path) -> Judged:
    results, questions = zip(*pairs, strict=True)
    return evaluate.judge(results, questions, read(seed_index / publish.current(seed_index)).calibration)


def test_the_nearest_entry_is_the_right_one(judged: Judged) -> None:
    """Of the answerable questions at least 95 % have the right entry first."""
    assert np.mean(evaluate.shares(judged)["top_1"]) >= 0.95


def test_answerable_questions_are_answered_right(judged: Judged) -> None:
    """At the default threshold at least 85 % get the right answer, and at most 2 % a wrong one."""
    shares = evaluate.shares(judged)
    assert np.mean(shares["answerable_answered_right"]) >= 0.85
    assert np.mean(shares["answerable_answered_wrong"]) <= 0.02


def test_unanswerable_questions_get_no_answer(judged: Judged) -> None:
    """At most 5 % of the questions that the FAQ does not answer get any answer."""
    assert np.mean(evaluate.shares(judged)["unanswerable_answered"]) <= 0.05


def test_confidence_tells_answerable_from_unanswerable(judged: Judged) -> None:
    """An answerable question has the higher confidence in at least 98 of 100 pairs."""
    assert evaluate.auroc(judged.top[judged.answerable], judged.top[~judged.answerable]) >= 0.98


def test_confidence_is_a_probability(judged: Judged) -> None:
    """The calibration error over all held-out questions is at most .05."""
    assert evaluate.expected_calibration_error(judged.top, judged.right.astype(np.float64)) <= 0.05


def test_questions_in_other_languages_are_not_answered_by_chance(seed_index: Path) -> None:
    """A Spanish or French question about the FAQ's own matter is not answered from an English FAQ, which says its language."""
    retriever = Retriever(read(seed_index / publish.current(seed_index)))
    asked = [
        "¿Los criterios mínimos de seguridad para fabricantes extranjeros están disponibles fuera del portal?",
        "Est-ce que notre certification CTPAT est maintenue pendant la prolongation du profil ?",
    ]
    for result in retriever.ask([Query(text) for text in asked]):
        assert (Outcome.ABSTAINED, ("en",)) == (result.outcome, result.languages)
