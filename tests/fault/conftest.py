"""Rounds, events and seed of fault campaigns come from the environment; scenarios share one ground while it is sound."""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fault.ground import Ground


@pytest.fixture(scope="session")
def rounds() -> int:
    """How many times a fault that is injected again and again is injected."""
    return int(os.environ.get("FAULT_ROUNDS", "5"))


@pytest.fixture(scope="session")
def soak(rounds: int) -> bool:
    """Whether faults last as long as they may in the field; else just long enough to matter."""
    return rounds >= 50


@pytest.fixture(scope="session")
def events() -> int:
    """How many events are sent in each scenario."""
    return int(os.environ.get("FAULT_EVENTS", "1500"))


@pytest.fixture(scope="session")
def seed() -> int:
    """Seed of the campaign; each ground prints it, so that it can be run again."""
    return int(os.environ.get("FAULT_SEED") or random.SystemRandom().randrange(1 << 32))


class Grounds:
    """Hands out one ground as long as every scenario on it ended well; then a fresh one."""

    def __init__(self, factory: pytest.TempPathFactory, size: tuple[int, int]):
        self._factory = factory
        self._size = size
        self._shared: Ground | None = None

    def fresh(self, prepare: Callable[[Path], None] | None = None) -> Ground:
        """Return a new ground, which the caller stops; `prepare` sees its folder before anything runs there."""
        folder = self._factory.mktemp("ground") / "stack"
        if prepare is not None:
            prepare(folder)
        print(f"FAULT_SEED={self._size[0]}")
        return Ground(folder, self._size)

    def shared(self) -> Ground:
        """Return the one that scenarios share."""
        if self._shared is not None and not self._shared.verified:
            self.stop()
        self._shared = self._shared or self.fresh()
        self._shared.verified = False
        print(f"FAULT_SEED={self._size[0]}")
        return self._shared

    def stop(self) -> None:
        """End the shared one."""
        ground, self._shared = self._shared, None
        if ground is not None:
            ground.stop()


@pytest.fixture(scope="session")
def grounds(tmp_path_factory: pytest.TempPathFactory, seed: int, events: int) -> Iterator[Grounds]:
    """All grounds of the session."""
    made = Grounds(tmp_path_factory, (seed, events))
    yield made
    made.stop()


@pytest.fixture
def ground(grounds: Grounds) -> Ground:
    """The ground that scenarios share: what one sends, the next one's comparison covers too."""
    return grounds.shared()


@pytest.fixture
def own_ground(grounds: Grounds) -> Iterator[Ground]:
    """A ground of its own, for what cannot be mended or must not be compared."""
    made = grounds.fresh()
    yield made
    made.stop()
