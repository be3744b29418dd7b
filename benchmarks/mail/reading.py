"""Reading alone: real mails and hostile ones, their time and memory: `python benchmarks/mail/reading.py FOLDER`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent))

from qa_service.mail.base import Reading  # noqa: E402 (the path above)
from qa_service.mail.reader import read  # noqa: E402 (as above)

_PLAIN = b"Content-Type: text/plain; charset=utf-8\r\n"
_QUESTION = b"Is it free?\r\n"
MAX_SECONDS, MAX_BYTES, MIN_RATE = 1.0, 256 << 20, 400.0


def _parts(count: int) -> bytes:
    part = b"--b\r\n" + _PLAIN + b"\r\n" + _QUESTION
    return b'Subject: parts\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n' + part * count + b"--b--\r\n"


def _deep(depth: int) -> bytes:
    opened = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(depth))
    return b"Subject: deep\r\n" + opened + b"\r\n" + _QUESTION


def _forwarded(depth: int) -> bytes:
    return b"Subject: deep\r\nContent-Type: message/rfc822\r\n\r\n" * depth + _QUESTION


def _html(markup: bytes) -> bytes:
    return b"Subject: html\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + markup


def _headed(head: bytes) -> bytes:
    return b"Subject: head\r\n" + head + b"\r\n\r\n" + _QUESTION


BOMBS: dict[str, Callable[[], bytes]] = {
    "50,000 parts": lambda: _parts(50_000),
    "depth 1,000": lambda: _deep(1_000),
    "forwarded 1,000 deep": lambda: _forwarded(1_000),
    "8,000 parameters": lambda: _headed(b"Content-Type: text/plain" + b"".join(b"; p%d=1" % n for n in range(8_000))),
    "8,000 pieces of one parameter": lambda: _headed(
        b"Content-Type: text/plain" + b"".join(b"; charset*%d*=%%41" % n for n in range(8_000))
    ),
    "From of 100,000 (": lambda: _headed(b"From: " + b"(" * 100_000),
    "100,000 headers": lambda: _headed(b"\r\n".join(b"X-%d: 1" % n for n in range(100_000))),
    "a header of 20 MB": lambda: _headed(b"X-Long: " + b"a" * (20 << 20)),
    "encoded words, 1 MB": lambda: b"Subject: " + b"=?utf-8?q?=ff?= =?x?b?gg?= " * 40_000 + b"\r\n\r\n" + _QUESTION,
    "a line of 20 MB": lambda: _headed(b"") + b"a " * (10 << 20),
    "a line of 20 MB without a space": lambda: _headed(b"") + b"a" * (20 << 20),
    "20 MB of line ends": lambda: _headed(b"") + b"\r\n" * (10 << 20),
    "767 kB of quotes": lambda: _headed(b"") + b"> " * 383_500,
    "767 kB of quoted lines": lambda: _headed(b"") + b"> a\r\n" * 153_400,
    "boundary of one dash": lambda: b"Content-Type: multipart/mixed; boundary=-\r\n\r\n" + b"---\r\n" * 200_000,
    "20 MB of base64": lambda: _headed(b"Content-Transfer-Encoding: base64") + b"SXMgaXQgZnJlZT8K" * (20 << 16),
    "broken charset, 200 parts": lambda: _parts(200).replace(_QUESTION, b"\xff\x81\x8d\xfe" * 1_000 + b"\r\n"),
    "html nested 100,000 deep": lambda: _html(b"<div>" * 100_000 + b"Is it free?"),
    "html of nested tables": lambda: _html(b"<table><tr><td>" * 50_000 + b"Is it free?"),
    "html of misnested formatting": lambda: _html(
        b"".join(b"<font color=%d>" % n for n in range(20_000)) + b"<p>a" * 20_000
    ),
    "html of open formatting": lambda: _html(
        b"".join(b"<b x='>' y=%d display>" % n for n in range(5_000)) + b"<p>a" * 5_000
    ),
    "html of open comments": lambda: _html(b"<!--" * 250_000),
    "html of open quotes": lambda: _html(b"<a b='<a b=\"" * 80_000),
    "html of 50,000 blockquotes": lambda: _html(b"<blockquote>a" * 50_000),
    "html in 200 parts": lambda: _parts(200).replace(b"text/plain", b"text/html").replace(
        _QUESTION, b"<p><br>" * 3_000 + b"\r\n"
    ),
    "html of 20 MB": lambda: _html(b"<p>Is it <b>free</b>?</p>" * 800_000),
}  # fmt: skip


def measured(name: str) -> dict[str, float | str]:
    """Read one bomb in this process: the seconds, and by how many bytes its peak memory stands over the warm process."""
    raw = BOMBS[name]()
    read(b"Subject: warm\r\n\r\nIs it free?\r\n")
    read(_html(b"<p>Is it free?</p>"))
    started = time.perf_counter()
    reading = read(raw)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {"seconds": seconds, "bytes": peak, "outcome": _outcome(reading)}


def _outcome(reading: Reading) -> str:
    if not reading.letter:
        return f"failure: {reading.failure}"
    return reading.letter.skip or f"read, {len(reading.asked)} asked"


def bombs() -> bool:
    """Read each bomb in a fresh process and print what it took; whether all keep the bounds."""
    kept = True
    for name in BOMBS:
        command = [sys.executable, str(Path(__file__)), "--bomb", name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{name:34} FAILED with status {done.returncode}")
            kept = False
            continue
        took = json.loads(done.stdout)
        good = took["seconds"] <= MAX_SECONDS and took["bytes"] <= MAX_BYTES
        kept = kept and good
        size = f"{took['seconds'] * 1000:8.1f} ms {took['bytes'] / (1 << 20):7.1f} MB"
        print(f"{name:34} {size}  {took['outcome']}{'' if good else '  OVER THE BOUND'}")
    return kept


def folder(path: Path, rounds: int) -> bool:
    """Read every file below a folder and print what came of it; whether all gave a reading within a second."""
    files = [(one, one.read_bytes()) for one in sorted(path.rglob("*")) if one.is_file()]
    failures: list[str] = []
    outcomes: Counter[str] = Counter()
    slowest, slowest_name = 0.0, ""
    for one, raw in files:
        started = time.perf_counter()
        try:
            outcome = _outcome(read(raw))
        except Exception as exc:  # noqa: BLE001 (counting them is the purpose)
            failures.append(f"{one.relative_to(path)}: {type(exc).__name__}")
            continue
        seconds = time.perf_counter() - started
        outcomes[outcome.partition(",")[0]] += 1
        if seconds > slowest:
            slowest, slowest_name = seconds, str(one.relative_to(path))
    print(f"{len(files)} files, {len(failures)} exceptions, slowest {slowest * 1000:.1f} ms ({slowest_name})")
    print("\n".join([f"{count:6} {outcome}" for outcome, count in outcomes.most_common()] + failures))
    started = time.process_time()
    for _ in range(rounds):
        for _, raw in files:
            read(raw)
    rate = rounds * len(files) / (time.process_time() - started)
    print(f"{rate:.0f} mails a second on one core, over {rounds} rounds")
    return not failures and slowest <= MAX_SECONDS and rate >= MIN_RATE


def main() -> int:
    """Measure and print; 1 where a bound is not kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="files that are one message each (.eml, .msg, any name)")
    parser.add_argument("--rounds", type=int, default=3, help="times that the rate is measured over")
    parser.add_argument("--bomb", choices=BOMBS, help="read this bomb alone, in this process")
    arguments = parser.parse_args()
    if arguments.bomb:
        print(json.dumps(measured(arguments.bomb)))
        return 0
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    kept = folder(arguments.folder, arguments.rounds) if arguments.folder else True
    return 0 if bombs() and kept else 1


if __name__ == "__main__":
    sys.exit(main())
