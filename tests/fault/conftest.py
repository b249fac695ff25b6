"""Rounds and seed of fault campaigns come from the environment: CI runs a short one, `make soak` the long one."""

import os
import random

import pytest


@pytest.fixture
def rounds() -> int:
    """How many times each process is killed."""
    return int(os.environ.get("FAULT_ROUNDS", "20"))


@pytest.fixture
def events() -> int:
    """How many events are sent meanwhile."""
    return int(os.environ.get("FAULT_EVENTS", "100000"))


@pytest.fixture
def seed() -> int:
    """Seed of the campaign, printed so that it can be run again."""
    chosen = int(os.environ.get("FAULT_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"FAULT_SEED={chosen}")
    return chosen
