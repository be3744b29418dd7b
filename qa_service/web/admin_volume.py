"""How much was asked, day by day and in sum, what came of it, and how long it took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from qa_service.domain import Outcome
from qa_service.feedback.base import Day
from qa_service.feedback.tally import quantile_ms
from qa_service.observe import Metrics
from qa_service.plots import ticks

DAYS = 30
_SPANS = (("Today", 1), ("7 days", 7), ("30 days", DAYS))
_LABEL_EVERY = 7
_BAR_SHARE = 0.8  # of a day's width
_ASK = "/v1/ask"


@dataclass(frozen=True, slots=True)
class Period:
    """The questions of a span of time by outcome, and within how many ms half of them and 95 % of them had their result."""

    name: str
    answered: int
    ambiguous: int
    abstained: int
    p50_ms: float | None
    p95_ms: float | None

    @property
    def questions(self) -> int:
        """How many questions were asked."""
        return self.answered + self.ambiguous + self.abstained


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a day's bar; all lengths in percent of the chart."""

    kind: Outcome
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """The bars of the days, the lines across with their numbers of questions, and dates below, which end where their day does."""

    bars: tuple[Bar, ...]
    lines: tuple[tuple[float, int], ...]
    names: tuple[tuple[float, date], ...]


@dataclass(frozen=True, slots=True)
class Volume:
    """What was asked. Without a state folder there are no days, and the one period is the time since the start."""

    periods: tuple[Period, ...]
    days: tuple[Day, ...] = ()
    chart: Chart | None = None


def by_day(days: Sequence[Day]) -> Volume:
    """The sums and the chart of days that follow each other, oldest first; the last one is today."""
    periods = tuple(_summed(name, days[-length:]) for name, length in _SPANS)
    return Volume(periods, tuple(days), _chart(days))


def since_start(metrics: Metrics) -> Volume:
    """What the process, or all that serve together, counted since its start.

    Times are those of whole requests, rounded up to a bound of the histogram; beyond its last one they are told as that.
    """
    asked = metrics.samples("qa_questions_total", "outcome")
    answered, ambiguous, abstained = (int(asked.get(outcome, 0)) for outcome in Outcome)
    below = metrics.samples("qa_request_seconds_bucket", "le", route=_ASK)
    within = sorted((float(bound) * 1000.0, count) for bound, count in below.items())
    p50_ms, p95_ms = (_bound_ms(within, q) for q in (0.5, 0.95))
    return Volume((Period("Since the start", answered, ambiguous, abstained, p50_ms, p95_ms),))


def _bound_ms(within: Sequence[tuple[float, float]], q: float) -> float | None:
    """The least bound within which a share of the requests had their response, from the number within each bound."""
    if not within or not within[-1][1]:
        return None
    place = next(place for place, (_, count) in enumerate(within) if count >= q * within[-1][1])
    return within[min(place, len(within) - 2)][0]


def _summed(name: str, days: Sequence[Day]) -> Period:
    latencies = [sum(column) for column in zip(*(day.latencies for day in days), strict=True)]
    return Period(
        name,
        sum(day.answered for day in days),
        sum(day.ambiguous for day in days),
        sum(day.abstained for day in days),
        quantile_ms(latencies, 0.5),
        quantile_ms(latencies, 0.95),
    )


def _chart(days: Sequence[Day]) -> Chart:
    """Stacked bars, the answered ones at the bottom."""
    scale = [round(tick) for tick in ticks(max(1, *(day.answered + day.ambiguous + day.abstained for day in days)))]
    step = 100.0 / len(days)
    bars = []
    for place, day in enumerate(days):
        foot = 0
        for kind, count in zip(Outcome, (day.answered, day.ambiguous, day.abstained), strict=True):
            foot += count
            if count:
                x = (place + (1 - _BAR_SHARE) / 2) * step
                bars.append(Bar(kind, x, 100 - 100 * foot / scale[-1], _BAR_SHARE * step, 100 * count / scale[-1]))
    lines = tuple((100 - 100 * tick / scale[-1], tick) for tick in dict.fromkeys(scale))
    named = range(len(days) - 1, -1, -_LABEL_EVERY)
    return Chart(tuple(bars), lines, tuple(((place + 1) * step, days[place].day) for place in named))
