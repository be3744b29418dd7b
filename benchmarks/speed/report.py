"""RESULTS.md: the targets first, then every figure that they are made of."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.speed import plot
from benchmarks.speed.contenders import AFTERNOON, OURS, TXTAI
from benchmarks.speed.figures import share

_NAMES = {
    AFTERNOON: "the afternoon service (`afternoon.py`: sentence-transformers, FAISS and FastAPI at their defaults)",
    TXTAI: "txtai's API",
}


@dataclass(frozen=True)
class Target:
    """What was set out to be reached: where its figures stand in the results, the bound, and how both are told."""

    what: str
    find: Callable[[dict[str, Any]], dict[str, Any]]
    bound: float
    at_least: bool
    told_bound: str
    tell: Callable[[float], str] = share

    def is_met(self, results: dict[str, Any]) -> bool:
        """Whether the median reaches the bound."""
        median: float = self.find(results)["median"]
        return median >= self.bound if self.at_least else median <= self.bound


def _ratio(other: str, *names: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def find(results: dict[str, Any]) -> dict[str, Any]:
        held = results["ratios"][other]
        for name in names:
            held = held[name]
        return dict(held)

    return find


def _milliseconds(value: float) -> str:
    return f"{value:.2f} ms"


def _times(value: float) -> str:
    return f"{value:.2f}×"


TARGETS = (
    Target("afternoon: throughput, 16 clients", _ratio(AFTERNOON, "requests_per_second", "16"), 12, True, "12×"),
    Target("afternoon: median latency, 1 client", _ratio(AFTERNOON, "p50_ms", "1"), 1 / 6, False, "1/6"),
    Target("afternoon: memory after the start", _ratio(AFTERNOON, "memory_after_start"), 1 / 3, False, "1/3"),
    Target("afternoon: memory after a load of 16", _ratio(AFTERNOON, "memory_after_load"), 1 / 3, False, "1/3"),
    Target("afternoon: start to first answer", _ratio(AFTERNOON, "start_seconds"), 1 / 4, False, "1/4"),
    Target("txtai: throughput, 16 clients", _ratio(TXTAI, "requests_per_second", "16"), 14, True, "14×"),
    Target(
        "overhead of a request over the encoder",
        lambda r: dict(r["encoder"]["overhead"]["overhead_ms"]),
        0.8,
        False,
        "0.8 ms",
        _milliseconds,
    ),
    Target(
        "encoder over its products alone, 16 tokens",
        lambda r: dict(r["encoder"]["lengths"]["16"]["multiple"]),
        2.5,
        False,
        "2.5×",
        _times,
    ),
    Target(
        "batch of 256 over single questions, per second",
        lambda r: dict(r["encoder"]["batch"]["ratio"]),
        0.995,  # what is below half a percent can't be told from noise, nor from 1.00 as it is told
        True,
        "1.00×",
        _times,
    ),
)


def row(*cells: str) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def head(*cells: str) -> list[str]:
    """The first two lines of a Markdown table."""
    return [row(*cells), "|---" * len(cells) + "|"]


def between(values: Sequence[float], tell: Callable[[float], str]) -> str:
    """The median, with the least and the greatest where there are several."""
    middle = tell(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} ({tell(min(values))} to {tell(max(values))})"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004 (three digits either way)


def target_lines(results: dict[str, Any]) -> list[str]:
    """Each target whose contender was there, its bound, what was measured, and whether the median reaches it."""
    lines = head("target", "bound", "measured: median (least to greatest of the pairs)", "reached")
    for target in TARGETS:
        try:
            found = target.find(results)
        except KeyError:
            lines.append(row(target.what, target.told_bound, "not measured", ""))
            continue
        bound = f"at {'least' if target.at_least else 'most'} {target.told_bound}"
        lines.append(
            row(target.what, bound, between(found["pairs"], target.tell), "yes" if target.is_met(results) else "no")
        )
    return lines


def load_lines(results: dict[str, Any]) -> list[str]:
    """Throughput and latency of every contender at each number of clients."""
    loads = results["loads"]
    counts = list(loads[OURS])
    lines: list[str] = []
    for title, figure in (
        ("requests a second", "requests_per_second"),
        ("latency p50, ms", "p50_ms"),
        ("latency p90, ms", "p90_ms"),
        ("latency p99, ms", "p99_ms"),
    ):
        lines += head(title, *(f"{n} client{'s' if n != '1' else ''}" for n in counts))
        lines += [
            row(name, *(between([one[figure] for one in held[n]], _number) for n in counts))
            for name, held in loads.items()
        ]
        lines.append("")
    return lines


def ratio_lines(results: dict[str, Any]) -> list[str]:
    """Our figure over the other's, of each figure and number of clients."""
    lines: list[str] = []
    for other, held in results["ratios"].items():
        counts = list(held["requests_per_second"])
        lines += head(f"ours over {other}", *(f"{n} client{'s' if n != '1' else ''}" for n in counts))
        lines += [
            row(title, *(between(held[figure][n]["pairs"], share) for n in counts))
            for title, figure in (
                ("requests a second", "requests_per_second"),
                ("latency p50", "p50_ms"),
                ("latency p90", "p90_ms"),
                ("latency p99", "p99_ms"),
            )
        ]
        lines.append("")
    return lines


def start_lines(results: dict[str, Any]) -> list[str]:
    """Start and memory of every contender, and our share of the others'."""
    lines = head("", "start, s", "after the start: PSS, MiB", "RSS, MiB", "after a load of 16: PSS, MiB", "RSS, MiB")
    for name, held in results["starts"].items():
        cells = [between(held["start_seconds"], _number)]
        for moment in ("memory_after_start", "memory_after_load"):
            cells += [between([one[kind] for one in held[moment]], _number) for kind in ("pss", "rss")]
        lines.append(row(name, *cells))
    lines += ["", *head("ours over", "start", "PSS after the start", "PSS after a load of 16")]
    lines += [
        row(
            other,
            *(
                between(held[name]["pairs"], share)
                for name in ("start_seconds", "memory_after_start", "memory_after_load")
            ),
        )
        for other, held in results["ratios"].items()
    ]
    return lines


def encoder_lines(results: dict[str, Any]) -> list[str]:
    """The encoder against its products by tokens, batches against single questions, and the overhead of a request."""
    found = results["encoder"]
    lines = head("tokens", "encoder, ms", "products alone, ms", "encoder over products")
    for tokens, held in found["lengths"].items():
        both = (between(held[name], _number) for name in ("encoder_ms", "floor_ms"))
        lines.append(row(tokens, *both, between(held["multiple"]["pairs"], _times)))
    batch, overhead = found["batch"], found["overhead"]
    wrk = statistics.median(one["p50_ms"] for one in results["loads"][OURS]["1"])
    encoder = statistics.median(overhead["encoder_ms"])
    lines += [
        "",
        *head("one thread, mixed questions", "questions a second"),
        row("batch of 256", between(batch["batch_per_second"], _number)),
        row("one after another", between(batch["single_per_second"], _number)),
        "",
        *head("one client, a socket of Python's alone", "ms"),
        row("request, median", between(overhead["request_ms"], _number)),
        row("the same questions in the encoder, median", between(overhead["encoder_ms"], _number)),
        row("overhead", between(overhead["overhead_ms"]["pairs"], _number)),
        "",
        "The overhead holds the client's own sending and receiving too. By wrk the median at one client is "
        f"{wrk:.2f} ms,\n{wrk - encoder:.2f} ms above the encoder's, with other questions at another time.",
    ]
    return lines


def _all_loads(results: dict[str, Any]) -> Iterable[dict[str, Any]]:
    for held in results["loads"].values():
        for rounds in held.values():
            yield from rounds


def lines(results: dict[str, Any]) -> list[str]:
    """The whole page."""
    about, questions = results["about"], results["questions"]
    processor = f" ({about['processor']})" if about["processor"] else ""
    others = " and ".join(_NAMES[name] for name in results["ratios"] if name in _NAMES)
    if set(results["ratios"]) - set(_NAMES):
        others += ", and beside itself in other settings"
    errors = sum(sum(one["errors"].values()) for one in _all_loads(results))
    requests = sum(one["requests"] for one in _all_loads(results))
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return [
        "# Speed",
        "",
        f"`benchmarks/speed/run.py` on {about['date']}: {about['machine']}{processor}, {about['cores']} cores, "
        f"Python {about['python']}, {about['seconds']:.0f} s in all.",
        f"`qa serve` at its defaults beside {others}, each on the seed FAQ with the same model;",
        f"{about['rounds']} round{'s' if about['rounds'] > 1 else ''} of loads of {about['seconds_of_load']:g} s by wrk. "
        f"{versions}.",
        "",
        *target_lines(results),
        "",
        "## Throughput and latency",
        "",
        *(["![requests a second and latency by clients](speed.svg)", ""] if plot.is_possible() else []),
        *load_lines(results),
        f"{requests} requests were answered, {errors} errors. Every question was new, {questions['average_tokens']:.1f} tokens "
        "on average.",
        "",
        *ratio_lines(results),
        "## Start and memory",
        "",
        *start_lines(results),
        "",
        "## The encoder",
        "",
        *encoder_lines(results),
        "",
        "## How it was measured",
        "",
        "- Each cell is the median of the rounds, with the least and the greatest; a ratio is formed of two values of the same",
        "  round, measured one after the other, before the median is taken.",
        "- wrk runs on the same cores, in one thread, one keep-alive connection a client. Its percentiles are corrected for",
        "  coordinated omission: a latency above twice the mean counts also for the requests that it kept from being sent.",
        "- During the loads all contenders are up and one is under load; the next begins when the last has gone idle. For start",
        "  and memory one is up at a time. Files were in the page cache.",
        "- Start is from the start of the process to the first answer. PSS counts a page that processes share once in all, RSS",
        "  once in each; ratios are of PSS over the whole process tree.",
        "- The products alone are the matrix products of all six layers, uint8 by int8, as `MatMulInteger` in ONNX Runtime, one",
        "  thread, distinct weights. The encoder's time includes the tokenizer.",
        "- Before anything is measured, every contender must find each official question's own entry nearest.",
    ]


def write(results: dict[str, Any], folder: Path) -> None:
    """Write the page, the figures and, where matplotlib is installed, the plot."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "RESULTS.md").write_text("\n".join(lines(results)) + "\n", "utf-8")
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    if plot.is_possible():
        plot.write(results, folder / "speed.svg")
