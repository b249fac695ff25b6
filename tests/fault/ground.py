"""The ground of the fault tests: broker and ClickHouse, workers that may be hurt, and customers who keep coming."""

import asyncio
import contextlib
import itertools
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from tests.reference.generator import Record, generate
from tests.reference.judge import Judge, load_rules
from tests.support.clients import Message, command, produce, query
from tests.support.fleet import Fleet, Worker, write_at_once
from tests.support.joined import verify_joined
from tests.support.network import Namespace
from tests.support.proxy import Proxy
from tests.support.stack import Stack
from tests.support.verify import Evidence, verify

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="cuts networks or mounts disks, which needs root")
INJECTED = Path(__file__).with_name("mutants")
FALSE_ALARM = "Has not committed"
"""Faust says so where others than itself commit."""
EXPECTED_EXITS = {75, -signal.SIGKILL}
PATIENCE_SECS = 15
CONCLUDES_WHAT_WAS_SENT = "topic != 'warmth-command' AND outcome NOT IN ('forwarded', 'ticked', 'adopted')"
"""What is true of outcomes of records that a test has sent, and not of time that passed or rules that were taken up."""
GROWTH_BYTES = {"scorer": 100 * 1024 * 1024, "loader": 200 * 1024 * 1024}
"""A worker that holds more than this beyond its start has not stayed flat; a loader may hold a range of each partition."""


class Ground:
    """One stack. What is sent adds up; `verify` compares all of it with the reference, as often as it is asked.

    Args:
        folder: Where the stack lives.
        size: Seed, and number of events that `send` sends.
    """

    def __init__(self, folder: Path, size: tuple[int, int]):
        seed, self.events = size
        self.stack = Stack(folder, "--broker", "kafka", "--scorers", "0", "--loaders", "0")
        self.fleet = Fleet(self.stack)
        self.proxy = Proxy(self.stack.clickhouse)
        self._clock = folder / "clock-shift"
        self.sent = 0
        self.verified = False
        self._evidence = Evidence()
        self._traffic = generate(seed=seed, events=100 * self.events, customers=max(300, self.events // 2))

    def scorer(self, **settings: str) -> Worker:
        """Start one more scorer."""
        return self.fleet.start("scorer", PYTHONPATH=str(INJECTED), **settings)

    def loader(self, **settings: str) -> Worker:
        """Start one more loader, behind the proxy and with a clock that can be moved."""
        return self.fleet.start(
            "loader",
            **{
                "PYTHONPATH": str(INJECTED),
                "CLOCK_SHIFT_FILE": str(self._clock),
                "WARMTH_CLICKHOUSE_URL": self.proxy.url,
                **settings,
            },
        )

    def set_clock(self, ahead_secs: int) -> None:
        """Set the clock of the loaders ahead."""
        write_at_once(self._clock, str(ahead_secs))

    def cut_off_worker(self, kind: str, namespace: Namespace) -> Worker:
        """Start one more worker, inside a network namespace."""
        worker = self.fleet.start(kind, before=namespace.before, WARMTH_METRICS_HOST=namespace.address)
        worker.host = namespace.address
        return worker

    async def start_workers(self) -> tuple[Worker, Worker]:
        """Return one scorer and one loader, ready."""
        for kind, start in (("scorer", self.scorer), ("loader", self.loader)):
            while len(self.fleet.of(kind)) > 1:
                await asyncio.to_thread(self.fleet.stop, self.fleet.of(kind)[-1])
            if not self.fleet.of(kind):
                start()
        await asyncio.to_thread(self.fleet.wait_ready)
        return self.fleet.of("scorer")[0], self.fleet.of("loader")[0]

    def next_messages(self, number: int) -> list[Message]:
        """Return what customers do next."""
        return list(itertools.islice(self._traffic, number))

    async def send(self, number: int | None = None) -> None:
        """Send the next events, at once."""
        await self.send_all(self.next_messages(number or self.events))

    async def send_all(self, messages: list[Message]) -> None:
        """Send what a test has made itself."""
        self.sent += await produce(self.stack.kafka, messages, idempotent=True)

    async def send_slowly(self, seconds: float, parts_each_second: int = 2) -> None:
        """Send the next events spread over a time."""
        messages = self.next_messages(self.events)
        part = max(1, int(len(messages) / seconds / parts_each_second))
        for start in range(0, len(messages), part):
            await self.send_all(messages[start : start + part])
            await asyncio.sleep(1 / parts_each_second)

    async def settle(self, seconds: float = 240) -> None:
        """Return once everything that was sent is loaded; rows are counted first, since asking for the lag costs more."""
        await asyncio.to_thread(self._wait_for_rows)
        await asyncio.to_thread(self.stack.wait_until_read, seconds)

    def _wait_for_rows(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECS
        while time.monotonic() < deadline:
            with contextlib.suppress(ClickHouseError, OSError):
                if self.ask(f"SELECT countIf({CONCLUDES_WHAT_WAS_SENT}) FROM outcomes")[0][0] >= self.sent:
                    return
            time.sleep(0.2)

    async def publish(self, folder: Path) -> None:
        """Let all workers judge by the rules of `folder` from now on; what was sent before was verified."""
        said = json.loads(self.stack.run("rules", "publish", str(folder), "--json").stdout)
        rules = {**load_rules(folder), "version": said["version"]}
        self._evidence.publish(rules, self._evidence.judge.parameters)

    @property
    def adopted(self) -> int:
        """How many profiles newer rules have changed, as far as was verified."""
        return self._evidence.adopted

    async def verify(self) -> Judge:
        """Wait until everything is read, and assert that all of it is exact."""
        await asyncio.to_thread(self.fleet.wait_ready)
        await self.settle()
        judge = await verify(self.stack, self.sent, self._evidence)
        self._check_workers()
        return judge

    async def verify_joined(self, records: list[Record]) -> Judge:
        """The same where `records`, of people with many names, are all that was sent."""
        await asyncio.to_thread(self.fleet.wait_ready)
        await self.settle()
        judge = await verify_joined(self.stack, records)
        self._check_workers()
        return judge

    def _check_workers(self) -> None:
        """Assert that no worker ended in a way that nobody foresaw, or grew."""
        for worker in self.fleet.workers:
            assert set(worker.exits) <= EXPECTED_EXITS, (worker.kind, worker.exits, worker.last_words())
            grown = worker.memory() - worker.ready_bytes if worker.ready_bytes else 0
            print(f"{worker.kind}: {worker.memory() >> 20} MiB, {grown >> 20} since it was ready; exits {worker.exits}")
            assert grown < GROWTH_BYTES[worker.kind]
            assert FALSE_ALARM not in worker.log.read_text(errors="replace"), worker.last_words()
        self.verified = True

    def ask(self, sql: str) -> list[tuple]:
        """Return the rows of a query, past the proxy."""
        return query(self.stack.clickhouse, sql)

    def ask_nothing(self, statement: str) -> None:
        """Run a statement that has no answer."""
        command(self.stack.clickhouse, statement)

    def wait_for_broker(self, seconds: float = 90) -> None:
        """Return once the broker answers again."""
        deadline = time.monotonic() + seconds
        while any("Kafka" in reason for reason in self.stack.status()["reasons"]):
            assert time.monotonic() < deadline, f"the broker did not come back: {self.stack.log.read_text()[-1500:]}"
            time.sleep(0.5)

    def pid(self, name: str) -> int:
        """Return the process id of `broker` or `clickhouse`."""
        return self.stack.pid(name)

    @contextmanager
    def held_away(self, name: str, number: signal.Signals = signal.SIGKILL) -> Iterator[None]:
        """End `broker` or `clickhouse`, and keep it from being started again within the block."""
        supervisor = self.stack.process.pid
        pid = self.pid(name)
        os.kill(supervisor, signal.SIGSTOP)
        try:
            os.kill(pid, number)
            _wait_until_gone(pid)
            yield
        finally:
            os.kill(supervisor, signal.SIGCONT)

    def stop(self) -> None:
        """End everything."""
        try:
            self.fleet.stop_all()
        finally:
            self.proxy.stop()
            assert self.stack.stop() == 0


def _wait_until_gone(pid: int, seconds: float = 60) -> None:
    """Return once a process has ended; its parent, which is stopped, has not yet asked for its end."""
    deadline = time.monotonic() + seconds
    while Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z":
        assert time.monotonic() < deadline, f"process {pid} goes on"
        time.sleep(0.05)
