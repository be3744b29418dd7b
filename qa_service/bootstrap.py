"""How far a figure would move on other questions of the same kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa_service.confidence import Doubles

RESAMPLES = 1_000
LEVEL = 0.95
_SEED = 20_260_101
# Resamples are drawn in blocks of about this many numbers, so that a large file does not fill the memory.
_BLOCK = 4_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """The two ends of an interval, low <= high."""

    low: float
    high: float


def percentile(replicates: Doubles, level: float = LEVEL) -> Interval:
    """The percentile interval of a figure's bootstrap replicates.

    Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 13.3.

    Args:
        replicates: the figure of each resample, shape (resamples,).
        level: the share of the replicates that lies inside, in (0, 1).
    """
    low, high = np.quantile(replicates, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return Interval(float(low), float(high))


def mean_interval(values: Doubles, resamples: int = RESAMPLES, seed: int = _SEED) -> Interval:
    """The percentile bootstrap interval of a mean over questions.

    Where all values agree, all resamples do, and the interval is a point; it then says nothing of how sure the mean is.

    Args:
        values: one number a question, shape (n,), n at least 1.
        resamples: how many samples of n questions are drawn with replacement.
        seed: of the random numbers, so that the same file gives the same interval.
    """
    rng = np.random.default_rng(seed)
    block = max(1, _BLOCK // len(values))
    means = [
        values[rng.integers(len(values), size=(min(block, resamples - done), len(values)))].mean(axis=1)
        for done in range(0, resamples, block)
    ]
    return percentile(np.concatenate(means))


def interval(
    figure: Callable[..., float], *samples: NDArray[Any], resamples: int = RESAMPLES, seed: int = _SEED
) -> Interval:
    """The percentile bootstrap interval of any figure of one sample or several.

    Each sample is resampled by itself, so that the mix of answerable and unanswerable questions, which was the choice of
    whoever wrote them, stays (Davison and Hinkley, "Bootstrap Methods and their Application", 1997, section 3.2).

    Args:
        figure: takes the samples in their order.
        samples: one row a question; shapes (n, …), (m, …).
        resamples: how many times each sample is drawn with replacement.
        seed: of the random numbers.
    """
    rng = np.random.default_rng(seed)
    replicates = [
        figure(*(sample[rng.integers(len(sample), size=len(sample))] if len(sample) else sample for sample in samples))
        for _ in range(resamples)
    ]
    return percentile(np.array(replicates, dtype=np.float64))
