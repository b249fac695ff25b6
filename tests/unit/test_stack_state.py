"""What a running stack tells about itself."""

import os
from pathlib import Path

import pytest

from deploy.embedded.state import StackState, alive, read_state, remove_state, write_state

STATE = StackState(
    kafka="127.0.0.1:9092",
    clickhouse="http://127.0.0.1:8123",
    collector="http://127.0.0.1:8080",
    partitions=12,
    broker_isolates=False,
    metrics={"scorer-0": "127.0.0.1:9101"},
    pids={"scorer-0": 12, "scorer-1": 13, "supervisor": 11},
    supervisor=11,
    ready=True,
    reasons=["the loader lags"],
)


def test_a_state_is_read_as_it_was_written_and_replaced_at_once(tmp_path: Path) -> None:
    for state in (STATE, StackState("k", "c", "h", 1, True, {}, {}, 1)):
        write_state(tmp_path, state)
        assert read_state(tmp_path) == state
        assert [path.name for path in tmp_path.iterdir()] == ["warmth.json"]


def test_where_nothing_was_started_there_is_no_state(tmp_path: Path) -> None:
    assert read_state(tmp_path / "missing") is None
    (tmp_path / "warmth.json").write_text("{")
    assert read_state(tmp_path) is None
    assert read_state(tmp_path / "warmth.json") is None


def test_a_state_can_be_removed_twice(tmp_path: Path) -> None:
    write_state(tmp_path, STATE)
    for _ in range(2):
        remove_state(tmp_path)
        assert read_state(tmp_path) is None


def test_the_first_worker_of_a_kind_is_announced_without_its_number() -> None:
    assert STATE.announcement() == {
        "kafka": "127.0.0.1:9092",
        "clickhouse": "http://127.0.0.1:8123",
        "collector": "http://127.0.0.1:8080",
        "metrics": {"scorer": "127.0.0.1:9101"},
        "pids": {"scorer": 12, "scorer-1": 13, "supervisor": 11},
    }


@pytest.mark.parametrize(("pid", "runs"), [(os.getpid(), True), (2**22 + 1, False)], ids=["own", "none"])
def test_a_process_is_alive_or_not(pid: int, runs: bool) -> None:
    assert alive(pid) is runs
