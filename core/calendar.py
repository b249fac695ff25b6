"""Calendar days of a time zone, as spans of instants."""

from datetime import date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Final, NamedTuple

from core.times import EPOCH, MINUTE, Micros, micros

_QUARTER: Final[Micros] = 15 * MINUTE
"""Since 2000 every zone is whole quarters of an hour from UTC, and changes at one."""


class Day(NamedTuple):
    """A calendar day: its number counts from 0001-01-01; `end` is the first instant of the next one."""

    number: int
    end: Micros


def day_of(zone: tzinfo, at: Micros) -> Day:
    """Return the day in `zone` that `at` falls into."""
    return _day(zone, at // _QUARTER)


@lru_cache(maxsize=4096)
def _day(zone: tzinfo, quarter: int) -> Day:
    number = (EPOCH + timedelta(microseconds=quarter * _QUARTER)).astimezone(zone).toordinal()
    return Day(number, day_end(zone, number))


@lru_cache(maxsize=4096)
def day_end(zone: tzinfo, number: int) -> Micros:
    """Return the first instant after the day with that number."""
    return micros(datetime.combine(date.fromordinal(number + 1), time(), zone))
