"""Latency of profile lookups, beside events that come in by the same collector.

    python -m bench.lookups [--json] [--seconds 20] [--events-per-sec 5000] [--lookups-per-sec 200]

The load is open: each request has its instant, whatever the ones before it do, and its latency counts from that instant. The
scorer is one process; Apache Kafka, collector, scorer and this generator share the machine.
"""

import argparse
import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any, Final

import aiohttp

from bench.collector import CUSTOMERS, Load, Target, cpu_secs, request_of, running

_BATCH: Final = 100
_WARM_SECS: Final = 10
_KEY: Final = {"X-Write-Key": "bench"}
_OK: Final = 200


def measure(seconds: int, events_per_sec: int, lookups_per_sec: int) -> dict[str, Any]:
    """Return the figures: milliseconds, and CPU of collector and scorer in seconds per second."""
    with running("--scorers", "1") as target:
        return asyncio.run(_measure(target, seconds, events_per_sec, lookups_per_sec))


async def _measure(target: Target, seconds: int, events_per_sec: int, lookups_per_sec: int) -> dict[str, Any]:
    async with aiohttp.ClientSession(f"http://{target.host}:{target.port}", headers=_KEY) as session:
        numbers, dice = count(time.time_ns()), random.Random(1)
        load = Load("", 1, 1, _BATCH)

        async def post() -> None:
            async with session.post("/v1/batch", data=request_of(load, numbers)[1]) as answer:
                await answer.read()
                _check(answer.status)

        async def look_up() -> None:
            async with session.get(f"/v1/profiles/u-{dice.randrange(CUSTOMERS)}") as answer:
                await answer.read()
                _check(answer.status)

        await _open_loop(post, _WARM_SECS, max(events_per_sec, CUSTOMERS // _WARM_SECS) // _BATCH)
        before = [cpu_secs(target.pids[name]) for name in ("collector", "scorer")]
        posted, found = await asyncio.gather(
            _open_loop(post, seconds, events_per_sec // _BATCH), _open_loop(look_up, seconds, lookups_per_sec)
        )
        after = [cpu_secs(target.pids[name]) for name in ("collector", "scorer")]
    return {
        "events_per_s": round(len(posted) * _BATCH / seconds),
        "lookups_per_s": round(len(found) / seconds),
        "lookup": _spread(found),
        "batch": _spread(posted),
        "collector_cores": round((after[0] - before[0]) / seconds, 2),
        "scorer_cores": round((after[1] - before[1]) / seconds, 2),
    }


def _check(status: int) -> None:
    if status != _OK:
        raise SystemExit(f"bench: the collector answered {status}")


async def _open_loop(act: Callable[[], Awaitable[None]], seconds: int, per_sec: int) -> list[float]:
    """Act so often a second; return the seconds that each took from the instant it was due, sorted."""
    began = time.perf_counter()

    async def one(number: int) -> float:
        due = began + number / per_sec
        await asyncio.sleep(due - time.perf_counter())
        await act()
        return time.perf_counter() - due

    return sorted(await asyncio.gather(*map(one, range(seconds * per_sec))))


def _spread(sorted_secs: list[float]) -> dict[str, float]:
    """Return percentiles in milliseconds."""
    places = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {name: round(sorted_secs[int((len(sorted_secs) - 1) * place)] * 1e3, 1) for name, place in places.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--events-per-sec", type=int, default=5_000)
    parser.add_argument("--lookups-per-sec", type=int, default=200)
    said = parser.parse_args()
    figures = measure(said.seconds, said.events_per_sec, said.lookups_per_sec)
    if said.json:
        print(json.dumps(figures))  # noqa: T201  # its output
        return
    for name, figure in figures.items():
        print(f"{name:16} {figure}")  # noqa: T201  # its output


if __name__ == "__main__":
    main()
