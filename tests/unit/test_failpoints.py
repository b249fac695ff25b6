"""An armed failpoint is passed once; what is not armed is passed unseen."""

import os
import signal
from pathlib import Path

import pytest

from streams.failpoints import Failpoints


@pytest.fixture
def received() -> list[int]:
    """Signals that this process was sent."""
    numbers: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: numbers.append(number))
    yield numbers
    signal.signal(signal.SIGUSR1, before)


def test_an_armed_failpoint_sends_its_signal_once(tmp_path: Path, received: list[int]) -> None:
    armed = tmp_path / "armed"
    failpoints = Failpoints(armed)
    armed.write_text("epoch.send USR1\n")
    failpoints.passed("epoch.begin")
    assert armed.exists() and not received
    failpoints.passed("epoch.send")
    assert not armed.exists() and received == [signal.SIGUSR1]
    failpoints.passed("epoch.send")
    assert received == [signal.SIGUSR1]


@pytest.mark.parametrize("text", ["", "\n", "epoch.begin"])
def test_without_a_name_of_ours_nothing_happens(tmp_path: Path, text: str) -> None:
    armed = tmp_path / "armed"
    armed.write_text(text)
    Failpoints(armed).passed("epoch.send")
    Failpoints(None).passed("epoch.send")
    assert armed.read_text() == text and os.getpid()
