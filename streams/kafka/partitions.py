"""Kafka's default partitioner: murmur2 of the key bytes."""

from collections.abc import Callable

from aiokafka.partitioner import murmur2


def partitioner(partitions: int) -> Callable[[bytes], int]:
    """Return the function from key bytes to one of `partitions`, as Kafka's Java client computes it."""

    def partition_of(key: bytes) -> int:
        return int(murmur2(key) & 0x7FFFFFFF) % partitions

    return partition_of
