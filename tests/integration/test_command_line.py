"""The command line as scripts and newcomers meet it: contracts of its JSON, clear one-line errors, clean stops."""

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.factories import a_page_viewed, a_receipt
from tests.support.stack import WARMTH, Stack, free_port_base

pytestmark = pytest.mark.embedded


def warmth(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*WARMTH, *arguments], capture_output=True, text=True, timeout=120, check=False, env={**os.environ, **environment}
    )


def assert_one_clear_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert all(word in done.stderr for word in words), done.stderr


def test_an_unknown_setting_is_refused_with_the_nearest_name() -> None:
    done = warmth("migrate", "--no-wait", WARMTH_KAFKA_BOOTSTRAPS="x:1")
    assert_one_clear_line(done, "WARMTH_KAFKA_BOOTSTRAPS", "did you mean 'WARMTH_KAFKA_BOOTSTRAP'?")


def test_a_bad_setting_is_named() -> None:
    assert_one_clear_line(warmth("migrate", "--no-wait", WARMTH_PARTITIONS="many"), "WARMTH_PARTITIONS", "integer")


def test_a_folder_without_a_stack_says_how_to_start_one(tmp_path: Path) -> None:
    assert_one_clear_line(warmth("status", "--data", str(tmp_path)), "no stack was started here", "warmth up")


def test_clickhouse_away_is_one_line() -> None:
    done = warmth("migrate", "--no-wait", WARMTH_CLICKHOUSE_URL=f"http://127.0.0.1:{free_port_base()}")
    assert_one_clear_line(done, "ClickHouse")


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    base = free_port_base()
    with socket.create_server(("127.0.0.1", base + 2)):
        done = warmth("up", "--data", str(tmp_path), "--port-base", str(base))
    assert done.returncode == 1
    assert f"port {base + 2} is taken" in done.stderr
    assert "--port-base" in done.stderr


@pytest.fixture
def two_scorers(tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path / "stack", "--scorers", "2")
    yield stack
    stack.stop()


def test_up_status_down_keep_their_contracts(two_scorers: Stack) -> None:
    stack = two_scorers
    announced = stack.announced
    assert {"kafka", "clickhouse", "collector", "metrics", "pids"} <= announced.keys()
    assert {"broker", "clickhouse", "scorer", "scorer-1", "loader"} <= announced["pids"].keys()
    assert_one_clear_line(warmth("up", "--data", str(stack.folder)), "a stack runs", "warmth down")
    status = stack.wait_until_read(60)
    assert status.keys() == {"lag", "records", "rows", "pids", "ready", "reasons"}
    stack.kill("loader")
    pids = _pids_after_restart(stack, "loader", announced["pids"]["loader"])
    assert warmth("down", "--data", str(stack.folder)).stdout.strip() == "stopped"
    assert stack.process.wait(10) == 0
    assert not [pid for pid in pids if psutil.pid_exists(pid)]


def test_profiles_outlive_the_embedded_broker(tmp_path: Path) -> None:
    orders = []
    for run in range(2):
        stack = Stack(tmp_path / "stack")
        try:
            file = tmp_path / f"{run}.jsonl"
            file.write_text("\n".join(json.dumps(a_receipt(total="10.00") | {"customer_id": "c-1"}) for _ in range(3)))
            stack.run("send", "purchase", str(file))
            stack.wait_until_read(60)
            orders.append(json.loads(stack.run("profile", "c-1", "--json").stdout)["value"]["orders"])
        finally:
            assert stack.stop() == 0
    assert orders == [3, 6]


def test_the_embedded_broker_is_started_again_with_topics_and_profiles(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "stack")
    try:
        old = stack.announced["pids"]["broker"]
        for run in range(2):
            file = tmp_path / f"{run}.jsonl"
            file.write_text("\n".join(json.dumps(a_receipt(total="10.00") | {"customer_id": "c-1"}) for _ in range(3)))
            stack.run("send", "purchase", str(file))
            stack.wait_until_read(60)
            if run == 0:
                stack.kill("broker")
                _pids_after_restart(stack, "broker", old)
        profile = json.loads(stack.run("profile", "c-1", "--json").stdout)
        assert profile["value"]["orders"] == 6
        assert stack.status()["rows"]["events"] == 6
    finally:
        assert stack.stop() == 0


def _pids_after_restart(stack: Stack, name: str, old: int) -> list[int]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        status = stack.status()
        if status["ready"] and status["pids"][name] != old:
            return list(status["pids"].values())
        time.sleep(0.2)
    raise AssertionError(f"{name} was not started again: {status}")


def test_score_runs_the_heart_over_a_file(tmp_path: Path) -> None:
    lines = [
        {"topic": "purchase", "event": a_receipt(total="120.00") | {"customer_id": "c-1"}},
        {
            "topic": "site-interaction",
            "event": a_page_viewed() | {"customer_id": "c-1", "page": {"url": "https://x/pricing"}},
        },
        {"topic": "site-interaction", "event": {"type": "page_vanished"}},
    ]
    lines += [{"topic": "purchase", "event": a_receipt(total="120.00") | {"customer_id": "c-1"}} for _ in range(9)]
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    done = warmth("score", str(file), "--json")
    assert done.returncode == 0, done.stderr
    outputs = [json.loads(line) for line in done.stdout.splitlines()]
    kinds = [next(iter(output)) for output in outputs]
    assert kinds.count("dead_letter") == 1
    assert [o["score_change"]["new_band"] for o in outputs if "score_change" in o] == ["warm", "hot"]
    profile = outputs[-1]["profile"]
    assert profile["value"]["orders"] == 10
    assert profile["scores"]["engagement"]["band"] == "hot"


def test_score_names_the_line_that_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text('{"topic": "purchase", "event": {}}\n{"topic": "nowhere"}\n')
    done = warmth("score", str(file))
    assert done.returncode == 2
    assert "line 2: topic" in done.stderr


def test_schemas_are_exported(tmp_path: Path) -> None:
    assert warmth("schemas", "export", str(tmp_path / "out")).returncode == 0
    assert json.loads((tmp_path / "out" / "asyncapi.json").read_text())["asyncapi"].startswith("3.")
    assert (tmp_path / "out" / "purchase" / "receipt_issued.v1.json").exists()


@pytest.mark.parametrize("command", ["up", "down", "status", "send", "score", "profile", "demo", "migrate", "query"])
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    done = warmth(command, "--help")
    assert done.returncode == 0
    assert "Example: warmth" in done.stdout
