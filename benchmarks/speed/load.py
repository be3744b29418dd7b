"""Load by wrk: as many clients as asked for, each sends its next question as soon as the last one is answered."""

from __future__ import annotations

import json
import math
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.speed.contenders import Dialect
from benchmarks.speed.questions import Supply
from benchmarks.speed.server import Server

# More than any contender answers; wrk gets that many questions to take from.
_MOST_A_SECOND = 4_000
_REPLY_SECONDS = 120
_LONGEST_SECONDS = 60.0
_ERRORS = ("connect", "read", "write", "status", "timeout", "exhausted", "lost")

# Each thread of wrk has an interpreter of its own; `done` runs in another one and reads the threads' globals.
_SCRIPT = """\
local requests, threads = {}, {}
asked, exhausted = 0, 0

function setup(thread)
  threads[#threads + 1] = thread
end

function init(args)
  %(headers)s
  for line in io.lines(args[1]) do
    requests[#requests + 1] = %(format)s
  end
end

function request()
  asked = asked + 1
  if requests[asked] == nil then
    exhausted = exhausted + 1
    return requests[1]
  end
  return requests[asked]
end

function done(summary, latency, rate)
  local all_asked, all_exhausted = 0, 0
  for _, thread in ipairs(threads) do
    all_asked = all_asked + thread:get("asked")
    all_exhausted = all_exhausted + thread:get("exhausted")
  end
  local errors = summary.errors
  print(string.format(
    '{"requests": %%d, "duration_us": %%d, "bytes": %%d, "asked": %%d, "exhausted": %%d, ' ..
    '"connect": %%d, "read": %%d, "write": %%d, "status": %%d, "timeout": %%d, ' ..
    '"p50_us": %%d, "p90_us": %%d, "p99_us": %%d}',
    summary.requests, summary.duration, summary.bytes, all_asked, all_exhausted,
    errors.connect, errors.read, errors.write, errors.status, errors.timeout,
    latency:percentile(50), latency:percentile(90), latency:percentile(99)))
end
"""


class LoadError(Exception):
    """wrk is missing or failed, or saw an error; no figure is made of such a load."""


@dataclass(frozen=True)
class Load:
    """What came of one load. `asked` counts the questions handed to wrk, answered or still under way at the end."""

    clients: int
    requests: int
    asked: int
    seconds: float
    requests_per_second: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    reply_bytes: float
    errors: Mapping[str, int]


def wrk() -> str:
    """The path of wrk.

    Raises:
        LoadError: it is not installed.
    """
    found = shutil.which("wrk")
    if found is None:
        raise LoadError("wrk is not installed; on Debian: apt-get install wrk")
    return found


def script(dialect: Dialect) -> str:
    """The Lua script that asks in a dialect; its one argument is a file with a line for each request."""
    if dialect.method == "POST":
        made = f'wrk.format("POST", "{dialect.path}", nil, line)'
        headers = 'wrk.headers["Content-Type"] = "application/json"'
    else:
        made, headers = 'wrk.format("GET", line)', ""
    return _SCRIPT % {"format": made, "headers": headers}


def parse(printed: str, clients: int) -> Load:
    """The load that wrk's output tells of; the line of figures is the only one that begins with a brace.

    Raises:
        LoadError: there is no such line.
    """
    lines = [line for line in printed.splitlines() if line.startswith("{")]
    if not lines:
        raise LoadError(f"wrk printed no figures:\n{printed}")
    told = json.loads(lines[-1])
    seconds = told["duration_us"] / 1e6
    # wrk opens a closed connection again without a word, and the question is gone. Under way at the end is at most one a
    # client, and one more was made to try the script.
    told["lost"] = max(0, told["asked"] - told["requests"] - clients - 1)
    return Load(
        clients=clients,
        requests=told["requests"],
        asked=told["asked"],
        seconds=seconds,
        requests_per_second=told["requests"] / seconds,
        p50_ms=told["p50_us"] / 1000,
        p90_ms=told["p90_us"] / 1000,
        p99_ms=told["p99_us"] / 1000,
        reply_bytes=told["bytes"] / max(told["requests"], 1),
        errors={name: told[name] for name in _ERRORS},
    )


def checked(load: Load, name: str) -> Load:
    """The load, if it is free of errors.

    Raises:
        LoadError: it is not; tells how many of which kind.
    """
    bad = {kind: count for kind, count in load.errors.items() if count}
    if bad:
        told = ", ".join(f"{count} {kind}" for kind, count in bad.items())
        raise LoadError(f"{name}, {load.clients} clients, {load.requests} answered requests: errors: {told}")
    return load


class Loader:
    """Puts loads on servers, each question from a supply that no one else takes from meanwhile."""

    def __init__(self, supply: Supply, folder: Path, *, scant: bool = False) -> None:
        """`folder` is for what wrk reads; with `scant`, a single answer makes a load."""
        self._supply, self._folder, self._scant = supply, folder, scant

    def run(self, server: Server, clients: int, seconds: float, *, measured: bool = True) -> Load:
        """Put a load on a server. Afterwards it may still be busy with requests whose clients have left.

        A load in which fewer requests are answered than there are clients says little; it is repeated twice as long.

        Raises:
            LoadError: wrk failed or saw an error.
        """
        while True:
            load = checked(self._once(server, clients, seconds), server.contender.name)
            enough = load.requests >= (1 if self._scant else clients)
            self._supply.taken(load.asked, measured=measured and enough)
            if enough:
                return load
            server.settle()
            seconds *= 2
            if seconds > _LONGEST_SECONDS:
                raise LoadError(f"{server.contender.name} answered {load.requests} requests of {clients} clients")

    def _once(self, server: Server, clients: int, seconds: float) -> Load:
        dialect = server.contender.dialect
        program, lines = self._folder / "load.lua", self._folder / "requests.txt"
        program.write_text(script(dialect), "utf-8")
        whole = math.ceil(seconds)
        ahead = self._supply.ahead(whole * _MOST_A_SECOND + clients + 1)
        lines.write_text("".join(f"{dialect.line(question)}\n" for question in ahead), "utf-8")
        command = [wrk(), "-t1", f"-c{clients}", f"-d{whole}s", f"--timeout={_REPLY_SECONDS}s", "-s", str(program)]
        command += [f"http://127.0.0.1:{server.port}", str(lines)]
        return parse(_output(command, seconds if seconds < whole else None), clients)


def _output(command: list[str], seconds: float | None) -> str:
    """What wrk prints; interrupted after so many seconds, since it counts whole ones, it reports as ever."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            printed = process.communicate(timeout=seconds)[0]
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            printed = process.communicate()[0]
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise LoadError(f"wrk failed with status {process.returncode}:\n{printed}")
    return printed
