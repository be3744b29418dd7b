"""Who may ask, and who may see `/admin/`."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from qa_service.api.problems import for_status, problem, respond
from qa_service.errors import KeyNeededError, KeyUnknownError, QaError

_LONGEST_BYTES = 1024
_BEARER = "Bearer"
_BASIC = 'Basic realm="admin", charset="UTF-8"'


class Keys:
    """Lets a request to `/v1/` pass with one of the keys, and one to `/admin` with that of the administrators.

    A key comes as `Authorization: Bearer`, that of the administrators also as the password of HTTP Basic, which browsers
    ask for. Everything else passes: the page itself, which asks through `POST /`, and the probes.
    """

    def __init__(self, digests: Sequence[str] = (), admin_digest: str = "") -> None:
        """Know keys by their digests alone.

        Args:
            digests: SHA-256 of each key that may ask, in hex digits of lower case; none where everybody may.
            admin_digest: SHA-256 of the administrators' key; empty where there is no `/admin`.
        """
        self.digests = tuple(digests)
        self.admin_digests: tuple[str, ...] = (admin_digest,) if admin_digest else ()

    def refusal(self, scope: Scope) -> Response | None:
        """The response to a request that may not pass; None for one that may."""
        path = _below_prefix(scope)
        # By prefix alone: the framework takes "/admin" with a line end behind it for "/admin".
        if path.startswith("/admin"):
            if not self.admin_digests:
                return for_status(404, "Not Found")
            digests, challenge = self.admin_digests, _BASIC
        elif path.startswith("/v1") and self.digests and scope["method"] != "OPTIONS":
            digests, challenge = self.digests, _BEARER
        else:
            return None
        refused = _refused(scope, digests, basic=challenge == _BASIC)
        return respond(problem(refused), {"WWW-Authenticate": challenge}) if refused else None


class KeyGuard:
    """Stands before an application; what `keys` refuse gets no further."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self.app = app
        self.keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self.keys.refusal(scope) if scope["type"] == "http" else None
        await (refused or self.app)(scope, receive, send)


def _below_prefix(scope: Scope) -> str:
    """The path that the framework's router looks for, without the prefix that the service may stand under."""
    path, prefix = str(scope["path"]), str(scope.get("root_path", ""))
    rest = path.removeprefix(prefix)
    return rest if rest.startswith("/") else path


def _refused(scope: Scope, digests: Sequence[str], *, basic: bool) -> QaError | None:
    """What is wrong with a request's key; None where nothing is."""
    header = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    if not header:
        return KeyNeededError("a key is needed, sent as Authorization: Bearer <key>")
    key = _key(header, basic=basic)
    if key and _is_known(key, digests):
        return None
    return KeyUnknownError(
        "the key is not one of this service's, or can't be read; it goes as Authorization: Bearer <key>"
    )


def _key(header: bytes, *, basic: bool) -> bytes:
    """The key of an `Authorization` header; empty where it can't be read."""
    scheme, _, rest = header.partition(b" ")
    rest = rest.strip()
    if len(rest) > _LONGEST_BYTES:
        return b""
    if scheme.lower() == b"bearer":
        return rest
    if not basic or scheme.lower() != b"basic":
        return b""
    try:
        return base64.b64decode(rest, validate=True).partition(b":")[2]
    except ValueError:
        return b""


def _is_known(key: bytes, digests: Sequence[str]) -> bool:
    """Whether a key has one of the digests; the time that this takes says nothing of which, or how nearly."""
    digest = hashlib.sha256(key).hexdigest()
    return any([hmac.compare_digest(digest, known) for known in digests])  # noqa: C419 (all of them, every time)
