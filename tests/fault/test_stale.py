"""A record of a former owner stands last in the changelog: the profile with the highest `seq` must win."""

import asyncio
from collections import defaultdict

import pytest

from tests.fault.ground import Ground
from tests.support.clients import consume, produce

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(3600)]
CHANGELOG = "warmth-scorer-profiles-changelog"


async def test_a_stale_record_at_the_end_of_the_changelog(ground: Ground) -> None:
    await ground.start_workers()
    await force_a_stale_record(ground)
    await ground.verify()


async def force_a_stale_record(ground: Ground) -> None:
    """Write the first value of the busiest keys once more, start the scorer again, and let customers go on."""
    await asyncio.to_thread(ground.fleet.wait_ready)
    await ground.send()
    await ground.settle()
    versions: dict[tuple[int, bytes], list[bytes]] = defaultdict(list)
    for record in await consume(ground.stack.kafka, CHANGELOG):
        if record.key is not None and record.value is not None:
            versions[record.partition, record.key].append(record.value)
    busiest = sorted(versions.items(), key=lambda entry: len(entry[1]))[-20:]
    assert all(len(values) > 1 for _, values in busiest)
    for (partition, key), values in busiest:
        await produce(ground.stack.kafka, [(CHANGELOG, key, values[0])], partition)
    await asyncio.to_thread(ground.fleet.of("scorer")[0].kill)
    await asyncio.to_thread(ground.fleet.wait_ready)
    await ground.send()
