"""What is away is waited for, with one clear line and no stack trace; nothing is lost meanwhile."""

import asyncio
import os
import subprocess
import time

import pytest

from tests.integration.conftest import BROKERS
from tests.reference.generator import generate
from tests.support.clients import produce
from tests.support.stack import WARMTH, Stack, free_port_base
from tests.support.verify import verify


@pytest.mark.embedded
@pytest.mark.parametrize("worker", ["scorer", "loader"])
def test_a_worker_waits_for_a_broker_that_is_away_at_start(worker: str, tmp_path) -> None:
    port = free_port_base()
    log = tmp_path / "worker.log"
    environment = {**os.environ, "WARMTH_KAFKA_BOOTSTRAP": f"127.0.0.1:{port}", "WARMTH_METRICS_PORT": "0"}
    with log.open("wb") as output:
        process = subprocess.Popen([*WARMTH, "worker", worker], stderr=output, stdout=output, env=environment)
    try:
        deadline = time.monotonic() + 30
        while log.read_text().count("does not answer; next try in") < 2:
            assert time.monotonic() < deadline, log.read_text()
            assert process.poll() is None, log.read_text()
            time.sleep(0.2)
    finally:
        process.terminate()
        process.wait(10)
    assert all(f"Kafka at 127.0.0.1:{port} does not answer" in line for line in log.read_text().splitlines())


@pytest.mark.parametrize("broker", BROKERS)
async def test_clickhouse_going_away_loses_nothing(stack: Stack) -> None:
    messages = list(generate(seed=11, events=6_000, customers=300))
    sent = 0
    for part in range(3):
        sent += await produce(stack.kafka, messages[part * 2_000 : (part + 1) * 2_000])
        stack.kill("clickhouse")
        await asyncio.sleep(2)
    await asyncio.to_thread(stack.wait_until_read)
    await verify(stack, sent)
    assert "Traceback" not in (stack.folder / "logs" / "loader-0.log").read_text()


@pytest.mark.kafka
@pytest.mark.parametrize("broker", ["kafka"])
async def test_the_broker_going_away_loses_nothing(stack: Stack) -> None:
    messages = list(generate(seed=12, events=6_000, customers=300))
    sent = 0
    for part in range(3):
        sent += await produce(stack.kafka, messages[part * 2_000 : (part + 1) * 2_000])
        if part < 2:
            stack.kill("broker")
            await asyncio.to_thread(_wait_for_broker, stack)
    await asyncio.to_thread(stack.wait_until_read)
    await verify(stack, sent)
    for name in ("scorer-0", "loader-0"):
        assert "Traceback" not in (stack.folder / "logs" / f"{name}.log").read_text(), name


def _wait_for_broker(stack: Stack) -> None:
    deadline = time.monotonic() + 90
    time.sleep(2)
    while time.monotonic() < deadline:
        reasons = stack.status()["reasons"]
        if not any("Kafka" in reason for reason in reasons):
            return
        time.sleep(0.5)
    raise AssertionError(f"the broker did not come back: {stack.log.read_text()[-2000:]}")
