"""The date of a mail as people compare it: in UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def utc(moment: datetime) -> datetime:
    """A moment in UTC, without a zone; one that had none, or whose year UTC would leave the calendar, stays as it is.

    >>> from datetime import timedelta, timezone
    >>> utc(datetime(2026, 11, 23, 17, 4, tzinfo=timezone(timedelta(hours=2))))
    datetime.datetime(2026, 11, 23, 15, 4)
    """
    try:
        known = moment.astimezone(UTC) if moment.tzinfo else moment
    except OverflowError:
        known = moment
    return known.replace(tzinfo=None)
