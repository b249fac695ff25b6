"""A worker says on its metrics port whether it lives, whether it can work, and what it waits for."""

import asyncio
import json
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.reference.generator import generate
from tests.support.clients import produce
from tests.support.stack import WARMTH, Stack, free_port_base

pytestmark = pytest.mark.embedded
IMPATIENT = {"WARMTH_CLICKHOUSE_TIMEOUT_SECS": "1"}


class Worker:
    """The probes of one worker."""

    def __init__(self, address: str):
        self.address = address

    def get(self, path: str, method: str = "GET") -> tuple[int, str]:
        request = urllib.request.Request(self.address + path, method=method)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def reasons(self) -> list[str]:
        """Why it is not ready; `gone` where nobody answers."""
        try:
            status, body = self.get("/readyz")
        except OSError:
            return ["gone"]
        document = json.loads(body)
        assert document["ready"] == (status == 200)
        return document.get("reasons", [])

    def metric(self, name: str) -> float:
        """The sum of all series of a metric."""
        return sum(map(float, re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", self.get("/metrics")[1], re.MULTILINE)))


def wait_for(condition: Callable[[], bool], seconds: float, what: Callable[[], object]) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.1)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    running = Stack(tmp_path_factory.mktemp("health") / "stack", environment=IMPATIENT)
    yield running
    assert running.stop() == 0


@pytest.fixture
def scorer(stack: Stack) -> Worker:
    return ready(stack, "scorer")


@pytest.fixture
def loader(stack: Stack) -> Worker:
    return ready(stack, "loader")


def ready(stack: Stack, kind: str) -> Worker:
    """The worker, once it is ready: another test may just have taken its broker away."""
    worker = Worker(stack.announced["metrics"][kind].removesuffix("/metrics"))
    wait_for(lambda: worker.reasons() == [], 60, worker.reasons)
    return worker


def pid_of(stack: Stack, name: str) -> int:
    return json.loads((stack.folder / "warmth.json").read_text())["pids"][name]


def test_workers_of_a_good_stack_live_and_are_ready(scorer: Worker, loader: Worker) -> None:
    for worker in (scorer, loader):
        assert worker.get("/healthz") == (200, '{"status":"ok"}')
        assert worker.get("/readyz") == (200, '{"ready":true}')
        assert worker.get("/readyz", "HEAD") == (200, "")
        assert worker.get("/healthz?verbose=1")[0] == 200
        assert worker.get("/elsewhere")[0] == 404
        assert worker.metric("process_resident_memory_bytes") < worker.metric("warmth_memory_limit_bytes")
        assert worker.metric("process_cpu_seconds_total") > 0


@pytest.mark.usefixtures("scorer")  # it gives the loader something to load
def test_a_loader_names_the_clickhouse_that_does_not_answer(stack: Stack, loader: Worker) -> None:
    retries = loader.metric("warmth_insert_retries_total")
    clickhouse = pid_of(stack, "clickhouse")
    os.kill(clickhouse, signal.SIGSTOP)
    try:
        asyncio.run(produce(stack.kafka, generate(seed=31, events=500, customers=50)))
        wait_for(lambda: any(reason.startswith("clickhouse: ") for reason in loader.reasons()), 15, loader.reasons)
        assert loader.get("/healthz")[0] == 200
        assert loader.metric("warmth_clickhouse_failing") == 1
        assert loader.metric("warmth_insert_retries_total") > retries
        wait_for(lambda: loader.metric("warmth_lag_records") > 0, 5, loader.reasons)
        assert loader.metric("warmth_gathered_records") > 0
    finally:
        os.kill(clickhouse, signal.SIGCONT)
    wait_for(lambda: loader.reasons() == [], 30, loader.reasons)
    wait_for(lambda: loader.metric("warmth_lag_records") == 0, 30, lambda: loader.get("/metrics"))
    assert loader.metric("warmth_clickhouse_failing") == 0
    assert loader.metric("warmth_last_commit_timestamp_seconds") > time.time() - 60


def test_a_scorer_names_the_broker_that_does_not_answer_and_then_leaves(stack: Stack, scorer: Worker) -> None:
    first = pid_of(stack, "scorer-0")
    broker = pid_of(stack, "broker")
    exits = stack.log.read_text().count("scorer-0 ended with 75")
    os.kill(broker, signal.SIGSTOP)
    try:
        wait_for(lambda: any(r.startswith("kafka: no heartbeat") for r in scorer.reasons()), 6, scorer.reasons)
        assert pid_of(stack, "scorer-0") == first
        wait_for(lambda: stack.log.read_text().count("scorer-0 ended with 75") > exits, 20, scorer.reasons)
        wait_for(lambda: any("has not answered yet" in reason for reason in scorer.reasons()), 20, scorer.reasons)
        assert scorer.get("/healthz")[0] == 200
    finally:
        os.kill(broker, signal.SIGCONT)


@pytest.mark.parametrize("kind", ["scorer", "loader"])
def test_a_worker_without_a_broker_lives_and_says_what_it_waits_for(kind: str, tmp_path: Path) -> None:
    port = free_port_base()
    settings = {"WARMTH_KAFKA_BOOTSTRAP": f"127.0.0.1:{port}", "WARMTH_METRICS_PORT": str(port + 1)}
    worker = Worker(f"http://127.0.0.1:{port + 1}")
    with (tmp_path / "worker.log").open("wb") as log:
        process = subprocess.Popen([*WARMTH, "worker", kind], stdout=log, stderr=log, env={**os.environ, **settings})
    try:
        wait_for(lambda: worker.reasons() != ["gone"], 20, (tmp_path / "worker.log").read_text)
        assert worker.reasons() == [f"kafka: 127.0.0.1:{port} has not answered yet"]
        assert worker.get("/healthz")[0] == 200
        assert worker.metric("warmth_ready") == 0
    finally:
        process.terminate()
        process.wait(10)
