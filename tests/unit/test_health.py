"""What a worker says of itself, by a clock that the test holds."""

from pathlib import Path

import orjson
import pytest

from streams import metrics
from streams.health import Calls, Health
from streams.memory import memory_limit_bytes
from streams.probes import answer


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(clock)


def test_a_loop_that_beats_lives_and_one_that_does_not_hangs(health: Health, clock: Clock) -> None:
    clock.now = 10.0
    assert answer(health, "/healthz")[::2] == (200, b'{"status":"ok"}')
    clock.now = 12.0
    status, _, body = answer(health, "/healthz")
    assert (status, orjson.loads(body)) == (503, {"status": "hung", "reason": "loop: has not run for 12 s"})
    health.beat()
    assert answer(health, "/healthz").status == 200


def test_a_worker_is_ready_when_nothing_that_it_requires_is_in_trouble(health: Health) -> None:
    assert answer(health, "/readyz")[::2] == (200, b'{"ready":true}')
    health.require("kafka", lambda: "not connected yet")
    health.require("tables", lambda: "")
    status, content_type, body = answer(health, "/readyz")
    assert (status, content_type) == (503, "application/json")
    assert orjson.loads(body) == {"ready": False, "reasons": ["kafka: not connected yet"]}
    health.require("kafka", lambda: "")
    assert answer(health, "/readyz").status == 200


def test_a_loop_that_hangs_is_not_ready(health: Health, clock: Clock) -> None:
    clock.now = 11.0
    assert health.reasons() == ["loop: has not run for 11 s"]


def test_an_unknown_path_is_not_found(health: Health) -> None:
    assert answer(health, "/").status == 404


def test_a_call_is_trouble_once_it_failed_and_until_it_ends(clock: Clock) -> None:
    calls = Calls(clock)
    with calls.one() as call:
        assert calls.trouble() == ""
        call.failed("connection refused")
        clock.now = 3.0
        assert calls.trouble() == "connection refused (tried again for 3 s)"
    assert calls.trouble() == ""


def test_a_call_without_an_answer_is_trouble_after_a_while(clock: Clock) -> None:
    calls = Calls(clock)
    with calls.one(), calls.one():
        clock.now = 10.0
        assert calls.trouble() == ""
        clock.now = 12.0
        assert calls.trouble() == "a call has waited 12 s for its answer"


def test_a_call_that_goes_well_does_not_hide_another_one_that_fails(clock: Clock) -> None:
    calls = Calls(clock)
    with calls.one() as failing:
        failing.failed("a view throws")
        with calls.one():
            pass
        assert calls.trouble().startswith("a view throws")


def test_a_call_that_is_cancelled_has_ended(clock: Clock) -> None:
    calls = Calls(clock)
    with pytest.raises(KeyboardInterrupt), calls.one() as call:
        call.failed("refused")
        raise KeyboardInterrupt
    assert calls.trouble() == ""


def test_metrics_name_every_metric_of_ours_and_the_process(health: Health) -> None:
    text = answer(health, "/metrics").body.decode()
    assert all(f"# HELP {name} " in text for name in metrics.NAMES)
    assert "process_resident_memory_bytes " in text
    assert "process_cpu_seconds_total " in text


def test_the_memory_limit_is_the_least_that_is_set(tmp_path: Path) -> None:
    group, unlimited, missing = tmp_path / "group", tmp_path / "max", tmp_path / "missing"
    group.write_text("1048576\n")
    unlimited.write_text("max\n")
    machine = memory_limit_bytes(())
    assert machine > 1_000_000
    assert memory_limit_bytes((unlimited, missing)) == machine
    assert memory_limit_bytes((group, unlimited)) == 1_048_576
