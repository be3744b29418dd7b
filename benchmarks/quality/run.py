"""Ranking, abstention and calibration on labelled sets, beside the baselines: `make quality EVAL=<folder>`."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent))

from benchmarks.quality import contenders  # noqa: E402 (the path above)
from benchmarks.quality.contenders import Ours, Reference, Scores, ask  # noqa: E402 (as above)
from benchmarks.quality.sets import EvaluationSet, load  # noqa: E402 (as above)
from qa_service import export  # noqa: E402 (as above)
from qa_service.evaluate import auroc, expected_calibration_error  # noqa: E402 (as above)

SETS = (
    "jhu_covidfaq",
    "feedbackqa_quebec_april",
    "stackfaq",
    "hint3_curekart",
    "clinc150",
    "banking77",
    "insuranceqa_dups",
)
CLEAN = SETS[:3]


def ranking(scores: Scores, right: tuple[frozenset[int], ...]) -> dict[str, float]:
    """Top-1, MRR@10 and recall@5 of a matrix of scores; ties are broken by the order of the FAQ."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :10]
    hits = np.array([[place in good for place in row] for row, good in zip(order.tolist(), right, strict=True)])
    first = np.where(hits.any(axis=1), hits.argmax(axis=1), -1)
    return {
        "top_1": float(hits[:, 0].mean()),
        "mrr_10": float(np.where(first >= 0, 1.0 / np.maximum(first + 1.0, 1.0), 0.0).mean()),
        "recall_5": float(hits[:, :5].any(axis=1).mean()),
    }


def abstention(held: EvaluationSet, ours: Ours, reference: Reference) -> dict[str, float]:
    """How well confidence tells answerable from unanswerable, and whether it is a probability, beside the cosine."""
    if not held.unanswerable:
        return {}
    kept = [i for i in range(len(held.entries)) if i not in held.removed]
    lost = set(held.unanswerable)
    answerable = [i for i, text in enumerate(held.queries) if text not in lost]
    texts = [*(held.queries[i] for i in answerable), *held.unanswerable]
    scores, tops = ask(ours.without(held.removed), texts, len(kept))
    cosines = contenders.cosine([held.entries[i] for i in kept], texts, reference).max(axis=1)
    best = np.array(kept)[scores.argmax(axis=1)]
    right = np.array(
        [float(best[n] in held.right[i]) for n, i in enumerate(answerable)] + [0.0] * len(held.unanswerable)
    )
    cut = len(answerable)
    return {
        "unanswerable": float(len(held.unanswerable)),
        "auroc": auroc(tops[:cut], tops[cut:]),
        "auroc_cosine": auroc(cosines[:cut], cosines[cut:]),
        "calibration_error": expected_calibration_error(tops, right),
        "_tops": tops.tolist(),
        "_right": right.tolist(),
    }  # type: ignore[return-value]  # the raw values are taken out before the figures are written


def measure(held: EvaluationSet, exported: export.Export) -> dict[str, Any]:
    """All figures of one set."""
    begun = time.monotonic()
    reference = Reference(exported)
    ours = Ours(held, exported, "int8")
    rows = {
        "BM25": contenders.bm25(held.entries, held.queries),
        "cosine to the question (sentence-transformers, fp32)": contenders.cosine(
            held.entries, held.queries, reference
        ),
        "txtai, dense": contenders.txtai(held.entries, held.queries, reference, hybrid=False),
        "txtai, hybrid": contenders.txtai(held.entries, held.queries, reference, hybrid=True),
        "ours": ask(ours.without(frozenset()), held.queries, len(held.entries))[0],
    }
    whole = Ours(held, exported, "fp32")
    rows["ours, fp32"] = ask(whole.without(frozenset()), held.queries, len(held.entries))[0]
    return {
        "entries": len(held.entries),
        "queries": len(held.queries),
        "ranking": {name: ranking(scores, held.right) for name, scores in rows.items()},
        "abstention": abstention(held, ours, reference),
        "seconds": time.monotonic() - begun,
    }


def table(results: dict[str, Any], figure: str) -> list[str]:
    """One figure of every contender on every set, in Markdown."""
    names = list(next(iter(results.values()))["ranking"])
    lines = [f"| {figure} | {' | '.join(results)} |", "|---|" + "---|" * len(results)]
    lines += [
        f"| {name} | {' | '.join(format(r['ranking'][name][figure], '.3f') for r in results.values())} |"
        for name in names
    ]
    return lines


def report(results: dict[str, Any], pooled: float) -> list[str]:
    """The committed page."""
    base = "cosine to the question (sentence-transformers, fp32)"
    gain = np.mean(
        [r["ranking"]["ours"]["top_1"] - r["ranking"][base]["top_1"] for n, r in results.items() if n in CLEAN]
    )
    loss = np.mean([r["ranking"]["ours, fp32"]["top_1"] - r["ranking"]["ours"]["top_1"] for r in results.values()])
    seconds = sum(r["seconds"] for r in results.values())
    lines = [
        "# Quality on sets that this project did not write",
        "",
        f"`make quality` on {datetime.now(UTC):%Y-%m-%d}: {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, {seconds:.0f} s in all. Nothing was fitted on the queries that are asked here; how",
        "the weights came about is in LOG.md. Up to 1,500 queries a set; sets of intents are indexed by their variants.",
        "",
        *table(results, "top_1"),
        "",
        *table(results, "mrr_10"),
        "",
        *table(results, "recall_5"),
        "",
        f"Top-1 above the cosine to the question, mean of {', '.join(CLEAN)}: {100 * gain:+.1f} points. "
        f"int8 against fp32, mean of all sets: {-100 * loss:+.2f} points of top-1.",
        "",
        "## Abstention and calibration, with no labelled question of the set",
        "",
        "| | " + " | ".join(n for n, r in results.items() if r["abstention"]) + " |",
        "|---|" + "---|" * sum(bool(r["abstention"]) for r in results.values()),
    ]
    for name, figure in (
        ("AUROC", "auroc"),
        ("AUROC of the cosine", "auroc_cosine"),
        ("calibration error", "calibration_error"),
    ):
        lines.append(
            f"| {name} | "
            + " | ".join(f"{r['abstention'][figure]:.3f}" for r in results.values() if r["abstention"])
            + " |"
        )
    lines += ["", f"Calibration error over all of these predictions together: {pooled:.3f}."]
    return lines


def main() -> int:
    """Run all sets and write RESULTS.md and results.json."""
    folder = Path(sys.argv[1])
    exported = export.load()
    results: dict[str, Any] = {}
    for name in sys.argv[2:] or SETS:
        results[name] = measure(load(folder / name), exported)
        print(name, json.dumps(results[name]["ranking"]), flush=True)
    pairs = [
        (t, r)
        for x in results.values()
        for t, r in zip(x["abstention"].pop("_tops", ()), x["abstention"].pop("_right", ()), strict=True)
    ]
    tops, right = np.array(pairs).T
    lines = report(results, expected_calibration_error(tops, right))
    (HERE / "RESULTS.md").write_text("\n".join(lines) + "\n", "utf-8")
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
