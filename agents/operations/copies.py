"""What a topic and a table hold twice: profiles, and score changes."""

import hashlib
from datetime import datetime
from typing import NamedTuple

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.operations.extents import Extents
from agents.operations.findings import Check, Finding
from agents.operations.logs import bar, visible
from core.outcomes import UNPROMPTED
from core.state import seq_of
from core.times import micros
from sinks.reading import Reader
from streams.kafka.topics import CHANGELOG, SCORE_CHANGES

_UNPROMPTED = tuple(f"{cause}:" for cause in sorted(UNPROMPTED))
_PROFILES = """
SELECT customer_key, bitAnd(version, bitShiftLeft(toUInt64(1), 56) - 1), lower(hex(MD5(state))) FROM profiles_kept
WHERE kafkaMurmurHash(customer_key) % {partitions:UInt32} = {partition:UInt32}
"""
_CHANGES = """
SELECT id, count(), toUnixTimestamp64Milli(any(emitted_at)) FROM score_changes
WHERE kafkaMurmurHash(customer_key) % {partitions:UInt32} = {partition:UInt32}
    AND (splitByChar(':', id)[1] IN ('tick', 'rules') OR splitByChar(':', id)[2] IN {incarnations:Array(String)})
GROUP BY id
"""


class Written(NamedTuple):
    """A profile as a side has it: `digest` of its state, `offset` of its record in the changelog."""

    seq: int
    digest: str
    offset: int = -1


async def check_profiles(extents: Extents, reader: Reader, log: AIOKafkaConsumer) -> Check:
    """Compare table `profiles` with the changelog: of each key, the record with the highest `seq`."""
    compared = 0
    with bar("profiles", len(extents.loaded)) as advance:
        for number, loaded in enumerate(extents.loaded):
            latest = await _latest(log, TopicPartition(CHANGELOG, number))
            parameters = {"partitions": len(extents.loaded), "partition": number}
            rows = {key: Written(seq, digest) for key, seq, digest in reader.rows(_PROFILES, parameters)}
            grown = any(written.offset >= loaded for written in latest.values())
            finding = _differing(latest, rows, number, loaded if grown or extents.lag["loader"] else None)
            compared += len(latest)
            if finding is not None:
                return Check("profiles", compared, finding)
            advance(1)
    return Check("profiles", compared)


async def _latest(log: AIOKafkaConsumer, tp: TopicPartition) -> dict[str, Written]:
    """Return what recovery would restore from a partition of the changelog."""
    latest: dict[str, Written] = {}
    begin = (await log.beginning_offsets([tp]))[tp]
    async for records in visible(log, tp, begin):
        for record in records:
            key, value = bytes(record.key).decode(), record.value
            if value is None:
                latest.pop(key, None)
            elif key not in latest or seq_of(value) >= latest[key].seq:
                digest = hashlib.md5(value, usedforsecurity=False).hexdigest()
                latest[key] = Written(seq_of(value), digest, record.offset)
    return latest


def _differing(latest: dict[str, Written], rows: dict[str, Written], partition: int, loaded: int | None) -> Finding | None:
    """Return the disagreement with the lowest offset; records from offset `loaded` on are on their way."""
    for key, written in sorted(latest.items(), key=lambda pair: pair[1].offset):
        if loaded is not None and written.offset >= loaded:
            continue
        row = rows.get(key)
        if row is None:
            return Finding(CHANGELOG, partition, written.offset, f"profile {key} is missing in ClickHouse")
        if row.seq != written.seq and not (loaded is not None and row.seq > written.seq):
            what = f"profile {key} has seq {row.seq} in ClickHouse, {written.seq} in the changelog"
            return Finding(CHANGELOG, partition, written.offset, what)
        if row.seq == written.seq and row.digest != written.digest:
            return Finding(CHANGELOG, partition, written.offset, f"profile {key} has another state in ClickHouse")
    for key in rows.keys() - latest.keys() if loaded is None else ():
        return Finding(CHANGELOG, partition, None, f"profile {key} is in ClickHouse, and not in the changelog")
    return None


async def check_score_changes(extents: Extents, reader: Reader, log: AIOKafkaConsumer) -> Check:
    """Compare table `score_changes` with topic `score-change`, as far as the topic still goes back."""
    compared = 0
    partitions = len(extents.loaded)
    with bar("score changes", partitions) as advance:
        for number in range(partitions):
            tp = TopicPartition(SCORE_CHANGES, number)
            begin = (await log.beginning_offsets([tp]))[tp]
            said: dict[str, int] = {}
            since = 0
            async for records in visible(log, tp, begin):
                for change in (orjson.loads(record.value) for record in records):
                    emitted = micros(datetime.fromisoformat(change["emitted_at"])) // 1000
                    if not said and begin:
                        since = emitted
                    if emitted < extents.settled_ms or not change["id"].startswith(_UNPROMPTED):
                        said[change["id"]] = said.get(change["id"], 0) + 1
            parameters = {
                "partitions": partitions,
                "partition": number,
                "incarnations": sorted(set(extents.incarnations.values())),
            }
            rows = {
                id_: count
                for id_, count, at in reader.rows(_CHANGES, parameters)
                if id_ in said or (at >= since and not id_.startswith(_UNPROMPTED))  # without a topic to look in
            }
            compared += len(said)
            finding = _unequal(said, rows, number, extents)
            if finding is not None:
                return Check("score changes", compared, finding)
            advance(1)
    return Check("score changes", compared)


def _unequal(said: dict[str, int], rows: dict[str, int], partition: int, extents: Extents) -> Finding | None:
    """Return the first change that is not exactly once on both sides, by the place of its cause."""
    differing = (id_ for id_ in said.keys() | rows.keys() if not said.get(id_) == rows.get(id_) == 1)
    places = sorted((*_place(id_, partition), id_) for id_ in differing)
    for topic, number, offset, id_ in places:
        on_its_way = extents.lagging and (number != partition or topic in UNPROMPTED)
        if on_its_way or not (topic in UNPROMPTED or extents.covers(topic, number, offset)):
            continue
        what = f"score change {id_} stands {said.get(id_, 0)} times in {SCORE_CHANGES}, {rows.get(id_, 0)} in ClickHouse"
        return Finding(topic, number, offset, what)
    return None


def _place(id_: str, partition: int) -> tuple[str, int, int]:
    """Return the topic, partition and offset of the cause; of time or newer rules, in `partition`, the instant."""
    start, offset, _ = id_.rsplit(":", 2)
    if start.startswith(_UNPROMPTED):
        return start.partition(":")[0], partition, int(offset)
    topic, _, number = start.split(":")
    return topic, int(number), int(offset)
