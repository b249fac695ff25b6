"""What is visible at the end of a log, once no transaction is open there."""

import asyncio
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.exits import leave

_FIRST_STEP = 64
_OVERDUE_SECS = 120.0


class Tail(NamedTuple):
    """The last visible record of a partition, the offset after it (0 where there is none), and the log's bounds."""

    next_offset: int
    record: Any | None
    log_start: int
    log_end: int


async def settled_tails(probe: AIOKafkaConsumer, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, Tail]:
    """Return the tail of each partition, after waiting for its open transactions to end.

    Markers take offsets and aborted records are hidden, so the last visible record may lie well before the high
    watermark: it is looked for backwards, in growing steps.

    Args:
        probe: A started consumer without a group, `read_committed`.
        partitions: Partitions to look at; the probe is assigned to them.
    """
    wanted = list(partitions)
    if not wanted:
        return {}
    probe.assign(wanted)
    begin = await probe.beginning_offsets(wanted)
    ends = await probe.end_offsets(wanted)
    tails: dict[TopicPartition, Tail] = {}
    start = {tp: max(begin[tp], ends[tp] - _FIRST_STEP) for tp in wanted}
    step = _FIRST_STEP
    open_ = wanted
    while open_:
        for tp in open_:
            probe.seek(tp, start[tp])
        found = await _read_to_end(probe, open_)
        for tp, record in found.items():
            if record is not None or start[tp] <= begin[tp]:
                next_offset = 0 if record is None else record.offset + 1
                tails[tp] = Tail(next_offset, record, begin[tp], int(probe.highwater(tp) or 0))
        open_ = [tp for tp in open_ if tp not in tails]
        probe.pause(*tails)
        step *= 8
        start = {tp: max(begin[tp], start[tp] - step) for tp in open_}
    return tails


async def _read_to_end(probe: AIOKafkaConsumer, partitions: list[TopicPartition]) -> dict[TopicPartition, Any | None]:
    """Read each partition to its high watermark and return its last visible record."""
    last: dict[TopicPartition, Any | None] = dict.fromkeys(partitions)
    deadline = time.monotonic() + _OVERDUE_SECS
    waiting = set(partitions)
    while waiting:
        for tp, records in (await probe.getmany(*waiting, timeout_ms=20)).items():
            last[tp] = records[-1]
        for tp in tuple(waiting):
            end = probe.highwater(tp)
            if end is not None and (probe.last_stable_offset(tp) or 0) >= end and await probe.position(tp) >= end:
                waiting.discard(tp)
        if time.monotonic() > deadline:
            leave(f"transactions stay open on {len(waiting)} partitions; start the worker slot that left them, or wait")
        await asyncio.sleep(0)
    return last
