from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from qa_service.api.app import create_app
from qa_service.api.guard.body import Bodies
from qa_service.api.guard.direct import Direct, Short
from qa_service.api.guard.keys import Keys
from qa_service.config import Settings
from tests.test_api_ask import lasting
from tests.test_api_probes import serving


async def behind(_scope: Scope, _receive: Receive, send: Send) -> None:
    await PlainTextResponse("behind")(_scope, _receive, send)


async def answer(request: Request) -> Response:
    text = (await request.body()).decode()
    if text == "wrong":
        raise ValueError("expected")
    if text == "broken":
        raise KeyError("unexpected")
    return PlainTextResponse(f"direct {request.scope['route'].path} {text}")


def refuse(exc: Exception) -> Response | None:
    return PlainTextResponse("refused", 422) if isinstance(exc, ValueError) else None


@pytest.fixture
def client() -> TestClient:
    """A short way to one path: without keys, with a limit of 100 bytes."""
    short = Short({"/hot": answer}, refuse, Keys(), Bodies(100, {}))
    return TestClient(Direct(behind, {"/hot"}, short))


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/hot", "direct /hot text"),
        ("GET", "/hot", "behind"),
        ("PUT", "/hot", "behind"),
        ("POST", "/hot/", "behind"),
        ("POST", "/cold", "behind"),
    ],
)
def test_what_goes_the_short_way(client: TestClient, method: str, path: str, expected: str) -> None:
    """A POST to one of the paths does, and nothing else."""
    assert client.request(method, path, content=b"text").text == expected


def test_errors_on_the_short_way(client: TestClient) -> None:
    """An expected error gets its response; another goes on to whoever stands before."""
    refused = client.post("/hot", content=b"wrong")
    assert (refused.status_code, refused.text) == (422, "refused")
    with pytest.raises(KeyError):
        client.post("/hot", content=b"broken")


@pytest.mark.parametrize("compression", ["identity", "gzip", "br, gzip;q=0.5"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/ask", {"question": "What is alpha?"}),
        ("/v1/ask", {"question": ""}),
        ("/v1/ask", {"query": "What is alpha?"}),
        ("/v1/ask", {"question": "x" * 70_000}),
        ("/v1/ask/batch", {"questions": ["What is alpha?", "", {"question": "who", "top": 1}]}),
        ("/v1/ask/batch", {"questions": []}),
    ],
)
@pytest.mark.parametrize(
    "settings", [{}, {"origins": "https://desk.example"}, {"key_sha256": hashlib.sha256(b"secret").hexdigest()}]
)
def test_both_ways_answer_alike(
    index: Path, path: str, body: dict[str, Any], compression: str, settings: dict[str, Any]
) -> None:
    """The framework's own route, which a prefix leads to, gives what the short way gives, headers and refusals included."""
    sent = {"Accept-Encoding": compression, "Origin": "https://desk.example"}
    with serving(index, log_level="error", **settings) as client:
        app = client.app
        direct = client.post(path, json=body, headers=sent)
        framework = TestClient(app, root_path="/prefix").post(f"/prefix{path}", json=body, headers=sent)
    assert direct.status_code == framework.status_code

    def plain(response: Any) -> Any:
        held = response.json()
        return [lasting(x) for x in held["results"]] if "results" in held else lasting(held)

    def headers(response: Any) -> dict[str, str]:
        passing = ("x-request-id", "content-length")  # ids and times in the body are compressed to more or fewer bytes
        return {name: value for name, value in response.headers.items() if name not in passing}

    assert plain(direct) == plain(framework)
    assert headers(direct) == headers(framework)


def test_the_routes_are_described(tmp_path: Path) -> None:
    """What goes the short way stands in the OpenAPI document as the framework would put it."""
    document = create_app(Settings(index_dir=tmp_path)).openapi()
    for path, model in (("/v1/ask", "AskRequest"), ("/v1/ask/batch", "BatchRequest")):
        body = document["paths"][path]["post"]["requestBody"]
        schema = {"$ref": f"#/components/schemas/{model}"}
        assert body == {"required": True, "content": {"application/json": {"schema": schema}}}
        assert "properties" in document["components"]["schemas"][model]
