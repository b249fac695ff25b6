"""All of the product at once: the shipped rules and more segments, the value model, events of all five topics."""

import asyncio
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from agents.parameters import publish
from bench import outputs
from bench.events import Event
from bench.product import parameters, rules_folder
from bench.stack import BenchError, Stack
from streams.kafka.topics import CHANGELOG, SEGMENT_CHANGES
from streams.rules_files import read_rules
from tests.reference.generator import generate

JOB: Final = "full"
_SEED: Final = 1


def full_events(count: int, customers: int) -> list[Event]:
    """Return `count` good events of the last forty days, topic by topic, each in the order of reception."""
    made = generate(_SEED, count, customers, bad_share=0.0, now_ms=time.time_ns() // 1_000_000)
    events = [Event(topic, key, value) for topic, key, value in made if key is not None]
    return sorted(events, key=lambda event: event.topic)


def measure(stack: Stack, events: int, customers: int, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Return the scorer's CPU per event with everything that it can do, ticks included.

    Raises:
        BenchError: Segments or cells were not concluded: something else was measured.
    """
    sent, runs = full_events(events, customers), []
    with rules_folder() as folder:
        segments = len(read_rules(folder).segments.ordered)
        for number in range(rounds):
            say(f"round {number + 1}: full product")
            runs.append(_run(stack, sent, folder))
    spent = [figures["cpu_s"] / events * 1e6 for figures in runs]
    job = {
        "events": events,
        "cpu_us_per_event": round(statistics.median(spent), 2),
        "cpu_us_lowest": round(min(spent), 2),
        "cpu_us_highest": round(max(spent), 2),
        "events_per_s": round(statistics.median(events / figures["wall_s"] for figures in runs)),
        "segments": segments,
        **_concluded(stack),
    }
    return {"jobs": {JOB: job}}


def _run(stack: Stack, events: list[Event], folder: Path) -> dict[str, Any]:
    """Run one scorer over `events`; it reads the parameters before it owns a partition."""
    stack.renew()
    asyncio.run(publish(stack.bootstrap, parameters("RUB")))
    stack.load(events)
    with stack.worker("scorer", WARMTH_RULES_DIR=str(folder)) as scorer:
        scorer.wait_until(lambda: stack.folded() >= stack.events)
        return scorer.ask()


def _concluded(stack: Stack) -> dict[str, int]:
    """Return how much was said of segments and of value, by which one sees that all of it ran."""
    changes = len(outputs.read(stack.bootstrap, SEGMENT_CHANGES))
    cells = sum(b'"rfm_now"' in (value or b"") for value in outputs.read(stack.bootstrap, CHANGELOG))
    if not changes or not cells:
        raise BenchError(f"{JOB}: {changes} segment changes, {cells} records with a cell: it did not run in full")
    return {"segment_changes": changes, "changelog_records_with_a_cell": cells}
