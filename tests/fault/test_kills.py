"""Scorer and loader killed -9 again and again under load on Apache Kafka: nothing lost, nothing counted or said twice."""

import asyncio
import random
import time
import urllib.request

import pytest

from tests.reference.generator import generate
from tests.support.clients import produce
from tests.support.stack import Stack
from tests.support.verify import verify

pytestmark = pytest.mark.kafka


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("victim", ["scorer-0", "loader-0"])
async def test_killed_again_and_again(victim: str, tmp_path, rounds: int, events: int, seed: int) -> None:
    await _campaign(Stack(tmp_path / "stack", "--broker", "kafka"), [victim], (rounds, events, seed))


@pytest.mark.timeout(3600)
async def test_two_of_each_killed_in_turn_while_partitions_move(tmp_path, rounds: int, events: int, seed: int) -> None:
    stack = Stack(tmp_path / "stack", "--broker", "kafka", "--scorers", "2", "--loaders", "2")
    victims = ["scorer-0", "loader-1", "scorer-1", "loader-0"]
    await _campaign(stack, victims, (max(4, rounds // 3), events // 4, seed))


async def _campaign(stack: Stack, victims: list[str], size: tuple[int, int, int]) -> None:
    """Kill each of `victims` in turn while events are sent, then compare everything with the reference."""
    rounds, events, seed = size
    rng = random.Random(seed)
    try:
        sending = asyncio.create_task(_send_slowly(stack, seed, events, rounds))
        for number in range(rounds):
            victim = victims[number % len(victims)]
            await asyncio.to_thread(_wait_until_running, stack, victim)
            await asyncio.sleep(rng.uniform(0.2, 1.5))
            stack.kill(victim)
        sent = await sending
        await asyncio.to_thread(stack.wait_until_read, 300)
        await verify(stack, sent)
    finally:
        assert stack.stop() == 0
    log = stack.log.read_text()
    ended = sum(log.count(f"{victim} ended with -9") for victim in victims)
    assert ended == rounds, f"{ended} of {rounds} kills hit a running worker"


async def _send_slowly(stack: Stack, seed: int, events: int, rounds: int) -> int:
    """Send in as many parts as there are kills, so that every kill meets records on their way."""
    messages = list(generate(seed=seed, events=events, customers=2_000))
    sent = 0
    part = max(1, len(messages) // (rounds * 2))
    for start in range(0, len(messages), part):
        sent += await produce(stack.kafka, messages[start : start + part])
        await asyncio.sleep(1.5)
    return sent


def _wait_until_running(stack: Stack, victim: str) -> None:
    """Return once the victim is ready again, so that each kill meets a worker at its work."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(stack.announced["metrics"][victim.removesuffix("-0")], timeout=2) as answer:
                if b"warmth_ready 1.0" in answer.read():
                    return
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"{victim} did not get ready again: {stack.log.read_text()[-2000:]}")
