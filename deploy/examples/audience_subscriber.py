"""Keeps the audiences of Warmth in a table of one's own: from the compacted topic alone, then change by change.

    pip install aiokafka orjson
    python audience_subscriber.py --bootstrap localhost:9092 --state audiences.sqlite [--segment hot-leads] [--once]

Prints a JSON line whenever somebody enters or leaves an audience, and one for each message of `segment-change`. Members,
messages seen and offsets are written in one SQLite transaction, so that a restart, even after a kill, repeats nothing and
misses nothing.
"""

import argparse
import asyncio
import contextlib
import signal
import sqlite3
import sys
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

AUDIENCE, CHANGES = "audience", "segment-change"
SCHEMA = """
CREATE TABLE IF NOT EXISTS members
    (segment TEXT, customer TEXT, seq INTEGER, is_member INTEGER, PRIMARY KEY (segment, customer));
CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS offsets (topic TEXT, number INTEGER, next INTEGER, PRIMARY KEY (topic, number));
"""


class Audiences:
    """Who is in which audience, as far as it was read.

    Args:
        path: SQLite file.
        segment: The only segment of interest; all of them if left out.
    """

    def __init__(self, path: str, segment: str | None) -> None:
        self._database = sqlite3.connect(path)
        self._database.executescript(SCHEMA)
        self._segment = segment

    def next_offset(self, topic: str, partition: int) -> int | None:
        """Return where to read on; None where nothing was read yet."""
        query = "SELECT next FROM offsets WHERE topic = ? AND number = ?"
        row = self._database.execute(query, (topic, partition)).fetchone()
        return None if row is None else row[0]

    def take(self, slices: dict[TopicPartition, list[Any]]) -> list[dict[str, Any]]:
        """Take in what was read, all or nothing; return what is new."""
        said = []
        with self._database:
            for tp, records in slices.items():
                take = self._take_entry if tp.topic == AUDIENCE else self._take_change
                said += [new for record in records if (new := take(record)) is not None]
                values = (tp.topic, tp.partition, records[-1].offset + 1)
                self._database.execute("INSERT OR REPLACE INTO offsets VALUES (?, ?, ?)", values)
        return said

    def _take_entry(self, record: Any) -> dict[str, Any] | None:
        segment, _, customer = record.key.decode().partition(":")
        if self._segment not in (None, segment):
            return None
        entry = {"member": False, "seq": None} if record.value is None else orjson.loads(record.value)
        query = "SELECT seq, is_member FROM members WHERE segment = ? AND customer = ?"
        known = self._database.execute(query, (segment, customer)).fetchone() or (-1, False)
        if entry["seq"] is not None and entry["seq"] <= known[0]:
            return None  # a repeat, or older than what is known
        seq = known[0] if entry["seq"] is None else entry["seq"]
        values = (segment, customer, seq, entry["member"])
        self._database.execute("INSERT OR REPLACE INTO members VALUES (?, ?, ?, ?)", values)
        if bool(known[1]) == entry["member"]:
            return None
        return {"segment": segment, "customer_key": customer, "member": entry["member"]}

    def _take_change(self, record: Any) -> dict[str, Any] | None:
        change = orjson.loads(record.value)
        if self._segment not in (None, change["segment"]):
            return None
        new = self._database.execute("INSERT OR IGNORE INTO seen VALUES (?)", (change["id"],)).rowcount
        return change if new else None


async def run(bootstrap: str, audiences: Audiences, *, once: bool) -> None:
    """Read the topics from where `audiences` has come to; `once` ends at what is there now."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed", enable_auto_commit=False)
    await consumer.start()
    try:
        tps = []
        for topic in (AUDIENCE, CHANGES):
            await consumer._client._wait_on_metadata(topic)  # noqa: SLF001  # aiokafka has no other way to ask for partitions
            tps += [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
        consumer.assign(tps)
        for tp in tps:
            offset = audiences.next_offset(tp.topic, tp.partition)
            await (consumer.seek_to_beginning(tp) if offset is None else _seek(consumer, tp, offset))
        ends = await consumer.end_offsets(tps)
        while True:
            for said in audiences.take(await consumer.getmany(timeout_ms=500)):
                sys.stdout.write(orjson.dumps(said).decode() + "\n")
                sys.stdout.flush()
            if once and all([await consumer.position(tp) >= end for tp, end in ends.items()]):
                return
    finally:
        await consumer.stop()


async def _seek(consumer: AIOKafkaConsumer, tp: TopicPartition, offset: int) -> None:
    consumer.seek(tp, offset)


async def _until_told(running: asyncio.Task[None]) -> None:
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def main() -> None:
    """Read the options, and run until told to stop."""
    parser = argparse.ArgumentParser(description="Keeps the audiences of Warmth in a SQLite file.")
    parser.add_argument("--bootstrap", default="localhost:9092", help="brokers, host:port, comma between")
    parser.add_argument("--state", default="audiences.sqlite", help="SQLite file")
    parser.add_argument("--segment", help="only this segment")
    parser.add_argument("--once", action="store_true", help="end at what is there now")
    options = parser.parse_args()
    audiences = Audiences(options.state, options.segment)
    await _until_told(asyncio.create_task(run(options.bootstrap, audiences, once=options.once)))


if __name__ == "__main__":
    asyncio.run(main())
