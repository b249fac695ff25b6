"""Latency at a steady rate: from handing an event to the producer until its `score-change` is readable."""

import statistics
import time
from typing import Any, Final

import orjson
from confluent_kafka import Consumer, Producer, TopicPartition

from bench.events import Event, page_view, rating, topic_of
from bench.stack import PARTITIONS, BenchError, Process, Stack
from streams.kafka.partitions import partitioner
from streams.kafka.topics import SCORE_CHANGES

RATE: Final = 5_000
WARM_UP_SECS: Final = 15.0
_TICK_SECS: Final = 0.002
_PATIENCE_SECS: Final = 30.0
_RATED_EACH: Final = 7
"""Every seventh event is a rating that moves a customer across a band and back."""
_FLIPPING: Final = [number for number in range(40_000) if topic_of(number) == "support-ticket"]
_LOOKING: Final = [number for number in range(20_000) if topic_of(number) == "site-interaction"]


def measure(stack: Stack, seconds: float) -> dict[str, Any]:
    """Return percentiles in milliseconds, and the scorer's CPU at that rate, with and without transactions."""
    millis, figures = _measure(stack, seconds)
    plain_millis, plain = _measure(stack, seconds, "plain")
    return {
        "latency_ms": millis,
        "latency": figures,
        "latency_ms_without_transactions": plain_millis,
        "latency_without_transactions": plain,
    }


def _measure(stack: Stack, seconds: float, *options: str) -> tuple[dict[str, float], dict[str, Any]]:
    stack.renew()
    with stack.worker("scorer", *options) as scorer:
        trial = _Trial(stack.bootstrap, scorer, seconds)
        events, spent = trial.run()
    return trial.millis(), {
        "events_per_s": RATE,
        "events": events,
        "changes": len(trial.latencies),
        "cpu_us_per_event": round(spent / events * 1e6, 1),
    }


class _Trial:
    """One producer and one subscriber, in turns of two milliseconds.

    Args:
        bootstrap: Address of the broker.
        scorer: Whose CPU is read.
        seconds: How long events are sent after warming up.
    """

    def __init__(self, bootstrap: str, scorer: Process, seconds: float) -> None:
        self._scorer = scorer
        self._seconds = seconds + WARM_UP_SECS
        self._partition_of = partitioner(PARTITIONS)
        self._producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "linger.ms": 1})
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "bench-latency",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
            }
        )
        self._consumer.assign([TopicPartition(SCORE_CHANGES, number, 0) for number in range(PARTITIONS)])
        self._sent: dict[str, float] = {}
        self._rated = 0
        self.latencies: list[float] = []

    def run(self) -> tuple[int, float]:
        """Send at the rate, read; return how many events were sent after warming up, and the CPU seconds they took.

        Raises:
            BenchError: A change never came.
        """
        began, number, warm = time.perf_counter(), 0, (0, 0.0)
        while (passed := time.perf_counter() - began) < self._seconds:
            if passed > WARM_UP_SECS and not warm[0]:
                warm = number, self._scorer.cpu()
                self._sent.clear()
                self.latencies.clear()
            while number < passed * RATE:
                self._send(self._event(number))
                number += 1
            self._producer.poll(0)
            self._read()
        spent = self._scorer.cpu() - warm[1]
        while self._sent and time.perf_counter() - began < self._seconds + _PATIENCE_SECS:
            self._read()
        self._producer.flush()
        self._consumer.close()
        if self._sent:
            raise BenchError(f"{len(self._sent)} score changes did not come within {_PATIENCE_SECS:.0f} s")
        return number - warm[0], spent

    def millis(self) -> dict[str, float]:
        """Return percentiles of the latencies."""
        marks = statistics.quantiles(self.latencies, n=100, method="inclusive")
        named = {"p50": marks[49], "p95": marks[94], "p99": marks[98], "max": max(self.latencies)}
        return {name: round(value * 1000, 1) for name, value in named.items()}

    def _event(self, number: int) -> Event:
        if number % _RATED_EACH:
            return page_view(number, _LOOKING[number % len(_LOOKING)])
        turn, who = divmod(self._rated, len(_FLIPPING))
        self._rated += 1
        return rating(number, _FLIPPING[who], 1 if turn % 2 else 5)

    def _send(self, event: Event) -> None:
        if event.topic == "support-ticket":
            self._sent[orjson.loads(event.value)["event_id"]] = time.perf_counter()
        self._producer.produce(event.topic, event.value, event.key, self._partition_of(event.key))

    def _read(self) -> None:
        messages = self._consumer.consume(1_000, _TICK_SECS)
        now = time.perf_counter()
        for message in messages:
            if message.error() is None:
                sent = self._sent.pop(orjson.loads(message.value())["cause"]["event_id"], None)
                if sent is not None:
                    self.latencies.append(now - sent)
