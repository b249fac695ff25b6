"""`make bench`: CPU per event of the scorer's heart on the demo's real and simulated events, against decoding alone.

CPU is user + system of this process. Rounds of the jobs are interleaved; the median is shown. Compare within one run.
"""

import itertools
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from core import rows, state
from core.journey import Journey, Moment, Settings, Source
from deploy.demo.baskets import Event, read_baskets, receipts
from deploy.demo.simulator import simulate
from streams.profiles import Partition
from streams.rules_files import read_plan, read_rules
from streams.settings import RULES_DIR

EVENTS = 20_000
ROUNDS = 3
LATEST = Path(__file__).parent / "latest.json"


class Line(NamedTuple):
    """An event as the journey wants a record."""

    offset: int
    key: bytes
    value: bytes
    timestamp: int
    headers: tuple[tuple[str, bytes], ...] = ()


def decode(_topic: str, records: list[Line]) -> Partition:
    """Only decode the JSON: the floor."""
    for record in records:
        orjson.loads(record.value)
    return Partition(0)


def journey(topic: str, records: list[Line]) -> Partition:
    """Score, build the outputs, and encode the changed profiles every 5,000 records, as an epoch does."""
    rules = read_rules(RULES_DIR)
    settings = Settings(1 << 20, b"bench", read_plan(RULES_DIR), lambda _: 0)
    advance = Journey(topic, rules, settings).advance
    source, moment, profiles = (
        Source(topic, "bench", 0),
        Moment(time.time_ns() // 1000, int(time.time()), 0),
        Partition(20_000),
    )
    for number, record in enumerate(records):
        outcome, at = advance(source, record, profiles, moment)
        rows.enriched(outcome, at, moment.batch)
        if number % 5_000 == 4_999:
            list(profiles.take_changed())
    list(profiles.take_changed())
    return profiles


def _cpu(run: Callable[[], Any]) -> float:
    started = time.process_time()
    run()
    return time.process_time() - started


def _records(events: list[Event]) -> list[Line]:
    return [Line(number, event.key, event.value, int(time.time() * 1000)) for number, event in enumerate(events)]


def _recovery(profiles: Partition) -> float:
    """Return keys per second of applying a changelog of these profiles."""
    log = [(f"{key}-{copy}".encode(), value) for copy in range(20) for key, value in profiles.rows.items()]
    fresh = Partition(0)

    def restore() -> None:
        for key, value in log:
            fresh.restore(key, value)

    return len(log) / _cpu(restore)


def main() -> None:
    """Measure, print a table, write `bench/latest.json`."""
    now = time.time()
    baskets = read_baskets(now)
    inputs = {
        "purchase": _records(list(itertools.islice(receipts(baskets), EVENTS))),
        "site-interaction": _records(
            [e for e in simulate(1, baskets.households, EVENTS * 2, now) if e.topic == "site-interaction"][:EVENTS]
        ),
    }
    jobs = {(job.__name__, topic): [] for job in (decode, journey) for topic in inputs}  # type: dict[tuple[str, str], list[float]]
    for _ in range(ROUNDS):
        for job in (decode, journey):
            for topic, records in inputs.items():
                jobs[job.__name__, topic].append(_cpu(lambda j=job, t=topic, r=records: j(t, r)) / len(records) * 1e6)  # type: ignore[misc]  # bound at once
    profiles = journey("site-interaction", inputs["site-interaction"])
    sizes = [len(state.encode(state.decode(row))) for row in profiles.rows.values()]
    result = {
        "machine": {
            "cpu": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
        },
        "jobs": {
            f"{name} {topic}": {"events": len(inputs[topic]), "cpu_us_per_event": round(statistics.median(costs), 2)}
            for (name, topic), costs in jobs.items()
        },
        "recovery_keys_per_s": round(_recovery(profiles)),
        "bytes_per_customer": round(statistics.mean(sizes)),
    }
    for name, figures in result["jobs"].items():  # type: ignore[attr-defined]  # a dict, as just made
        print(f"{name:32} {figures['cpu_us_per_event']:8.2f} µs CPU per event")
    print(
        f"{'recovery':32} {result['recovery_keys_per_s']:8,} keys/s\n{'profile':32} {result['bytes_per_customer']:8,} bytes"
    )
    LATEST.write_text(json.dumps(result, indent=1))


main()
