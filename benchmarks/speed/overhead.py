"""What a request takes beyond the encoder: one client that keeps its connection, and the same questions in process."""

from __future__ import annotations

import json
import re
import socket
import statistics
from collections.abc import Sequence
from functools import partial
from typing import Any

from benchmarks.speed.encoder import milliseconds
from benchmarks.speed.figures import spread
from qa_service.encoder import OnnxEncoder

_OK = re.compile(rb".*?\r\ncontent-length: *([0-9]+)(?=\r\n).*?\r\n\r\n", re.IGNORECASE | re.DOTALL)
_STATUS = b"HTTP/1.1 200 "
_PIECE_BYTES = 65_536


class Client:
    """One client of `/v1/ask`; its connection stays open. It does next to nothing itself: its time would count as ours."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> bytes:
        """Send one request and read the reply; its body.

        Raises:
            RuntimeError: the reply is not 200, or the connection ended.
        """
        self._socket.sendall(request)
        reply = b""
        while True:
            piece = self._socket.recv(_PIECE_BYTES)
            reply += piece
            head = _OK.match(reply)
            if head and len(reply) == head.end() + int(head[1]):
                return reply[head.end() :]
            if not piece or reply[: len(_STATUS)] != _STATUS[: len(reply)]:
                raise RuntimeError(f"the reply to a question was {reply[:40]!r}")

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


def request_of(question: str) -> bytes:
    """A question as it is sent."""
    body = json.dumps({"question": question}).encode()
    head = f"POST /v1/ask HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def measure(encoder: OnnxEncoder, port: int, blocks: Sequence[Sequence[str]], warm: Sequence[str]) -> dict[str, Any]:
    """Medians of each block of questions: over HTTP, in the encoder, and their difference, in milliseconds.

    A block goes over HTTP as a whole and then through the encoder, so that neither keeps the other out of the caches.
    """
    client = Client(port)
    found: dict[str, Any] = {"request_ms": [], "encoder_ms": []}
    for number, block in enumerate([warm, *blocks]):
        sent = [request_of(question) for question in block]
        requests = statistics.median(milliseconds(partial(client.ask, request)) for request in sent)
        alone = statistics.median(milliseconds(partial(encoder.encode_queries, [text])) for text in block)
        if number:  # the first block warms up
            found["request_ms"].append(requests)
            found["encoder_ms"].append(alone)
    client.close()
    pairs = zip(found["request_ms"], found["encoder_ms"], strict=True)
    return found | {"overhead_ms": spread([request - alone for request, alone in pairs])}
