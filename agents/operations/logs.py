"""Reads logs for the commands: what is visible of a partition, in order."""

import heapq
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from core.records import HOP_HEADER, ORIGIN_HEADER, Source
from streams.kafka import isolation
from streams.kafka.topics import LARGEST_RECORD_BYTES
from streams.settings import StreamSettings

Advance = Callable[[int], None]
"""Tells a progress bar how many more are done."""


@contextmanager
def bar(label: str, total: int) -> Iterator[Advance]:
    """Show a bar on stderr while the block runs, where a person watches."""
    console = Console(stderr=True)
    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(label, total=total)
        yield lambda done: progress.advance(task, done)


@asynccontextmanager
async def log_reader(streams: StreamSettings) -> AsyncIterator[AIOKafkaConsumer]:
    """Connect a consumer without a group that reads what is committed."""
    if not streams.broker_isolates:
        isolation.install()
    reader = AIOKafkaConsumer(
        bootstrap_servers=streams.kafka_bootstrap,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=20,
        max_partition_fetch_bytes=LARGEST_RECORD_BYTES,
    )
    await reader.start()
    try:
        yield reader
    finally:
        await reader.stop()


async def visible(
    reader: AIOKafkaConsumer, tp: TopicPartition, start: int, end: int | None = None
) -> AsyncIterator[list[Any]]:
    """Yield the visible records from `start` to before `end`, a fetch at a time; without `end`, all there are now.

    The reader is assigned to `tp` alone. What an open transaction holds back is not waited for. Reading goes on behind
    `end` up to the next visible record: the marker that makes the last ones visible may lie there.
    """
    if end is not None and start >= end:
        return
    reader.assign([tp])
    reader.seek(tp, start)
    while True:
        records = (await reader.getmany(tp, timeout_ms=20)).get(tp, [])
        wanted = records if end is None else [record for record in records if record.offset < end]
        if wanted:
            yield wanted
        if len(wanted) < len(records):
            return
        stable = reader.last_stable_offset(tp)
        if stable is not None and stable >= 0 and await reader.position(tp) >= stable:
            return


def source_id(record: Any, source: Source) -> str:
    """Return `topic:incarnation:partition:offset` of where a record was first appended: a forwarded copy tells."""
    headers = dict(record.headers)
    origin = (headers.get(ORIGIN_HEADER) or b"") if HOP_HEADER in headers else b""
    if origin.startswith(f"{source.topic}:{source.incarnation}:".encode()):
        return bytes(origin).decode()
    return f"{source.topic}:{source.incarnation}:{source.partition}:{record.offset}"


async def each_record(slices: AsyncIterator[list[Any]]) -> AsyncIterator[Any]:
    """Yield record by record."""
    async for records in slices:
        for record in records:
            yield record


async def merged(logs: Sequence[AsyncIterator[Any]]) -> AsyncIterator[tuple[int, Any]]:
    """Yield the number of a log and its next record, always of the log whose next record is the oldest.

    Equal times come in the order of the logs, and the order within a log is never changed.
    """
    heads = []
    for order, log in enumerate(logs):
        first = await anext(log, None)
        if first is not None:
            heads.append((first.timestamp, order, first))
    heapq.heapify(heads)
    while heads:
        _, order, record = heads[0]
        yield order, record
        following = await anext(logs[order], None)
        if following is None:
            heapq.heappop(heads)
        else:
            heapq.heapreplace(heads, (following.timestamp, order, following))
