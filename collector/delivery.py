"""Records to Kafka: requests that come meanwhile share the next round, and each waits until its round is acknowledged."""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Final

from aiokafka.errors import KafkaError

from collector import metrics
from collector.bodies import Refusal
from streams.exits import leave
from streams.kafka.admin import TopicsError, check_topics
from streams.kafka.publishing import Publisher
from streams.kafka.waiting import wait_for_broker
from streams.vault.covering import Record

log = logging.getLogger("warmth.collector")
_PAUSE_SECS: Final = 1.0
_RETRY_SECS: Final = 5


class _Round:
    """Records that are sent together."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.bytes = 0
        self.acknowledged: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Delivery:
    """The way to Kafka.

    Args:
        bootstrap: Brokers, host:port, comma between.
        partitions: Partitions of every input topic.
        ack_secs: Longest wait for an acknowledgement.
        pending_max_bytes: Records that may wait.
    """

    def __init__(self, bootstrap: str, partitions: int, ack_secs: float, pending_max_bytes: int) -> None:
        self._bootstrap = bootstrap
        self._partitions = partitions
        self._ack_secs = ack_secs
        self._pending_max_bytes = pending_max_bytes
        self._pending_bytes = 0
        self._next: _Round | None = None
        self._wanted = asyncio.Event()
        self._error = f"{bootstrap} has not answered yet"
        self._sent_at: float | None = None

    @property
    def trouble(self) -> str:
        """Why nothing is delivered now; empty where all is well."""
        if self._error or self._sent_at is None:
            return self._error
        waited = time.monotonic() - self._sent_at
        return f"{self._bootstrap} has not acknowledged records for {waited:.0f} s" if waited > self._ack_secs else ""

    async def deliver(self, records: Sequence[Record]) -> None:
        """Return once every record is acknowledged.

        Raises:
            Refusal: Kafka is away, or too slow. Records may still arrive then: whoever sends them again sends the same ids.
        """
        if not records:
            return
        size = sum(len(record.value) for record in records)
        if self.trouble or self._pending_bytes + size > self._pending_max_bytes:
            raise unavailable()
        if self._next is None:
            self._next = _Round()
        round_ = self._next
        round_.records += records
        round_.bytes += size
        self._pending_bytes += size
        self._wanted.set()
        try:
            await asyncio.wait_for(asyncio.shield(round_.acknowledged), self._ack_secs)
        except (TimeoutError, KafkaError, OSError) as error:
            raise unavailable() from error

    async def run(self) -> None:
        """Deliver for ever; a producer that failed is made anew, and what nobody foresaw ends the process."""
        try:
            await self._deliver()
        except Exception as error:  # without this task nothing is delivered any more
            leave("records can not be delivered", error)

    async def _deliver(self) -> None:
        while True:
            try:
                await wait_for_broker(self._bootstrap)
                await check_topics(self._bootstrap, self._partitions)
                async with Publisher(self._bootstrap, self._partitions) as publisher:
                    self._error = ""
                    await self._send_rounds(publisher)
            except (KafkaError, OSError, TopicsError) as error:
                said = " ".join(f"{type(error).__name__} {error}".split())[:200]
                if said != self._error:
                    log.warning("Kafka does not take records: %s", said)
                self._error = said
                await asyncio.sleep(_PAUSE_SECS)

    async def _send_rounds(self, publisher: Publisher) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            round_, self._next = self._next, None
            if round_ is None:
                continue
            self._sent_at = time.monotonic()
            try:
                with metrics.ROUND_SECS.time():
                    await self._send(publisher, round_)
            except (KafkaError, OSError) as error:
                round_.acknowledged.set_exception(error)
                round_.acknowledged.exception()  # seen, also where nobody waits any more
                raise
            finally:
                self._sent_at = None
                self._pending_bytes -= round_.bytes
            round_.acknowledged.set_result(None)

    @staticmethod
    async def _send(publisher: Publisher, round_: _Round) -> None:
        by_topic: dict[str, list[tuple[bytes | None, bytes, tuple[tuple[str, bytes], ...]]]] = {}
        for record in round_.records:
            by_topic.setdefault(record.topic, []).append(record[1:])
        for topic, records in by_topic.items():
            await publisher.send_with_headers(topic, records)
        await publisher.flush()


def unavailable() -> Refusal:
    """Return the answer while events can not be stored."""
    return Refusal(503, "unavailable", "events can not be stored now; send them again later", _RETRY_SECS)
