"""Workers that a test runs itself beside a stack of broker and ClickHouse, so that it can hurt each one by itself."""

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

import psutil

from deploy.embedded.programs import Plan
from tests.support.stack import WARMTH, Stack

PAUSE_SECS = 0.3
"""Between a worker's end and its next start."""


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def write_at_once(file: Path, text: str) -> None:
    """Write a file that others read all the time: they see the old text or the new one, never a part."""
    written = file.with_suffix(".new")
    written.write_text(text)
    written.replace(file)


class Worker:
    """One scorer or loader, started again whenever it ends, as on a server.

    Args:
        kind: `scorer` or `loader`.
        environment: All settings of the worker.
        log: File that takes what it prints.
        before: Command that starts the worker's command, such as one that enters a network namespace.
    """

    def __init__(self, kind: str, environment: dict[str, str], log: Path, before: tuple[str, ...] = ()):
        self.kind = kind
        self.environment = environment
        self.log = log
        self.host = "127.0.0.1"
        self.failpoint = Path(environment["WARMTH_FAILPOINT_FILE"])
        self.exits: list[int] = []
        self.ready_bytes = 0
        """Memory of the present process when it was first seen ready."""
        self._before = before
        self._wanted = True
        self._started = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()
        self._started.wait(10)

    def _keep(self) -> None:
        while self._wanted:
            with self.log.open("ab") as output:
                command = [*self._before, *WARMTH, "worker", self.kind]
                self.ready_bytes = 0
                self._process = subprocess.Popen(
                    command, stdout=output, stderr=output, env=self.environment, start_new_session=True
                )
            self._started.set()
            self.exits.append(self._process.wait())
            time.sleep(PAUSE_SECS)

    @property
    def pid(self) -> int:
        """Id of the present process."""
        assert self._process is not None
        return self._process.pid

    @property
    def runs(self) -> bool:
        """Whether there is a process now."""
        return self._process is not None and self._process.poll() is None

    def memory(self) -> int:
        """Return the bytes of memory that the process holds; 0 where it has just ended."""
        try:
            return psutil.Process(self.pid).memory_info().rss
        except psutil.Error:
            return 0

    def metrics(self) -> str:
        """Return what the worker tells about itself; empty where it does not answer."""
        url = f"http://{self.host}:{self.environment['WARMTH_METRICS_PORT']}/metrics"
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                return answer.read().decode()
        except OSError:
            return ""

    def wait_ready(self, seconds: float = 90) -> None:
        """Return once the worker has its partitions and tables."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if "warmth_ready 1.0" in self.metrics():
                self.ready_bytes = self.ready_bytes or self.memory()
                return
            time.sleep(0.1)
        raise AssertionError(f"{self.kind} did not get ready: {self.exits} {self.last_words()}")

    def wait_exit(self, ended: int, seconds: float = 60) -> int:
        """Return the exit code of the first end after `ended` ends."""
        deadline = time.monotonic() + seconds
        while len(self.exits) <= ended:
            assert time.monotonic() < deadline, f"{self.kind} goes on: {self.last_words()}"
            time.sleep(0.05)
        return self.exits[ended]

    def arm(self, failpoint: str) -> None:
        """Let the worker send itself a signal when it next passes `failpoint` (`NAME` or `NAME SIGNAL`)."""
        write_at_once(self.failpoint, failpoint)

    def wait_struck(self, seconds: float = 60) -> None:
        """Return once the armed failpoint has been passed."""
        deadline = time.monotonic() + seconds
        while self.failpoint.exists():
            assert time.monotonic() < deadline, f"{self.failpoint.read_text()} was not passed: {self.last_words()}"
            time.sleep(0.02)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process, if there is one."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End the process with -9; it is started again. One that has just ended by itself is awaited first."""
        while not self.runs:
            time.sleep(0.02)
        ended = len(self.exits)
        self.signal(signal.SIGKILL)
        self.wait_exit(ended)

    def stop(self, seconds: float = 40) -> int:
        """End the worker for good, gracefully; return its exit code."""
        self._wanted = False
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        self._keeper.join(seconds)
        if self._keeper.is_alive():
            self.signal(signal.SIGKILL)
            self._keeper.join(10)
        return self.exits[-1]

    def last_words(self) -> str:
        """Return the end of what the worker printed."""
        return self.log.read_text(errors="replace")[-1500:]


class Fleet:
    """The workers of one stack; each kind counts its slots from 0.

    Args:
        stack: Broker and ClickHouse, started with `--scorers 0 --loaders 0 --broker kafka`.
    """

    def __init__(self, stack: Stack):
        self.stack = stack
        self.workers: list[Worker] = []
        self._folder = stack.folder / "logs"
        self._plan = Plan(stack.folder, int(stack.kafka.rsplit(":", 1)[1]), "kafka", 0, 0)

    def start(self, kind: str, before: tuple[str, ...] = (), **settings: str) -> Worker:
        """Start a worker in a free slot; `settings` are environment variables of its own."""
        numbers = {worker.environment["WARMTH_SLOT"] for worker in self.workers if worker.kind == kind}
        slot = next(str(number) for number in range(100) if str(number) not in numbers)
        name = f"{kind}-{slot}"
        environment = {
            **os.environ,
            **self._plan.environment(),
            "WARMTH_SLOT": slot,
            "WARMTH_METRICS_PORT": str(free_port()),
            "WARMTH_FAILPOINT_FILE": str(self._folder / f"{name}.failpoint"),
            **settings,
        }
        worker = Worker(kind, environment, self._folder / f"{name}.log", before)
        self.workers.append(worker)
        return worker

    def of(self, kind: str) -> list[Worker]:
        """Return the workers of one kind."""
        return [worker for worker in self.workers if worker.kind == kind]

    def wait_ready(self) -> None:
        """Return once every worker is ready."""
        for worker in self.workers:
            worker.wait_ready()

    def stop(self, worker: Worker) -> int:
        """Stop one worker gracefully; its slot is free again."""
        self.workers.remove(worker)
        return worker.stop()

    def stop_all(self) -> None:
        """Stop every worker, all at once."""
        ending = [threading.Thread(target=worker.stop) for worker in self.workers]
        self.workers = []
        for thread in ending:
            thread.start()
        for thread in ending:
            thread.join()
