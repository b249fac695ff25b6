"""What becomes of a range: rows by table, repeats left out, refused rows as dead letters."""

import asyncio
import base64
from typing import Any, NamedTuple

import orjson
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError
from hypothesis import given, strategies as st

from core.documents import closing_marker, enriched
from core.outcomes import Accepted, Coordinate, Dropped
from schemas.dead_letter import DeadLetter
from schemas.reasons import DropCode
from sinks import refusals, rows
from sinks.ranges import Entry, RangeCutter
from sinks.repeats import Heights, Origin, origin_of, without_repeats
from sinks.rows import Place
from tests.factories import a_product_added
from tests.unit.pipeline import HERE, Backwards, Pipeline

PLACE = Place("1a2b", 3)


class Logged(NamedTuple):
    """A record of the log of enriched events."""

    offset: int
    value: bytes
    key: bytes | None = b"c-1"
    timestamp: int = 1_700_000_000_000
    headers: tuple[()] = ()


def entries_of(*values: bytes) -> list[Entry]:
    records = [Logged(offset, value) for offset, value in enumerate([*values, closing_marker(1_000)])]
    return [entry for range_ in RangeCutter().feed(records) for entry in range_.entries]


def drops(offsets: list[int], partition: int = 0) -> list[Entry]:
    at = [Coordinate("purchase", "9f", partition, offset) for offset in offsets]
    return entries_of(*(enriched(Dropped(DropCode.DUPLICATE_EVENT), place, 100) for place in at))


def an_accepted() -> Accepted:
    crossed = Pipeline().feed(a_product_added())
    assert isinstance(crossed, Accepted)
    return crossed


def documents(written: list[bytes]) -> list[dict[str, Any]]:
    return [orjson.loads(row) for row in written]


def test_rows_go_to_their_tables_with_the_load_time_of_their_range_and_their_place() -> None:
    entries = entries_of(enriched(an_accepted(), HERE, 100), enriched(Dropped(DropCode.DUPLICATE_EVENT), HERE, 100))
    log = [orjson.loads(entry.record.value) for entry in entries]
    assert documents(rows.events(entries)) == [log[0]["event"]]
    assert documents(rows.score_changes(entries, 100)) == [{**log[0]["score_changes"][0], "loaded_at": 100}]
    place = {"log_incarnation": "1a2b", "log_partition": 3}
    assert documents(rows.outcomes(entries, PLACE)) == [
        {**document["outcome"], **place, "log_offset": offset} for offset, document in enumerate(log)
    ]


def test_a_refused_event_is_rejected_and_its_dead_letter_holds_the_enriched_record() -> None:
    (entry,) = entries_of(enriched(an_accepted(), HERE, 100))
    refused = rows.refused(entry)
    assert rows.events([refused]) == []
    assert rows.score_changes([refused], 100) == rows.score_changes([entry], 100)
    ((outcome,),) = [documents(rows.outcomes([refused], PLACE))]
    assert (outcome["outcome"], outcome["reason"]) == ("rejected", "refused_row")
    key, value = rows.dead_letter(entry, "amount", 100, Backwards())
    letter = DeadLetter.model_validate_json(value)
    assert letter.is_sealed
    assert base64.b64decode(letter.value_base64) == entry.record.value[::-1]
    assert (key, letter.stage, letter.reason, letter.id) == (b"c-1", "load", "refused_row", HERE.id)
    assert letter.detail == "amount: its column cannot take the value"
    assert rows.dead_letter(entry, "amount", 100, Backwards()) == (key, value)


OFFSETS = st.lists(st.integers(0, 20), max_size=40)


@given(st.lists(OFFSETS, max_size=5), st.sets(st.integers(0, 20)))
def test_every_offset_of_an_origin_gets_in_once(ranges: list[list[int]], before: set[int]) -> None:
    """`before` is in ClickHouse; each range is asked about as the loader does, with what was loaded so far."""
    origin = Origin("purchase", "9f", 0, "dropped")
    loaded = set(before)
    heights = Heights({origin: max(before)} if before else {})
    for offsets in ranges:
        entries = drops(offsets)
        suspects = heights.suspects(entries)
        known = {asked: found & loaded for asked, found in suspects.items()}
        kept = [entry.outcome.offset for entry in (without_repeats(entries, known) if suspects else entries)]
        assert kept == [offset for index, offset in enumerate(offsets) if offset not in loaded | set(offsets[:index])]
        loaded |= set(offsets)


def test_a_forwarded_record_and_its_final_outcome_are_no_repeats() -> None:
    (entry,) = drops([5])
    assert Heights({origin_of(entry)._replace(outcome="forwarded"): 5}).suspects([entry]) == {}
    assert Heights({origin_of(entry)._replace(partition=1): 5}).suspects([entry]) == {}
    assert Heights({origin_of(entry): 5}).suspects([entry]) == {origin_of(entry): {5}}


def refusal(code: int, text: str = "Cannot parse input: (while reading the value of key amount)") -> DatabaseError:
    return DatabaseError(
        f"Received ClickHouse exception, code: {code}, server response: Code: {code}. DB::Exception: {text}"
    )


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (refusal(27), True),
        (refusal(69, "Decimal value is too big"), True),
        (refusal(117, "Unknown field found while parsing JSONEachRow format: new_column"), False),
        (refusal(27, "Cannot parse: while pushing to view warmth.broken_view"), False),
        (refusal(395, "Value passed to 'throwIf' function is non-zero: while pushing to view"), False),
        (refusal(241, "Memory limit exceeded"), False),
        (refusal(243, "Cannot reserve 1 MiB, not enough space"), False),
        (DatabaseError("Connection refused"), False),
        (OSError("Code: 27."), False),
    ],
)
def test_only_what_a_row_is_to_blame_for_is_a_refusal(error: Exception, expected: bool) -> None:
    assert refusals.is_refusal(error) is expected


@given(st.lists(st.booleans(), max_size=60))
def test_refused_rows_are_found_one_by_one(good: list[bool]) -> None:
    async def attempt(block: Any) -> DatabaseError | None:
        return None if all(row == b"1" for row in block) else refusal(27)

    block = [b"1" if is_good else b"0" for is_good in good]
    found = asyncio.run(refusals.find_refused(block, attempt))
    assert found == {index: "amount" for index, is_good in enumerate(good) if not is_good}


def test_where_nearly_all_is_refused_the_table_is_to_blame() -> None:
    async def attempt(_block: Any) -> DatabaseError | None:
        return refusal(27, "no field is named")

    assert asyncio.run(refusals.find_refused([b"0"] * 5, attempt)) == dict.fromkeys(range(5), "")
    assert asyncio.run(refusals.find_refused([b"0"] * 5_000, attempt)) is None
