"""Scorers killed at every step and at random, stopped beyond their session, coming and going: everything stays exact."""

import asyncio
import random
import signal

import pytest

from tests.fault.ground import Ground
from tests.reference.disorder import with_broken_copies
from tests.support.fleet import Worker

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(3600)]
STEPS = ("close", "begin", "sending", "send", "add_offsets", "ask_the_group", "end")
BEYOND_THE_SESSION_SECS = 9
QUIET_SECS = 2
"""After this time every partition has its closing marker, so that the next epoch is one of events."""


@pytest.mark.parametrize("step", STEPS)
async def test_killed_just_after_a_step_of_the_epoch(ground: Ground, step: str) -> None:
    scorer, _ = await ground.start_workers()
    await kill_at(ground, scorer, step)
    await ground.verify()
    assert scorer.exits[-1] == -signal.SIGKILL


async def kill_at(ground: Ground, scorer: Worker, step: str) -> None:
    """Kill the scorer amid an epoch of events and dead letters: a profile guards the former against a replay, not these."""
    await asyncio.sleep(QUIET_SECS)
    scorer.arm(f"epoch.{step}")
    await ground.send_all(with_broken_copies(ground.next_messages(ground.events // 2)))
    await asyncio.to_thread(scorer.wait_struck)


async def test_killed_at_random(ground: Ground, rounds: int, seed: int) -> None:
    rng = random.Random(seed)
    scorer, _ = await ground.start_workers()
    for _ in range(rounds):
        await asyncio.to_thread(scorer.wait_ready)
        sending = asyncio.create_task(ground.send())
        await asyncio.sleep(rng.uniform(0.1, 1.0))
        await asyncio.to_thread(scorer.kill)
        await sending
    await ground.verify()


@pytest.mark.parametrize("step", [None, "sending", "add_offsets"])
async def test_stopped_beyond_its_session_while_another_takes_over(ground: Ground, step: str | None) -> None:
    scorer, _ = await ground.start_workers()
    ground.scorer()
    await asyncio.to_thread(ground.fleet.wait_ready)
    ended = len(scorer.exits)
    if step is None:
        await ground.send()
        scorer.signal(signal.SIGSTOP)
    else:
        scorer.arm(f"epoch.{step} STOP")
        await ground.send()
        await asyncio.to_thread(scorer.wait_struck)
    await ground.send_slowly(BEYOND_THE_SESSION_SECS)
    scorer.signal(signal.SIGCONT)
    assert await asyncio.to_thread(scorer.wait_exit, ended) == 75
    await ground.verify()


async def test_the_only_one_stopped_beyond_its_session(ground: Ground) -> None:
    scorer, _ = await ground.start_workers()
    await ground.send()
    scorer.signal(signal.SIGSTOP)
    await ground.send_slowly(BEYOND_THE_SESSION_SECS)
    scorer.signal(signal.SIGCONT)
    await ground.verify()


async def test_workers_join_and_leave(ground: Ground, rounds: int, seed: int, soak: bool) -> None:
    rng = random.Random(seed)
    await ground.start_workers()
    pause = 10 if soak else 2
    for _ in range(rounds):
        sending = asyncio.create_task(ground.send_slowly(pause))
        kind = rng.choice(("scorer", "loader"))
        if len(ground.fleet.of(kind)) == 1:
            ground.scorer() if kind == "scorer" else ground.loader()
        else:
            leaving = rng.choice(ground.fleet.of(kind))
            await asyncio.to_thread(ground.fleet.stop, leaving)
        await sending
    await ground.verify()
