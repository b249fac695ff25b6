"""The peers' table: every contender over the same records, rounds interleaved, medians, outputs compared with ours."""

import statistics
from collections.abc import Callable
from typing import Any

from bench import outputs
from bench.contenders import FLOOR, PEERS, PLAIN, WARMTH
from bench.events import job_events
from bench.stack import Stack

Said = Callable[[str], None]


def measure(stack: Stack, events: int, customers: int, rounds: int, say: Said) -> dict[str, Any]:
    """Return the figures of each contender.

    Args:
        stack: The broker.
        events: Records on the source topics.
        customers: Customers whose events they are.
        rounds: How often each contender runs.
        say: Told what is run next.

    Raises:
        BenchError: A contender failed, or its outputs are not ours.
    """
    stack.renew()
    sent = list(job_events(events, customers))
    stack.load(sent)
    runs: dict[str, list[dict[str, Any]]] = {}
    compared = 0
    for number in range(rounds):
        say(f"round {number + 1}: {WARMTH}")
        runs.setdefault(WARMTH, []).append(stack.scored())
        expected = outputs.ours(stack.bootstrap)
        say(f"round {number + 1}: {FLOOR}")
        runs.setdefault(FLOOR, []).append(stack.contend("floor")[1])
        for module, name in PEERS.items():
            say(f"round {number + 1}: {name}")
            run, figures = stack.contend(module)
            runs.setdefault(name, []).append(figures)
            compared = outputs.compare(run, expected)
        say(f"round {number + 1}: {PLAIN}")
        runs.setdefault(PLAIN, []).append(stack.scored("plain"))
        outputs.refuse_differing(PLAIN, outputs.ours(stack.bootstrap), expected)
    return {
        "jobs": {name: _median(events, figures) for name, figures in runs.items()},
        "job": {
            "events": events,
            "bytes_per_event": round(statistics.mean(len(event.value) for event in sent)),
            "customers": customers,
            "rounds": rounds,
            "outputs_compared": compared,
        },
    }


def _median(events: int, runs: list[dict[str, Any]]) -> dict[str, Any]:
    spent = [figures["cpu_s"] / events * 1e6 for figures in runs]
    return {
        "events": events,
        "cpu_us_per_event": round(statistics.median(spent), 2),
        "cpu_us_lowest": round(min(spent), 2),
        "cpu_us_highest": round(max(spent), 2),
        "events_per_s": round(statistics.median(events / figures["wall_s"] for figures in runs)),
    }
