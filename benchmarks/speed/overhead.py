"""What a request takes beyond the encoder: one client that keeps its connection, and the same questions in process."""

from __future__ import annotations

import http.client
import json
import statistics
from collections.abc import Sequence
from functools import partial
from typing import Any

from benchmarks.speed.encoder import milliseconds
from benchmarks.speed.figures import spread
from qa_service.encoder import OnnxEncoder

_HEADERS = {"Content-Type": "application/json"}


class Client:
    """One client of `/v1/ask`; its connection stays open."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, body: bytes) -> None:
        """Send one question and read the reply whole.

        Raises:
            RuntimeError: the reply is not 200.
        """
        self._connection.request("POST", "/v1/ask", body, _HEADERS)
        reply = self._connection.getresponse()
        reply.read()
        if reply.status != http.HTTPStatus.OK:
            raise RuntimeError(f"the reply to a question was {reply.status}")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def measure(encoder: OnnxEncoder, port: int, blocks: Sequence[Sequence[str]], warm: Sequence[str]) -> dict[str, Any]:
    """Medians of each block of questions: over HTTP, in the encoder, and their difference, in milliseconds.

    A block goes over HTTP as a whole and then through the encoder, so that neither keeps the other out of the caches.
    """
    client = Client(port)
    found: dict[str, Any] = {"request_ms": [], "encoder_ms": []}
    for number, block in enumerate([warm, *blocks]):
        bodies = [json.dumps({"question": question}).encode() for question in block]
        requests = statistics.median(milliseconds(partial(client.ask, body)) for body in bodies)
        alone = statistics.median(milliseconds(partial(encoder.encode_queries, [text])) for text in block)
        if number:  # the first block warms up
            found["request_ms"].append(requests)
            found["encoder_ms"].append(alone)
    client.close()
    pairs = zip(found["request_ms"], found["encoder_ms"], strict=True)
    return found | {"overhead_ms": spread([request - alone for request, alone in pairs])}
