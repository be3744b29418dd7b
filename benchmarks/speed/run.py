"""The service beside others that do the same work, over HTTP: `python benchmarks/speed/run.py` writes RESULTS.md.

`--smoke` runs all of it in seconds and writes to `--output` only. `--variants` adds our own service in other settings.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.speed import load, plot, report  # noqa: E402 (the path above)
from benchmarks.speed.contenders import OURS, TXTAI, Contender, is_txtai_here, table  # noqa: E402 (as above)
from benchmarks.speed.figures import ratios  # noqa: E402 (as above)
from benchmarks.speed.questions import Supply, of_project  # noqa: E402 (as above)
from benchmarks.speed.server import ServerError, running  # noqa: E402 (as above)
from benchmarks.speed.track import Plan, Track, Weights  # noqa: E402 (as above)

_PACKAGES = ("qa-service", "onnxruntime", "sentence-transformers", "torch", "faiss-cpu", "fastapi", "uvicorn", TXTAI)


def prepared(folder: Path, index: Path | None) -> list[dict[str, str]]:
    """Fill the folder with what the contenders serve; the entries of the FAQ."""
    command = [sys.executable, "-m", "benchmarks.speed.prepare", str(folder)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [*command, *([str(index.resolve())] if index else [])],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ServerError(f"the preparation failed:\n{done.stderr[-2000:]}")
    entries: list[dict[str, str]] = json.loads((folder / "faq.json").read_text("utf-8"))
    return entries


def measure_inside(ours: Contender, plan: Plan, supply: Supply, folder: Path) -> dict[str, Any]:
    """The figures of `inside.py`, which asks our server and runs the encoder in its own process."""
    with running(ours, folder) as server:
        job = {
            "folder": str(folder),
            "port": server.port,
            "rounds": plan.rounds,
            "repeats": plan.repeats,
            "batches": plan.batches,
            "next_number": supply.next_number,
            "stretches": supply.stretches,
        }
        (folder / "job.json").write_text(json.dumps(job), "utf-8")
        command = [sys.executable, "-m", "benchmarks.speed.inside", str(folder / "job.json")]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServerError(f"measuring the encoder failed:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def about(plan: Plan, seconds: float) -> dict[str, Any]:
    """Where, when and with what it was measured."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": platform.machine(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": versions,
        "seconds": seconds,
        "rounds": plan.rounds,
        "seconds_of_load": plan.seconds,
        "repeats": plan.repeats,
    }


def processor() -> str:
    """The processor as Linux calls it; empty elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def measure(plan: Plan, *, smoke: bool, variants: bool, index: Path | None) -> dict[str, Any]:
    """Everything: the content of results.json."""
    begun = time.monotonic()
    load.wrk()  # missing, it is better said now than in five minutes
    if not smoke and not (is_txtai_here() and plot.is_possible()):
        raise ServerError("a full run needs txtai[api] and matplotlib; see benchmarks/requirements.txt")
    with tempfile.TemporaryDirectory(prefix="speed-") as name:
        folder = Path(name)
        entries = prepared(folder, index)
        contenders = table(folder, variants=variants, with_txtai=is_txtai_here())
        supply = Supply(of_project(ROOT))
        track = Track(plan, load.Loader(supply, folder, scant=smoke), folder)
        weights = {contender.name: Weights() for contender in contenders}
        # Each is weighed alone. Where the figures don't matter only ours is, since the others take long to start.
        alone = contenders[:1] if smoke else contenders
        together = {c.name: weights[c.name] for c in contenders if c not in alone}
        loads = track.loads(contenders, entries, together)
        track.starts(alone, weights)
        starts = {name: asdict(held) for name, held in weights.items()}
        inside = measure_inside(contenders[0], plan, supply, folder)
    return {
        "about": about(plan, time.monotonic() - begun),
        "questions": inside["questions"],
        "loads": loads,
        "starts": starts,
        "ratios": {c.name: ratios(loads, starts, OURS, c.name) for c in contenders[1:]},
        "encoder": inside["encoder"],
    }


def main() -> int:
    """Measure, print the report, and write it where it belongs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="run everything in seconds, for its own sake")
    parser.add_argument("--variants", action="store_true", help="measure our service in other settings too")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each load")
    parser.add_argument("--index", type=Path, help="an index of the seed FAQ, not to be built again")
    parser.add_argument("--output", type=Path, help="folder to write to; this one by default, none with --smoke")
    chosen = parser.parse_args()
    plan = Plan(1, 0.3, 0.2, 5, 1) if chosen.smoke else Plan(chosen.rounds, chosen.seconds, 1.0, 100, 2 * chosen.rounds)
    try:
        results = measure(plan, smoke=chosen.smoke, variants=chosen.variants, index=chosen.index)
    except (ServerError, load.LoadError) as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 1
    output = chosen.output or (None if chosen.smoke else HERE)
    print("\n".join(report.lines(results)))
    if output:
        report.write(results, output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
