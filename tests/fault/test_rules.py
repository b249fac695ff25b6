"""Rules published while workers are killed, join and leave: every profile is judged by them once, among its events."""

import asyncio
import random
from pathlib import Path

import pytest

from tests.fault.ground import Ground
from tests.support.newer import newer_rules

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(3600)]


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """Rules to be published."""
    return newer_rules(tmp_path / "newer")


@pytest.mark.parametrize("step", ["sending", "add_offsets", "end"])
async def test_killed_while_profiles_are_judged_by_newer_rules(own_ground: Ground, newer: Path, step: str) -> None:
    ground = own_ground
    scorer, _ = await ground.start_workers()
    await ground.send()
    await ground.verify()
    scorer.arm(f"epoch.{step}")
    await ground.publish(newer)
    await asyncio.to_thread(scorer.wait_struck)
    await ground.send()
    await ground.verify()
    assert ground.adopted > 0


async def test_published_among_events_while_workers_join_leave_and_are_killed(
    own_ground: Ground, newer: Path, rounds: int, seed: int
) -> None:
    ground, rng = own_ground, random.Random(seed)
    scorer, _ = await ground.start_workers()
    await ground.send()
    await ground.verify()
    sending = asyncio.create_task(ground.send_slowly(5))
    await ground.publish(newer)
    other = ground.scorer()
    for _ in range(rounds):
        await asyncio.sleep(rng.uniform(0.1, 1.0))
        victim = rng.choice([scorer, other])
        await asyncio.to_thread(victim.wait_ready)
        await asyncio.to_thread(victim.kill)
    await sending
    await ground.verify()
    await asyncio.to_thread(ground.fleet.stop, other)
    await ground.send()
    await ground.verify()
    assert ground.adopted > 0
