from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import astuple, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qa_service import retriever as module
from qa_service import signals
from qa_service import text as strings
from qa_service.artifact import publish
from qa_service.artifact.read import read
from qa_service.assemble import assemble
from qa_service.confidence import HEAD, Calibration, evidence, scores
from qa_service.domain import Outcome, Query
from qa_service.errors import NotFoundError, QuestionError
from qa_service.questions import MAX_QUESTION_CHARS, checked_question
from qa_service.retriever import Retriever, today
from tests import fakes
from tests.test_assemble import corpus_of, entry
from tests.test_lexical import oracle

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
    """300 entries with questions of five words, some with alternates, and 100 labelled questions."""
    draw = np.random.default_rng(5)
    faq: list[dict[str, object]] = [
        {
            "id": f"e{i}",
            "question": " ".join(draw.choice(fakes.WORDS, 4)) + f" n{i}?",
            "answer": f"Answer n{i} red.",
            "alternates": [" ".join(draw.choice(fakes.WORDS, 3))] * (i % 3 == 0),
        }
        for i in range(300)
    ]
    folder = tmp_path_factory.mktemp("large")
    labels = folder / "labels.jsonl"
    asked = [
        {"text": " ".join(draw.choice(fakes.WORDS, 3)), "entry_id": None if i % 4 == 0 else f"e{i * 7 % 300}"}
        for i in range(100)
    ]
    labels.write_text("".join(json.dumps(x) + "\n" for x in asked))
    fakes.build_index(folder, faq, labels)
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
        patch.setattr(signals, "ALL_ROWS", 64)
        patch.setattr(module, "_CANDIDATE_ROWS", 64)
        patch.setattr(module, "_CANDIDATE_LEXICAL", 32)
        some = Retriever(snapshot).examine(query)
    assert len(exact.places) == 300
    assert len(some.places) < len(exact.places)
    by_place = dict(zip(exact.places.tolist(), exact.score.tolist(), strict=True))
    assert [by_place[p] for p in some.places.tolist()] == some.score.tolist()
    assert exact.score[0] == some.score[0]


@pytest.mark.parametrize("question", ["red green status", "what must a compny do", "n7 n8 alpha", "zebra"])
def test_signals_equal_a_loop_over_everything(large: Path, question: str) -> None:
    """The signals of every entry are what plain loops over texts, vectors and words give."""
    snapshot = read(large / publish.current(large))
    lines = (large.parent / "labels.jsonl").read_text().splitlines()
    learned: dict[str, list[str]] = {}
    for line in map(json.loads, lines):
        learned.setdefault(line["entry_id"] or "", []).append(line["text"])
    texts = [[*w, *learned.get(e.id, [])] for e, w in zip(snapshot.entries, snapshot.wordings, strict=True)]
    entry_documents, wording_documents = [], []
    for one, held in zip(snapshot.entries, texts, strict=True):
        document = {t: float(n) for t, n in Counter(strings.terms(one.answer)).items()}
        for text in held:
            for term in strings.terms(text):
                document[term] = document.get(term, 0.0) + 5.0
        entry_documents.append(document)
        wording_documents += [{t: float(n) for t, n in Counter(strings.terms(text)).items()} for text in held]
    entry_words = oracle(entry_documents, strings.terms(question))
    flat = iter(oracle(wording_documents, strings.terms(question)))
    wording_words = [max(next(flat) for _ in held) for held in texts]

    found = Retriever(snapshot).examine(Query(question))
    vector = fakes.vectors([question])[0]
    assert sorted(found.places.tolist()) == list(range(300))
    for rank, place in enumerate(found.places.tolist()):
        one, rows = snapshot.entries[place], fakes.vectors(texts[place])
        passage = fakes.vectors([f"{one.question}\n{one.answer}"])[0]
        centre = rows.mean(axis=0) + passage
        expected = [
            max(float(row @ vector) for row in rows),
            float(passage @ vector),
            float(centre @ vector) / max(float(np.linalg.norm(centre)), 1e-12),
            entry_words[place],
            wording_words[place],
        ]
        assert expected == pytest.approx([values[rank] for values in found.signals], abs=2e-6)
        weighted = sum(w * x for w, x in zip(astuple(snapshot.calibration.weights), expected, strict=True))
        assert found.score[rank] == pytest.approx(weighted, abs=2e-6)
        published = fakes.vectors(snapshot.wordings[place]) @ vector
        similarity, number = found.closest(rank)
        assert similarity == pytest.approx(published.max(), abs=1e-6)
        assert published[number] == pytest.approx(published.max(), abs=1e-6)


def test_an_examination_is_in_order_of_the_score(large: Path) -> None:
    """Score, evidence and confidence fall together, and are what the calibration makes of the signals."""
    snapshot = read(large / publish.current(large))
    found = Retriever(snapshot).examine(Query("red green status"))
    weights, logistic = snapshot.calibration.weights, snapshot.calibration.logistic
    assert np.array_equal(scores(found.signals, weights), found.score)
    assert np.all(np.diff(found.score) <= 0.0)
    assert np.all(np.diff(found.evidence) <= 1e-12)
    assert np.all(np.diff(found.confidence) <= 1e-12)
    every = evidence(found.score.tolist())
    assert len(every) == 300
    assert every[:HEAD] == found.evidence
    assert logistic.all(every, found.novelty)[:HEAD] == found.confidence


def test_as_many_candidates_are_judged_as_are_asked_for(large: Path) -> None:
    """Asked for more than are judged anyway, each that comes back has the confidence that it has beside all others."""
    held = Retriever(read(large / publish.current(large)))
    few, many = (held.examine(Query("red green status", top=top)) for top in (1, 20))
    assert (len(few.confidence), len(many.confidence)) == (HEAD, 20)
    assert (few.evidence, few.confidence) == (many.evidence[:HEAD], many.confidence[:HEAD])
    assert many.evidence == evidence(many.score.tolist())[:20]


@pytest.fixture
def taught(tmp_path: Path) -> Retriever:
    """The fake FAQ, where "five six" was learned as a question of beta, and two questions as unanswerable."""
    labels = tmp_path / "labels.jsonl"
    lines = [("five six", "beta"), ("what is seven", None), ("eight nine ten", None)]
    labels.write_text("".join(json.dumps({"text": t, "entry_id": i}) + "\n" for t, i in lines))
    fakes.build_index(tmp_path, labels=labels)
    return Retriever(read(tmp_path / "index" / publish.current(tmp_path / "index")))


def test_a_learned_question_counts_but_is_not_shown(taught: Retriever) -> None:
    """It brings its entry to the top, and what is shown as the match is still a published wording and its own cosine."""
    found = taught.examine(Query("five six", top=1))
    assert found.places[0] == 1
    assert [found.signals.wording[0], found.signals.wording_words[0]] == pytest.approx(
        [1.0, 1 / (1 + share(2))], abs=1e-6
    )
    assert found.closest(0)[0] == pytest.approx(0.0, abs=1e-6)
    result = taught.ask([Query("five six", top=1)])[0]
    (best,) = (*result.answers, *result.related)
    assert (best.entry.id, best.matched) == ("beta", "What is beta?")
    assert best.similarity == pytest.approx(0.0, abs=1e-6)


def share(length: int) -> float:
    """What BM25 adds to a single occurrence in a wording of this length, where three have 3 terms and one has 2."""
    return 1.2 * (0.25 + 0.75 * length / (11 / 4))


def test_the_words_of_a_learned_question_score(taught: Retriever) -> None:
    """Its terms are terms of its entry, and its row among the wordings is a document of its own."""
    found = taught.examine(Query("five"))
    assert found.places[0] == 1
    assert found.signals.wording_words.tolist() == pytest.approx([1 / (1 + share(2)), 0.0, 0.0], abs=1e-6)
    assert found.signals.entry_words[0] > 0.0
    assert found.signals.entry_words[1:].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("question", "place", "expected"),
    [
        ("what is alpha", 0, 1.0 - (2 / 3 + 0.0) / 2),
        ("what is beta", 1, (1.0 + 0.0) / 2 - (2 / 3 + 0.0) / 2),
        ("five six what", 1, (2 / math.sqrt(6) + 1 / 3) / 2 - (1 / 3 + 0.0) / 2),
        ("eight nine ten", 0, 0.0 - 1 / 2),
    ],
)
def test_novelty_by_hand(taught: Retriever, question: str, place: int, expected: float) -> None:
    """How much nearer the best entry's wordings are, learned ones too, than the known unanswerable questions."""
    found = taught.examine(Query(question))
    assert found.places[0] == place
    assert found.novelty == pytest.approx(expected, abs=1e-6)
    logistic = taught.snapshot.calibration.logistic
    logit = logistic.intercept + logistic.slope * found.evidence[0] + logistic.novelty * expected
    assert found.confidence[0] == pytest.approx(1 / (1 + math.exp(-logit)), abs=1e-5)


def test_novelty_where_nothing_is_known(retriever: Retriever, taught: Retriever) -> None:
    """Without known unanswerable questions, or without a candidate, novelty says nothing."""
    assert retriever.examine(Query("what is alpha")).novelty == 0.0
    assert taught.examine(Query("what is alpha", language="fr")).novelty == 0.0


def test_an_entry_struck_out_is_no_candidate(taught: Retriever) -> None:
    """The others keep their signals and scores, and rank as if it were not there."""
    query = Query("what is beta five")
    whole, without = taught.examine(query), taught.examine(query, struck_out=1)
    keep = whole.places != 1
    assert whole.places[0] == 1
    assert whole.places[keep].tolist() == without.places.tolist() == [2, 0]
    assert whole.score[keep].tolist() == without.score.tolist()
    assert [whole.closest(rank) for rank in np.flatnonzero(keep).tolist()] == [
        without.closest(rank) for rank in range(2)
    ]
    assert evidence(without.score.tolist()) == without.evidence
    # The best is gamma now, whose answer is the shortest: it shares "what is" with the question, as "what is seven" does.
    assert without.novelty == pytest.approx(2 / math.sqrt(12) - (2 / math.sqrt(12) + 0.0) / 2, abs=1e-6)


@pytest.mark.parametrize("narrowing", [{}, {"tags": ("two",)}, {"language": "en"}])
def test_striking_out_leaves_no_trace(tmp_path: Path, narrowing: dict[str, Any]) -> None:
    """The next question finds the entry again, windows, tags and languages or not."""
    held = opened(tmp_path, [{**DATED[0], "tags": ["two"]}, {**DATED[1], "tags": ["two"]}], date(2026, 3, 1))
    query = Query("what is red", **narrowing)
    before = held.examine(query)
    assert held.examine(query, struck_out=0).places.tolist() == []
    assert before.places.tolist() == held.examine(query).places.tolist() == [0]


def test_striking_out_narrows_what_is_narrowed(taught: Retriever) -> None:
    """An entry that is struck out stays out beside a language or a tag."""
    assert taught.examine(Query("what", language="en"), struck_out=0).places.tolist() == [1]
    assert taught.examine(Query("what", tags=("two",)), struck_out=1).places.tolist() == []


def test_an_entry_without_an_answer_by_hand(tmp_path: Path) -> None:
    """Its passage signal is the mean cosine of its three nearest wordings, learned ones included, or of all it has."""
    entries = [
        entry("many", "alpha", "", "alpha beta", "beta", "gamma"),
        entry("one", "alpha beta"),
        entry("two", "mu", "Mu."),
    ]
    corpus = corpus_of(tmp_path, entries, ("alpha alpha beta", "many"))
    root = 1 / math.sqrt(2)
    near = 3 / math.sqrt(10)
    for chosen, many in (([], (root + 1.0 + root) / 3), ([0], (near + 1.0 + root) / 3)):
        found = Retriever(assemble(corpus, chosen, Calibration())).examine(Query("alpha beta"))
        passage = dict(zip(found.places.tolist(), found.signals.passage.tolist(), strict=True))
        assert passage == {0: pytest.approx(many, abs=1e-6), 1: pytest.approx(1.0, abs=1e-6), 2: 0.0}


def test_a_calibration_is_what_decides(index: Path) -> None:
    """The same scores under a threshold of 0 are answered and under 1 are not."""
    snapshot = read(index / publish.current(index))

    def outcome(threshold: float) -> Outcome:
        chosen = replace(snapshot.calibration, answer_threshold=threshold)
        return Retriever(replace(snapshot, calibration=chosen)).ask([Query("what is beta")])[0].outcome

    assert outcome(0.0) is not Outcome.ABSTAINED
    assert outcome(1.0) is Outcome.ABSTAINED
