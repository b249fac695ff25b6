"""Kafka's default partitioner: murmur2 of the key bytes."""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from aiokafka.partitioner import murmur2

_KNOWN: Final = 65_536
"""Keys whose hash is remembered: it costs 3 µs, and customers come again."""


def partitioner(partitions: int) -> Callable[[bytes], int]:
    """Return the function from key bytes to one of `partitions`, as Kafka's Java client computes it."""

    @lru_cache(_KNOWN)
    def partition_of(key: bytes) -> int:
        return int(murmur2(key) & 0x7FFFFFFF) % partitions

    return partition_of
