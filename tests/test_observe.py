from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from qa_service.observe import Metrics, logger, new_id


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
