"""Sends the demo's events, waits until all of them are readable, and measures what that cost."""

import asyncio
import heapq
import itertools
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from agents.demo.joining import wait_until_read
from agents.demo.site import Site
from agents.demo.valuing import value_customers
from agents.settings import AllSettings
from deploy.demo.baskets import CURRENCY, Event, read_baskets, receipts
from deploy.demo.simulator import simulate
from deploy.embedded.state import StackState, read_state
from sinks.reading import Reader
from streams.kafka.publishing import Publisher

_CHUNK = 2_000
_SITE = "site-interaction"


@dataclass
class Measured:
    """Figures of one demo."""

    sent: int = 0
    receipts: int = 0
    site_events: int = 0
    """Those that the collector took."""
    seconds: float = 0.0
    shift_days: float = 0.0
    source_cents: int = 0
    loaded_cents: int = 0
    events: int = 0
    dead_letters: int = 0
    dropped: int = 0
    cpu_us_per_event: dict[str, float] = field(default_factory=dict)
    value_model: dict[str, Any] | None = None
    """The parameters that were fitted to the purchases, as they are published."""

    @property
    def conserved(self) -> bool:
        """Whether rows, dead letters and drops are what was sent, and the money is the source's, to the cent."""
        return self.sent == self.events + self.dead_letters + self.dropped and self.source_cents == self.loaded_cents

    def document(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        per_second = self.sent / self.seconds if self.seconds else 0.0
        return {**asdict(self), "events_per_s": round(per_second), "conserved": self.conserved}


async def run_journey(
    folder: Path, settings: AllSettings, write_key: str, events: int, seed: int, console: Console
) -> Measured:
    """Send `events` events, wait until every one of them is readable in ClickHouse, then fit the value model to them.

    Args:
        folder: Folder of the running stack.
        settings: Its addresses.
        write_key: Key of the site.
        events: How many to send.
        seed: Seed of the simulator.
        console: Where progress is shown.
    """
    measured = Measured()
    console.print("Reading The Complete Journey: real baskets of 2,469 households")
    stream = _stream(events, seed, measured)
    stack = read_state(folder)
    assert stack is not None  # noqa: S101  # it has just told that it is ready
    before = _cpu_seconds(stack)
    started = time.monotonic()
    columns = (TextColumn("{task.description:8}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        tasks = {name: progress.add_task(name, total=events) for name in ("sent", "scored", "loaded")}
        watching = asyncio.create_task(_watch(stack, progress, tasks))
        site = Site(stack.collector, write_key)
        await _send(settings, site, stream, measured, lambda number: progress.advance(tasks["sent"], number))
        site.close()
        await wait_until_read(settings, folder)
        watching.cancel()
        for task in tasks.values():
            progress.update(task, completed=measured.sent, total=measured.sent)
    measured.seconds = time.monotonic() - started
    after = _cpu_seconds(stack)
    measured.cpu_us_per_event = {
        name: (after[name] - before[name]) / (measured.site_events if name == "collector" else measured.sent) * 1e6
        for name in before
    }
    _count(settings, measured)
    with console.status("fitting the value model"):
        fitted = await value_customers(settings)
    measured.value_model = None if fitted is None else fitted.model_dump(mode="json")
    return measured


def _stream(events: int, seed: int, measured: Measured) -> Iterator[Event]:
    now = time.time()
    baskets = read_baskets(now)
    measured.shift_days = baskets.shift_secs / 86_400
    simulated = max(events // 5, events - 155_848)
    bought = itertools.islice(receipts(baskets), events - simulated)
    return heapq.merge(bought, simulate(seed, baskets.households, simulated, now), key=lambda event: event.at)


async def _send(settings: AllSettings, site: Site, stream: Iterator[Event], measured: Measured, advance: Any) -> None:
    """Send the stream in order: what happens on the site through the collector, all else as tills and help desks do."""
    async with Publisher(settings.streams.kafka_bootstrap, settings.streams.partitions) as publisher:
        while chunk := list(itertools.islice(stream, _CHUNK)):
            by_topic: dict[str, list[tuple[bytes | None, bytes]]] = {}
            for event in chunk:
                by_topic.setdefault(event.topic, []).append((event.key, event.value))
            of_site = by_topic.pop(_SITE, [])
            for _, said in of_site:
                site.tell(said)
            measured.site_events += len(of_site)
            for topic, records in by_topic.items():
                await publisher.send(topic, records)
            for receipt in (value for _, value in by_topic.get("purchase", ()) if b'"receipt_issued"' in value):
                measured.receipts += 1
                measured.source_cents += _cents(receipt)
            measured.sent += len(chunk)
            await asyncio.to_thread(site.flush)
            advance(len(chunk))


def _cents(receipt: bytes) -> int:
    """Return what a receipt says was paid, in cents: read from the bytes that were sent."""
    start = receipt.index(b'"total":"') + 9
    return int(receipt[start : receipt.index(b'"', start)].replace(b".", b""))


async def _watch(stack: StackState, progress: Progress, tasks: dict[str, Any]) -> None:
    while True:
        scored = await asyncio.to_thread(_metric, stack.metrics["scorer-0"], "warmth_records_folded_total{")
        loaded = await asyncio.to_thread(_metric, stack.metrics["loader-0"], 'warmth_rows_loaded_total{table="outcomes"}')
        progress.update(tasks["scored"], completed=scored)
        progress.update(tasks["loaded"], completed=loaded)
        await asyncio.sleep(0.5)


def _metric(url: str, prefix: str) -> float:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310  # a loopback address of the stack
            lines = answer.read().decode().splitlines()
    except OSError:
        return 0.0
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(prefix))


def _cpu_seconds(stack: StackState) -> dict[str, float]:
    """Return user and system seconds of each process so far."""
    pids = {name.removesuffix("-0"): pid for name, pid in stack.pids.items()}
    times = {name: psutil.Process(pid).cpu_times() for name, pid in pids.items()}
    return {name: cpu.user + cpu.system for name, cpu in times.items()}


def _count(settings: AllSettings, measured: Measured) -> None:
    with Reader(settings.sinks) as reader:
        counts = {row[0]: row[1] for row in reader.rows("SELECT outcome, count() FROM outcomes GROUP BY outcome")}
        measured.events = reader.rows("SELECT count() FROM events WHERE _topic NOT IN ('tick', 'rules', 'warmth-command')")[
            0
        ][0]
        measured.dead_letters, measured.dropped = counts.get("rejected", 0), counts.get("dropped", 0)
        total = "SELECT sum(amount) FROM events WHERE type = 'receipt_issued' AND currency = {currency:String}"
        measured.loaded_cents = int((reader.rows(total, {"currency": CURRENCY})[0][0] or 0) * 100)
