"""Apache Kafka in a scratch folder, the topics of a run, and the processes that work on them."""

import asyncio
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

import orjson
import psutil
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from bench.contender import RULES, Run
from bench.events import Event
from streams.kafka import topics
from streams.kafka.admin import check_topics, create_topics
from streams.kafka.publishing import Publisher

PARTITIONS: Final = 4
ROOT: Final = Path(__file__).parent.parent
OUTPUTS: Final = (topics.ENRICHED, topics.SCORE_CHANGES, topics.DEAD_LETTERS, topics.CHANGELOG)
HOST: Final = "127.0.0.1"
_PATIENCE_SECS: Final = 300


class BenchError(Exception):
    """A measurement failed; the message says which, and what the process said last."""


class Process:
    """A process of a measurement; its figures stand in `report` once it has written them.

    Args:
        command: What to run.
        folder: Where its log and report go.
        environment: Beside ours.
    """

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.report = folder / "report.json"
        self._log: IO[bytes] = (folder / "log").open("wb")
        everything = {**os.environ, **environment}
        self.popen = subprocess.Popen(command, cwd=ROOT, env=everything, stdout=self._log, stderr=self._log)

    def wait_until(self, met: Callable[[], bool], pause: float = 0.05) -> None:
        """Return once `met` says so.

        Raises:
            BenchError: The process ended, or it took too long.
        """
        deadline = time.monotonic() + _PATIENCE_SECS
        while not met():
            if self.popen.poll() is not None and not met():
                raise BenchError(f"{self.folder.name} ended with {self.popen.returncode}: {self._last_words()}")
            if time.monotonic() > deadline:
                raise BenchError(f"{self.folder.name} did not come to its end: {self._last_words()}")
            time.sleep(pause)

    def figures(self) -> dict[str, Any]:
        """Return what the process reported."""
        self.wait_until(self.report.exists)
        figures: dict[str, Any] = orjson.loads(self.report.read_bytes())
        return figures

    def ask(self) -> dict[str, Any]:
        """Return the figures of a worker up to now."""
        self.report.unlink(missing_ok=True)
        self.popen.send_signal(signal.SIGHUP)
        return self.figures()

    def cpu(self) -> float:
        """Return user + system seconds up to now."""
        times = psutil.Process(self.popen.pid).cpu_times()
        return float(times.user + times.system)

    def stop(self) -> None:
        """End it: SIGTERM, and SIGKILL to what does not listen."""
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(30)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        self._log.close()

    def _last_words(self) -> str:
        return " | ".join((self.folder / "log").read_text(errors="replace").strip().splitlines()[-4:]) or "it said nothing"


class Stack:
    """One broker and its topics.

    Args:
        folder: Scratch folder.
        port: First of the free ports.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.bootstrap = f"{HOST}:{port}"
        self._ports = itertools.count(port + 10)
        self._runs = itertools.count(1)
        self.incarnations: dict[str, str] = {}
        self.events = 0
        self._broker = Process(
            [str(ROOT / "deploy/kafka/broker"), str(folder / "kafka"), str(port), str(PARTITIONS)],
            self.scratch("broker"),
            {},
        )
        self._admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        self._broker.wait_until(self._answers)

    def stop(self) -> None:
        """Stop the broker."""
        self._broker.stop()

    def scratch(self, name: str) -> Path:
        """Return a new folder."""
        folder = self.folder / f"{next(self._runs):03d}-{name}"
        folder.mkdir(parents=True)
        return folder

    # -- topics

    def renew(self, names: Iterable[str] = ()) -> None:
        """Make the topics `names` anew (all, if none is named), empty, and forget the workers' groups."""
        present = self._admin.list_topics(timeout=30).topics.keys()
        doomed = [topic.name for topic in topics.TOPICS if topic.name in present and (not names or topic.name in names)]
        for group in (topics.SCORER, topics.LOADER):
            self._forget(group)
        if doomed:
            for deleted in self._admin.delete_topics(doomed).values():
                deleted.result()
            self._broker.wait_until(lambda: not self._admin.list_topics(timeout=30).topics.keys() & set(doomed))
        asyncio.run(create_topics(self.bootstrap, PARTITIONS, 1))
        self.incarnations = asyncio.run(check_topics(self.bootstrap, PARTITIONS))

    def load(self, events: Iterable[Event]) -> None:
        """Send `events`, in order, each to its topic."""

        async def send() -> int:
            sent = 0
            async with Publisher(self.bootstrap, PARTITIONS) as publisher:
                for topic, group in itertools.groupby(events, key=lambda event: event.topic):
                    records = [(event.key, event.value) for event in group]
                    await publisher.send(topic, records)
                    sent += len(records)
            return sent

        self.events = asyncio.run(send())

    def committed(self, group: str) -> dict[tuple[str, int], int]:
        """Return the committed offsets of a group."""
        request = ConsumerGroupTopicPartitions(group)
        answer = self._admin.list_consumer_group_offsets([request])[group].result()
        return {(tp.topic, tp.partition): tp.offset for tp in answer.topic_partitions}

    def folded(self) -> int:
        """Return how many source records the scorer has committed."""
        return sum(offset for (topic, _), offset in self.committed(topics.SCORER).items() if topic in topics.SCORED)

    # -- processes

    def contend(self, contender: str) -> tuple[Run, dict[str, Any]]:
        """Run a peer over the source topics; return its orders and figures."""
        folder = self.scratch(contender)
        run = self._orders(f"{contender}-{folder.name[:3]}", folder)
        self._create([run.enriched, run.changes, run.changelog])
        process = Process([sys.executable, "-m", f"bench.contenders.{contender}", run.text()], folder, {})
        try:
            return run, process.figures()
        finally:
            process.stop()

    @contextmanager
    def worker(self, kind: str, *options: str, slot: int = 0, **settings: str) -> Iterator[Process]:
        """Run one worker of Warmth, ready, for as long as the block runs."""
        folder, port = self.scratch(kind), next(self._ports)
        command = [sys.executable, "-m", "bench.contenders.warmth", self._orders(kind, folder).text(), kind, *options]
        environment = {
            "WARMTH_KAFKA_BOOTSTRAP": self.bootstrap,
            "WARMTH_PARTITIONS": str(PARTITIONS),
            "WARMTH_RULES_DIR": str(RULES),
            "WARMTH_METRICS_PORT": str(port),
            "WARMTH_SLOT": str(slot),
            **settings,
        }
        process = Process(command, folder, environment)
        try:
            process.wait_until(lambda: is_ready(port))
            yield process
        finally:
            process.stop()

    def scored(self, *options: str, linger: float = 0.0) -> dict[str, Any]:
        """Run the scorer over the source topics, with empty outputs, and return its figures."""
        self.renew(OUTPUTS)
        with self.worker("scorer", *options) as scorer:
            scorer.wait_until(lambda: self.folded() >= self.events)
            time.sleep(linger)
            return scorer.ask()

    def _orders(self, name: str, folder: Path) -> Run:
        return Run(
            self.bootstrap,
            f"bench-{name}",
            self.events,
            PARTITIONS,
            self.incarnations,
            str(folder / "report.json"),
            str(folder / "state"),
        )

    def _create(self, names: list[str]) -> None:
        for created in self._admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names]).values():
            created.result()
        self._broker.wait_until(lambda: set(names) <= self._admin.list_topics(timeout=30).topics.keys())

    def _forget(self, group: str) -> None:
        """Delete a group; a worker that was killed stays a member until its session ends."""

        def forgotten() -> bool:
            try:
                self._admin.delete_consumer_groups([group])[group].result()
            except KafkaException as error:
                return str(error.args[0].name()) == "GROUP_ID_NOT_FOUND"
            return True

        self._broker.wait_until(forgotten, pause=0.5)

    def _answers(self) -> bool:
        try:
            return bool(self._admin.list_topics(timeout=1).brokers)
        except KafkaException:
            return False


def is_ready(port: int) -> bool:
    """Tell whether the worker whose metrics listen on `port` is ready."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=2) as answer:
            return b"warmth_ready 1.0" in answer.read()
    except OSError:
        return False


@contextmanager
def stack(port: int) -> Iterator[Stack]:
    """Run a broker in a scratch folder for as long as the block runs."""
    folder = Path(tempfile.mkdtemp(prefix="warmth-bench-"))
    running = Stack(folder, port)
    try:
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)
