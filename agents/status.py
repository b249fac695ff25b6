"""How far the workers are: read from Kafka and ClickHouse, not from the workers."""

import asyncio
from dataclasses import asdict, dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError
from clickhouse_connect.driver.exceptions import ClickHouseError

from agents.settings import AllSettings
from deploy.embedded.state import StackState, alive
from sinks.reading import Reader
from streams.kafka import isolation
from streams.kafka.commits import read_note
from streams.kafka.topics import CHANGELOG, DEAD_LETTERS, ENRICHED, LOADER, SCORED, SCORER, TOPICS

TABLES = {
    "events": "events",
    "outcomes": "outcomes",
    "score_changes": "score_changes",
    "segment_changes": "segment_changes",
    "identity_links": "identity_links",
    "profiles": "profiles_now",
    "dead_letters": "dead_letters_now",
}
"""Tables, and where their rows are counted: keyed ones through their views."""
_ANSWER_SECS = 30.0
_GROUPS = {"scorer": (SCORER, SCORED), "loader": (LOADER, (ENRICHED, CHANGELOG, DEAD_LETTERS))}
_REACHED = "SELECT log_incarnation, log_partition, max(log_offset) + 1 FROM outcomes GROUP BY ALL"
_COUNTED = 2_000
"""A lag up to this size is counted record by record: markers and aborted records take offsets, too."""


@dataclass
class Status:
    """What `warmth status --json` prints."""

    lag: dict[str, int] = field(default_factory=dict)
    records: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    pids: dict[str, int] = field(default_factory=dict)
    ready: bool = True
    reasons: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)

    def complain(self, reason: str) -> None:
        """Note a reason why the system is not ready."""
        self.ready = False
        self.reasons.append(reason)


async def read_status(settings: AllSettings, stack: StackState | None) -> Status:
    """Return the present status.

    Args:
        settings: Addresses.
        stack: State of the embedded stack, where there is one.
    """
    status = Status()
    if stack is not None:
        status.pids = {name.removesuffix("-0"): pid for name, pid in stack.pids.items()}
        status.reasons += [f"{name} does not run" for name, pid in status.pids.items() if not alive(pid)]
        status.ready = stack.ready and not status.reasons
        if not stack.ready:
            status.complain("the stack is still starting")
    try:
        async with asyncio.timeout(_ANSWER_SECS):
            await _read_kafka(settings, status)
    except (KafkaError, OSError, TimeoutError):
        status.complain(f"Kafka at {settings.streams.kafka_bootstrap} does not answer")
    try:
        _read_clickhouse(settings, status)
    except (ClickHouseError, OSError):
        status.complain(f"ClickHouse at {settings.sinks.clickhouse_url} does not answer")
    return status


def _read_clickhouse(settings: AllSettings, status: Status) -> None:
    with Reader(settings.sinks) as reader:
        for table, counted in TABLES.items():
            status.rows[table] = reader.rows("SELECT count() FROM {table:Identifier}", {"table": counted})[0][0]


async def _read_kafka(settings: AllSettings, status: Status) -> None:
    streams = settings.streams
    if not streams.broker_isolates:
        isolation.install()
    admin = AIOKafkaAdminClient(bootstrap_servers=streams.kafka_bootstrap, request_timeout_ms=10_000)
    probe = AIOKafkaConsumer(
        bootstrap_servers=streams.kafka_bootstrap,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=20,
        request_timeout_ms=10_000,
    )
    await admin.start()
    await probe.start()
    try:
        present = {topic["topic"] for topic in await admin.describe_topics()}
        if missing := sorted({topic.name for topic in TOPICS} - present):  # to ask for one may be to create it
            status.complain(f"topics are missing: {', '.join(missing)}")
            return
        for worker, (group, topics) in _GROUPS.items():
            tps = [TopicPartition(topic, number) for topic in topics for number in range(streams.partitions)]
            committed = await _committed(admin, group, tps)
            offsets = {tp: max(0, committed[tp].offset) if tp in committed else 0 for tp in tps}
            if group == LOADER:
                offsets |= await asyncio.to_thread(_lost, settings, committed)
            status.lag[worker] = await _lag(probe, offsets)
        every = [TopicPartition(t.name, number) for t in TOPICS for number in range(t.partitions or streams.partitions)]
        ends = await _ends(probe, every)
        for topic in TOPICS:
            status.records[topic.name] = sum(end for tp, end in ends.items() if tp.topic == topic.name)
    finally:
        await probe.stop()
        await admin.close()


def _lost(settings: AllSettings, committed: dict[TopicPartition, Any]) -> dict[TopicPartition, int]:
    """Return from where the loader will read again, where ClickHouse, restored from a copy, is behind its commits.

    Profiles and dead letters of such a partition are read again from their beginning. `committed` must have been read before
    this is asked.
    """
    notes = {tp: noted for tp, commit in committed.items() if (noted := read_note(commit.metadata)) and noted.reached}
    try:
        with Reader(settings.sinks) as reader:
            reached = {(incarnation, number): next_offset for incarnation, number, next_offset in reader.rows(_REACHED)}
    except (ClickHouseError, OSError):  # the status says so
        return {}
    lost: dict[TopicPartition, int] = {}
    for tp, noted in notes.items():
        next_offset = reached.get((noted.topic, tp.partition), 0)
        if tp.topic == ENRICHED and next_offset < noted.reached:
            lost |= {tp: next_offset, **{TopicPartition(topic, tp.partition): 0 for topic in (CHANGELOG, DEAD_LETTERS)}}
    return lost


async def _committed(admin: AIOKafkaAdminClient, group: str, tps: list[TopicPartition]) -> dict[TopicPartition, Any]:
    """Return the commits of a group; a fresh broker makes its topic of commits only when it is asked first."""
    while True:
        try:
            return dict(await admin.list_consumer_group_offsets(group, partitions=tps))
        except GroupCoordinatorNotAvailableError:
            await asyncio.sleep(0.2)


async def _ends(probe: AIOKafkaConsumer, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
    """Return the high watermark of each partition, as a fetch tells it: not every broker's list of offsets is right."""
    probe.assign(tps)
    for tp, end in (await probe.end_offsets(tps)).items():
        probe.seek(tp, end)
    while any(probe.highwater(tp) is None for tp in tps):
        await probe.getmany(timeout_ms=20, max_records=1)
    return {tp: int(probe.highwater(tp) or 0) for tp in tps}


async def _lag(probe: AIOKafkaConsumer, committed: dict[TopicPartition, int]) -> int:
    """Return how many visible records lie behind the committed offsets; large numbers count markers, too."""
    ends = await _ends(probe, list(committed))
    behind = {tp: offset for tp, offset in committed.items() if offset < ends[tp]}
    lag = sum(ends[tp] - offset for tp, offset in behind.items())
    if not behind or lag > _COUNTED:
        return lag
    probe.assign(list(behind))
    for tp, offset in behind.items():
        probe.seek(tp, offset)
    visible = 0
    waiting = set(behind)
    while waiting:
        for records in (await probe.getmany(*waiting, timeout_ms=20)).values():
            visible += len(records)
        waiting = {tp for tp in waiting if await probe.position(tp) < _readable_end(probe, tp, ends[tp])}
    return visible


def _readable_end(probe: AIOKafkaConsumer, tp: TopicPartition, end: int) -> int:
    """Return how far a partition can be read now: an open transaction ends it before `end`."""
    stable = probe.last_stable_offset(tp)
    return end if stable is None or stable < 0 else min(end, int(stable))
