"""From a thousand to a million customers: recovery of their profiles, memory, and CPU per event among them."""

import itertools
import statistics
import sys
import time
from collections.abc import Iterator
from typing import Any, Final

from bench.contender import RULES
from bench.events import Event, customer, job_events
from bench.heart import read_inputs, score
from bench.stack import Stack
from core.scoring import next_due, rejudge
from core.state import decode, encode
from streams.kafka.topics import CHANGELOG
from streams.rules_files import read_rules

DEMO_EVENTS: Final = 20_000
"""Purchases, and as many interactions, of the demo that the profiles come from: sixteen events a customer."""


def measure(stack: Stack, sizes: list[int], events: int) -> dict[str, Any]:
    """Return figures by number of customers; the largest gives recovery and memory."""
    templates = _templates()
    judged = list(_judged(templates))
    by_size = {str(size): _among(stack, judged, size, events) for size in sizes}
    largest = by_size[str(max(sizes))]
    return {
        "customers": by_size,
        "recovery_keys_per_s": largest["recovery_keys_per_s"],
        "recovery_keys_per_cpu_s": largest["recovery_keys_per_cpu_s"],
        "bytes_per_customer": largest["bytes_per_customer"],
        **_sizes([row for _, row in templates]),
        **_held(templates),
    }


def _templates() -> list[tuple[bytes, bytes]]:
    """Return id and changelog value of the demo's customers: purchases and simulated behaviour."""
    inputs = read_inputs(DEMO_EVENTS)
    profiles = score({"purchase": inputs.purchases, "site-interaction": inputs.interactions})
    known = ((decode(row).customer_id, row) for row in profiles.rows.values())
    return [(name.encode(), row) for name, row in known if name is not None]


def _judged(templates: list[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the same profiles as the job's scorer would have left them: else it would judge all of them first."""
    rules, now = read_rules(RULES), time.time_ns() // 1000
    for name, row in templates:
        profile = decode(row)
        rejudge(profile, rules, now)
        profile.due = next_due(profile, rules)
        yield name, encode(profile)


def _sizes(rows: list[bytes]) -> dict[str, Any]:
    sizes = [float(len(row)) for row in rows]
    return {
        "events_per_customer": round(2 * DEMO_EVENTS / len(rows), 1),
        "encoded_bytes_mean": round(statistics.mean(sizes)),
        "encoded_bytes_p99": _p99(sizes),
    }


def _held(templates: list[tuple[bytes, bytes]]) -> dict[str, int]:
    """Return what the table of profiles holds for a customer at rest: row, key, their objects, and a place in its dict."""
    table = {name.decode(): row for name, row in templates}
    place = sys.getsizeof(table) / len(table)
    sizes = [sys.getsizeof(row) + sys.getsizeof(key) + place for key, row in table.items()]
    return {"held_bytes_mean": round(statistics.mean(sizes)), "held_bytes_p99": _p99(sizes)}


def _p99(sizes: list[float]) -> int:
    return round(statistics.quantiles(sizes, n=100, method="inclusive")[98])


def _changelog(templates: list[tuple[bytes, bytes]], count: int) -> Iterator[Event]:
    """Yield a changelog record for each of `count` customers: profiles of the demo's, in turn, under their own ids."""
    for number, (name, row) in zip(range(count), itertools.cycle(templates), strict=False):
        key = customer(number).encode()
        yield Event(CHANGELOG, key, row.replace(b'"customer_id":"%b"' % name, b'"customer_id":"%b"' % key, 1))


def _among(stack: Stack, templates: list[tuple[bytes, bytes]], size: int, events: int) -> dict[str, Any]:
    """Return what the scorer does with `events` of `size` customers that it knows."""
    stack.renew()
    stack.load(_changelog(templates, size))
    stack.load(job_events(events, size))
    with stack.worker("scorer") as scorer:
        scorer.wait_until(lambda: stack.folded() >= events)
        figures = scorer.ask()
    recovery = figures["recovery"]
    return {
        "events": events,
        "cpu_us_per_event": round(figures["cpu_s"] / events * 1e6, 2),
        "events_per_s": round(events / figures["wall_s"]),
        "recovered_keys": recovery["keys"],
        "recovery_keys_per_s": round(recovery["keys"] / recovery["wall_s"]),
        "recovery_keys_per_cpu_s": round(recovery["keys"] / recovery["cpu_s"]),
        "bytes_per_customer": round((recovery["rss_after"] - recovery["rss_before"]) / size),
        "rss_mib": round(figures["rss_after"] / 2**20),
    }
