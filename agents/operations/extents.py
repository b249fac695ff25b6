"""Which offsets a comparison covers: what the scorer has committed and the loader has loaded."""

import time
from typing import NamedTuple

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import OffsetAndMetadata

from agents.operations import OperationError
from agents.operations.logs import log_reader
from agents.settings import AllSettings
from agents.status import read_status
from sinks.reading import Reader
from streams.kafka.admin import check_topics
from streams.kafka.commits import read_note
from streams.kafka.topics import CHANGELOG, LOADER, SCORED, SCORER
from streams.settings import StreamSettings

_ON_ITS_WAY_MS = 5_000
"""Time from the instant that a change is stamped with to its commit, and more."""


class Extents(NamedTuple):
    """What is compared.

    `firsts` and `ends` name the offsets of each input partition, from the log's first to before the last that is
    compared. `loaded` is what the loader has committed of each partition of the changelog.
    """

    incarnations: dict[str, str]
    lag: dict[str, int]
    firsts: dict[str, list[int]]
    ends: dict[str, list[int]]
    loaded: list[int]
    settled_ms: int = 2**63
    """What time or newer rules made from then on may be on its way: no offset of an input tells of it."""
    rows_kept_days: int = 0
    """Days for which rows are kept; 0 for ever."""

    @property
    def lagging(self) -> bool:
        """Whether something is on its way."""
        return any(self.lag.values())

    def covers(self, topic: str, partition: int, offset: int) -> bool:
        """Tell whether an input record is compared."""
        ends = self.ends.get(topic, [])
        return partition < len(ends) and offset < ends[partition]


async def read_commits(
    streams: StreamSettings, group: str, topics: tuple[str, ...]
) -> dict[TopicPartition, OffsetAndMetadata]:
    """Return what a group has committed; partitions without a commit are left out."""
    tps = [TopicPartition(topic, number) for topic in topics for number in range(streams.partitions)]
    admin = AIOKafkaAdminClient(bootstrap_servers=streams.kafka_bootstrap)
    await admin.start()
    try:
        commits = await admin.list_consumer_group_offsets(group, partitions=tps)
    finally:
        await admin.close()
    return {tp: commit for tp, commit in commits.items() if commit.offset >= 0}


def of_present_topics(
    commits: dict[TopicPartition, OffsetAndMetadata], incarnations: dict[str, str]
) -> dict[TopicPartition, OffsetAndMetadata]:
    """Leave out commits whose note speaks of a topic that was deleted since and made again."""
    notes = {tp: read_note(commit.metadata) for tp, commit in commits.items()}
    return {tp: commits[tp] for tp, note in notes.items() if note is None or note.topic == incarnations[tp.topic]}


async def read_extents(settings: AllSettings, reader: Reader) -> Extents:
    """Return what can be compared now.

    The scorer's commits are read before the loader's lag: what they cover is loaded where nothing lags then.
    """
    streams = settings.streams
    settled_ms = time.time_ns() // 1_000_000 - _ON_ITS_WAY_MS
    incarnations = await check_topics(streams.kafka_bootstrap, streams.partitions)
    commits = of_present_topics(await read_commits(streams, SCORER, SCORED), incarnations)
    status = await read_status(settings, None)
    if not status.ready:
        raise OperationError("; ".join(status.reasons))
    loaded = await read_commits(streams, LOADER, (CHANGELOG,))
    numbers = range(streams.partitions)
    firsts = await _log_starts(streams)
    ends = {
        topic: [commits[tp].offset if (tp := TopicPartition(topic, number)) in commits else 0 for number in numbers]
        for topic in SCORED
    }
    if status.lag["loader"]:
        ends = {topic: _loaded_ends(reader, topic, incarnations[topic], ends[topic]) for topic in SCORED}
    profiles = [loaded[tp].offset if (tp := TopicPartition(CHANGELOG, number)) in loaded else 0 for number in numbers]
    return Extents(incarnations, status.lag, firsts, ends, profiles, settled_ms, settings.sinks.rows_kept_days)


async def _log_starts(streams: StreamSettings) -> dict[str, list[int]]:
    numbers = range(streams.partitions)
    async with log_reader(streams) as probe:
        starts = await probe.beginning_offsets([TopicPartition(topic, number) for topic in SCORED for number in numbers])
    return {topic: [starts[TopicPartition(topic, number)] for number in numbers] for topic in SCORED}


_LOADED = """
SELECT partition, max(offset) + 1 FROM outcomes
WHERE topic = {topic:String} AND incarnation = {incarnation:String} AND log_partition = partition GROUP BY partition
"""


def _loaded_ends(reader: Reader, topic: str, incarnation: str, committed: list[int]) -> list[int]:
    """Return how far each partition is loaded: it is concluded, and loaded, in the order of its offsets."""
    loaded = {row[0]: row[1] for row in reader.rows(_LOADED, {"topic": topic, "incarnation": incarnation})}
    return [min(end, loaded.get(number, 0)) for number, end in enumerate(committed)]
