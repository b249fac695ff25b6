"""The broker killed, restarted, stopped, away, and cut off from a worker: nothing is lost, nothing is said twice."""

import asyncio
import os
import signal

import pytest

from tests.fault.ground import Ground, needs_root
from tests.support.network import Namespace

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(3600)]
BEYOND_THE_SESSION_SECS = 14


async def test_killed_and_restarted(ground: Ground, rounds: int) -> None:
    await ground.start_workers()
    for number in (signal.SIGKILL, signal.SIGTERM) * max(1, rounds // 10):
        await ground.send()
        with ground.held_away("broker", number):
            pass
        await asyncio.to_thread(ground.wait_for_broker)
    await ground.send()
    await ground.verify()


async def test_stopped_beyond_the_session(ground: Ground, soak: bool) -> None:
    await ground.start_workers()
    await ground.send()
    broker = ground.pid("broker")
    os.kill(broker, signal.SIGSTOP)
    try:
        await asyncio.sleep(30 if soak else BEYOND_THE_SESSION_SECS)
    finally:
        os.kill(broker, signal.SIGCONT)
    await ground.send()
    await ground.verify()


async def test_away(ground: Ground, soak: bool) -> None:
    await ground.start_workers()
    await ground.send()
    with ground.held_away("broker"):
        await asyncio.sleep(120 if soak else 15)
    await asyncio.to_thread(ground.wait_for_broker)
    await ground.send()
    await ground.verify()


@needs_root
@pytest.mark.parametrize("kind", ["scorer", "loader"])
async def test_cut_off_from_a_worker(ground: Ground, kind: str) -> None:
    """The cable of one worker is pulled; another one takes over; the first comes back and may do no harm."""
    await ground.start_workers()
    ports = [int(url.rsplit(":", 1)[1]) for url in (ground.stack.kafka, ground.stack.clickhouse)]
    namespace = Namespace(*ports)
    try:
        worker = ground.cut_off_worker(kind, namespace)
        await asyncio.to_thread(ground.fleet.wait_ready)
        sending = asyncio.create_task(ground.send_slowly(BEYOND_THE_SESSION_SECS))
        await asyncio.sleep(1)
        namespace.cut()
        await sending
        namespace.mend()
        await ground.send()
        await ground.verify()
        await asyncio.to_thread(ground.fleet.stop, worker)
    finally:
        namespace.remove()
