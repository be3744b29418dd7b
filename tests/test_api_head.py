from __future__ import annotations

import asyncio
import http.client
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.types import Message, Receive, Scope, Send

from qa_service.api.guard.head import Head
from tests import servers
from tests.test_api_probes import figure, serving

_PATHS = [
    "/v1/entries",
    "/v1/entries/alpha",
    "/v1/entries/zebra",
    "/v1/info",
    "/livez",
    "/readyz",
    "/openapi.json",
    "/zebra",
]


def _lasting(response: Any) -> dict[str, str]:
    """The headers that do not change from request to request."""
    return {name: value for name, value in response.headers.items() if name != "x-request-id"}


@pytest.mark.parametrize("path", _PATHS)
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_head_is_get_without_a_body(index: Path, path: str, encoding: str) -> None:
    """HEAD has the status and the headers of GET, the length among them, and no body."""
    with serving(index, log_level="error") as client:
        client.headers["Accept-Encoding"] = encoding
        got, head = client.get(path), client.head(path)
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert _lasting(head) == _lasting(got)
    assert int(head.headers["content-length"]) > 0


def test_head_asks_whether_it_is_held(index: Path) -> None:
    """HEAD with the tag of what a client holds gets 304."""
    with serving(index, log_level="error") as client:
        tag = client.get("/v1/info").headers["etag"]
        assert client.head("/v1/info", headers={"If-None-Match": tag}).status_code == 304


def test_head_of_what_has_no_get(index: Path) -> None:
    """HEAD of a route that asks is refused, and what a route of GET allows names HEAD."""
    with serving(index, log_level="error") as client:
        refused = [client.head("/v1/ask"), client.post("/v1/info")]
    assert [(r.status_code, r.headers["allow"]) for r in refused] == [(405, "POST"), (405, "GET, HEAD")]


def test_head_is_counted_under_its_route(index: Path) -> None:
    """The figures know the route of a HEAD request."""
    with serving(index, log_level="error") as client:
        client.head("/v1/entries/alpha")
        client.head("/zebra")
        counted = figure(client, "qa_requests_total", route="/v1/entries/{entry_id}", status="200")
        unknown = figure(client, "qa_requests_total", route="unknown", status="404")
    assert (counted, unknown) == (1.0, 1.0)


def test_the_server_sees_the_method_that_was_sent() -> None:
    """The scope of the server keeps its method, the application gets GET, and parts of a body become empty."""
    seen: list[str] = []
    sent: list[Message] = []
    scope: Scope = {"type": "http", "method": "HEAD", "path": "/", "headers": []}

    async def app(asked: Scope, _receive: Receive, send: Send) -> None:
        seen.extend((asked["method"], scope["method"]))
        asked["route"] = "route"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await send({"type": "http.response.body", "body": b"two"})
        raise ValueError("in the middle")

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    with pytest.raises(ValueError, match="in the middle"):
        asyncio.run(Head(app)(scope, receive, send))
    assert seen == ["GET", "HEAD"]
    assert scope["route"] == "route"
    assert [message.get("body") for message in sent] == [None, b"", b""]


def test_over_a_connection(index: Path) -> None:
    """A real client goes on with its connection after HEAD."""
    with servers.running(index) as address:
        connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
        got = []
        for method in ("HEAD", "GET", "HEAD", "GET"):
            connection.request(method, "/v1/info")
            response = connection.getresponse()
            got.append((response.status, response.headers["Content-Length"], len(response.read())))
        connection.close()
    length = got[1][2]
    assert length > 0
    assert got == [(200, str(length), 0), (200, str(length), length)] * 2
