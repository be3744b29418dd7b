from __future__ import annotations

import itertools
import math
import threading

import pytest

from qa_service.feedback.base import Recorded
from qa_service.feedback.tally import BOUNDS_MS, Gathered, Tally, quantile_ms

DAY = 86_400


def recorded(text: str) -> Recorded:
    return Recorded(0, text, "abstained", None)


def latencies(*times_ms: float) -> list[int]:
    """What a tally's buckets hold after these times."""
    tally = Tally()
    for time_ms in times_ms:
        tally.count(0, "answered", time_ms / 1000)
    row = [0] * (len(BOUNDS_MS) + 1)
    for (_, _, bucket), count in tally.take().counts.items():
        row[bucket] += count
    return row


def test_the_bounds_rise_by_a_quarter() -> None:
    """From half a millisecond to more than five seconds."""
    assert (0.5, 0.625, 0.7812) == BOUNDS_MS[:3]
    assert BOUNDS_MS[-2] < 5_000 < BOUNDS_MS[-1]
    assert all(high / low == pytest.approx(1.25, rel=1e-3) for low, high in itertools.pairwise(BOUNDS_MS))


def test_questions_are_counted_by_day_outcome_and_bucket() -> None:
    """A time on a bound belongs below it; the day changes at midnight UTC; taking leaves nothing."""
    tally = Tally()
    tally.count(DAY - 0.001, "answered", 0.0005)
    tally.count(DAY, "answered", 0.0005)
    tally.count(DAY, "answered", 0.00051)
    tally.count(DAY, "abstained", 60.0)
    tally.count(DAY, "abstained", 60.0)
    gathered = tally.take()
    assert gathered.counts == {
        (0, "answered", 0): 1,
        (1, "answered", 0): 1,
        (1, "answered", 1): 1,
        (1, "abstained", len(BOUNDS_MS)): 2,
    }
    assert (True, False) == (bool(gathered), bool(tally.take()))


def test_what_is_given_back_is_added() -> None:
    """Counts are summed and earlier questions stand before later ones."""
    tally = Tally()
    tally.count(0, "answered", 0.0)
    tally.record(recorded("first"))
    early = tally.take()
    tally.count(0, "answered", 0.0)
    tally.record(recorded("second"))
    tally.give_back(early)
    assert tally.take() == Gathered({(0, "answered", 0): 2}, [recorded("first"), recorded("second")])


def test_what_waits_is_bounded() -> None:
    """While nothing can be written, memory does not grow for ever: the latest days and texts are dropped."""
    tally = Tally()
    for i in range(5_000):
        tally.count(i * DAY, "answered", 0.0)
        tally.record(recorded(str(i)))
    tally.count(0, "answered", 0.0)
    gathered = tally.take()
    assert (4_096, 1_000) == (len(gathered.counts), len(gathered.questions))
    assert gathered.counts[0, "answered", 0] == 2
    tally.record(recorded("late"))
    tally.give_back(gathered)
    assert [str(i) for i in range(1_000)] == [one.text for one in tally.take().questions]


def test_threads_lose_no_count() -> None:
    """Four threads count while a fifth takes, and all of it comes together."""
    tally, taken = Tally(), 0

    def count() -> None:
        for _ in range(5_000):
            tally.count(0, "answered", 0.0)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        taken += sum(tally.take().counts.values())
    assert 20_000 == taken + sum(tally.take().counts.values())


@pytest.mark.parametrize("q", [0.5, 0.95])
def test_quantiles_are_near_the_true_ones(q: float) -> None:
    """Within 12 % of the nearest rank of the times themselves."""
    times = sorted(2.0 * 1.01**i for i in range(500))
    true = times[math.ceil(q * len(times)) - 1]
    assert quantile_ms(latencies(*times), q) == pytest.approx(true, rel=0.12)


def test_quantiles_at_the_ends() -> None:
    """None without questions, the last bound for what took longer; the least is of the first bucket that has any."""
    assert quantile_ms([0] * (len(BOUNDS_MS) + 1), 0.5) is None
    assert quantile_ms(latencies(60_000.0), 0.5) == BOUNDS_MS[-1]
    assert quantile_ms(latencies(0.6, 60_000.0), 0.0) == pytest.approx(0.625 / math.sqrt(1.25))
    assert quantile_ms(latencies(0.6, 60_000.0), 1.0) == BOUNDS_MS[-1]
