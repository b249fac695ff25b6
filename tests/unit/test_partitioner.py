"""Keys go where Kafka's Java client sends them."""

import pytest
from hypothesis import given, strategies as st

from streams.kafka.partitions import partitioner

MURMUR2 = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}
"""Source: `UtilsTest.testMurmur2` of Kafka's Java client."""


@pytest.mark.parametrize("key", MURMUR2)
@pytest.mark.parametrize("partitions", [1, 3, 12, 10_000, 2**31])
def test_a_key_has_the_partition_of_the_java_client(key: bytes, partitions: int) -> None:
    assert partitioner(partitions)(key) == (MURMUR2[key] & 0x7FFFFFFF) % partitions


@given(st.binary(max_size=40), st.integers(1, 10_000))
def test_every_key_has_a_partition(key: bytes, partitions: int) -> None:
    assert 0 <= partitioner(partitions)(key) < partitions
