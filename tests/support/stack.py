"""A stack as a user starts it: `warmth up`, in a folder of its own, on free ports."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from streams.settings import StreamSettings
from streams.vault.vault import Vault, vault_of

WARMTH = [sys.executable, "-P", "-m", "agents.cli"]
PORTS_EACH = 40
QUIET_SECS = 2.0
"""Ticks, and the marker that closes their batch, are said within this time."""


def free_port_base() -> int:
    """Return the first of `PORTS_EACH` free loopback ports."""
    for base in random.Random().sample(range(20_000, 30_000, PORTS_EACH), 50):
        if all(_is_free(port) for port in range(base, base + PORTS_EACH)):
            return base
    raise AssertionError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


class Stack:
    """One running stack; stop it in the end."""

    def __init__(self, folder: Path, *options: str, environment: dict[str, str] | None = None):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        command = [*WARMTH, "up", "--data", str(folder), "--port-base", str(free_port_base()), "--json", *options]
        self.log = folder / "up.log"
        with self.log.open("wb") as errors:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, env={**os.environ, **(environment or {})}
            )
        line = self.process.stdout.readline()
        assert line, f"the stack did not start:\n{self.log.read_text()}"
        self.announced = json.loads(line)
        self.kafka = self.announced["kafka"]
        self.clickhouse = self.announced["clickhouse"]
        self.collector = self.announced["collector"]

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command of `warmth` against this stack."""
        return self.run_alone(*arguments, "--data", str(self.folder), check=check)

    @staticmethod
    def run_alone(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command of `warmth` that needs no stack."""
        command = [*WARMTH, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert not check or done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    @staticmethod
    def until(holds: Callable[[], bool], seconds: float = 30) -> None:
        """Return once something holds."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, "it does not come to hold"
            time.sleep(0.2)

    def status(self) -> dict:
        """Return what `warmth status --json` says."""
        done = self.run("status", "--json", check=False)
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def wait_until_read(self, seconds: float = 240) -> dict:
        """Return the status once nothing lags."""
        deadline = time.monotonic() + seconds
        status = {}
        while time.monotonic() < deadline:
            status = self.status()
            if status["ready"] and status["lag"] == {"scorer": 0, "loader": 0}:
                return status
            time.sleep(0.5)
        logs = "\n".join(
            f"{path.name}: {path.read_text(errors='replace')[-1500:]}" for path in self.folder.glob("logs/*.log")
        )
        raise AssertionError(f"still lagging: {status}\n{self.log.read_text()[-3000:]}\n{logs}")

    def wait_until_quiet(self, seconds: float = 60) -> None:
        """Return once time has been carried on after the last event, too, and nothing more is said."""
        deadline, before = time.monotonic() + seconds, -1
        while True:
            self.wait_until_read(seconds)
            said = self.status()["records"]["enriched-event"]
            if said == before:
                return
            assert time.monotonic() < deadline, "the scorer goes on and on"
            before = said
            time.sleep(QUIET_SECS)

    def vault(self) -> Vault:
        """Return the keys of this stack."""
        return vault_of(StreamSettings(vault_dir=self.folder / "vault"))

    def pid(self, name: str) -> int:
        """Return the process id of a part of the stack."""
        return json.loads((self.folder / "warmth.json").read_text())["pids"][name]

    def wait_for_clickhouse(self, seconds: float = 60) -> None:
        """Return once ClickHouse answers."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                with urllib.request.urlopen(f"{self.clickhouse}/ping", timeout=2):
                    return
            except OSError:
                assert time.monotonic() < deadline, "ClickHouse does not come back"
                time.sleep(0.2)

    def kill(self, name: str) -> None:
        """Kill a running process of the stack with -9; its supervisor starts it again."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            pids = json.loads((self.folder / "warmth.json").read_text())["pids"]
            try:
                os.kill(pids.get(name) or pids[f"{name}-0"], signal.SIGKILL)
            except ProcessLookupError:  # it has just ended by itself, and is being started again
                time.sleep(0.1)
            else:
                return
        raise AssertionError(f"{name} does not run: {self.log.read_text()[-2000:]}")

    def stop(self) -> int:
        """Stop everything; return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(90)
        self.process.stdout.close()
        return code
