"""Ratios of pairs, and nothing else that would have to be believed."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any


def summary(ours: Sequence[float], others: Sequence[float]) -> dict[str, Any]:
    """The quotients of pairs, which were measured next to each other, and their least, middle and greatest.

    Raises:
        ValueError: there is no pair, or one is without its partner.
    """
    if not ours or len(ours) != len(others):
        raise ValueError(f"{len(ours)} and {len(others)} values don't make pairs")
    return spread([mine / other for mine, other in zip(ours, others, strict=True)])


def spread(values: Sequence[float]) -> dict[str, Any]:
    """The values with their least, middle and greatest."""
    return {
        "pairs": list(values),
        "minimum": min(values),
        "median": statistics.median(values),
        "maximum": max(values),
    }


def share(value: float) -> str:
    """A quotient as people say it: 13.2×, or, below one, 1/7.4."""
    return f"{value:.3g}×" if value >= 1 else f"1/{1 / value:.3g}"


def ratios(loads: dict[str, Any], starts: dict[str, Any], ours: str, other: str) -> dict[str, Any]:
    """All ratios of one contender to another, round by round: our value over the other's."""

    def of_loads(figure: str) -> dict[str, Any]:
        return {
            clients: summary(
                [one[figure] for one in loads[ours][clients]], [one[figure] for one in loads[other][clients]]
            )
            for clients in loads[ours]
        }

    def of_memory(moment: str) -> dict[str, Any]:
        return summary([one["pss"] for one in starts[ours][moment]], [one["pss"] for one in starts[other][moment]])

    return {
        **{figure: of_loads(figure) for figure in ("requests_per_second", "p50_ms", "p90_ms", "p99_ms")},
        "start_seconds": summary(starts[ours]["start_seconds"], starts[other]["start_seconds"]),
        **{moment: of_memory(moment) for moment in ("memory_after_start", "memory_after_load")},
    }
