"""Latency at a steady rate: from handing an event to the producer until its `score-change` is readable."""

import asyncio
import statistics
import time
from typing import Any, Final

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bench.events import Event, page_view, rating, topic_of
from bench.stack import PARTITIONS, Process, Stack
from streams.kafka.partitions import partitioner
from streams.kafka.topics import SCORE_CHANGES

RATE: Final = 5_000
WARM_UP_SECS: Final = 3.0
_TICK_SECS: Final = 0.01
_LAST_SECS: Final = 3.0
_RATED_EACH: Final = 7
"""Every seventh event is a rating that moves a customer across a band and back."""
_FLIPPING = [number for number in range(40_000) if topic_of(number) == "support-ticket"]
_LOOKING = [number for number in range(20_000) if topic_of(number) == "site-interaction"]


def measure(stack: Stack, seconds: float) -> dict[str, Any]:
    """Return percentiles in milliseconds, and the scorer's CPU at that rate."""
    stack.renew()
    with stack.worker("scorer") as scorer:
        return asyncio.run(_Trial(stack.bootstrap, scorer, seconds).run())


class _Trial:
    """One producer, one subscriber.

    Args:
        bootstrap: Address of the broker.
        scorer: Whose CPU is read.
        seconds: How long events are sent after warming up.
    """

    def __init__(self, bootstrap: str, scorer: Process, seconds: float) -> None:
        self._bootstrap = bootstrap
        self._scorer = scorer
        self._seconds = seconds + WARM_UP_SECS
        self._partition_of = partitioner(PARTITIONS)
        self._sent: dict[str, float] = {}
        self._latencies: list[float] = []
        self._flying: set[asyncio.Future[Any]] = set()
        self._rated = 0

    async def run(self) -> dict[str, Any]:
        """Send, read, and return the figures."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=10,
        )
        producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap, linger_ms=0)
        await consumer.start()
        await producer.start()
        consumer.assign([TopicPartition(SCORE_CHANGES, number) for number in range(PARTITIONS)])
        await consumer.seek_to_beginning()
        reader = asyncio.create_task(self._read(consumer))
        try:
            events, spent = await self._send(producer)
            await asyncio.sleep(_LAST_SECS)
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
            await producer.stop()
            await consumer.stop()
        return self._figures(events, spent)

    async def _send(self, producer: AIOKafkaProducer) -> tuple[int, float]:
        """Send at the rate; return how many events were sent after warming up, and the CPU seconds they took."""
        began, number, warm = time.perf_counter(), 0, (0, 0.0)
        while (passed := time.perf_counter() - began) < self._seconds:
            if passed > WARM_UP_SECS and not warm[0]:
                warm = number, self._scorer.cpu()
                self._sent.clear()
            batches: dict[tuple[str, int], Any] = {}
            while number < passed * RATE:
                self._append(producer, batches, self._event(number))
                number += 1
            for (topic, partition), batch in batches.items():
                sent = asyncio.ensure_future(producer.send_batch(batch, topic, partition=partition))
                self._flying.add(sent)
                sent.add_done_callback(self._flying.discard)
            await asyncio.sleep(_TICK_SECS)
        return number - warm[0], self._scorer.cpu() - warm[1]

    def _event(self, number: int) -> Event:
        if number % _RATED_EACH:
            return page_view(number, _LOOKING[number % len(_LOOKING)])
        self._rated += 1
        turn, who = divmod(self._rated, len(_FLIPPING))
        return rating(number, _FLIPPING[who], 1 if turn % 2 else 5)

    def _append(self, producer: AIOKafkaProducer, batches: dict[tuple[str, int], Any], event: Event) -> None:
        place = event.topic, self._partition_of(event.key)
        batch = batches.get(place)
        if batch is None:
            batch = batches[place] = producer.create_batch()
        batch.append(key=event.key, value=event.value, timestamp=None)
        if event.topic == "support-ticket":
            self._sent[orjson.loads(event.value)["event_id"]] = time.perf_counter()

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            for records in (await consumer.getmany(timeout_ms=100)).values():
                now = time.perf_counter()
                for record in records:
                    sent = self._sent.pop(orjson.loads(record.value)["cause"]["event_id"], None)
                    if sent is not None:
                        self._latencies.append(now - sent)

    def _figures(self, events: int, spent: float) -> dict[str, Any]:
        marks = statistics.quantiles(self._latencies, n=100, method="inclusive")
        millis = {"p50": marks[49], "p95": marks[94], "p99": marks[98], "max": max(self._latencies)}
        return {
            "latency_ms": {name: round(value * 1000, 1) for name, value in millis.items()},
            "latency": {
                "events_per_s": RATE,
                "events": events,
                "changes": len(self._latencies),
                "unanswered": len(self._sent),
                "cpu_us_per_event": round(spent / events * 1e6, 1),
            },
        }
