"""Everything that labelled questions say of one index version."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from qa_service import curves, evaluate
from qa_service import text as strings
from qa_service.artifact.read import Snapshot
from qa_service.bootstrap import Interval, interval, mean_interval
from qa_service.confidence import Calibration, Doubles
from qa_service.domain import AtThreshold, Ints, LabelledQuestion, Mask, Result
from qa_service.evaluate import Judged, judge
from qa_service.mistakes import Mistake, mistakes

# Figures by name, in the order they are shown. Names that `Calibration.figures` has too mean the same there.
FIGURES = {
    "top_1": "Nearest entry right",
    "mrr_10": "Mean reciprocal rank, first 10",
    "recall_3": "Right entry among the nearest 3",
    "recall_5": "Right entry among the nearest 5",
    "recall_10": "Right entry among the nearest 10",
    "answerable_answered_right": "Answerable: answered, first answer right",
    "answerable_answered_wrong": "Answerable: answered, first answer wrong",
    "answerable_ambiguous": "Answerable: answered with choices",
    "answerable_abstained": "Answerable: no answer given",
    "unanswerable_answered": "Unanswerable: answered all the same",
    "abstention_auroc": "Abstention AUROC",
    "calibration_error": "Expected calibration error",
    "aurc": "Area under the risk-coverage curve",
}
_NUMBERS = ("mrr_10", "abstention_auroc", "calibration_error", "aurc")
_SAME_COSINE = 0.9999


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure over `size` questions, with its bootstrap interval."""

    value: float
    interval: Interval
    size: int


@dataclass(frozen=True, slots=True)
class Histograms:
    """How many questions have which confidence, by what is known of them; each of shape (bins,)."""

    right: Ints
    wrong: Ints
    unanswerable: Ints


@dataclass(frozen=True)
class Evaluation:
    """The figures of one index version on one set of labelled questions. `learned` counts those it had learned before."""

    version: str
    calibration: Calibration
    answerable: int
    unanswerable: int
    learned: int
    figures: dict[str, Figure]
    reliability: tuple[curves.Bin, ...]
    risk_coverage: curves.RiskCoverage
    histograms: Histograms
    now: AtThreshold
    thresholds: tuple[AtThreshold, ...]
    confusions: tuple[curves.Confusion, ...]
    mistakes: tuple[Mistake, ...]

    @property
    def questions(self) -> int:
        """How many questions were asked."""
        return self.answerable + self.unanswerable

    @property
    def warning(self) -> str | None:
        """What to know before trusting the figures, where the index has learned some of the questions."""
        if not self.learned:
            return None
        return (
            f"{self.learned} of {self.questions} questions were learned by this index at its build; its figures for them "
            "are flattering. The figures of the build, for which each labelled question was asked of an index that had "
            "not learned it, are the ones to trust."
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values: what a program needs of this, without the points of the plots."""
        return {
            "version": self.version,
            "threshold": self.calibration.answer_threshold,
            "answerable": self.answerable,
            "unanswerable": self.unanswerable,
            "learned": self.learned,
            "warning": self.warning,
            "figures": {
                name: {"value": f.value, "low": f.interval.low, "high": f.interval.high, "size": f.size}
                for name, f in self.figures.items()
            },
            "figures_of_the_build": dict(self.calibration.figures),
            "reliability": [asdict(b) for b in self.reliability],
            "at_threshold": asdict(self.now),
            "at_other_thresholds": [asdict(t) for t in self.thresholds],
            "confusions": [asdict(c) for c in self.confusions],
            "mistakes": [asdict(m) for m in self.mistakes],
        }


def shown(name: str, value: float) -> str:
    """A figure as people read it."""
    return f"{value:.3f}" if name in _NUMBERS else f"{value:.1%}"


def evaluation_of(
    results: Sequence[Result], questions: Sequence[LabelledQuestion], calibration: Calibration, learned: int = 0
) -> Evaluation:
    """Work out every figure.

    Args:
        results: of queries whose `top` is `DEPTH`, at least one.
        questions: what was asked, in the same order.
        calibration: of the index that was asked.
        learned: how many of the questions the index had learned; see `learned_questions`.
    """
    judged = judge(results, questions, calibration)
    missed = judged.answerable & ~judged.right
    return Evaluation(
        version=results[0].index_version,
        calibration=calibration,
        answerable=int(np.count_nonzero(judged.answerable)),
        unanswerable=int(np.count_nonzero(~judged.answerable)),
        learned=learned,
        figures=_figures(judged),
        reliability=curves.reliability_bins(judged.top, judged.right),
        risk_coverage=curves.risk_coverage(judged.joint, judged.right),
        histograms=Histograms(
            *(curves.histogram(judged.joint[of]) for of in (judged.right, missed, ~judged.answerable))
        ),
        now=curves.at_threshold(judged, calibration.answer_threshold),
        thresholds=tuple(curves.at_threshold(judged, threshold) for threshold in curves.THRESHOLDS),
        confusions=curves.confusions(results, questions),
        mistakes=mistakes(results, questions, judged),
    )


def learned_questions(snapshot: Snapshot, questions: Sequence[LabelledQuestion]) -> Mask:
    """Which questions the index learned at its build, with the label they have here; shape (questions,).

    An index keeps no text of them, only vectors: a question was learned where its vector is that of a learned row of one
    of its entries, or of a question known to be unanswerable.
    """
    places = {entry.id: place for place, entry in enumerate(snapshot.entries)}
    ends = snapshot.wording_starts + snapshot.wording_counts

    def known(question: LabelledQuestion) -> bool:
        vector = snapshot.encoder.encode_queries([strings.normalise(question.text)])[0]
        held = [places[i] for i in question.entry_ids if i in places]
        banks = [snapshot.vectors[ends[p] - snapshot.learned[p] : ends[p]] for p in held]
        banks = banks if question.entry_ids else [snapshot.unanswerable]
        return any(bool(np.any(bank @ vector > _SAME_COSINE)) for bank in banks)

    return np.array([known(question) for question in questions], dtype=np.bool_)


def _figures(judged: Judged) -> dict[str, Figure]:
    shares = evaluate.shares(judged).items()
    figures = {name: Figure(float(v.mean()), mean_interval(v), len(v)) for name, v in shares if len(v)}
    figures |= _curve_figures(judged)
    return {name: figures[name] for name in FIGURES if name in figures}


def _curve_figures(judged: Judged) -> dict[str, Figure]:
    yes, no = judged.answerable, ~judged.answerable
    everything: Doubles = np.column_stack((judged.top, judged.joint, judged.right.astype(np.float64)))

    def error(*samples: Doubles) -> float:
        top, _, right = np.concatenate(samples).T
        return evaluate.expected_calibration_error(top, right)

    def area(*samples: Doubles) -> float:
        _, joint, right = np.concatenate(samples).T
        return curves.area_under_risk_coverage(joint, right.astype(np.bool_))

    def measured(figure: Callable[..., float], *samples: Doubles) -> Figure:
        return Figure(figure(*samples), interval(figure, *samples), sum(map(len, samples)))

    parts = everything[yes], everything[no]
    figures = {"calibration_error": measured(error, *parts), "aurc": measured(area, *parts)}
    if np.any(yes) and np.any(no):
        figures["abstention_auroc"] = measured(evaluate.auroc, judged.top[yes], judged.top[no])
    return figures
