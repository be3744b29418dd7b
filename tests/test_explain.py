from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from qa_service.artifact import publish
from qa_service.artifact.read import read
from qa_service.domain import Explanation, Outcome, Query, Rule
from qa_service.retriever import Retriever
from tests import fakes


def retriever(index: Path, threshold: float = 0.0) -> Retriever:
    snapshot = read(index / publish.current(index))
    return Retriever(replace(snapshot, calibration=replace(snapshot.calibration, answer_threshold=threshold)))


def told(index: Path, text: str, threshold: float = 0.0, **narrowing: object) -> Explanation:
    query = Query(text, explain=True, **narrowing)  # type: ignore[arg-type]
    explanation = retriever(index, threshold).ask([query])[0].explanation
    assert explanation is not None
    return explanation


def test_an_explanation_changes_nothing_in_the_answer(index: Path) -> None:
    """With and without it, outcome, answers, related entries and scores are the same."""
    held = retriever(index)
    plain = held.ask([Query("what is beta")])[0]
    explained = held.ask([Query("what is beta", explain=True)])[0]
    assert plain.explanation is None
    assert plain == replace(explained, explanation=None)


def test_the_parts_add_up_to_the_score(index: Path) -> None:
    """Each part is its value times its weight, in the order of the weights, and their sum is the score."""
    held = retriever(index)
    result = held.ask([Query("what is beta", explain=True)])[0]
    assert result.explanation is not None
    parts = result.explanation.parts
    assert asdict(held.snapshot.calibration.weights) == {part.name: part.weight for part in parts}
    assert [part.value * part.weight for part in parts] == pytest.approx([part.adds for part in parts])
    assert sum(part.adds for part in parts) == pytest.approx((*result.answers, *result.related)[0].score)


def test_words_are_told_apart(index: Path) -> None:
    """Shared and missing words of the nearest entry, in the question's order; a misspelt word shows what it is taken for."""
    explanation = told(index, "what about greem paragraph of beta")
    assert explanation.entry_id == "beta"
    assert explanation.shared == ("what", "greem \u2192 green", "paragraph", "beta")
    assert explanation.missing == ("about", "of")
    assert explanation.matched == "What is beta?"


def test_the_runner_up_and_its_distance(index: Path) -> None:
    """The margin is the difference of the two best scores."""
    result = retriever(index).ask([Query("what is beta", top=3, explain=True)])[0]
    first, second = (*result.answers, *result.related)[:2]
    assert result.explanation is not None
    assert result.explanation.runner_up == second.entry.id
    assert result.explanation.margin == pytest.approx(first.score - second.score)


def test_a_lone_entry_has_no_runner_up(tmp_path: Path) -> None:
    """Where nothing else is in the running, there is no margin."""
    fakes.build_index(tmp_path, fakes.FAQ[:1])
    explanation = told(tmp_path / "index", "what is alpha")
    assert (explanation.runner_up, explanation.margin) == (None, None)


def test_the_rules(index: Path) -> None:
    """Each outcome names the rule that decided it; an abstention tells a close miss from a gap."""
    confidence = told(index, "what is beta").confidence
    assert told(index, "what is beta").rule is Rule.CLEAR
    assert told(index, "what is beta", min(1.0, confidence * 1.5)).rule is Rule.CLOSE_MISS
    assert told(index, "nothing known of that", 1.0).rule is Rule.GAP
    assert told(index, "what is beta", language="fr").rule is Rule.NOTHING


def test_a_foreign_question_is_not_answered_by_chance(tmp_path: Path) -> None:
    """Even where confidence would do, a question in a language that the FAQ lacks abstains and names the languages."""
    fakes.build_index(tmp_path, fakes.FAQ[:2])
    text = "wie ist das mit what is beta und was ist es"
    held = retriever(tmp_path / "index")
    result = held.ask([Query(text, explain=True)])[0]
    assert result.explanation is not None
    assert (result.outcome, result.answers, result.explanation.rule) == (Outcome.ABSTAINED, (), Rule.LANGUAGE)
    assert (result.explanation.question_language, result.languages) == ("de", ("en",))
    assert held.ask([Query(text, language="en")])[0].outcome is not Outcome.ABSTAINED


def test_a_question_in_a_language_of_the_faq_is_answered(index: Path) -> None:
    """The fake FAQ holds a Spanish entry, so a Spanish question may be answered."""
    result = retriever(index).ask([Query("que es gamma para nuestra empresa y por que", explain=True)])[0]
    assert result.explanation is not None
    assert result.explanation.question_language == "es"
    assert result.explanation.rule is not Rule.LANGUAGE
