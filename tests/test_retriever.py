from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qa_service import retriever as module
from qa_service import text as strings
from qa_service.artifact import publish
from qa_service.artifact.read import read
from qa_service.domain import Outcome, Query
from qa_service.errors import NotFoundError, QuestionError
from qa_service.retriever import MAX_QUESTION_CHARS, Retriever, checked_question, today
from tests import fakes

DATED: list[dict[str, object]] = [
    {"id": "old", "question": "What is red?", "answer": "One.", "effective_to": "2026-03-31"},
    {"id": "new", "question": "What is red today?", "answer": "Two.", "effective_from": "2026-04-01"},
    {"id": "always", "question": "What is green?", "answer": "Three."},
]


def opened(folder: Path, entries: list[dict[str, object]], day: date | None = None) -> Retriever:
    fakes.build_index(folder, entries)
    root = folder / "index"
    return Retriever(read(root / publish.current(root)), (lambda: day) if day else today)


@pytest.fixture
def retriever(index: Path) -> Retriever:
    return Retriever(read(index / publish.current(index)))


def ids(retriever: Retriever, text: str, **narrowing: object) -> list[str]:
    result = retriever.ask([Query(text, **{"top": 20, **narrowing})])[0]  # type: ignore[arg-type]
    return [m.entry.id for m in (*result.answers, *result.related)]


def test_similarity_by_hand(retriever: Retriever) -> None:
    """One word shared with a question of three: the cosine is 1 over the root of 3."""
    found = retriever.ask([Query("beta")])[0]
    best = (*found.answers, *found.related)[0]
    assert best.entry.id == "beta"
    assert best.similarity == pytest.approx(1 / math.sqrt(3), abs=1e-6)
    assert best.matched == "What is beta?"


def test_every_entry_of_a_small_index_is_scored(retriever: Retriever) -> None:
    """All entries come back, best first, with confidences in the same order."""
    result = retriever.ask([Query("what is gamma", top=20)])[0]
    found = [*result.answers, *result.related]
    assert sorted(str(e["id"]) for e in fakes.FAQ) == sorted(m.entry.id for m in found)
    assert sorted((m.score for m in found), reverse=True) == [m.score for m in found]
    assert sorted((m.confidence for m in found), reverse=True) == [m.confidence for m in found]


def test_scores_do_not_depend_on_top_or_on_the_batch(retriever: Retriever) -> None:
    """Asking for more entries, or beside other questions, changes no score."""
    alone = retriever.ask([Query("what is beta", top=20)])[0]
    one = retriever.ask([Query("what is beta", top=1)])[0]
    batch = retriever.ask([Query("red"), Query("what is beta", top=20), Query("green two")])[1]
    assert alone == batch
    assert (*one.answers, *one.related) == (*alone.answers, *alone.related)[:1]


def test_narrowing_by_language_and_tags(retriever: Retriever) -> None:
    """Only entries of the language, or with all of the tags, come back."""
    assert ids(retriever, "what is beta", language="ES") == ["gamma"]
    assert ids(retriever, "what is gamma", tags=("two",)) == ["beta"]
    assert ids(retriever, "what is gamma", tags=("two", "three")) == []
    assert ids(retriever, "what is gamma", language="fr") == []


def test_a_region_belongs_to_its_language(tmp_path: Path) -> None:
    """Asking for "es" finds "es-MX" and not "est"."""
    faq: list[dict[str, object]] = [
        {"id": "mx", "question": "What is red?", "answer": "One.", "language": "es-MX"},
        {"id": "et", "question": "What is blue?", "answer": "Two.", "language": "est"},
    ]
    assert ids(opened(tmp_path, faq), "what is red", language="es") == ["mx"]


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 3, 31), {"old", "always"}),
        (date(2026, 4, 1), {"new", "always"}),
    ],
)
def test_an_entry_outside_its_window_is_never_returned(tmp_path: Path, day: date, expected: set[str]) -> None:
    """Both ends of a window belong to it; outside it the entry is in no result, no list and no look-up."""
    held = opened(tmp_path, DATED, day)
    assert expected == set(ids(held, "what is red"))
    assert expected == {e.id for e in held.effective_entries()}
    for entry_id in ("old", "new"):
        if entry_id in expected:
            assert held.entry(entry_id).id == entry_id
        else:
            with pytest.raises(NotFoundError):
                held.entry(entry_id)


def test_the_day_may_change_while_the_service_runs(tmp_path: Path) -> None:
    """At midnight the windows are looked at again."""
    fakes.build_index(tmp_path, DATED)
    root = tmp_path / "index"
    days = [date(2026, 3, 31)]
    held = Retriever(read(root / publish.current(root)), lambda: days[-1])
    assert "old" in ids(held, "what is red")
    days.append(date(2026, 4, 1))
    assert "old" not in ids(held, "what is red")


def test_nothing_in_effect_abstains(tmp_path: Path) -> None:
    """A FAQ whose entries have all run out has no answer, and no error."""
    held = opened(tmp_path, DATED[:1], date(2030, 1, 1))
    result = held.ask([Query("what is red")])[0]
    assert (Outcome.ABSTAINED, (), ()) == (result.outcome, result.answers, result.related)


def test_unknown_ids_are_not_found(retriever: Retriever) -> None:
    """An id that was never published is an error of its own."""
    with pytest.raises(NotFoundError, match="no entry of that id is in effect"):
        retriever.entry("omega")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x" * (MAX_QUESTION_CHARS + 1), "2001 characters; 2000 are allowed"),
        ("\ud800", "lone surrogate"),
        (" \u200b\u2060\t\n", "is empty"),
        ("\u200d", "is empty"),
        ("", "is empty"),
    ],
)
def test_questions_that_can_not_be_asked(text: str, message: str) -> None:
    """Too long, half a character, or nothing to see: refused with a sentence that does not repeat it."""
    with pytest.raises(QuestionError, match=message):
        checked_question(text)


def test_a_question_is_embedded_as_it_is_seen() -> None:
    """Invisible characters and runs of spaces do not change a question."""
    assert checked_question("  What\u200b is\n\n\u00a0 beta?\u0000 ") == "What is beta?"


def test_warming_leaves_no_trace(retriever: Retriever) -> None:
    """After warming, the first question has the answer that it would have had."""
    before = retriever.ask([Query("what is alpha")])
    retriever.warm()
    assert before == retriever.ask([Query("what is alpha")])


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 entries of three words each."""
    draw = np.random.default_rng(5)
    faq: list[dict[str, object]] = [
        {"id": f"e{i}", "question": " ".join(draw.choice(fakes.WORDS, 4)) + f" n{i}?", "answer": f"Answer n{i} red."}
        for i in range(300)
    ]
    folder = tmp_path_factory.mktemp("large")
    fakes.build_index(folder, faq)
    return folder / "index"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(fakes.WORDS), min_size=1, max_size=6))
def test_candidates_are_scored_as_all_entries_are(
    large: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    """With candidates from each signal, the best entries have the scores that scoring all entries gives them."""
    snapshot = read(large / publish.current(large))
    query = Query(" ".join(words), top=5)
    exact = Retriever(snapshot).examine(query)
    with monkeypatch.context() as patch:
        patch.setattr(module, "_CANDIDATE_ROWS", 64)
        patch.setattr(module, "_CANDIDATE_LEXICAL", 32)
        some = Retriever(snapshot).examine(query)
    assert len(some.places) < len(exact.places)
    by_place = dict(zip(exact.places.tolist(), exact.score.tolist(), strict=True))
    assert [by_place[p] for p in some.places.tolist()] == some.score.tolist()
    assert exact.score[0] == some.score[0]


def test_signals_equal_a_loop_over_everything(large: Path) -> None:
    """The signals of every entry are what plain loops over texts, vectors and words give."""
    snapshot = read(large / publish.current(large))
    found = Retriever(snapshot).examine(Query("red green status"))
    vector = fakes.vectors(["red green status"])[0]
    lexical = snapshot.lexicon.scores(strings.terms("red green status"))
    for rank in range(0, len(found.places), 17):
        place = int(found.places[rank])
        cosines = fakes.vectors(snapshot.variants[place]) @ vector
        entry = snapshot.entries[place]
        assert found.signals.question[rank] == pytest.approx(cosines.max(), abs=1e-6)
        passage = fakes.vectors([f"{entry.question}\n{entry.answer}"])[0] @ vector
        assert found.signals.question_answer[rank] == pytest.approx(passage, abs=1e-6)
        assert found.signals.lexical[rank] == lexical[place]


def test_a_calibration_is_what_decides(index: Path) -> None:
    """The same scores under a threshold of 0 are answered and under 1 are not."""
    snapshot = read(index / publish.current(index))

    def outcome(threshold: float) -> Outcome:
        chosen = replace(snapshot.calibration, answer_threshold=threshold)
        return Retriever(replace(snapshot, calibration=chosen)).ask([Query("what is beta")])[0].outcome

    assert outcome(0.0) is not Outcome.ABSTAINED
    assert outcome(1.0) is Outcome.ABSTAINED
