"""What ClickHouse has of the log of enriched events: table `outcomes` holds a row for each concluded source record.

It is inserted last, in one block a range. So its highest offset ends a range of which every table has its rows, and a
loader that begins after it loses nothing and repeats nothing, whatever was committed.
"""

from collections.abc import Mapping
from typing import Final

from sinks.clickhouse import ClickHouse
from sinks.repeats import Origin
from sinks.rows import Place

_NEXT: Final = """
    SELECT count(), max(log_offset) FROM outcomes
    WHERE log_incarnation = {incarnation:String} AND log_partition = {partition:UInt32}
"""
_HIGHEST: Final = """
    SELECT topic, incarnation, partition, outcome, max(offset) FROM outcomes
    WHERE log_incarnation = {incarnation:String} AND log_partition = {partition:UInt32} AND log_offset < {first:UInt64}
    GROUP BY topic, incarnation, partition, outcome
"""
_LOADED: Final = """
    SELECT offset FROM outcomes
    WHERE topic = {topic:String} AND incarnation = {incarnation:String} AND partition = {partition:UInt32}
        AND outcome = {outcome:String} AND offset IN {offsets:Array(UInt64)}
        AND NOT (log_incarnation = {log_incarnation:String} AND log_partition = {log_partition:UInt32}
            AND log_offset >= {first:UInt64})
"""


async def next_offset(clickhouse: ClickHouse, place: Place) -> int:
    """Return the offset after the last one that is loaded of a partition of the log; 0 where nothing is."""
    ((count, highest),) = await clickhouse.rows(_NEXT, place._asdict())
    return int(highest) + 1 if count else 0


async def highest_offsets(clickhouse: ClickHouse, place: Place, first_offset: int) -> dict[Origin, int]:
    """Return the highest loaded offset of each origin, of rows below `first_offset` of the log."""
    rows = await clickhouse.rows(_HIGHEST, {**place._asdict(), "first": first_offset})
    return {
        Origin(topic, incarnation, partition, outcome): offset for topic, incarnation, partition, outcome, offset in rows
    }


async def loaded_offsets(
    clickhouse: ClickHouse, place: Place, first_offset: int, suspects: Mapping[Origin, set[int]]
) -> dict[Origin, set[int]]:
    """Return which of `suspects` are loaded by another range than the one that begins at `first_offset` of the log."""
    log = {"log_incarnation": place.incarnation, "log_partition": place.partition, "first": first_offset}
    loaded = {}
    for origin, offsets in suspects.items():
        rows = await clickhouse.rows(_LOADED, {**origin._asdict(), **log, "offsets": sorted(offsets)})
        loaded[origin] = {int(row[0]) for row in rows}
    return loaded
