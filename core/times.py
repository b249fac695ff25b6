"""Instants as whole microseconds since 1970-01-01T00:00:00Z, and their text on the wire."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

Micros = int
"""Microseconds since the Unix epoch."""

MILLISECOND: Final = 1_000
SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 3_600 * SECOND
DAY: Final = 86_400 * SECOND
EARLIEST: Final = 946_684_800 * SECOND
"""2000-01-01: an event said to be older is absurd."""
LATEST: Final = 4_102_444_800 * SECOND
"""2100-01-01: an event said to be later is absurd."""
_FIRST: Final = -62_135_596_800 * SECOND
_LAST: Final = 253_402_300_799 * SECOND
"""The first and last second that a calendar date can name."""
_MINUTES: Final = tuple(f"T{minute // 60:02}:{minute % 60:02}" for minute in range(1440))
_SECONDS: Final = tuple(f":{second:02}" for second in range(60))
_MILLIS: Final = tuple(f".{milli:03}Z" for milli in range(1000))
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def micros(instant: datetime) -> Micros:
    """Return an aware `instant` in microseconds."""
    return (instant - EPOCH) // _MICROSECOND


def iso(instant: Micros) -> str:
    """Return RFC 3339 in UTC with milliseconds, such as 2026-11-21T07:15:00.250Z."""
    if not _FIRST <= instant <= _LAST:
        instant = _FIRST if instant < _FIRST else _LAST
    day, rest = divmod(instant // 1000, 86_400_000)
    minute, rest = divmod(rest, 60_000)
    return f"{_date(day)}{_MINUTES[minute]}{_SECONDS[rest // 1000]}{_MILLIS[rest % 1000]}"


@lru_cache(maxsize=4096)
def _date(day: int) -> str:
    """Return the date of a day since the epoch; events come by the thousand in one."""
    return (EPOCH + timedelta(days=day)).date().isoformat()


def iso_or_none(instant: Micros | None) -> str | None:
    """Return `iso(instant)`, or None where nothing happened yet."""
    return None if instant is None else iso(instant)
