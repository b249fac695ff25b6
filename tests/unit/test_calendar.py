"""Calendar days of a time zone: whatever the calendar says, also where clocks are moved."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from core.calendar import day_end, day_of
from core.times import EARLIEST, LATEST, SECOND, micros

HOUR = 3600 * SECOND
ZONES = [
    "UTC",
    "Europe/Moscow",
    "Europe/Berlin",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
]


@given(st.integers(EARLIEST, LATEST - 1), st.sampled_from(ZONES))
def test_a_day_is_the_date_on_the_wall(at: int, name: str) -> None:
    zone = ZoneInfo(name)
    day = day_of(zone, at)
    assert day.number == datetime.fromtimestamp(at // SECOND, zone).toordinal()
    assert at < day.end == day_end(zone, day.number)
    assert day_of(zone, day.end).number > day.number == day_of(zone, day.end - 1).number


@pytest.mark.parametrize(("date", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-21", 24)])
def test_a_day_may_have_23_or_25_hours(date: str, hours: int) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    start = micros(datetime.fromisoformat(date).replace(tzinfo=berlin))
    assert day_of(berlin, start).end - start == hours * HOUR


def test_in_utc_a_day_ends_at_midnight() -> None:
    assert day_of(UTC, micros(datetime(2026, 11, 21, 23, 59, tzinfo=UTC))).end == micros(datetime(2026, 11, 22, tzinfo=UTC))
