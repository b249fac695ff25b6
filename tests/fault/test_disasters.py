"""What an operator has to do with: a full disk, an older copy, a changelog that is gone, partitions added in place."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from tests.fault.conftest import Grounds
from tests.fault.ground import CONCLUDES_WHAT_WAS_SENT, Ground, needs_root
from tests.support.disk import SmallDisk
from tests.support.fleet import Worker

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(3600)]
DISK_BYTES = 256 * 1024 * 1024
SESSION_SECS = 7
CHANGELOG = "warmth-scorer-profiles-changelog"


@pytest.fixture
def small_disk_ground(grounds: Grounds) -> Iterator[tuple[Ground, SmallDisk]]:
    """A ground whose ClickHouse lives on a small disk."""
    disks: list[SmallDisk] = []
    made = grounds.fresh(lambda folder: disks.append(SmallDisk(folder / "clickhouse", DISK_BYTES)))
    yield made, disks[0]
    made.stop()
    disks[0].remove()


@needs_root
async def test_a_disk_that_is_full_for_a_while(small_disk_ground: tuple[Ground, SmallDisk], rounds: int) -> None:
    ground, disk = small_disk_ground
    await ground.start_workers()
    await ground.send()
    await ground.verify()
    for _ in range(max(1, rounds // 5)):
        disk.fill()
        await ground.send_slowly(5)
        disk.free()
    await ground.verify()


async def test_clickhouse_restored_from_an_older_copy(ground: Ground) -> None:
    _, loader = await ground.start_workers()
    await ground.send()
    await ground.settle()
    folder, copy = ground.stack.folder / "clickhouse", ground.stack.folder / "copy"
    with ground.held_away("clickhouse"):
        shutil.copytree(folder, copy, symlinks=True)
    await ground.send_slowly(4)
    await ground.settle()
    await asyncio.to_thread(ground.fleet.stop, loader)
    with ground.held_away("clickhouse"):
        shutil.rmtree(folder)
        copy.rename(folder)
    await asyncio.to_thread(ground.stack.wait_for_clickhouse)
    assert ground.stack.status()["lag"]["loader"] > 0, "what the copy lacks is not readable"
    await ground.start_workers()
    await asyncio.to_thread(ground.stack.wait_until_read)
    await asyncio.to_thread(_assert_all_is_there, ground)
    await ground.send()
    await ground.verify()


async def test_a_partition_count_raised_in_place_is_refused(own_ground: Ground) -> None:
    ground = own_ground
    scorer, loader = await ground.start_workers()
    await ground.send()
    await ground.verify()
    async with _admin(ground) as admin:
        await admin.create_partitions({"purchase": NewPartitions(5), "enriched-event": NewPartitions(5)})
    for worker in (scorer, loader):
        await asyncio.to_thread(_wait_for_words, worker, "partition counts")
        assert set(worker.exits) <= {75, 1}, worker.exits


@pytest.mark.parametrize(("lost", "source"), [("records", "clickhouse"), ("topic", "topics")])
async def test_a_changelog_that_is_gone_is_refused_and_rebuilt(ground: Ground, lost: str, source: str) -> None:
    scorer, loader = await ground.start_workers()
    await ground.send()
    await ground.settle()
    await asyncio.to_thread(ground.fleet.stop, scorer)
    await (_delete_records(ground) if lost == "records" else _make_again(ground))
    refused = ground.scorer()
    try:
        await asyncio.to_thread(_wait_for_words, refused, "warmth rebuild")
        assert "changelog" in refused.last_words()
    finally:
        await asyncio.to_thread(ground.fleet.stop, refused)
    await asyncio.sleep(SESSION_SECS)  # what ended before it was ready has not left the group
    ground.stack.run("rebuild", "--from", source, "--yes")
    await asyncio.to_thread(ground.fleet.stop, loader)
    assert set(loader.exits[:-1]) <= {75, 1}, loader.exits  # 1: it was started again while the topic was not there
    await ground.start_workers()
    await ground.send()
    await ground.verify()


async def _delete_records(ground: Ground) -> None:
    """Delete every record of the changelog; a broker does that only where its policy allows deleting."""
    async with _admin(ground) as admin:
        config = {"cleanup.policy": "compact,delete", "retention.ms": "-1", "max.message.bytes": str(8 * 1024 * 1024)}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, CHANGELOG, config)])
        ends = {TopicPartition(CHANGELOG, number): RecordsToDelete(before_offset=-1) for number in range(4)}
        await admin.delete_records(ends)


async def _make_again(ground: Ground) -> None:
    """Delete the changelog's topic, and create it again as an operator would."""
    async with _admin(ground) as admin:
        await admin.delete_topics([CHANGELOG])
        await asyncio.sleep(2)  # a broker deletes in the background
    ground.stack.run("topics", "create")


@asynccontextmanager
async def _admin(ground: Ground) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=ground.stack.kafka)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


def _assert_all_is_there(ground: Ground) -> None:
    """Of every topic that is loaded: nothing lags, so nothing is missing, though nothing was sent since."""
    ((ended, rejected),) = ground.ask(
        f"SELECT countIf({CONCLUDES_WHAT_WAS_SENT}), countIf(outcome = 'rejected') FROM outcomes"
    )
    assert ended == ground.sent, f"{ended} of {ground.sent} outcomes"
    assert ground.ask("SELECT count() FROM dead_letters_now") == [(rejected,)]
    keys = "SELECT uniqExact(profile_key), (SELECT count() FROM profiles_now) FROM events_now"
    ((customers, profiles),) = ground.ask(keys)
    assert profiles == customers, f"{profiles} of {customers} profiles"


def _wait_for_words(worker: Worker, words: str, seconds: float = 120) -> None:
    """Return once the worker has said `words`."""
    deadline = time.monotonic() + seconds
    while words not in worker.log.read_text(errors="replace"):
        assert time.monotonic() < deadline, f"{worker.kind} did not say {words!r}: {worker.last_words()}"
        time.sleep(0.2)
