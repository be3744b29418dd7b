"""Ids of queries that this service can recognise as its own, so that nobody votes on queries that never were."""

from __future__ import annotations

import hmac
import os
import re
import time

from qa_service.errors import QaError
from qa_service.feedback.base import DAY_SECONDS, Clock

MOST_DAYS = 30
_TIME_BYTES, _RANDOM_BYTES, _MAC_BYTES = 4, 6, 6
_FORM = re.compile(r"[0-9a-f]{32}")


class QueryUnknownError(QaError):
    """An id of a query that this service did not give out, or one that is too old to vote on."""

    status = 422
    code = "query-unknown"


class QueryIds:
    """Gives out ids of 32 hex digits: unix time in seconds (4 bytes), 6 random bytes, 6 bytes of HMAC-SHA256 over both.

    Whoever has the secret recognises them, so processes and restarts agree without a list of ids.
    """

    def __init__(self, secret: bytes, clock: Clock = time.time) -> None:
        self._secret = secret
        self._clock = clock

    def new(self) -> str:
        """An id for a query that is answered now."""
        told = int(self._clock()).to_bytes(_TIME_BYTES) + os.urandom(_RANDOM_BYTES)
        return (told + self._mac(told)).hex()

    def check(self, query_id: str) -> bytes:
        """The 16 bytes of an id.

        Raises:
            QueryUnknownError: it is not one of this service, or older than 30 days.
        """
        raw = bytes.fromhex(query_id) if _FORM.fullmatch(query_id) else b""
        told, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
        if not hmac.compare_digest(self._mac(told), mac):
            raise QueryUnknownError("this service gave out no such `query_id`; send the one of the answer")
        if self._clock() - int.from_bytes(told[:_TIME_BYTES]) > MOST_DAYS * DAY_SECONDS:
            raise QueryUnknownError(f"the query is older than {MOST_DAYS} days; ask again")
        return raw

    def _mac(self, told: bytes) -> bytes:
        return hmac.digest(self._secret, told, "sha256")[:_MAC_BYTES]
