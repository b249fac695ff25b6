"""Profiles that go into each other while workers are killed, join and leave: everybody is one profile, and counts once."""

import asyncio
import random
import time

import pytest

from tests.fault.ground import Ground
from tests.reference.generator import Record
from tests.reference.households import Households

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(3600)]
STEPS = ("sending", "add_offsets", "end")


@pytest.fixture
def records(seed: int, events: int) -> list[Record]:
    """What people of many names do."""
    return Households(seed, max(20, events // 40), int(time.time() * 1000)).records(events, 0.01)


def parts_of(records: list[Record], number: int) -> list[list[Record]]:
    """Return the records in so many parts, in order."""
    size = -(-len(records) // number)
    return [records[start : start + size] for start in range(0, len(records), size)]


async def test_killed_at_each_step_while_profiles_are_joined(own_ground: Ground, records: list[Record]) -> None:
    ground = own_ground
    scorer, _ = await ground.start_workers()
    for step, part in zip((*STEPS, ""), parts_of(records, len(STEPS) + 1), strict=True):
        if step:
            scorer.arm(f"epoch.{step}")
        await ground.send_all([record[:3] for record in part])
        if step:
            await asyncio.to_thread(scorer.wait_struck)
    await ground.verify_joined(records)


async def test_workers_join_leave_and_are_killed_while_profiles_are_joined(
    own_ground: Ground, records: list[Record], rounds: int, seed: int
) -> None:
    ground, rng = own_ground, random.Random(seed)
    scorer, loader = await ground.start_workers()
    for part in parts_of(records, rounds):
        await ground.send_all([record[:3] for record in part])
        other = ground.scorer()
        await asyncio.sleep(rng.uniform(0.5, 3.0))
        victim = rng.choice([scorer, other, loader])
        await asyncio.to_thread(victim.wait_ready)
        await asyncio.to_thread(victim.kill)
        await asyncio.sleep(rng.uniform(0.1, 1.0))
        await asyncio.to_thread(ground.fleet.stop, other)
    await ground.verify_joined(records)


@pytest.mark.parametrize("source", ["topics", "clickhouse"])
async def test_joined_profiles_are_rebuilt(own_ground: Ground, records: list[Record], source: str) -> None:
    ground = own_ground
    scorer, _ = await ground.start_workers()
    before, after = parts_of(records, 2)
    await ground.send_all([record[:3] for record in before])
    await ground.settle()
    await asyncio.to_thread(ground.fleet.stop, scorer)
    ground.stack.run("rebuild", "--from", source, "--yes")
    await ground.start_workers()
    await ground.send_all([record[:3] for record in after])
    await ground.verify_joined(records)
