"""Runs a Faust app as this process: logs, signals, exit codes, and what it tells of its health."""

import asyncio
import logging
import sys
from typing import Any

import faust
from aiokafka.errors import KafkaError
from faust.exceptions import ConsumerNotStarted

from streams import metrics
from streams.exits import leave
from streams.health import Health

_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"
_QUIET = ("aiokafka", "clickhouse_connect", "faust", "mode", "urllib3")
"""Libraries that report each retry: below ERROR they speak only when asked for with DEBUG or INFO."""
_COUNT_SECS = 2.0
"""Time between two looks at the lag."""


def configure_logging(level: str) -> None:
    """Log one line per message to stderr."""
    logging.basicConfig(level=level, format=_FORMAT, stream=sys.stderr, force=True)
    if level in ("WARNING", "ERROR"):
        for name in _QUIET:
            logging.getLogger(name).setLevel(logging.CRITICAL)


class _Worker(faust.Worker):  # type: ignore[misc]  # faust is untyped
    """Faust's worker, whose health is known from the first turn of its loop."""

    def __init__(self, app: Any, health: Health) -> None:
        super().__init__(app, loglevel=None, logging_config=None, override_logging=False, quiet=True, loop=None)
        self.spinner = None  # nobody watches it, and it writes into the log
        self._health = health

    async def on_first_start(self) -> None:
        """Begin to tell: the app starts later, and waits for its broker."""
        await super().on_first_start()
        _require(self._health, self.app)
        self.add_future(self._health.keep_beating())
        self.add_future(_keep_counting(self.app))

    async def start(self) -> None:
        """Run until told to stop. What fails on the way is said: mode would end with 1 and not a word."""
        try:
            await super().start()
        except Exception as error:
            leave("the worker could not be started", error)

    def _crash(self, reason: BaseException) -> None:
        """Leave at once: an orderly stop, which is mode's way, could commit what is not whole."""
        leave("a service has crashed", reason)


def run(app: faust.App, health: Health, log_level: str) -> Any:
    """Run `app` until it is told to stop; SIGTERM and SIGINT commit what is folded and end with 0."""
    app.finalize()
    worker = _Worker(app, health)
    configure_logging(log_level)
    return worker.execute_from_commandline()


def _require(health: Health, app: Any) -> None:
    """Ask for the broker and for what the app owns: from now on the app itself knows."""
    consumer, patience = app.consumer, app.stream_settings.session_timeout_secs / 2

    def kafka() -> str:
        if consumer.thread.heartbeat_at is None:
            return "not connected yet"
        silent = consumer.silent_secs()
        return f"no heartbeat was answered for {silent:.0f} s" if silent > patience else ""

    health.require("kafka", kafka)
    health.require("tables", lambda: "" if app.progress.ready else "no partitions yet, or their tables are recovering")


async def _keep_counting(app: Any) -> None:
    """Keep the metrics of what is to be read and of what was read but is not committed."""
    while True:
        await asyncio.sleep(_COUNT_SECS)
        topics = app.topics.acking_topics
        taken = unread = {}
        try:
            if app.progress.ready:
                own = [tp for tp in app.consumer.assignment() if tp.topic in topics]
                taken, unread = app.consumer.taken(), await app.consumer.thread.unread(own)
        except (ConsumerNotStarted, KafkaError):
            continue  # a rebalance, or the end
        for topic in topics:
            gathered = sum(count for tp, count in taken.items() if tp.topic == topic)
            metrics.GATHERED.labels(topic).set(gathered)
            metrics.LAG.labels(topic).set(gathered + sum(count for tp, count in unread.items() if tp.topic == topic))
