"""Incarnations of topics, kept in `warmth-control`: offsets mean nothing without them."""

import secrets
import time
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaTimeoutError

from streams.kafka.topics import CONTROL

_KEY = b"incarnation:"
_READ_SECS = 30.0


async def read_incarnations(bootstrap: str) -> dict[str, str]:
    """Return the incarnation of each topic, as `warmth topics create` wrote it."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=20
    )
    await consumer.start()
    try:
        tp = TopicPartition(CONTROL, 0)
        consumer.assign([tp])
        await consumer.seek_to_beginning(tp)
        incarnations: dict[str, str] = {}
        deadline = time.monotonic() + _READ_SECS
        while True:
            if time.monotonic() > deadline:
                raise KafkaTimeoutError(f"{CONTROL} could not be read within {_READ_SECS:.0f} s")
            for record in (await consumer.getmany(timeout_ms=100)).get(tp, ()):
                key, value = _bytes(record.key), _bytes(record.value)
                if key.startswith(_KEY) and value:
                    incarnations[key.removeprefix(_KEY).decode()] = orjson.loads(value)["incarnation"]
            end = consumer.highwater(tp)
            if end is not None and await consumer.position(tp) >= end:
                return incarnations
    finally:
        await consumer.stop()


async def write_incarnations(bootstrap: str, topics: list[str]) -> None:
    """Give each of `topics` a new incarnation."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    try:
        for topic in topics:
            value = orjson.dumps({"incarnation": secrets.token_hex(4)})
            await producer.send_and_wait(CONTROL, key=_KEY + topic.encode(), value=value, partition=0)
    finally:
        await producer.stop()


def _bytes(value: Any) -> bytes:
    return b"" if value is None else bytes(value)
