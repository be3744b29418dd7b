"""What other thresholds would have done with the build's labelled questions."""

from __future__ import annotations

from dataclasses import dataclass

from qa_service.confidence import Calibration
from qa_service.domain import AtThreshold
from qa_service.evaluation import FIGURES, shown
from qa_service.plots import Plot


@dataclass(frozen=True, slots=True)
class Curve:
    """What thresholds do: `now` is the one in use, which is among the `points`, from low to high.

    Without labelled questions there are no points, `now` is None and the plot is empty.
    """

    threshold: float
    answerable: int
    unanswerable: int
    now: AtThreshold | None
    points: tuple[AtThreshold, ...]
    plot: str
    figures: tuple[tuple[str, str], ...]


def curve(calibration: Calibration) -> Curve:
    """What a calibration holds, ready to be shown."""
    now, points = _now(calibration) if calibration.curve else None, list(calibration.curve)
    if now:
        points = sorted([*(one for one in points if one.threshold != now.threshold), now], key=lambda p: p.threshold)
    return Curve(
        calibration.answer_threshold,
        calibration.answerable,
        calibration.unanswerable,
        now,
        tuple(points),
        _plot(calibration, points, now) if now else "",
        tuple((_name(name), _value(name, value)) for name, value in calibration.figures.items()),
    )


def _now(calibration: Calibration) -> AtThreshold:
    """The threshold in use, whose counts the build wrote down as shares."""
    figures, yes, no = calibration.figures, calibration.answerable, calibration.unanswerable
    return AtThreshold(
        calibration.answer_threshold,
        round(figures["answerable_answered_right"] * yes),
        round(figures["answerable_answered_wrong"] * yes),
        round(figures["unanswerable_answered"] * no),
    )


def _name(name: str) -> str:
    return FIGURES.get(name) or name.replace("_", " ").capitalize()


def _value(name: str, value: float) -> str:
    return shown(name, value) if name in FIGURES else f"{value:g}"


def _plot(calibration: Calibration, points: list[AtThreshold], now: AtThreshold) -> str:
    """The shares by threshold as SVG; a kind of questions that there is none of has no line."""
    yes, no = calibration.answerable, calibration.unanswerable
    lines = (
        ("good", "of the answerable questions are answered right", yes, [one.answered_right for one in points]),
        ("bad", "are answered wrong", yes, [one.answered_wrong for one in points]),
        ("other", "of the unanswerable ones are answered", no, [one.unanswerable_answered for one in points]),
    )
    drawn, place = [line for line in lines if line[2]], points.index(now)
    told = ", ".join(f"{counts[place] / of:.1%} {name}" for _, name, of, counts in drawn)
    plot = Plot(
        "thresholds",
        "Shares of questions by threshold",
        f"At the threshold in use, {now.threshold:.3f}, {told}.",
        "threshold",
        "share of the questions",
    )
    for kind, _, of, counts in drawn:
        plot.line([one.threshold for one in points], [count / of for count in counts], kind)
    plot.mark(now.threshold, "in use")
    return plot.svg()
