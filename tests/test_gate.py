from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from qa_service.artifact.publish import current
from qa_service.artifact.read import read
from qa_service.confidence import Calibration, Logistic, Weights
from qa_service.domain import LabelledQuestion, Outcome
from qa_service.errors import ArtifactError
from qa_service.gate import Change, Kind, Standing, compare, differences, locate
from qa_service.retriever import Retriever
from tests import fakes

# The score is the cosine to the nearest wording. Two words of three in common make 2/3, all three 1.
PLAIN = Calibration(
    weights=Weights(wording=1.0, passage=0.0, prototype=0.0, entry_words=0.0, wording_words=0.0),
    logistic=Logistic(intercept=-4.4, slope=4.8, novelty=0.0, rival=6.0),
    answer_threshold=0.5,
    ambiguity_ratio=0.5,
)
Entries = Sequence[dict[str, object]]
ALPHA, BETA, GAMMA = ({k: v for k, v in entry.items() if k in ("id", "question", "answer")} for entry in fakes.FAQ)


def retriever(folder: Path, entries: Entries = (ALPHA, BETA, GAMMA), calibration: Calibration = PLAIN) -> Retriever:
    """Answers from entries with a calibration that can be worked out by hand."""
    folder.mkdir(exist_ok=True)
    version = fakes.build_index(folder, entries).version
    snapshot = replace(read(folder / "index" / version), calibration=calibration)
    return Retriever(snapshot, lambda: date(2026, 1, 1))


def ask(text: str, *ids: str) -> LabelledQuestion:
    return LabelledQuestion(text, ids)


def told(changes: Sequence[Change]) -> list[tuple[str, Kind, str | None, Outcome, str | None, Outcome]]:
    return [(c.question.text, c.kind, c.old.winner, c.old.outcome, c.new.winner, c.new.outcome) for c in changes]


A, N, M = Outcome.ANSWERED, Outcome.ABSTAINED, Outcome.AMBIGUOUS


def test_the_same_version_changes_nothing(tmp_path: Path) -> None:
    """A version is at no distance from itself, whatever it makes of the questions."""
    one = retriever(tmp_path / "old")
    questions = [ask("What is alpha?", "alpha"), ask("What is beta?", "alpha"), ask("who"), ask("What is beta?")]
    assert compare(one, one, questions) == ()


def test_a_change_says_all_of_both_sides(tmp_path: Path) -> None:
    """Winner, outcome and confidence before and now; the confidences are worked out by hand."""
    old = retriever(tmp_path / "old")
    new = retriever(tmp_path / "new", calibration=replace(PLAIN, answer_threshold=0.9))
    (found,) = compare(old, new, [ask("What is alpha?", "alpha")])
    # Score 1, margin 1 - 2/3: the logit is -4.4 + 4.8 · 4/3 = 2.
    confidence = found.old.confidence
    assert confidence == pytest.approx(0.880797, abs=1e-6)
    assert found == Change(
        ask("What is alpha?", "alpha"), Kind.LOSS, Standing("alpha", A, confidence), Standing("alpha", N, confidence)
    )


def test_a_right_winner_lost_is_a_loss_and_back_again_a_gain(tmp_path: Path) -> None:
    """An entry that takes a question away from the right one costs it; the reverse is a gain."""
    thief: dict[str, object] = {"id": "thief", "question": "What is alpha two?", "answer": "No."}
    old, new = retriever(tmp_path / "old"), retriever(tmp_path / "new", (ALPHA, BETA, GAMMA, thief))
    questions = [ask("What is alpha two?", "alpha"), ask("What is beta?", "beta")]
    assert told(compare(old, new, questions)) == [("What is alpha two?", Kind.LOSS, "alpha", A, "thief", A)]
    assert told(compare(new, old, questions)) == [("What is alpha two?", Kind.GAIN, "thief", A, "alpha", A)]


def test_an_answer_that_becomes_a_choice_is_a_loss(tmp_path: Path) -> None:
    """The right entry is still the nearest, but it is no longer the answer."""
    twin: dict[str, object] = {"id": "twin", "question": "What is alpha?", "answer": "Blue."}
    old, new = retriever(tmp_path / "old"), retriever(tmp_path / "new", (ALPHA, BETA, GAMMA, twin))
    new = Retriever(replace(new.snapshot, calibration=replace(PLAIN, answer_threshold=0.0)))
    assert told(compare(old, new, [ask("What is alpha?", "alpha")])) == [
        ("What is alpha?", Kind.LOSS, "alpha", A, "alpha", M)
    ]


def test_a_wrong_answer_in_place_of_none_is_a_loss(tmp_path: Path) -> None:
    """A wrong answer is worse than none, so an abstention that turns into one is a loss, and the reverse a gain."""
    old = retriever(tmp_path / "old", calibration=replace(PLAIN, answer_threshold=0.9))
    new = retriever(tmp_path / "new")
    question = [ask("What is beta?", "alpha")]
    assert told(compare(old, new, question)) == [("What is beta?", Kind.LOSS, "beta", N, "beta", A)]
    assert told(compare(new, old, question)) == [("What is beta?", Kind.GAIN, "beta", A, "beta", N)]


def test_an_unanswerable_question(tmp_path: Path) -> None:
    """An answer to what the FAQ does not answer is a loss, choices included; an abstention in its place a gain."""
    old = retriever(tmp_path / "old", (ALPHA, BETA))
    delta: dict[str, object] = {"id": "delta", "question": "Who when where?", "answer": "There."}
    new = retriever(tmp_path / "new", (ALPHA, BETA, delta))
    question = [ask("who when where")]
    assert told(compare(old, new, question)) == [("who when where", Kind.LOSS, "alpha", N, "delta", A)]
    assert told(compare(new, old, question)) == [("who when where", Kind.GAIN, "delta", A, "alpha", N)]


def test_another_wrong_winner_is_a_change(tmp_path: Path) -> None:
    """Neither right before nor now: listed, and no loss."""
    old = retriever(tmp_path / "old", (ALPHA, BETA))
    new = retriever(tmp_path / "new", (ALPHA, BETA, {"id": "d", "question": "Where is delta?", "answer": "D."}))
    silent = replace(PLAIN, answer_threshold=1.0)
    old, new = (Retriever(replace(r.snapshot, calibration=silent)) for r in (old, new))
    question = [ask("is delta", "beta")]
    assert told(compare(old, new, question)) == [("is delta", Kind.CHANGE, "alpha", N, "d", N)]


def test_an_entry_that_is_gone_is_told_apart(tmp_path: Path) -> None:
    """Removed by the edit, out of its window, or never there: the label has to follow, and it is no loss."""
    over = {**GAMMA, "effective_to": "2025-12-31"}
    old, new = retriever(tmp_path / "old"), retriever(tmp_path / "new", (ALPHA, over))
    questions = [
        ask("What is beta?", "beta"),
        ask("What is gamma?", "gamma"),
        ask("What is eta?", "eta"),
        ask("What is alpha?", "alpha", "beta"),
    ]
    assert [(c.question.entry_ids, c.kind) for c in compare(old, new, questions)] == [
        (("beta",), Kind.REMOVED),
        (("gamma",), Kind.REMOVED),
        (("eta",), Kind.UNKNOWN),
    ]


def test_an_entry_that_is_new_is_a_gain(tmp_path: Path) -> None:
    """A label for an entry that the edit added is judged as any other."""
    old, new = retriever(tmp_path / "old", (ALPHA, BETA)), retriever(tmp_path / "new")
    assert [c.kind for c in compare(old, new, [ask("What is gamma?", "gamma")])] == [Kind.GAIN]


def test_another_model_or_precision_is_noted(tmp_path: Path) -> None:
    """What may have moved the questions besides the FAQ."""
    old = retriever(tmp_path / "old")

    def other(**fields: str) -> Retriever:
        manifest = old.snapshot.manifest
        changed = replace(manifest, model=replace(manifest.model, **fields))  # type: ignore[arg-type]
        return Retriever(replace(old.snapshot, manifest=changed))

    weights = old.snapshot.manifest.model.weights_sha256[:8]
    assert differences(old, old) == ()
    assert differences(old, other(precision="fp32")) == ("the precision differs: int8 before, fp32 now",)
    assert differences(old, other(name="big")) == (f"the model differs: fake ({weights}) before, big ({weights}) now",)
    assert differences(old, other(weights_sha256="0" * 64)) == (
        f"the weights of the model differ: fake ({weights}) before, fake (00000000) now",
    )


def test_versions_by_name(tmp_path: Path) -> None:
    """A version, the current one, the one before, and a path; what is none of these is an error."""
    first = fakes.build_index(tmp_path, [ALPHA]).version
    second = fakes.build_index(tmp_path, [ALPHA, BETA]).version
    root = tmp_path / "index"
    assert current(root) == second
    assert locate(root, "current") == root / second
    assert locate(root, "previous") == root / first
    assert locate(root, first) == root / first
    assert locate(tmp_path / "none", str(root / first)) == root / first
    with pytest.raises(
        ArtifactError, match=rf"^zebra: no such version; kept in index/ are {second}, {first}; or give a"
    ):
        locate(root, "zebra")
    with pytest.raises(ArtifactError, match=r"^v-0000000000000000: no such version"):
        locate(root, "v-0000000000000000")
    with pytest.raises(ArtifactError, match="kept in index/ are none"):
        locate(tmp_path / "none" / "index", first)


def test_no_previous_version(tmp_path: Path) -> None:
    """The first version has none before it."""
    fakes.build_index(tmp_path)
    with pytest.raises(ArtifactError, match=r"^CURRENT: no version was published before the current one"):
        locate(tmp_path / "index", "previous")
