"""Reads topics of one partition, all of them from the first record on, and what comes after."""

import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaTimeoutError

_READ_SECS = 30.0
_STEP_MS = 100


class Entry(NamedTuple):
    """A record that says something."""

    topic: str
    offset: int
    key: bytes
    value: bytes


async def read_all(bootstrap: str, topics: Iterable[str]) -> list[Entry]:
    """Return what topics say now, one topic after the other.

    Raises:
        KafkaTimeoutError: Their ends were not reached in time.
    """
    deadline = time.monotonic() + _READ_SECS
    named = list(topics)
    entries: list[Entry] = []
    async with _reader(bootstrap, named) as (consumer, tps):
        while time.monotonic() < deadline:
            entries += await _step(consumer)
            if await _is_at_end(consumer, tps):
                return sorted(entries, key=lambda entry: (named.index(entry.topic), entry.offset))
    raise KafkaTimeoutError(f"{', '.join(named)} could not be read within {_READ_SECS:.0f} s")


async def follow(bootstrap: str, topics: Iterable[str]) -> AsyncIterator[list[Entry]]:
    """Yield what topics say from their first records on, for ever; a topic that is made anew is read from its start."""
    async with _reader(bootstrap, list(topics)) as (consumer, _):
        while True:
            yield await _step(consumer)


class Follower:
    """Hands out every record of some topics, once.

    Args:
        bootstrap: Brokers, host:port, comma between.
        topics: Topics of one partition.
        take: Is given every record.
    """

    def __init__(self, bootstrap: str, topics: Iterable[str], take: Callable[[Entry], None]) -> None:
        self._bootstrap = bootstrap
        self._topics = list(topics)
        self._take = take
        self._next = dict.fromkeys(self._topics, 0)

    async def run(self) -> None:
        """Read on and on."""
        async for entries in follow(self._bootstrap, self._topics):
            self._hand_out(entries)

    async def catch_up(self) -> None:
        """Hand out everything that has been written so far, whether or not `run` has come to it."""
        self._hand_out(await read_all(self._bootstrap, self._topics))

    def _hand_out(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if entry.offset >= self._next[entry.topic]:
                self._next[entry.topic] = entry.offset + 1
                self._take(entry)


async def _step(consumer: AIOKafkaConsumer) -> list[Entry]:
    slices = await consumer.getmany(timeout_ms=_STEP_MS)
    return [
        Entry(tp.topic, record.offset, bytes(record.key or b""), bytes(record.value))
        for tp, records in slices.items()  # in a scorer, records are aiokafka's own and name no topic
        for record in records
        if record.value is not None
    ]


async def _is_at_end(consumer: AIOKafkaConsumer, tps: list[TopicPartition]) -> bool:
    for tp in tps:
        end = consumer.highwater(tp)
        if end is None or await consumer.position(tp) < end:
            return False
    return True


@asynccontextmanager
async def _reader(bootstrap: str, topics: list[str]) -> AsyncIterator[tuple[AIOKafkaConsumer, list[TopicPartition]]]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=_STEP_MS
    )
    try:
        await consumer.start()
        tps = [TopicPartition(topic, 0) for topic in topics]
        consumer.assign(tps)
        await consumer.seek_to_beginning(*tps)
        yield consumer, tps
    finally:
        await consumer.stop()
