"""Logs and metrics. Neither ever carries the text of a question, a mail or an address."""

from __future__ import annotations

import json
import logging
import os
import random
import sys
import time
from datetime import UTC, datetime
from typing import cast

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from structlog.typing import EventDict, FilteringBoundLogger

# The folder through which processes that serve together share their figures; the library reads it when it is imported.
SHARED_METRICS = "PROMETHEUS_MULTIPROC_DIR"
_LATENCIES = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_ENCODE = json.JSONEncoder(default=repr).encode


def logger(level: str = "info") -> FilteringBoundLogger:
    """A logger that writes one JSON object a line to standard error."""
    threshold = getattr(logging, level.upper(), logging.INFO)
    log = structlog.wrap_logger(
        structlog.WriteLogger(sys.stderr),
        processors=[_Line()],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
    )
    # Bound at once: what is returned otherwise binds itself at every line.
    return cast("FilteringBoundLogger", log.bind())


class _Line:
    """Makes a line of an event: its fields, its level and its time.

    One step does what structlog's own do in three, for at every request their code would have to come into the processor's
    caches again.
    """

    def __init__(self) -> None:
        self._second = (0, "")

    def __call__(self, _: object, level: str, event: EventDict) -> str:
        event["level"] = level
        event["timestamp"] = self._now()
        return _ENCODE(event)

    def _now(self) -> str:
        """The time in UTC by ISO 8601, in microseconds; a second is written once for all its lines."""
        whole, rest = divmod(time.time_ns(), 1_000_000_000)
        second = self._second
        if second[0] != whole:
            second = self._second = (whole, datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S"))
        return f"{second[1]}.{rest // 1_000:06d}Z"


def new_id() -> str:
    """An id to tell requests apart by, 32 hex digits. It is no secret: asking the system for randomness takes longer."""
    return random.getrandbits(128).to_bytes(16).hex()


class Metrics:
    """The figures of the service, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        held = self.registry
        self.requests = Counter(
            "qa_requests_total", "Requests by route and status.", ["route", "status"], registry=held
        )
        self.seconds = Histogram("qa_request_seconds", "Time to answer.", ["route"], buckets=_LATENCIES, registry=held)
        self.questions = Counter("qa_questions_total", "Questions by outcome.", ["outcome"], registry=held)
        self.mails = Counter("qa_mails_total", "Mails by status.", ["status"], registry=held)
        # The modes say what several processes come to together; one process does not heed them.
        self.waiting = Gauge(
            "qa_waiting_questions",
            "Questions that wait or are being computed.",
            registry=held,
            multiprocess_mode="livesum",
        )
        self.index = Gauge(
            "qa_index_info",
            "1 for the index version that serves, 0 for those before it.",
            ["version"],
            registry=held,
            multiprocess_mode="livemax",
        )
        self.refused = Gauge(
            "qa_index_refused",
            "1 while the version that CURRENT names does not verify.",
            registry=held,
            multiprocess_mode="livemax",
        )
        self.loads = Counter("qa_index_loads_total", "Attempts to load a version.", ["result"], registry=held)
        # What `labels` gives, which takes longer than counting.
        self._of_request: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        self._of_outcome: dict[str, Counter] = {}

    def count_request(self, route: str, status: int, seconds: float) -> None:
        """Count a request by its route and status, and the time that it took."""
        counted = self._of_request.get((route, status))
        if counted is None:
            counted = (self.requests.labels(route, str(status)), self.seconds.labels(route))
            self._of_request[route, status] = counted
        counted[0].inc()
        counted[1].observe(seconds)

    def count_question(self, outcome: str) -> None:
        """Count a question by its outcome."""
        counted = self._of_outcome.get(outcome)
        if counted is None:
            counted = self._of_outcome[outcome] = self.questions.labels(outcome)
        counted.inc()

    def render(self) -> bytes:
        """The Prometheus text format; of all processes that serve together, if there are several."""
        return generate_latest(self._together())

    def samples(self, name: str, label: str, **having: str) -> dict[str, float]:
        """The values of the samples of one name by one of their labels, of all processes that serve together.

        Args:
            name: of the samples, such as `qa_questions_total`.
            label: whose values they are told apart by.
            having: further labels that they must have.
        """
        found = (sample for metric in self._together().collect() for sample in metric.samples if sample.name == name)
        return {one.labels[label]: one.value for one in found if having.items() <= one.labels.items()}

    def _together(self) -> CollectorRegistry:
        if SHARED_METRICS not in os.environ:
            return self.registry
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]  # of the library
        return together
