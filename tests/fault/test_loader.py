"""Loaders killed at every step and at random, before a ClickHouse that fails in every way: rows come exactly once."""

import asyncio
import random
import signal
from functools import partial

import pytest

from tests.fault.ground import Ground
from tests.support.proxy import CUT_ANSWER, RESET_BODY

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(3600)]
RANGE_TABLES = ("events", "score_changes", "outcomes")
STEPS = tuple(f"load.{table}" for table in (*RANGE_TABLES, "commit", "profiles", "dead_letters"))
ATTEMPTS = 2
"""The client tries a second time by itself; only then does the loader."""
MONTH_SECS = 31 * 24 * 3600


@pytest.mark.parametrize("step", STEPS)
async def test_killed_just_after_a_step(ground: Ground, step: str) -> None:
    _, loader = await ground.start_workers()
    loader.arm(step)
    await ground.send()
    await asyncio.to_thread(loader.wait_struck)
    await ground.verify()
    assert loader.exits[-1] == -signal.SIGKILL


async def test_killed_at_random(ground: Ground, rounds: int, seed: int) -> None:
    rng = random.Random(seed)
    _, loader = await ground.start_workers()
    for _ in range(rounds):
        await asyncio.to_thread(loader.wait_ready)
        sending = asyncio.create_task(ground.send_slowly(2))
        await asyncio.sleep(rng.uniform(0.1, 2.5))
        await asyncio.to_thread(loader.kill)
        await sending
    await ground.verify()


async def test_stopped_beyond_its_session_while_another_takes_over(ground: Ground) -> None:
    _, loader = await ground.start_workers()
    ground.loader()
    await asyncio.to_thread(ground.fleet.wait_ready)
    loader.arm("load.events STOP")
    await ground.send()
    await asyncio.to_thread(loader.wait_struck)
    await ground.send_slowly(9)
    loader.signal(signal.SIGCONT)
    await ground.send()
    await ground.verify()


async def test_what_fetches_has_failed(ground: Ground) -> None:
    await ground.start_workers()
    broken = ground.loader(MUTANT="fetcher_fails")
    await ground.send()
    assert await asyncio.to_thread(broken.wait_exit, 0) == 75
    assert "nothing is fetched any more: ZeroDivisionError" in broken.last_words()
    await asyncio.to_thread(ground.fleet.stop, broken)
    await ground.verify()


async def test_clickhouse_killed_amid_inserts(ground: Ground, rounds: int, seed: int) -> None:
    rng = random.Random(seed)
    await ground.start_workers()
    for _ in range(rounds):
        seen = ground.proxy.inserts
        sending = asyncio.create_task(ground.send())
        await asyncio.to_thread(ground.proxy.wait_insert, seen)
        await asyncio.sleep(rng.uniform(0, 0.02))
        ground.stack.kill("clickhouse")
        await sending
    await ground.verify()


@pytest.mark.parametrize("fault", [CUT_ANSWER, RESET_BODY])
async def test_a_connection_that_breaks(ground: Ground, fault: str) -> None:
    await ground.start_workers()
    await cut_each_table(ground, fault)
    await ground.verify()


async def cut_each_table(ground: Ground, fault: str) -> None:
    """Break the connection once amid an insert into each table."""
    for table in (*RANGE_TABLES, "profiles", "dead_letters"):
        for _ in range(ATTEMPTS):
            ground.proxy.arm(fault, table)
        await ground.send(ground.events // 3)
        await asyncio.to_thread(ground.proxy.wait_struck)


async def test_a_retry_after_the_month_has_ended(ground: Ground) -> None:
    await ground.start_workers()
    try:
        await retry_in_another_month(ground)
        await ground.verify()
    finally:
        ground.set_clock(0)


async def retry_in_another_month(ground: Ground) -> None:
    """Let a month end between an insert whose answer is cut and the next attempt to insert the same rows."""
    for months, table in enumerate(RANGE_TABLES, start=1):
        ahead = months * MONTH_SECS
        for _ in range(ATTEMPTS):
            ground.proxy.arm(CUT_ANSWER, table, first=partial(ground.set_clock, ahead))
        await ground.send(ground.events // 3)
        await asyncio.to_thread(ground.proxy.wait_struck)


async def test_clickhouse_that_answers_slowly(ground: Ground, soak: bool) -> None:
    await ground.start_workers()
    ground.proxy.delay_secs = 5
    try:
        await ground.send_slowly(60 if soak else 10)
    finally:
        ground.proxy.delay_secs = 0
    await ground.verify()


async def test_clickhouse_that_is_away(ground: Ground, soak: bool) -> None:
    _, loader = await ground.start_workers()
    ended = list(loader.exits)
    ground.proxy.away()
    try:
        await ground.send_slowly(120 if soak else 10)
    finally:
        ground.proxy.back()
    await ground.verify()
    assert loader.exits == ended, "a loader waits for ClickHouse, it does not end"


async def test_a_view_that_throws_until_it_is_repaired(ground: Ground) -> None:
    await ground.start_workers()
    broken = "SELECT throwIf(CAST(type AS String) = 'page_viewed') AS thrown FROM events"
    ground.ask_nothing(f"CREATE MATERIALIZED VIEW broken ENGINE = Null AS {broken}")
    try:
        await ground.send()
        await asyncio.sleep(4)
        ((rows,),) = ground.ask("SELECT count() FROM dead_letters_now WHERE stage = 'load'")
        assert rows == 0, "a view that throws says nothing against the rows"
    finally:
        ground.ask_nothing("DROP VIEW broken")
    await ground.verify()
