from __future__ import annotations

import hashlib
import hmac

import pytest

from qa_service.feedback.queries import QueryIds, QueryUnknownError

NOW = 1_800_000_000
SECRET = b"s" * 32


def ids(now: float = NOW, secret: bytes = SECRET) -> QueryIds:
    return QueryIds(secret, lambda: now)


def test_an_id_is_time_chance_and_mac() -> None:
    """32 hex digits, of which the first eight are the time and the last twelve HMAC-SHA256 over the others."""
    made = ids().new()
    raw = bytes.fromhex(made)
    assert (32, made.lower()) == (len(made), made)
    assert raw[:4] == NOW.to_bytes(4, "big")
    assert raw[10:] == hmac.new(SECRET, raw[:10], hashlib.sha256).digest()[:6]
    assert raw == ids().check(made)


def test_ids_are_apart() -> None:
    """Those of one second too."""
    held = ids()
    assert len({held.new() for _ in range(1_000)}) == 1_000


def test_every_changed_digit_is_noticed() -> None:
    """An id that was not given out is refused, whatever digit of it is another."""
    made = ids().new()
    for place, digit in enumerate(made):
        other = "0" if digit != "0" else "1"
        with pytest.raises(QueryUnknownError, match="gave out no such"):
            ids().check(made[:place] + other + made[place + 1 :])


@pytest.mark.parametrize("text", ["", "0" * 31, "0" * 33, "g" * 32, "F" * 32, " " + "0" * 31, "٣" * 32])
def test_what_is_no_id_is_refused(text: str) -> None:
    """Anything but 32 lower-case hex digits."""
    with pytest.raises(QueryUnknownError):
        ids().check(text)


def test_another_services_id_is_refused() -> None:
    """The secret decides."""
    with pytest.raises(QueryUnknownError):
        ids(secret=b"t" * 32).check(ids().new())


def test_ids_hold_for_thirty_days() -> None:
    """To the second; one from a clock that has been set back since still holds."""
    made = ids().new()
    days = 30 * 86_400
    assert ids(NOW + days).check(made) == ids(NOW - days).check(made)
    with pytest.raises(QueryUnknownError, match="older than 30 days"):
        ids(NOW + days + 1).check(made)
