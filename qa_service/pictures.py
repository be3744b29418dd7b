"""The plots of an evaluation."""

from __future__ import annotations

import math

import numpy as np

from qa_service.curves import HISTOGRAM_BINS
from qa_service.domain import Ints
from qa_service.evaluation import Evaluation
from qa_service.plots import Plot

_LEAST_RADIUS, _RADIUS = 2.5, 6.0
_LEAST_RISK = 0.05


def _figure(caption: str, plot: Plot) -> str:
    return f"<figure><figcaption>{caption}</figcaption>{plot.svg()}</figure>"


def reliability_diagram(evaluation: Evaluation) -> str:
    """How often a confidence was right: bars and points on the dashed line are what a probability should give."""
    bins = evaluation.reliability
    told = "; ".join(f"{b.confidence:.2f}: {b.accuracy:.0%} of {b.size}" for b in bins)
    plot = Plot(
        "reliability",
        "Reliability diagram",
        f"Share that was right by mean confidence of each bin. {told}.",
        "confidence of the nearest entry",
        "share that is right",
    )
    notes = [f"{b.low:.2f} to {b.high:.2f}: {b.accuracy:.0%} of {b.size} questions right" for b in bins]
    plot.bars([(b.low, b.high) for b in bins], [b.accuracy for b in bins], "pale", notes)
    plot.diagonal()
    most = max(b.size for b in bins)
    radii = [_LEAST_RADIUS + _RADIUS * math.sqrt(b.size / most) for b in bins]
    plot.dots([b.confidence for b in bins], [b.accuracy for b in bins], "good", radii)
    return _figure(
        "<strong>Reliability.</strong> Bars: how often the nearest entry is right. Points: the mean confidence of the same "
        "questions; the more questions, the larger. On the dashed line, confidence is a probability.",
        plot,
    )


def risk_coverage_curve(evaluation: Evaluation) -> str:
    """What answering more questions costs; the threshold in use is marked."""
    curve, now = evaluation.risk_coverage, evaluation.now
    answered = now.answered_right + now.answered_wrong + now.unanswerable_answered
    coverage = answered / evaluation.questions
    risk = (answered - now.answered_right) / answered if answered else 0.0
    here = f"At the threshold in use, {coverage:.1%} are answered and {risk:.1%} of the answers are wrong."
    plot = Plot(
        "risk-coverage",
        "Risk-coverage curve",
        f"{here} With every question answered, {curve.risk[-1]:.1%} would be wrong.",
        "share of all questions that is answered",
        "share of the answers that is wrong",
        max(_LEAST_RISK, float(np.max(curve.risk))),
    )
    plot.line(curve.coverage.tolist(), curve.risk.tolist(), "bad")
    plot.mark(coverage, "in use")
    plot.dots([coverage], [risk], "good", [4.5])
    return _figure(f"<strong>Risk and coverage.</strong> {here} Unanswerable questions count as wrong.", plot)


def histograms(evaluation: Evaluation) -> tuple[str, str, str]:
    """How the confidences of three kinds of questions lie, on one scale."""
    held = evaluation.histograms
    top = float(max(1, held.right.max(), held.wrong.max(), held.unanswerable.max()))
    return (
        _histogram(evaluation, "right", "Answerable, nearest entry right", held.right, "good", top),
        _histogram(evaluation, "wrong", "Answerable, nearest entry wrong", held.wrong, "bad", top),
        _histogram(evaluation, "unanswerable", "Unanswerable", held.unanswerable, "other", top),
    )


def _histogram(  # noqa: PLR0913 (what differs between the three)
    evaluation: Evaluation, ident: str, title: str, counts: Ints, kind: str, top: float
) -> str:
    threshold = evaluation.calibration.answer_threshold
    filled = [i for i, count in enumerate(counts.tolist()) if count]
    edges = [(i / HISTOGRAM_BINS, (i + 1) / HISTOGRAM_BINS) for i in filled]
    notes = [f"{low:.2f} to {high:.2f}: {counts[i]} questions" for i, (low, high) in zip(filled, edges, strict=True)]
    told = f"{int(counts.sum())} questions by confidence. {'; '.join(notes)}."
    plot = Plot(f"confidence-{ident}", title, told, "confidence", "questions", top)
    plot.bars(edges, [float(counts[i]) for i in filled], kind, notes)
    plot.mark(threshold, "threshold")
    return _figure(f"<strong>{title}</strong> ({int(counts.sum())})", plot)
