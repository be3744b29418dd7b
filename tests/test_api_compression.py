from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.responses import Response
from starlette.testclient import TestClient

from tests.test_api_probes import serving

_PLAIN, _GZIP = {"Accept-Encoding": "identity"}, {"Accept-Encoding": "br, gzip"}
_CACHED = ["/v1/entries", "/openapi.json"]


def _vary(response: Any) -> list[str]:
    return [part.strip() for part in response.headers.get("vary", "").split(",") if part.strip()]


def _raw(client: TestClient, path: str, headers: dict[str, str]) -> tuple[Any, bytes]:
    """A response, and its body as it travelled."""
    with client.stream("GET", path, headers=headers) as response:
        return response, b"".join(response.iter_raw())


@pytest.mark.parametrize("path", _CACHED)
def test_large_bodies_are_compressed(index: Path, path: str) -> None:
    """Who takes gzip gets fewer bytes that hold the same, and caches are told that it depends on this."""
    with serving(index, log_level="error") as client:
        plain, bare = _raw(client, path, _PLAIN)
        packed, body = _raw(client, path, _GZIP)
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(body) == bare
    assert int(packed.headers["content-length"]) == len(body) < len(bare) == int(plain.headers["content-length"])
    assert (_vary(plain), _vary(packed)) == (["Accept-Encoding"], ["Accept-Encoding"])


@pytest.mark.parametrize("path", _CACHED)
def test_a_tag_holds_for_both_forms(index: Path, path: str) -> None:
    """The tag is weak and the same with and without compression; with it, either form is still held."""
    with serving(index, log_level="error") as client:
        tags = [client.get(path, headers=h).headers["etag"] for h in (_PLAIN, _GZIP)]
        held = [client.get(path, headers={**h, "If-None-Match": tags[0]}) for h in (_PLAIN, _GZIP)]
    assert tags[0] == tags[1]
    assert tags[0].startswith('W/"')
    for response in held:
        assert (response.status_code, response.content, _vary(response)) == (304, b"", ["Accept-Encoding"])
        assert "content-encoding" not in response.headers


def test_answers_are_compressed(index: Path) -> None:
    """An answer that is large enough is compressed as well, and not stored."""
    with serving(index, log_level="error") as client:
        asked = [
            client.post("/v1/ask", json={"question": "What is alpha?", "explain": True}, headers=h)
            for h in (_PLAIN, _GZIP)
        ]
    assert [r.headers.get("content-encoding") for r in asked] == [None, "gzip"]
    assert [r.headers["cache-control"] for r in asked] == ["no-store", "no-store"]
    assert asked[0].json()["answers"] == asked[1].json()["answers"]


def test_small_bodies_stay(index: Path) -> None:
    """What is small is sent as it is, errors among it."""
    with serving(index, log_level="error") as client:
        responses = [client.get(path, headers=_GZIP) for path in ("/livez", "/readyz", "/zebra")]
    assert [len(r.content) < 500 for r in responses] == [True] * 3
    assert ["content-encoding" in r.headers for r in responses] == [False] * 3


def test_what_is_compressed_already_stays(index: Path) -> None:
    """A response that brings its own encoding is sent on as it is."""
    packed = gzip.compress(bytes(range(256)) * 8)
    with serving(index, log_level="error") as client:
        app = client.app
        assert isinstance(app, FastAPI)

        @app.get("/packed")
        async def own() -> Response:
            return Response(packed, headers={"Content-Encoding": "gzip", "Vary": "Accept-Encoding"})

        response, body = _raw(client, "/packed", _GZIP)
    assert body == packed
    assert (response.headers["content-encoding"], _vary(response)) == ("gzip", ["Accept-Encoding"])
