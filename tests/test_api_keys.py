from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import http.client
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from qa_service.api.guard.keys import KeyGuard, Keys
from tests import servers
from tests.test_api_errors import assert_problem
from tests.test_api_probes import serving

_KEY, _OTHER, _ADMIN = "zebra-canary-key", "zebra-canary-other", "zebra-canary-admin"
_BASIC = 'Basic realm="admin", charset="UTF-8"'


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


_KEYS: dict[str, Any] = {"key_sha256": f"{_digest(_OTHER)},{_digest(_KEY)}", "admin_key_sha256": _digest(_ADMIN)}


def _basic(user_and_password: str) -> str:
    return "Basic " + base64.b64encode(user_and_password.encode()).decode()


async def _behind(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("behind")(scope, receive, send)


def _call(path: str, authorization: bytes | None = None, method: str = "POST", **scope: Any) -> list[Message]:
    """What a guarded application sends, which reads nothing of the body."""
    guarded = KeyGuard(_behind, Keys([_digest(_OTHER), _digest(_KEY)], _digest(_ADMIN)))
    sent: list[Message] = []

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [] if authorization is None else [(b"authorization", authorization)]
    asked = {"type": "http", "method": method, "path": path, "headers": headers, **scope}
    asyncio.run(guarded(asked, receive, send))
    return sent


@pytest.mark.parametrize("key", [_KEY, _OTHER])
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_key_lets_through(key: str, scheme: str) -> None:
    """Each of the keys lets a request pass, however the scheme is written, and nothing of the body is read before."""
    assert _call("/v1/ask", f"{scheme} {key}".encode())[1]["body"] == b"behind"


_MALFORMED = {
    "another key": b"Bearer zebra-canary-none",
    "the hash itself": f"Bearer {_digest(_KEY)}".encode(),
    "the key alone": _KEY.encode(),
    "another scheme": f"Token {_KEY}".encode(),
    "no key": b"Bearer",
    "an empty key": b"Bearer   ",
    "more than the key": f"Bearer {_KEY} x".encode(),
    "NUL": f"Bearer {_KEY}\0".encode(),
    "bytes": b"Bearer \xff\xfe\x00",
    "huge": b"Bearer " + b"zebra-canary" * 10_000,
    "bad base64": b"Basic zebra-canary=a",
    "base64 of bytes": b"Basic /////w==",
    "base64 of another key": _basic("desk:zebra-canary-none").encode(),
    "base64 without a colon": _basic(_ADMIN).encode(),
    "base64 of the user alone": _basic(f"{_ADMIN}:").encode(),
    "base64 not ASCII": "Basic ézebra-canary".encode(),
}


@pytest.mark.parametrize("authorization", _MALFORMED.values(), ids=_MALFORMED)
@pytest.mark.parametrize(("path", "challenge"), [("/v1/ask", "Bearer"), ("/admin/", _BASIC)])
def test_a_key_that_is_none(path: str, challenge: str, authorization: bytes) -> None:
    """What is no key of this service, or can't be read, is refused with a challenge and never said again."""
    start, body = _call(path, authorization)
    headers = dict(start["headers"])
    assert (start["status"], headers[b"www-authenticate"]) == (401, challenge.encode())
    assert headers[b"content-type"] == b"application/problem+json"
    assert b'"code": "key-unknown"' in body["body"]
    assert b"zebra" not in body["body"]


@pytest.mark.parametrize(
    ("path", "challenge"),
    [("/v1/ask", "Bearer"), ("/v1\n", "Bearer"), ("/admin", _BASIC), ("/admin/", _BASIC), ("/admin\n", _BASIC)],
)
@pytest.mark.parametrize("authorization", [None, b""])
def test_no_key(path: str, challenge: str, authorization: bytes | None) -> None:
    """A request without a key is asked for one."""
    start, body = _call(path, authorization)
    assert (start["status"], dict(start["headers"])[b"www-authenticate"]) == (401, challenge.encode())
    assert b'"code": "key-needed"' in body["body"]


@pytest.mark.parametrize(
    "authorization",
    [f"Bearer {_ADMIN}", _basic(f"desk:{_ADMIN}"), _basic(f":{_ADMIN}"), f"basic {_basic(f'é:{_ADMIN}')[6:]}"],
)
@pytest.mark.parametrize("path", ["/admin", "/admin/", "/admin/unanswered.csv"])
def test_administrators(path: str, authorization: str) -> None:
    """The administrators' key lets through as a bearer's and as the password of any user."""
    assert _call(path, authorization.encode(), "GET")[1]["body"] == b"behind"


def test_keys_are_apart() -> None:
    """The administrators' key does not ask, a key that asks does not administrate, and HTTP Basic is for `/admin` alone."""
    refused = [
        _call("/v1/ask", f"Bearer {_ADMIN}".encode()),
        _call("/admin/", f"Bearer {_KEY}".encode()),
        _call("/v1/ask", _basic(f"desk:{_KEY}").encode()),
    ]
    assert [start["status"] for start, _ in refused] == [401, 401, 401]


@pytest.mark.parametrize("path", ["/admin", "/admin/", "/admin/unanswered.csv", "/admin\n"])
@pytest.mark.parametrize("authorization", [None, f"Bearer {_ADMIN}"])
def test_no_administrators(index: Path, path: str, authorization: str | None) -> None:
    """Without a key of the administrators there is no `/admin`, whatever is sent."""
    with serving(index, log_level="error") as client:
        headers = {} if authorization is None else {"Authorization": authorization}
        response = client.get(path.replace("\n", "%0A"), headers=headers)
    assert_problem(response, 404, "not-found")
    assert "www-authenticate" not in response.headers


@pytest.mark.parametrize(
    "path", ["/", "/livez", "/readyz", "/metrics", "/openapi.json", "/entry/alpha", "/widget/", "/x/v1/ask"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_needs_no_key(path: str, method: str) -> None:
    """The page, which asks through `POST /`, its parts and the probes are open to everybody."""
    assert _call(path, None, method)[1]["body"] == b"behind"


def test_options_need_no_key() -> None:
    """A preflight can't bring a key, so OPTIONS passes; it does nothing."""
    assert _call("/v1/ask", None, "OPTIONS")[1]["body"] == b"behind"
    assert _call("/admin/", None, "OPTIONS")[0]["status"] == 401


@pytest.mark.parametrize(
    ("prefix", "path", "status"),
    [
        ("/faq", "/faq/v1/ask", 401),
        ("/faq", "/faq/admin/", 401),
        ("/faq", "/v1/ask", 401),
        ("/faq/", "/faq/v1/ask", 200),
        ("/v1", "/v1/v1/ask", 401),
        ("/v", "/v1/ask", 401),
        ("/faq", "/faq", 200),
        ("/faq", "/faq/", 200),
    ],
)
def test_prefix(prefix: str, path: str, status: int) -> None:
    """Below a prefix the same paths are guarded that the framework's router finds there."""
    assert _call(path, root_path=prefix)[0]["status"] == status


def test_every_digest_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of the keys is compared with all digests as well, in constant time."""
    compared: list[object] = []
    real = hmac.compare_digest

    def watched(sent: str, known: str) -> bool:
        compared.append(known)
        return real(sent, known)

    monkeypatch.setattr(hmac, "compare_digest", watched)
    for key in (_OTHER, _KEY, "none"):
        _call("/v1/ask", f"Bearer {key}".encode())
    assert compared == [_digest(_OTHER), _digest(_KEY)] * 3


def test_other_scopes_pass() -> None:
    """What is not an HTTP request is passed on."""
    seen: list[str] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope["type"])

    async def nothing(*_: Message) -> Message:
        raise AssertionError

    asyncio.run(KeyGuard(app, Keys([_digest(_KEY)]))({"type": "lifespan"}, nothing, nothing))  # type: ignore[arg-type]
    assert seen == ["lifespan"]


@given(
    st.binary(max_size=60),
    st.sampled_from([b"", b"Bearer ", b"Basic ", b"basic\t"]),
    st.sampled_from(["/v1/ask", "/admin/"]),
)
def test_any_header_is_refused(rest: bytes, scheme: bytes, path: str) -> None:
    """Whatever stands in the header, it is refused and never an error of the service."""
    assert _call(path, scheme + rest)[0]["status"] == 401


@pytest.mark.parametrize(
    "path", ["/v1/info", "/v1/info/", "/v1/info%0A", "/v1/entries/alpha", "/v1/zebra", "/v1", "/v1/", "/%761/info"]
)
def test_the_service_is_guarded(index: Path, path: str) -> None:
    """No way of writing a path below `/v1` leads past the guard."""
    with serving(index, log_level="error", **_KEYS) as client:
        response = client.get(path, follow_redirects=False)
    assert_problem(response, 401, "key-needed")
    assert response.headers["www-authenticate"] == "Bearer"


def test_asking_with_a_key(index: Path) -> None:
    """With a key the service answers as it does without keys; a body that is too large is refused after the key."""
    with serving(index, log_level="error", **_KEYS) as client:
        known, unknown = ({"Authorization": f"Bearer {key}"} for key in (_KEY, "zebra-canary"))
        asked = client.post("/v1/ask", json={"question": "What is alpha?"}, headers=known)
        refused = client.post("/v1/ask", json={"question": "What is alpha?"}, headers=unknown)
        large = [client.post("/v1/ask", content=b"x" * 70_000, headers=h).status_code for h in (known, unknown)]
        below = TestClient(client.app, root_path="/faq").post("/faq/v1/ask", json={"question": "What is alpha?"})
    assert (asked.status_code, asked.json()["answers"][0]["id"]) == (200, "alpha")
    assert_problem(refused, 401, "key-unknown")
    assert large == [413, 401]
    assert_problem(below, 401, "key-needed")


def test_no_key_is_logged(index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither a key nor its hash comes into the log or a response, at any level."""
    with serving(index, log_level="debug", **_KEYS) as client:
        texts = [
            f"{response.text}{response.headers}"
            for key in (_KEY, _ADMIN, "zebra-canary", "zebra-canary\0")
            for path in ("/v1/info", "/admin/")
            for header in (f"Bearer {key}", _basic(f"zebra:{key}"))
            for response in [client.get(path, headers={"Authorization": header})]
        ]
    logged = capsys.readouterr()
    assert logged.err.count('"event": "request"') >= len(texts) == 16
    everything = "".join([*texts, logged.err, logged.out])
    secrets = ["zebra", *(_digest(key) for key in (_KEY, _OTHER, _ADMIN)), _basic(f"zebra:{_ADMIN}")[6:]]
    assert [secret for secret in secrets if secret in everything] == []


def test_a_connection_outlives_a_refusal(index: Path) -> None:
    """A request that is refused before its body was read leaves the connection as it should be."""
    with servers.running(index, **_KEYS) as address:
        connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
        statuses = []
        for key in ("none", _KEY):
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            connection.request("POST", "/v1/ask", b'{"question": "What is alpha?"' + b" " * 60_000 + b"}", headers)
            response = connection.getresponse()
            response.read()
            statuses.append(response.status)
        connection.close()
    assert statuses == [401, 200]
