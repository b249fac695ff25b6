"""Creates and checks the topics."""

import asyncio
import logging
from typing import NamedTuple

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import for_code

from streams.kafka.control import read_incarnations, write_incarnations
from streams.kafka.topics import CONTROL, TOPICS, Topic

log = logging.getLogger("warmth.kafka")
_VISIBLE_SECS = 30.0


class TopicsError(Exception):
    """The topics are not as Warmth needs them; the message says which, and what to do."""


class Created(NamedTuple):
    """What `create_topics` did."""

    created: list[str]
    present: list[str]


async def create_topics(bootstrap: str, partitions: int, replication: int) -> Created:
    """Create the topics that are missing and give every new topic an incarnation.

    Args:
        bootstrap: Brokers, host:port, comma between.
        partitions: Partitions of every topic that does not fix its own.
        replication: Copies of every partition.

    Raises:
        TopicsError: A topic is there with another partition count, or the broker refuses one.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        present = await _partition_counts(admin)
        _refuse_other_counts(present, partitions)
        missing = [topic for topic in TOPICS if topic.name not in present]
        if CONTROL not in present:
            await _create(admin, [_new(topic, partitions, replication) for topic in missing if topic.name == CONTROL])
        known = await read_incarnations(bootstrap)
        # before the topics: one that is made anew must never be taken for its predecessor
        await write_incarnations(bootstrap, [t.name for t in TOPICS if t.name not in known or t.name not in present])
        await _create(admin, [_new(topic, partitions, replication) for topic in missing if topic.name != CONTROL])
    finally:
        await admin.close()
    return Created([topic.name for topic in missing], sorted(present.keys() & {topic.name for topic in TOPICS}))


async def check_topics(bootstrap: str, partitions: int) -> dict[str, str]:
    """Return the incarnation of every topic, once every partition has a leader.

    A worker that joined before that would be assigned the partitions that it sees, and no other.

    Raises:
        TopicsError: A topic is missing, has another partition count, or has no incarnation.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await _wait_for_leaders(admin)
        present = await _partition_counts(admin)
    finally:
        await admin.close()
    missing = sorted(topic.name for topic in TOPICS if topic.name not in present)
    if missing:
        raise TopicsError(f"topics are missing: {', '.join(missing)}; run `warmth topics create`")
    _refuse_other_counts(present, partitions)
    incarnations = await read_incarnations(bootstrap)
    unnamed = sorted(topic.name for topic in TOPICS if topic.name not in incarnations)
    if unnamed:
        raise TopicsError(f"topics have no incarnation in {CONTROL}: {', '.join(unnamed)}; run `warmth topics create`")
    return incarnations


def _new(topic: Topic, partitions: int, replication: int) -> NewTopic:
    return NewTopic(topic.name, topic.partitions or partitions, replication, topic_configs=topic.config)


async def _partition_counts(admin: AIOKafkaAdminClient) -> dict[str, int]:
    return {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}


async def _wait_for_leaders(admin: AIOKafkaAdminClient) -> None:
    names = {topic.name for topic in TOPICS}
    waited = 0
    while any(
        partition["error_code"] or partition["leader"] < 0
        for topic in await admin.describe_topics()
        if topic["topic"] in names
        for partition in topic["partitions"]
    ):
        waited += 1
        if waited % 20 == 1:
            log.warning("partitions have no leader yet; waiting for the brokers that hold them")
        await asyncio.sleep(0.5)


def _refuse_other_counts(present: dict[str, int], partitions: int) -> None:
    wrong = [
        f"{topic.name} has {present[topic.name]}"
        for topic in TOPICS
        if topic.name in present and present[topic.name] != (topic.partitions or partitions)
    ]
    if wrong:
        raise TopicsError(
            f"partition counts differ from WARMTH_PARTITIONS={partitions}: {', '.join(wrong)}; "
            "set it to what is there, or migrate to new topics: counts never change in place"
        )


async def _create(admin: AIOKafkaAdminClient, topics: list[NewTopic]) -> None:
    if topics:
        _raise_refused(await admin.create_topics(topics))
        await _wait_until_visible(admin, {topic.name for topic in topics})


def _raise_refused(response: object) -> None:
    for name, code, *message in getattr(response, "topic_errors", ()):
        if code and for_code(code).__name__ != "TopicAlreadyExistsError":
            raise TopicsError(
                f"the broker refused topic {name}: {message[0] if message and message[0] else for_code(code).__name__}"
            )


async def _wait_until_visible(admin: AIOKafkaAdminClient, names: set[str]) -> None:
    async with asyncio.timeout(_VISIBLE_SECS):
        while not names <= (await _partition_counts(admin)).keys():  # noqa: ASYNC110  # the broker tells nobody
            await asyncio.sleep(0.1)
