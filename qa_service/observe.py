"""Logs and metrics. Neither ever carries the text of a question, a mail or an address."""

from __future__ import annotations

import logging
import sys
from typing import cast

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from structlog.typing import FilteringBoundLogger

_LATENCIES = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


def logger(level: str = "info") -> FilteringBoundLogger:
    """A logger that writes one JSON object a line to standard error."""
    threshold = getattr(logging, level.upper(), logging.INFO)
    return cast(
        "FilteringBoundLogger",
        structlog.wrap_logger(
            structlog.PrintLogger(sys.stderr),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.JSONRenderer(),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(threshold),
            cache_logger_on_first_use=True,
        ),
    )


class Metrics:
    """The figures of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        held = self.registry
        self.requests = Counter(
            "qa_requests_total", "Requests by route and status.", ["route", "status"], registry=held
        )
        self.seconds = Histogram("qa_request_seconds", "Time to answer.", ["route"], buckets=_LATENCIES, registry=held)
        self.questions = Counter("qa_questions_total", "Questions by outcome.", ["outcome"], registry=held)
        self.waiting = Gauge("qa_waiting_questions", "Questions that wait or are being computed.", registry=held)
        self.index = Gauge("qa_index_info", "The index version that serves.", ["version"], registry=held)
        self.refused = Gauge(
            "qa_index_refused", "1 while the version that CURRENT names does not verify.", registry=held
        )
        self.loads = Counter("qa_index_loads_total", "Attempts to load a version.", ["result"], registry=held)

    def render(self) -> bytes:
        """The Prometheus text format."""
        return generate_latest(self.registry)
