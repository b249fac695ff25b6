"""Instants: whole microseconds inside, RFC 3339 with milliseconds outside."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given, strategies as st

from core.times import DAY, EARLIEST, LATEST, MINUTE, SECOND, iso, iso_or_none, micros

INSTANTS = st.integers(EARLIEST, LATEST - 1)


def test_units_are_microseconds() -> None:
    assert (SECOND, MINUTE, DAY) == (10**6, 60 * 10**6, 86_400 * 10**6)
    assert micros(datetime(2000, 1, 1, tzinfo=UTC)) == EARLIEST
    assert micros(datetime(2100, 1, 1, tzinfo=UTC)) == LATEST


def test_an_instant_reads_as_rfc_3339_in_utc() -> None:
    instant = datetime(2026, 11, 21, 10, 15, 0, 250_999, tzinfo=timezone(timedelta(hours=3)))
    assert iso(micros(instant)) == "2026-11-21T07:15:00.250Z"
    assert iso(0) == "1970-01-01T00:00:00.000Z"


def test_what_did_not_happen_has_no_text() -> None:
    assert iso_or_none(None) is None
    assert iso_or_none(EARLIEST) == iso(EARLIEST) == "2000-01-01T00:00:00.000Z"


@given(INSTANTS)
def test_no_microsecond_is_lost_on_the_way_in(instant: int) -> None:
    assert micros(datetime.fromtimestamp(0, UTC) + timedelta(microseconds=instant)) == instant


@given(INSTANTS)
def test_the_text_is_the_instant_to_the_millisecond(instant: int) -> None:
    assert micros(datetime.fromisoformat(iso(instant))) == instant // 1000 * 1000


@given(INSTANTS, INSTANTS)
def test_texts_sort_as_their_instants(one: int, other: int) -> None:
    assert (iso(one) <= iso(other)) or one > other
