"""One scorer and two on the same events. Workers are stopped while the events are loaded, and go on at once."""

import signal
from contextlib import ExitStack
from typing import Any

from bench.events import job_events
from bench.stack import Stack

_PATIENT = {"WARMTH_SESSION_TIMEOUT_SECS": "60", "WARMTH_TRANSACTION_TIMEOUT_SECS": "60"}
"""A stopped worker sends no heartbeat."""


def measure(stack: Stack, events: int, customers: int) -> dict[str, Any]:
    """Return events per second and CPU per event by number of workers."""
    return {"workers": {str(workers): _with(stack, workers, events, customers) for workers in (1, 2)}}


def _with(stack: Stack, workers: int, events: int, customers: int) -> dict[str, Any]:
    stack.renew()
    with ExitStack() as running:
        scorers = [running.enter_context(stack.worker("scorer", slot=slot, **_PATIENT)) for slot in range(workers)]
        for scorer in scorers:
            scorer.popen.send_signal(signal.SIGSTOP)
        try:
            stack.load(job_events(events, customers))
        finally:
            for scorer in scorers:
                scorer.popen.send_signal(signal.SIGCONT)
        scorers[0].wait_until(lambda: stack.folded() >= events)
        figures = [scorer.ask() for scorer in scorers]
    busy = [each for each in figures if "ended_at" in each]
    seconds = max(each["ended_at"] for each in busy) - min(each["began_at"] for each in busy)
    return {
        "events_per_s": round(events / seconds),
        "cpu_us_per_event": round(sum(each["cpu_s"] for each in busy) / events * 1e6, 2),
    }
