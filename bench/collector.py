"""CPU of the collector per event, acknowledged by Kafka: batches of a server's client, and single events of browsers.

    python -m bench.collector [--json]

Events are those of Segment's clients, by 5,000 customers. The collector's own user and system time is divided by the events
it answered with 200; latency is that of a request under full load.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any, Final, NamedTuple

import orjson
import psutil

CUSTOMERS: Final = 5_000
_ROUNDS: Final = 3
_PORT: Final = 29_090
_STACK: Final = ("--broker", "kafka", "--loaders", "0", "--port-base", str(_PORT), "--json")
_HEAD: Final = (
    b"POST %s HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nAuthorization: Basic YmVuY2g6\r\n"
    b"Content-Length: %d\r\n\r\n%s"
)


class Load(NamedTuple):
    """Connections that each send so many requests of so many events, one after the other."""

    name: str
    connections: int
    requests: int
    events: int


class Target(NamedTuple):
    """A running collector, and the process ids of the stack."""

    host: str
    port: int
    pids: dict[str, int]


LOADS: Final = (
    Load("batches of 100", 4, 150, 100),
    Load("single events", 8, 1_000, 1),
    Load("single, 64 at once", 64, 150, 1),
)


def measure() -> list[dict[str, Any]]:
    """Return the figures of each load; the best of three rounds by CPU."""
    with running("--scorers", "0") as target:
        return [min((_round(load, target) for _ in range(_ROUNDS)), key=_cost) for load in LOADS]


def _cost(figures: dict[str, Any]) -> float:
    return float(figures["cpu_us_per_event"])


def _round(load: Load, target: Target) -> dict[str, Any]:
    numbers, pid = count(time.time_ns()), target.pids["collector"]
    requests = [[_framed(*request_of(load, numbers)) for _ in range(load.requests)] for _ in range(load.connections)]
    before, began, latencies = cpu_secs(pid), time.perf_counter(), list[float]()
    asyncio.run(_send(requests, target, latencies))
    wall, events = time.perf_counter() - began, load.connections * load.requests * load.events
    latencies.sort()
    return {
        "load": load.name,
        "events": events,
        "cpu_us_per_event": round((cpu_secs(pid) - before) / events * 1e6, 1),
        "events_per_s": round(events / wall),
        "p50_ms": round(latencies[len(latencies) // 2] * 1e3, 1),
        "p99_ms": round(latencies[len(latencies) * 99 // 100] * 1e3, 1),
    }


async def _send(requests: list[list[bytes]], target: Target, latencies: list[float]) -> None:
    async def connection(own: list[bytes]) -> None:
        reader, writer = await asyncio.open_connection(target.host, target.port)
        for request in own:
            began = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise SystemExit(f"bench: the collector answered {head.splitlines()[0].decode()}")
            length = next(line for line in head.lower().splitlines() if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.partition(b":")[2]))
            latencies.append(time.perf_counter() - began)
        writer.close()

    await asyncio.gather(*map(connection, requests))


def _framed(path: bytes, body: bytes) -> bytes:
    return _HEAD % (path, len(body), body)


def request_of(load: Load, numbers: Iterator[int]) -> tuple[bytes, bytes]:
    """Return path and body of a request; its events take the next numbers."""
    messages = [_message(next(numbers)) for _ in range(load.events)]
    sent_at = datetime.now(UTC).isoformat()
    if load.events > 1:
        path, body = b"/v1/batch", orjson.dumps({"batch": messages, "sentAt": sent_at})
    else:
        path, body = f"/v1/{messages[0]['type']}".encode(), orjson.dumps({**messages[0], "sentAt": sent_at})
    return path, body


def _message(number: int) -> dict[str, Any]:
    product = {"product_id": f"p-{number % 97}", "name": "Green tea", "price": 4.5, "currency": "RUB"}
    said: dict[str, Any] = (
        {"type": "page", "name": "Tea", "properties": {"url": "https://shop.example/tea", "title": "Tea"}},
        {"type": "track", "event": "Product Viewed", "properties": product},
        {"type": "track", "event": "Product Added", "properties": {**product, "quantity": 1}},
        {"type": "identify", "traits": {"city": "Kazan", "role": "director"}},
    )[number % 4]
    return {
        **said,
        "messageId": f"bench-{number}",
        "timestamp": datetime.now(UTC).isoformat(),
        "userId": f"u-{number % CUSTOMERS}",
        "anonymousId": None,
        "context": {"library": {"name": "analytics-python", "version": "2.4.0"}},
        "integrations": {},
    }


def cpu_secs(pid: int) -> float:
    """Return user and system time of a process so far."""
    spent = psutil.Process(pid).cpu_times()
    return float(spent.user + spent.system)


@contextmanager
def running(*options: str) -> Iterator[Target]:
    """Start Apache Kafka, a collector before it, and what `options` of `warmth up` say; no loader."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "WARMTH_COLLECTOR_EVENTS_PER_SEC": "100000000"}
        with (Path(folder) / "up.log").open("wb") as log:
            command = [sys.executable, "-P", "-m", "agents.cli", "up", "--data", f"{folder}/data", *_STACK, *options]
            stack = Popen(command, stdout=PIPE, stderr=log, env=environment)
        try:
            line = stack.stdout.readline() if stack.stdout else b""
            if not line:
                raise SystemExit(f"bench: the stack did not start: {(Path(folder) / 'up.log').read_text()[-300:]}")
            said = json.loads(line)
            host, port = said["collector"].removeprefix("http://").split(":")
            yield Target(host, int(port), said["pids"])
        finally:
            stack.terminate()
            stack.wait()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    said = parser.parse_args()
    figures = measure()
    if said.json:
        print(json.dumps(figures))  # noqa: T201  # its output
        return
    for row in figures:
        print(  # noqa: T201  # its output
            f"{row['load']:20} {row['cpu_us_per_event']:7.1f} us CPU an event, {row['events_per_s']:7,} events/s, "
            f"p50 {row['p50_ms']} ms, p99 {row['p99_ms']} ms"
        )


if __name__ == "__main__":
    main()
