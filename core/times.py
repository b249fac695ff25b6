"""Instants as whole microseconds since 1970-01-01T00:00:00Z, and their text on the wire."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

Micros = int
"""Microseconds since the Unix epoch."""

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
DAY: Final = 86_400 * SECOND
EARLIEST: Final = 946_684_800 * SECOND
"""2000-01-01: an event said to be older is absurd."""
LATEST: Final = 4_102_444_800 * SECOND
"""2100-01-01: an event said to be later is absurd."""
_FIRST: Final = -62_135_596_800 * SECOND
_LAST: Final = 253_402_300_799 * SECOND
"""The first and last second that a calendar date can name."""


def micros(instant: datetime) -> Micros:
    """Return an aware `instant` in microseconds."""
    return round(instant.timestamp() * SECOND)


@lru_cache(maxsize=8192)
def iso(instant: Micros) -> str:
    """Return RFC 3339 in UTC with milliseconds, such as 2026-11-21T07:15:00.250Z."""
    instant = min(max(instant, _FIRST), _LAST)
    return datetime.fromtimestamp(instant / SECOND, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def iso_or_none(instant: Micros | None) -> str | None:
    """Return `iso(instant)`, or None where nothing happened yet."""
    return None if instant is None else iso(instant)
