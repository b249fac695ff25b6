"""Sends records of producers: keyed like the profiles, in batches, each acknowledged, none twice."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaProducer

from streams.kafka import transactions
from streams.kafka.partitions import partitioner
from streams.kafka.topics import LARGEST_RECORD_BYTES

_BATCH_BYTES = 256_000
_UNACKNOWLEDGED = 8
"""Batches on their way per partition at most; the producer keeps their order."""


class Publisher:
    """An idempotent producer that fills whole record batches.

    Args:
        bootstrap: Brokers, host:port, comma between.
        partitions: Partitions of every input topic.
    """

    def __init__(self, bootstrap: str, partitions: int) -> None:
        transactions.install(lambda: transactions.NO_MEMBER)
        self._bootstrap = bootstrap
        self._partitions = partitions
        self._partition_of: Callable[[bytes], int] = partitioner(partitions)
        self._keyless = 0
        self._open: dict[tuple[str, int], Any] = {}
        self._flying: dict[tuple[str, int], list[asyncio.Future[Any]]] = {}

    async def __aenter__(self) -> Self:
        """Connect."""
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            enable_idempotence=True,
            acks="all",
            max_batch_size=_BATCH_BYTES,
            max_request_size=2 * LARGEST_RECORD_BYTES,
        )
        await self._producer.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for every acknowledgement, unless something failed, and disconnect."""
        try:
            if kind is None:
                await self.flush()
        finally:
            await self._producer.stop()

    async def send(self, topic: str, records: Iterable[tuple[bytes | None, bytes]]) -> None:
        """Append (key, value) records; returns before the last of them are acknowledged: see `flush`."""
        await self.send_with_headers(topic, ((key, value, ()) for key, value in records))

    async def send_with_headers(
        self, topic: str, records: Iterable[tuple[bytes | None, bytes, Sequence[tuple[str, bytes]]]]
    ) -> None:
        """Append (key, value, headers) records, likewise."""
        for key, value, headers in records:
            place = (topic, self._partition(key))
            builder = self._open.get(place)
            if builder is None:
                builder = self._open[place] = self._producer.create_batch()
            if builder.append(timestamp=None, key=key, value=value, headers=list(headers)) is None:
                await self._fly(place, self._open.pop(place))
                builder = self._open[place] = self._producer.create_batch()
                builder.append(timestamp=None, key=key, value=value, headers=list(headers))

    async def flush(self) -> None:
        """Return once every record is acknowledged."""
        for place in list(self._open):
            await self._fly(place, self._open.pop(place))
        for flying in self._flying.values():
            for acknowledged in flying:
                await acknowledged
            flying.clear()

    def _partition(self, key: bytes | None) -> int:
        if key is not None:
            return self._partition_of(key)
        self._keyless += 1
        return self._keyless % self._partitions

    async def _fly(self, place: tuple[str, int], builder: Any) -> None:
        flying = self._flying.setdefault(place, [])
        if len(flying) >= _UNACKNOWLEDGED:
            await flying.pop(0)
        flying.append(await self._producer.send_batch(builder, place[0], partition=place[1]))
