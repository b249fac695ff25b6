"""One stack per broker for the whole session: starting one takes seconds, and every test uses ids of its own."""

from collections.abc import Iterator

import pytest

from tests.support.stack import Stack

BROKERS = [
    pytest.param("embedded", marks=pytest.mark.embedded),
    pytest.param("kafka", marks=pytest.mark.kafka),
]


@pytest.fixture
def stack(broker: str, tmp_path) -> Iterator[Stack]:
    """A stack of its own for one test."""
    running = Stack(tmp_path / "stack", "--broker", broker)
    yield running
    assert running.stop() == 0
