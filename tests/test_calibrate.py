from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from qa_service import calibrate as module
from qa_service.assemble import Corpus, assemble
from qa_service.calibrate import (
    Trial,
    calibrate,
    figures_of,
    fit_logistic,
    judge_trials,
    newton,
    struck_out_threshold,
    trials,
    with_figures,
)
from qa_service.confidence import PRIOR, PRIOR_LABELLED, Calibration, Doubles, Logistic, Weights, joint_confidence
from qa_service.domain import AtThreshold, LabelledQuestion, Query
from qa_service.retriever import Retriever
from tests import fakes
from tests.test_assemble import corpus_of, entry

# The score is the cosine to the nearest wording, and a probability is 1 / (1 + exp(-(score + margin))).
PLAIN = Calibration(Weights(1.0, 0.0, 0.0, 0.0, 0.0), Logistic(intercept=0.0, slope=1.0, novelty=0.0, rival=1.0))
FREE = np.full(3, -np.inf)
START = np.array([-6.0, 8.0, 4.0])
RIDGE = np.array([0.1, 0.2, 0.05])


def sigma(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def sample(seed: int, size: int, truth: Sequence[float]) -> tuple[Doubles, Doubles]:
    """Questions with an evidence and a novelty, and outcomes as probable as the true coefficients make them."""
    draw = np.random.default_rng(seed)
    design = np.column_stack((np.ones(size), draw.uniform(-0.2, 1.8, size), draw.uniform(-0.5, 0.5, size)))
    return design, (draw.random(size) < 1 / (1 + np.exp(-design @ np.array(truth)))).astype(np.float64)


def descend(
    design: Doubles,
    right: Doubles,
    prior: Doubles,
    ridge: Doubles,
    lowest: Doubles,
    offset: Doubles | float = 0.0,
) -> Doubles:
    """The oracle: gradient descent with a step that can't overshoot, cut off at the lowest values, until nothing moves."""
    step = 1.0 / (0.25 * float(np.linalg.eigvalsh(design.T @ design)[-1]) + float(ridge.max()))
    beta = prior.copy()
    for _ in range(100_000):
        gradient = design.T @ (1 / (1 + np.exp(-(design @ beta + offset))) - right) + ridge * (beta - prior)
        moved = np.maximum(beta - step * gradient, lowest)
        if np.max(np.abs(moved - beta)) < 1e-12:
            break
        beta = moved
    return beta


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("truth", [(-5.0, 6.0, 3.0), (-2.0, 3.0, 6.0)])
def test_newton_finds_what_gradient_descent_finds(seed: int, truth: Sequence[float]) -> None:
    """The fitted coefficients are the most probable ones, in a few samples and in many."""
    design, right = sample(seed, 5 + 40 * seed, truth)
    found = newton(design, right, START, RIDGE, FREE)
    assert np.allclose(descend(design, right, START, RIDGE, FREE), found, atol=1e-5)


def test_newton_adds_the_offset() -> None:
    """What is known of each logit beforehand is not fitted again."""
    design, right = sample(3, 60, (-2.0, 3.0, 6.0))
    offset = np.linspace(-2.0, 2.0, 60)
    found = newton(design, right, START, RIDGE, FREE, offset)
    assert np.allclose(descend(design, right, START, RIDGE, FREE, offset), found, atol=1e-5)
    assert not np.allclose(newton(design, right, START, RIDGE, FREE), found, atol=0.1)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("truth", [(1.0, -3.0, 3.0), (-3.0, 6.0, -3.0), (0.5, -4.0, -4.0)])
def test_newton_at_a_bound_finds_the_best_of_what_is_allowed(seed: int, truth: Sequence[float]) -> None:
    """Where the outcomes want a coefficient below its lowest value, the others are fitted to it at that value."""
    design, right = sample(seed, 40 + 60 * seed, truth)
    lowest = np.array([-np.inf, 1e-3, 0.0])
    found = newton(design, right, START, RIDGE, lowest)
    assert np.all(found >= lowest)
    assert np.allclose(descend(design, right, START, RIDGE, lowest), found, atol=1e-5)


@pytest.mark.parametrize("size", [2, 10, 1000])
def test_separable_outcomes_do_not_run_away(size: int) -> None:
    """Where evidence tells right from wrong without an error, the prior keeps the coefficients finite."""
    proofs = np.concatenate((np.linspace(-0.2, 0.5, size), np.linspace(0.9, 1.8, size)))
    design = np.column_stack((np.ones(2 * size), proofs, np.zeros(2 * size)))
    right = np.repeat([0.0, 1.0], size)
    found = newton(design, right, START, RIDGE, FREE)
    assert np.allclose(descend(design, right, START, RIDGE, FREE), found, atol=1e-4)
    assert START[1] < found[1] < 60.0
    assert found[2] == START[2]  # what never varies stays as it was


def trial(right: str, proofs: Sequence[float], ids: str, fresh: float = 0.0) -> Trial:
    """What came of a question: its right entries and those that were found, a letter each."""
    return Trial(LabelledQuestion("q", tuple(right)), proofs, fresh, tuple(ids))


def test_without_trials_the_prior_serves() -> None:
    """No labelled question, or none that found an entry, leaves the coefficients of public sets."""
    assert PRIOR == fit_logistic([], PRIOR)
    assert PRIOR_LABELLED == fit_logistic([trial("a", [], ""), trial("", [], "")], PRIOR_LABELLED)


def made_trials() -> list[Trial]:
    """Sixty trials: every third unanswerable, most of the others right, the runner-up now and then."""
    draw = np.random.default_rng(11)
    made = []
    for number in range(60):
        top = float(draw.uniform(0.0, 1.6))
        proofs = [top, *(top - np.sort(draw.uniform(0.0, 0.8, number % 5)))]
        right = "" if number % 3 == 0 else "a" if draw.random() < top / 1.4 else "bc"[number % 2]
        made.append(trial(right, proofs, "abcde"[: len(proofs)], float(draw.uniform(-0.4, 0.4))))
    return made


def test_the_fit_of_the_best_entries() -> None:
    """Intercept, slope and novelty come from each question's best entry, unanswerable questions included."""
    tried = made_trials()
    fitted = fit_logistic(tried, PRIOR_LABELLED)
    design = np.array([(1.0, t.evidence[0], t.novelty) for t in tried])
    right = np.array([float("a" in t.question.entry_ids) for t in tried])
    prior = np.array([PRIOR_LABELLED.intercept, PRIOR_LABELLED.slope, PRIOR_LABELLED.novelty])
    expected = descend(design, right, prior, np.array(module._RIDGE), FREE)
    assert np.allclose(expected, [fitted.intercept, fitted.slope, fitted.novelty], atol=1e-5)


def test_the_fit_of_the_entries_behind_the_best() -> None:
    """The rivals' coefficient is fitted to the second, third and fourth entry of answerable questions alone."""
    tried = made_trials()
    fitted = fit_logistic(tried, PRIOR)
    offset, distance, right = [], [], []
    for t in tried:
        for rank in (1, 2, 3):
            if t.question.entry_ids and rank < len(t.evidence):
                offset.append(fitted.intercept + fitted.slope * t.evidence[0] + fitted.novelty * t.novelty)
                distance.append([t.evidence[rank] - t.evidence[0]])
                right.append(float(t.ids[rank] in t.question.entry_ids))
    ridge, lowest = np.array(module._RIVAL_RIDGE), np.array([-np.inf])
    prior = np.array([PRIOR.rival])
    (expected,) = descend(np.array(distance), np.array(right), prior, ridge, lowest, np.array(offset))
    assert fitted.rival == pytest.approx(expected, abs=1e-5)
    assert fitted.rival != PRIOR.rival


def test_lone_entries_leave_the_rivals_coefficient() -> None:
    """Where no entry stands behind the best, the rivals' coefficient is that of public sets."""
    fitted = fit_logistic([trial("a", [1.0], "a"), trial("a", [0.2], "b"), trial("", [0.5, 0.4], "ab")], PRIOR)
    assert fitted.rival == PRIOR.rival
    assert fitted.slope != PRIOR.slope


ENTRIES = (entry("alpha", "What is alpha?", "Red one."), entry("beta", "What is beta?", "Green two."))


def same(one: Trial, retriever: Retriever) -> bool:
    """Whether a trial is what an index gives for its question."""
    seen = retriever.examine(Query(one.question.text))
    ids = [retriever.snapshot.entries[place].id for place in seen.places.tolist()]
    return (one.evidence, one.novelty, list(one.ids)) == (seen.evidence, seen.novelty, ids)


def test_a_trial_asks_what_has_not_been_learned(tmp_path: Path) -> None:
    """A question that would be answered perfectly once learned is asked of an index that has learned the others only."""
    labelled = [("five six", "alpha"), ("seven eight", "beta"), ("nine ten",)]
    corpus = corpus_of(tmp_path, ENTRIES, *labelled)
    tried = trials(corpus, Calibration())
    taught = Retriever(assemble(corpus, range(3), Calibration()))
    for number, one in enumerate(tried):
        others = [i for i in range(3) if i != number]
        assert one.question == corpus.labelled[number]
        assert same(one, Retriever(assemble(corpus, others, Calibration())))
        assert not any(one.evidence)  # it shares no word with anything else
        if one.question.entry_ids:
            learned = taught.examine(Query(one.question.text))
            assert learned.signals.wording[0] == pytest.approx(1.0, abs=1e-6)
            assert learned.evidence[0] > 0.5


def test_a_trial_has_learned_the_others(tmp_path: Path) -> None:
    """A question that was asked twice, and the nearest unanswerable ones, are known to each other's trials."""
    labelled = [("five six", "beta"), ("five six", "beta"), ("nine ten",), ("nine ten",)]
    tried = trials(corpus_of(tmp_path, ENTRIES, *labelled), PLAIN)
    assert [t.ids[0] for t in tried[:2]] == ["beta", "beta"]
    assert [t.evidence[0] for t in tried[:2]] == pytest.approx([2.0, 2.0], abs=1e-6)  # score 1, margin 1
    # The entry's nearest wordings: (1 + 0) / 2 where it learned the twin, against the bank's 0; for "nine ten" 0 - 1.
    assert [t.novelty for t in tried] == pytest.approx([0.5, 0.5, -1.0, -1.0], abs=1e-6)
    assert [t.right for t in tried] == [True, True, False, False]


def test_questions_of_one_fold_are_left_out_together(tmp_path: Path) -> None:
    """With 21 questions the first and the last are asked of the same index, which has learned neither."""
    labelled = [("five six", "beta"), *([("zebra",)] * 19), ("five six", "beta")]
    tried = trials(corpus_of(tmp_path, ENTRIES, *labelled), PLAIN)
    assert len(tried) == 21
    assert not any(tried[0].evidence)
    assert not any(tried[20].evidence)


def test_many_entries_are_tried_in_fewer_folds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an index takes long to assemble, every fourth question is left out together."""
    monkeypatch.setattr(module, "_MANY_ENTRIES", 1)
    labelled = [("five six", "beta"), *([("zebra",)] * 3), ("five six", "beta"), ("seven eight", "alpha")]
    tried = trials(corpus_of(tmp_path, ENTRIES, *labelled), PLAIN)
    assert [any(t.evidence) for t in tried] == [False] * 6


def test_a_single_question_can_be_tried(tmp_path: Path) -> None:
    """The one labelled question is asked of an index that has learned nothing."""
    corpus = corpus_of(tmp_path, ENTRIES, ("what is alpha five", "alpha"))
    (one,) = trials(corpus, PLAIN)
    assert same(one, Retriever(assemble(corpus, [], PLAIN)))
    # Three of four words are shared with alpha's question and two with beta's.
    alpha, beta = 3 / math.sqrt(12), 2 / math.sqrt(12)
    assert one.evidence == pytest.approx([2 * alpha - beta, 2 * beta - alpha], abs=1e-6)
    assert (one.novelty, one.right) == (0.0, True)


def test_trials_are_judged_by_hand() -> None:
    """Each trial is held against the threshold with what its contenders reach together."""
    calibration = replace(PLAIN, ambiguity_ratio=0.5, logistic=Logistic(0.0, 2.0, 4.0, 1.0))
    tried = [trial("a", [0.5, 0.4, -2.0], "abc"), trial("", [0.5, -3.0], "ab", fresh=-0.25), trial("", [], "")]
    # Logits: 1, 1 - 0.1 and 1 - 2.5; 1 - 1 and -3.5; nothing.
    expected = [1 - (1 - sigma(1.0)) * (1 - sigma(0.9)), 0.5, 0.0]
    judged = judge_trials(tried, calibration)
    assert expected == pytest.approx(judged.joint.tolist())
    assert [sigma(1.0), 0.5, 0.0] == pytest.approx(judged.top.tolist())
    assert [1, 0, 0] == judged.rank.tolist()
    assert [True, False, False] == judged.answerable.tolist()
    assert [2, 0, 0] == judged.answers.tolist()


def labelled_corpus(folder: Path) -> Corpus:
    """Answerable and unanswerable questions that are not told apart without an error."""
    draw = np.random.default_rng(3)
    questions: list[tuple[str, ...]] = []
    for number in range(60):
        noise = " ".join(draw.choice(fakes.WORDS[8:], 1 + number % 3))
        own = ("alpha", "beta")[number % 2]
        questions.append((f"what is {own} {noise}", own) if number % 3 else (f"what is {noise} red",))
    return corpus_of(folder, ENTRIES, *questions)


def test_the_threshold_holds_its_target_on_the_trials(tmp_path: Path) -> None:
    """Of the known unanswerable questions, asked of what has not learned them, at most 5 % reach the threshold."""
    corpus = labelled_corpus(tmp_path)
    calibration = calibrate(corpus)
    tried = [t for t in trials(corpus, Calibration()) if not t.question.entry_ids]
    joint = np.sort(judge_trials(tried, calibration).joint)[::-1]
    assert len(joint) == 20
    assert np.mean(joint >= calibration.answer_threshold) <= 0.05
    # One of 20 may pass: the threshold is no higher than that needs, or the second is as near as the first.
    assert calibration.answer_threshold == pytest.approx(max((joint[0] + joint[1]) / 2, joint[1]), abs=1e-9)


def test_a_calibration_is_fitted_to_its_trials(tmp_path: Path) -> None:
    """The coefficients are those of the trials, held to the public ones for labelled questions, and the figures follow."""
    corpus = labelled_corpus(tmp_path)
    calibration = calibrate(corpus)
    tried = trials(corpus, Calibration())
    assert calibration.logistic == fit_logistic(tried, PRIOR_LABELLED)
    assert calibration == with_figures(tried, calibration)
    assert (len(calibration.curve), calibration.answerable, calibration.unanswerable) == (18, 40, 20)
    assert calibration.figures["unanswerable_answered"] <= 0.05
    assert calibration.weights == Weights()


def test_without_labels_the_public_coefficients_serve(tmp_path: Path) -> None:
    """The map is that of public sets, the threshold that of the FAQ's own questions, and there are no figures."""
    corpus = corpus_of(tmp_path, ENTRIES)
    calibration = calibrate(corpus)
    expected = struck_out_threshold(corpus, Calibration(logistic=PRIOR))
    assert calibration == Calibration(logistic=PRIOR, answer_threshold=expected)


def test_without_unanswerable_labels_the_own_questions_choose_the_threshold(tmp_path: Path) -> None:
    """Answerable questions fit the map, and the FAQ's own questions the threshold under that map."""
    corpus = corpus_of(tmp_path, ENTRIES, ("alpha five", "alpha"), ("beta six", "beta"), ("is beta", "alpha"))
    calibration = calibrate(corpus)
    assert calibration.logistic == fit_logistic(trials(corpus, Calibration()), PRIOR)
    assert calibration.logistic.novelty == pytest.approx(PRIOR.novelty)  # nothing tells of it
    assert calibration.answer_threshold == struck_out_threshold(corpus, calibration)
    assert calibration.figures["labelled_questions"] == 3.0


def test_the_same_corpus_has_the_same_calibration(tmp_path: Path) -> None:
    """Nothing in a calibration is left to chance."""
    corpus = labelled_corpus(tmp_path)
    assert calibrate(corpus) == calibrate(corpus)


def test_entries_out_of_effect_can_be_calibrated(tmp_path: Path) -> None:
    """A FAQ that is not in effect today, with labelled questions, is calibrated and not refused."""
    ended = replace(ENTRIES[0], effective_to=date(2020, 1, 1))
    corpus = corpus_of(tmp_path, [ended], ("alpha", "alpha"), ("five",))
    assert calibrate(corpus).figures["labelled_questions"] == 2.0


def test_struck_out_threshold_by_hand(tmp_path: Path) -> None:
    """Nine tenths of the way through what the own questions reach, each with its own entry struck out."""
    pair = [entry("one", "What is alpha?", "Red.", "blue"), entry("two", "blue green", "Red.")]
    calibration = replace(PLAIN, logistic=Logistic(1.0, 1.0, 0.0, 1.0))
    # "What is alpha?" shares nothing with the other entry; "blue green" has 1 / sqrt(2) to "blue". Each is left alone.
    low, high = sigma(1.0), sigma(1.0 + 1 / math.sqrt(2))
    expected = low + 0.9 * (high - low)
    assert expected == pytest.approx(struck_out_threshold(corpus_of(tmp_path, pair), calibration), abs=1e-6)


def test_struck_out_threshold_of_close_rivals(tmp_path: Path) -> None:
    """Where the others are close to each other, what they reach together counts."""
    three = [entry(x, f"What is {x}?", "Red.") for x in ("alpha", "beta", "gamma")]
    # Both others have 2 of 3 words and no margin: 1 - (1 - p)² at the logit of 2/3.
    expected = 1 - (1 - sigma(2 / 3)) ** 2
    assert expected == pytest.approx(struck_out_threshold(corpus_of(tmp_path, three), PLAIN), abs=1e-6)


def test_struck_out_threshold_counts_what_was_learned(tmp_path: Path) -> None:
    """The FAQ's own questions are asked of what will serve: a learned wording may come near them."""
    pair = [entry("one", "alpha", "Red."), entry("two", "blue", "Red.")]
    corpus = corpus_of(tmp_path, pair, ("blue", "one"))
    calibration = replace(PLAIN, logistic=Logistic(1.0, 1.0, 0.0, 1.0))
    low, high = sigma(1.0), sigma(2.0)
    expected = low + 0.9 * (high - low)
    assert expected == pytest.approx(struck_out_threshold(corpus, calibration), abs=1e-6)


def test_struck_out_threshold_has_a_floor(tmp_path: Path) -> None:
    """A FAQ of one entry, or of entries far apart, is not answered below 0.6."""
    assert struck_out_threshold(corpus_of(tmp_path, ENTRIES[:1]), PLAIN) == 0.6
    far = [entry("one", "alpha", "Red."), entry("two", "blue", "Red.")]
    assert struck_out_threshold(corpus_of(tmp_path, far), PLAIN) == 0.6


def test_struck_out_threshold_samples_a_large_faq(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more questions than are asked, an even sample from the first to the last is."""
    monkeypatch.setattr(module, "_STRUCK_OUT_QUESTIONS", 2)
    calibration = replace(PLAIN, logistic=Logistic(1.0, 1.0, 0.0, 10.0))
    # The second and third are each other's twins; the first and the last, which are asked, share nothing with any.
    four = [entry(x, x, "Red.") for x in ("alpha", "blue", "gamma")]
    four.insert(1, entry("twin", "blue", "Red."))
    expected = 1 - (1 - sigma(1.0)) ** 3
    assert expected == pytest.approx(struck_out_threshold(corpus_of(tmp_path, four), calibration), abs=1e-6)


TRIED = [
    trial("a", [2.0, -2.0], "ab"),
    trial("a", [1.5, -1.0], "ba"),
    trial("ab", [-1.0], "b"),
    trial("a", [], ""),
    trial("", [1.0, -3.0], "ab"),
    trial("", [-2.0], "a"),
]


def test_figures_by_hand() -> None:
    """Shares of the answerable and of the unanswerable, and how well the best entry's confidence tells them apart."""
    got = figures_of(TRIED, replace(PLAIN, answer_threshold=0.6))
    tops = [sigma(2.0), sigma(1.5), sigma(-1.0), 0.0, sigma(1.0), sigma(-2.0)]
    # Right are the first and the third; of 15 bins each trial has one of its own.
    errors = [1 - tops[0], tops[1], 1 - tops[2], tops[3], tops[4], tops[5]]
    assert got == {
        "labelled_questions": 6.0,
        "top_1": 0.5,
        "answerable_answered_right": 0.25,
        "answerable_answered_wrong": 0.25,
        "unanswerable_answered": 0.5,
        "abstention_auroc": (2 + 2 + 1 + 0) / 8,
        "calibration_error": pytest.approx(sum(errors) / 6, abs=5e-5),
    }


def test_the_curve_by_hand() -> None:
    """Every threshold has the numbers of questions that it would answer, right, wrong and without having an answer."""
    kept = with_figures(TRIED, replace(PLAIN, answer_threshold=0.6))
    assert kept.figures == figures_of(TRIED, kept)
    assert (kept.answerable, kept.unanswerable) == (4, 2)
    assert [round(0.05 * step, 2) for step in range(2, 20)] == [point.threshold for point in kept.curve]
    # In order of their confidence: 0.12 unanswerable, 0.27 right, 0.73 unanswerable, 0.82 wrong, 0.88 right.
    assert AtThreshold(0.10, 2, 1, 2) == kept.curve[0]
    assert AtThreshold(0.25, 2, 1, 1) == kept.curve[3]
    assert AtThreshold(0.70, 1, 1, 1) == kept.curve[12]
    assert AtThreshold(0.80, 1, 1, 0) == kept.curve[14]
    assert AtThreshold(0.95, 0, 0, 0) == kept.curve[-1]


def test_figures_of_choices() -> None:
    """Choices are an answer: what the close ones reach together is held against the threshold."""
    together = 1 - (1 - sigma(0.5)) * (1 - sigma(0.45))
    tried = [trial("a", [0.5, 0.45], "ab")]
    for threshold, answered in ((together - 1e-6, 1.0), (together + 1e-6, 0.0)):
        got = figures_of(tried, replace(PLAIN, answer_threshold=threshold))
        assert got["answerable_answered_right"] == answered
    assert joint_confidence([sigma(0.5), sigma(0.45)], PLAIN) == pytest.approx(together)


@pytest.mark.parametrize(
    ("tried", "name"), [(TRIED[:4], "unanswerable_answered"), (TRIED[4:], "answerable_answered_right")]
)
def test_figures_of_one_kind_only(tried: list[Trial], name: str) -> None:
    """Without questions of a kind its share is 0 and nothing can be told apart."""
    got = figures_of(tried, PLAIN)
    assert (got[name], got["abstention_auroc"]) == (0.0, 0.5)
