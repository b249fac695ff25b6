"""Traffic as it really comes: repeated, shuffled, a week late, from clocks that are off. The reference decides."""

import random

import pytest

from tests.fault.ground import Ground
from tests.reference.disorder import late, repeated, shuffled, with_wrong_clocks
from tests.reference.generator import generate

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(3600)]


async def test_a_fifth_is_repeated_by_the_producer(ground: Ground, seed: int) -> None:
    await ground.start_workers()
    await ground.send_all(repeated(ground.next_messages(ground.events), random.Random(seed), share=0.2))
    judge = await ground.verify()
    assert sum(reason == "duplicate_event" for _, reason in judge.dropped) > 0.1 * ground.events


async def test_shuffled_and_a_week_late(ground: Ground, seed: int) -> None:
    await ground.start_workers()
    messages = ground.next_messages(ground.events)
    await ground.send_all(shuffled(late(messages, random.Random(seed), share=0.3), random.Random(seed)))
    await ground.verify()


async def test_clocks_that_are_off(ground: Ground, seed: int) -> None:
    await ground.start_workers()
    good = list(generate(seed=seed + 1, events=ground.events, customers=300, bad_share=0))
    await ground.send_all(with_wrong_clocks(good, random.Random(seed)))
    judge = await ground.verify()
    assert any(reason == "absurd_time" for _, reason in judge.rejected)
    assert sum(event.clamped for event in judge.accepted) > 0.02 * ground.events
