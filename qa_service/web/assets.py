"""The style sheets and scripts of the pages, read and compressed once and named by a hash of their bytes."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

from qa_service.errors import NotFoundError

_PACKAGE = "qa_service.web"
_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}
_NAME = re.compile(r"([a-z]+(?:-[a-z]+)*)(?:\.([0-9a-f]{16}))?\.(css|js)")
_DIGEST_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is served.

    `gzipped` is `body` compressed. `digest` is the beginning of the SHA-256 of `body` in hexadecimal; `integrity` is its
    SHA-384 as Subresource Integrity writes it (https://www.w3.org/TR/SRI/).
    """

    name: str
    media_type: str
    body: bytes
    gzipped: bytes
    digest: str
    integrity: str

    @property
    def published(self) -> str:
        """The name with the hash, whose bytes never change: `page.0123456789abcdef.css`."""
        stem, _, kind = self.name.rpartition(".")
        return f"{stem}.{self.digest}.{kind}"


@cache
def asset(name: str) -> Asset:
    """The file of that name, without a hash.

    Raises:
        NotFoundError: there is none.
    """
    parts = _NAME.fullmatch(name)
    path = resources.files(_PACKAGE).joinpath(name)
    if parts is None or parts[2] is not None or not path.is_file():
        raise NotFoundError("there is no such file")
    body = path.read_bytes()
    return Asset(
        name=name,
        media_type=_TYPES[parts[3]],
        body=body,
        gzipped=gzip.compress(body, 9, mtime=0),
        digest=hashlib.sha256(body).hexdigest()[:_DIGEST_LENGTH],
        integrity=f"sha384-{base64.b64encode(hashlib.sha384(body).digest()).decode()}",
    )


def published(name: str) -> tuple[Asset, bool]:
    """The file that a name with or without a hash stands for, and whether the name has the hash.

    Raises:
        NotFoundError: there is none, or its bytes have another hash.
    """
    parts = _NAME.fullmatch(name)
    if parts is None:
        raise NotFoundError("there is no such file")
    found = asset(f"{parts[1]}.{parts[3]}")
    if parts[2] not in (None, found.digest):
        raise NotFoundError("there is no such file")
    return found, parts[2] is not None
