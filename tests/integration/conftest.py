"""One stack per broker for the whole session: starting one takes seconds, and every test uses ids of its own."""

from collections.abc import Iterator

import pytest

from tests.support.house import House, built
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


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack for all tests of a module, which use ids of their own."""
    running = Stack(tmp_path_factory.mktemp("shared") / "stack")
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A warehouse of the demo's events, for those who only read."""
    with built(tmp_path_factory.mktemp("house")) as house:
        yield house
