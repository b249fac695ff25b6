"""The scorers' consumer group, while a command is its only member: no scorer can fold meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import InconsistentGroupProtocolError
from aiokafka.structs import OffsetAndMetadata

from agents.operations import OperationError
from streams.kafka.topics import SCORED, SCORER
from streams.settings import StreamSettings

_JOIN_SECS = 60.0
_DAY_MS = 86_400_000
_RUNNING = "scorers run, or were killed less than WARMTH_SESSION_TIMEOUT_SECS ago: stop the scorers first, then run it again"


class Membership(NamedTuple):
    """The only membership of the group; `generation` is higher than that of any scorer before."""

    consumer: AIOKafkaConsumer
    generation: int

    async def commit(self, offsets: dict[TopicPartition, OffsetAndMetadata]) -> None:
        """Commit offsets with their notes; refused where the group has a newer generation."""
        await self.consumer.commit(offsets)


@asynccontextmanager
async def only_member(streams: StreamSettings) -> AsyncIterator[Membership]:
    """Join the scorers' group as its only member, and leave it in the end.

    Raises:
        OperationError: A scorer is a member.
    """
    if await _members(streams):
        raise OperationError(_RUNNING)
    consumer = AIOKafkaConsumer(
        *SCORED,
        bootstrap_servers=streams.kafka_bootstrap,
        group_id=SCORER,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=int(streams.session_timeout_secs * 1000),
        heartbeat_interval_ms=int(streams.heartbeat_interval_secs * 1000),
        max_poll_interval_ms=_DAY_MS,
    )
    try:
        async with asyncio.timeout(_JOIN_SECS):
            await consumer.start()
    except (InconsistentGroupProtocolError, TimeoutError):
        await consumer.stop()
        raise OperationError(_RUNNING) from None
    try:
        consumer.pause(*consumer.assignment())
        _refuse_part(consumer, streams.partitions)
        generation = consumer._coordinator.generation  # noqa: SLF001  # aiokafka shows it nowhere else
        yield Membership(consumer, generation)
    finally:
        await consumer.stop()


def _refuse_part(consumer: AIOKafkaConsumer, partitions: int) -> None:
    if len(consumer.assignment()) != len(SCORED) * partitions:
        raise OperationError(_RUNNING)


async def _members(streams: StreamSettings) -> int:
    admin = AIOKafkaAdminClient(bootstrap_servers=streams.kafka_bootstrap)
    await admin.start()
    try:
        (answer,) = await admin.describe_consumer_groups([SCORER])
    finally:
        await admin.close()
    return sum(len(group[5]) for group in answer.groups)
