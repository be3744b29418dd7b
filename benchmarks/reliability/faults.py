"""Strike a publish at every system call (SIGKILL) and at every write, fsync, rename and more (ENOSPC, EIO)."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from qa_service.artifact import publish
from qa_service.artifact.manifest import verify
from qa_service.errors import QaError

STRIKE = Path(__file__).with_name("strike.py")
FAILING = ("write", "fsync", "rename", "openat", "close", "utimensat", "unlink", "unlinkat", "rmdir")
ERRORS = ("ENOSPC", "EIO")


@dataclass
class Tally:
    """What came of the strikes of one kind."""

    struck: int = 0
    bad: list[str] = field(default_factory=list)
    after: Counter[str] = field(default_factory=Counter)


def prepare(root: Path) -> str:
    """An index folder with one published version."""
    done = subprocess.run(
        [sys.executable, str(STRIKE), str(root), "old", "go"], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def traced(root: Path, option: str) -> str:
    """Publish new content under strace with an option of its, between readiness and the end; the trace."""
    child = subprocess.Popen(
        [sys.executable, str(STRIKE), str(root), "new", "wait"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    log = root.parent / "strace.log"
    command = ["strace", "-f", "-p", str(child.pid), "-o", str(log), "-e", option]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    assert "attached" in tracer.stderr.readline()
    child.stdin.write("\n")
    child.stdin.close()
    child.wait()
    tracer.wait()
    child.stdout.close()
    tracer.stderr.close()
    trace = log.read_text(errors="replace")
    log.unlink()
    return trace


def calls_of(pristine: Path) -> Counter[str]:
    """How often an undisturbed publish makes each system call."""
    root = pristine.parent / "counted"
    shutil.copytree(pristine, root)
    trace = traced(root, "trace=all")
    shutil.rmtree(root)
    return Counter(found[1] for line in trace.splitlines() if (found := re.match(r"\d+\s+(\w+)\(", line)))


def check(root: Path, old: str, tally: Tally, what: str) -> None:
    """CURRENT must name a whole version, and an undisturbed publish must succeed afterwards."""
    tally.struck += 1
    try:
        current = publish.current(root)
        verify(root / current)
        verify(root / old)
        tally.after["old" if current == old else "new"] += 1
    except QaError as exc:
        tally.bad.append(f"{what}: {exc}")
        return
    again = subprocess.run(
        [sys.executable, str(STRIKE), str(root), "new", "go"], capture_output=True, text=True, check=False
    )
    if again.returncode != 0 or publish.current(root) != again.stdout.strip():
        tally.bad.append(f"{what}: the next publish failed")


def strike_all(pristine: Path, old: str, call: str, times: int, fault: str) -> Tally:
    """Strike at the first such system call, at the second, and so on to the last."""
    tally = Tally()
    for number in range(1, times + 1):
        root = pristine.parent / "index"
        shutil.copytree(pristine, root)
        trace = traced(root, f"inject={call}:{fault}:when={number}")
        if "INJECTED" in trace or "killed by SIGKILL" in trace:
            check(root, old, tally, f"{call} {fault} at {number}")
        shutil.rmtree(root)
    return tally


def run() -> tuple[list[str], bool]:
    """All strikes; the lines of the report, and whether every one left a whole version."""
    lines = [
        "| system call | fault | strikes | old version current | new version current | bad |",
        "|---|---|---|---|---|---|",
    ]
    good = True
    with tempfile.TemporaryDirectory() as folder:
        pristine = Path(folder) / "pristine"
        old = prepare(pristine)
        calls = calls_of(pristine)
        cases = [(call, times, "signal=SIGKILL") for call, times in sorted(calls.items())]
        cases += [(call, calls[call], f"error={error}") for call in FAILING if calls[call] for error in ERRORS]
        total: Counter[str] = Counter()
        for call, times, fault in cases:
            tally = strike_all(pristine, old, call, times, fault)
            good = good and not tally.bad
            total[fault] += tally.struck
            after = f"{tally.after['old']} | {tally.after['new']} | {len(tally.bad)}"
            lines.append(f"| {call} | {fault} | {tally.struck} | {after} |")
            print(lines[-1], *tally.bad[:3], flush=True)
    lines += ["", f"Strikes in all: {', '.join(f'{n} {fault}' for fault, n in sorted(total.items()))}."]
    return lines, good and total["signal=SIGKILL"] > 0
