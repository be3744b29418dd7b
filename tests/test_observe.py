from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from qa_service.domain import Outcome
from qa_service.observe import Metrics, logger, new_id

_TIME = re.compile(r'"timestamp": "[^"]*"')


def test_a_line_is_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    """An event is one line of JSON on standard error, with its level and its time in UTC."""
    logger().info("index-loaded", version="v-1", text="two\nlines \u2603")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    line = json.loads(captured.err)
    when = datetime.fromisoformat(line.pop("timestamp"))
    assert when.utcoffset() == timedelta(0)
    assert when <= datetime.now(UTC)
    assert line == {"event": "index-loaded", "level": "info", "version": "v-1", "text": "two\nlines \u2603"}


@given(
    st.dictionaries(
        st.sampled_from(("id", "route", "status", "ms", "reason", "\u00e9")),
        st.text(max_size=8) | st.integers() | st.floats() | st.booleans() | st.none() | st.just(Path("a")),
    ),
    st.sampled_from(("debug", "info", "warning", "error")),
)
def test_a_line_is_that_of_the_library(fields: dict[str, object], level: str) -> None:
    """But for its time, a line is to the byte what the library's own steps make of an event."""
    plain, lean = io.StringIO(), io.StringIO()
    by_steps = structlog.wrap_logger(
        structlog.PrintLogger(plain),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
    )
    getattr(by_steps, level)("event", **fields)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", lean)
        log = logger("debug")
    getattr(log, level)("event", **fields)
    assert _TIME.sub("", lean.getvalue()) == _TIME.sub("", plain.getvalue())


@pytest.mark.parametrize(
    ("nanoseconds", "expected"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1_795_553_834_599_926_999, "2026-11-24T20:57:14.599926Z"),
        (1_795_553_834_000_001_000, "2026-11-24T20:57:14.000001Z"),
        (1_795_553_835_000_000_000, "2026-11-24T20:57:15.000000Z"),
        (1_795_553_834_999_999_999, "2026-11-24T20:57:14.999999Z"),
    ],
)
def test_the_time_of_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, nanoseconds: int, expected: str
) -> None:
    """A time is that of the line, whichever second the line before it was written in."""
    log = logger()
    for now in (nanoseconds - 10**9, nanoseconds, nanoseconds + 10**9, nanoseconds):
        monkeypatch.setattr(time, "time_ns", lambda now=now: now)
        log.info("event")
    times = [json.loads(line)["timestamp"] for line in capsys.readouterr().err.splitlines()]
    assert times[1] == times[3] == expected
    assert len(set(times)) == 3


def test_lines_of_several_threads_stay_whole() -> None:
    """Lines that several threads of a process write at once come out one by one, each when it is written."""
    code = """
import threading
from qa_service.observe import logger
log = logger()
def write(n):
    for i in range(200):
        log.info("event", n=n, i=i, pad="x" * 500)
threads = [threading.Thread(target=write, args=[n]) for n in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
import os; os._exit(0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert sorted((line["n"], line["i"]) for line in lines) == [(n, i) for n in range(4) for i in range(200)]


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("INFO", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_levels(capsys: pytest.CaptureFixture[str], level: str, expected: list[str]) -> None:
    """What is below the level is not written."""
    log = logger(level)
    log.debug("event")
    log.info("event")
    log.warning("event")
    log.error("event")
    assert [json.loads(line)["level"] for line in capsys.readouterr().err.splitlines()] == expected


def test_figures_have_stable_names() -> None:
    """The figures are the documented ones, by name, kind and labels."""
    metrics = Metrics()
    metrics.requests.labels("/v1/ask", "200").inc()
    metrics.seconds.labels("/v1/ask").observe(0.003)
    metrics.questions.labels("answered").inc(2)
    metrics.waiting.set(3)
    metrics.index.labels("v-1").set(1)
    metrics.refused.set(1)
    metrics.loads.labels("ok").inc()
    families = {f.name: f for f in text_string_to_metric_families(metrics.render().decode())}
    kinds = {name: family.type for name, family in families.items() if not name.endswith("_created")}
    assert kinds == {
        "qa_requests": "counter",
        "qa_request_seconds": "histogram",
        "qa_questions": "counter",
        "qa_mails": "counter",
        "qa_waiting_questions": "gauge",
        "qa_index_info": "gauge",
        "qa_index_refused": "gauge",
        "qa_index_loads": "counter",
    }
    assert all(family.documentation.endswith(".") for name, family in families.items() if name in kinds)
    samples = {(s.name, *s.labels.items()): s.value for f in families.values() for s in f.samples}
    assert samples["qa_requests_total", ("route", "/v1/ask"), ("status", "200")] == 1.0
    assert samples["qa_questions_total", ("outcome", "answered")] == 2.0
    assert samples["qa_waiting_questions",] == 3.0
    assert samples["qa_index_info", ("version", "v-1")] == 1.0
    assert samples["qa_index_refused",] == 1.0
    assert samples["qa_index_loads_total", ("result", "ok")] == 1.0
    assert samples["qa_request_seconds_count", ("route", "/v1/ask")] == 1.0


def test_requests_and_questions_are_counted() -> None:
    """A request counts by its route and status, its time by its route, and a question by its outcome."""
    metrics = Metrics()
    for route, status, seconds in (("/a", 200, 0.003), ("/a", 404, 0.003), ("/a", 200, 0.3), ("/b", 200, 0.003)):
        metrics.count_request(route, status, seconds)
    for outcome in (Outcome.ANSWERED, Outcome.ABSTAINED, Outcome.ANSWERED):
        metrics.count_question(outcome)
    value = metrics.registry.get_sample_value
    counted = {
        (r, s): value("qa_requests_total", {"route": r, "status": s}) for r in ("/a", "/b") for s in ("200", "404")
    }
    assert counted == {("/a", "200"): 2.0, ("/a", "404"): 1.0, ("/b", "200"): 1.0, ("/b", "404"): None}
    assert value("qa_request_seconds_count", {"route": "/a"}) == 3.0
    assert value("qa_request_seconds_sum", {"route": "/a"}) == pytest.approx(0.306)
    assert value("qa_request_seconds_bucket", {"route": "/a", "le": "0.005"}) == 2.0
    assert metrics.samples("qa_questions_total", "outcome") == {"answered": 2.0, "abstained": 1.0}


def test_time_falls_into_its_bucket() -> None:
    """A time counts in every bucket that is not below it."""
    metrics = Metrics()
    metrics.seconds.labels("/v1/ask").observe(0.01)
    value = metrics.registry.get_sample_value
    bounds = ("0.002", "0.005", "0.01", "0.02", "5.0", "+Inf")
    counts = [value("qa_request_seconds_bucket", {"route": "/v1/ask", "le": bound}) for bound in bounds]
    assert counts == [0.0, 0.0, 1.0, 1.0, 1.0, 1.0]


def test_samples_by_a_label() -> None:
    """The samples of one name are told apart by one label, and narrowed by others."""
    metrics = Metrics()
    metrics.questions.labels("answered").inc(2)
    metrics.questions.labels("abstained").inc()
    metrics.requests.labels("/v1/ask", "200").inc(3)
    metrics.requests.labels("/v1/info", "200").inc()
    assert metrics.samples("qa_questions_total", "outcome") == {"answered": 2.0, "abstained": 1.0}
    assert metrics.samples("qa_requests_total", "status", route="/v1/ask") == {"200": 3.0}
    assert metrics.samples("qa_mails_total", "status") == {}


def test_registries_are_apart() -> None:
    """Two services in one process do not count each other's requests."""
    one, other = Metrics(), Metrics()
    one.questions.labels("answered").inc()
    assert one.registry.get_sample_value("qa_questions_total", {"outcome": "answered"}) == 1.0
    assert other.registry.get_sample_value("qa_questions_total", {"outcome": "answered"}) is None


def test_ids_tell_requests_apart() -> None:
    """An id has 32 hex digits, and a thousand of them are a thousand."""
    made = {new_id() for _ in range(1_000)}
    assert len(made) == 1_000
    assert all(re.fullmatch(r"[0-9a-f]{32}", one) for one in made)
