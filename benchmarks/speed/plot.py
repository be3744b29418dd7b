"""Throughput and latency by clients as a picture."""

from __future__ import annotations

import importlib
import importlib.util
import statistics
from pathlib import Path
from typing import Any


def is_possible() -> bool:
    """Whether matplotlib is installed; it is not imported."""
    return importlib.util.find_spec("matplotlib") is not None


def write(results: dict[str, Any], path: Path) -> None:
    """Draw medians of all rounds; latency on a logarithmic axis, p99 dashed."""
    matplotlib: Any = importlib.import_module("matplotlib")
    matplotlib.use("svg")
    matplotlib.rcParams.update(
        {"svg.hashsalt": "speed", "svg.fonttype": "none", "font.size": 9, "axes.grid": True, "grid.alpha": 0.3}
    )
    plt: Any = importlib.import_module("matplotlib.pyplot")
    figure, (throughput, latency) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for name, held in results["loads"].items():
        clients = [int(count) for count in held]

        def medians(figure_name: str, held: dict[str, Any] = held) -> list[float]:
            return [statistics.median(one[figure_name] for one in rounds) for rounds in held.values()]

        (drawn,) = throughput.plot(clients, medians("requests_per_second"), marker="o", label=name)
        latency.plot(clients, medians("p50_ms"), marker="o", color=drawn.get_color(), label=f"{name}, p50")
        latency.plot(clients, medians("p99_ms"), linestyle="--", color=drawn.get_color(), label=f"{name}, p99")
    for axes, title, scale in ((throughput, "requests a second", "linear"), (latency, "latency, ms", "log")):
        axes.set(xscale="log", yscale=scale, xlabel="clients", title=title, xticks=clients, xticklabels=clients)
        axes.minorticks_off()
        axes.legend(fontsize=7)
    throughput.set_ylim(bottom=0)
    latency.yaxis.set_major_formatter("{x:g}")
    # Without the date, the same figures give the same file.
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
