"""Plain clients: what a producer, a subscriber and an analyst would use. None of it is the project's code."""

from collections.abc import Iterable
from typing import NamedTuple

import clickhouse_connect
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

Message = tuple[str, bytes | None, bytes | None]
LARGE = 8 * 1024 * 1024


class Stored(NamedTuple):
    """A record as a subscriber sees it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


async def produce(
    bootstrap: str, messages: Iterable[Message], partition: int | None = None, *, idempotent: bool = False
) -> int:
    """Send messages with aiokafka's own partitioner, in order; return their number.

    An idempotent producer repeats nothing when the broker dies under it; the embedded broker takes none of this version.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", linger_ms=5, max_request_size=LARGE, enable_idempotence=idempotent
    )
    await producer.start()
    count = 0
    try:
        flying = []
        for topic, key, value in messages:
            flying.append(await producer.send(topic, key=key, value=value, partition=partition))
            count += 1
            if len(flying) >= 5_000:
                for sent in flying:
                    await sent
                flying.clear()
        for sent in flying:
            await sent
    finally:
        await producer.stop()
    return count


async def consume(
    bootstrap: str, topic: str, isolation: str = "read_committed", after: dict[int, int] | None = None
) -> list[Stored]:
    """Read a whole topic, or each partition from its offset in `after` on; the order is that of partitions and offsets."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level=isolation,
        fetch_max_wait_ms=20,
        max_partition_fetch_bytes=LARGE,
    )
    await consumer.start()
    try:
        await consumer._client._wait_on_metadata(topic)
        tps = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
        consumer.assign(tps)
        await consumer.seek_to_beginning(*tps)
        for partition, offset in (after or {}).items():
            consumer.seek(TopicPartition(topic, partition), offset)
        stored: list[Stored] = []
        unread = set(tps)
        while unread:
            for tp, records in (await consumer.getmany(*unread, timeout_ms=100)).items():
                stored += [Stored(topic, tp.partition, r.offset, r.timestamp, r.key, r.value) for r in records]
            for tp in tuple(unread):
                end = consumer.last_stable_offset(tp) if isolation == "read_committed" else consumer.highwater(tp)
                if end is not None and end >= 0 and await consumer.position(tp) >= end:
                    unread.discard(tp)
        return sorted(stored, key=lambda record: (record.partition, record.offset))
    finally:
        await consumer.stop()


def query(url: str, sql: str) -> list[tuple]:
    """Return the rows of a query on database `warmth`."""
    host, port = url.removeprefix("http://").split(":")
    with clickhouse_connect.get_client(host=host, port=int(port), database="warmth") as client:
        return [tuple(row) for row in client.query(sql).result_rows]


def command(url: str, statement: str) -> None:
    """Run a statement on database `warmth`."""
    host, port = url.removeprefix("http://").split(":")
    with clickhouse_connect.get_client(host=host, port=int(port), database="warmth") as client:
        client.command(statement)
