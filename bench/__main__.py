"""`make bench`: the peers on the same job, the full product, latency, recovery, memory, scaling, loading on Apache Kafka.

    python -m bench                 everything; writes bench/latest.json and prints the tables
    python -m bench --quick         a smoke run of less than two minutes
    python -m bench --only latency  one part; the figures of the others are kept
    python -m bench report          tables of docs/performance.md and the chart, from bench/latest.json

CPU is user + system of the whole process. Compare within one run.
"""

import argparse
import json
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bench import chart, customers, full, heart, latency, loading, machine, peers, report, scaling, timers
from bench.stack import HOST, BenchError, Stack, stack
from streams.worker import configure_logging

_CONSOLE: Final = Console(stderr=True)
_PORTS: Final = range(27_000, 29_000, 100)


class Size(NamedTuple):
    """How much is measured."""

    events: int
    rounds: int
    customers: int
    sizes: list[int]
    latency_secs: float
    timers: int


Part = Callable[[Stack, Size, peers.Said], dict[str, Any]]
PARTS: Final[dict[str, Part]] = {
    "heart": lambda _, size, __: {"jobs": heart.measure(size.events // 6, size.rounds)},
    "peers": lambda stack, size, say: peers.measure(stack, size.events, size.customers, size.rounds, say),
    "full": lambda stack, size, say: full.measure(stack, size.events, size.customers, size.rounds, say),
    "timers": lambda _, size, __: timers.measure(size.timers),
    "latency": lambda stack, size, _: latency.measure(stack, size.latency_secs),
    "customers": lambda stack, size, _: customers.measure(stack, size.sizes, size.events),
    "scaling": lambda stack, size, _: scaling.measure(stack, size.events, size.customers),
    "loading": lambda stack, size, _: loading.measure(stack, size.events, size.customers),
}


def main() -> int:
    """Measure or report; return the exit code."""
    options = _options()
    configure_logging("ERROR")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if options.what == "report":
        if not report.LATEST.exists():
            _CONSOLE.print("[bold red]bench:[/] there are no figures yet; run `make bench` first", highlight=False)
            return 1
        figures = json.loads(report.LATEST.read_text())
        report.write(figures)
        chart.draw(figures["jobs"])
        return 0
    size = Size(options.events, options.rounds, 20_000, [1_000, 10_000, 100_000, 1_000_000], 20.0, timers.PENDING)
    if options.quick:
        size = Size(min(options.events, 6_000), 1, 2_000, [1_000], 3.0, 1_000)
    try:
        figures = _measure(options.only or list(PARTS), size)
    except BenchError as error:
        _CONSOLE.print(f"[bold red]bench:[/] {error}", highlight=False)
        return 1
    report.LATEST.write_text(json.dumps(figures, indent=1) + "\n")
    if not options.only:
        _CONSOLE.print(Markdown(report.tables(figures)))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.partition("\n")[0])
    parser.add_argument("what", nargs="?", choices=("run", "report"), default="run")
    parser.add_argument("--events", type=int, default=120_000, help="records of the job (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each contender (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="a smoke run: its figures mean nothing")
    parser.add_argument("--only", nargs="+", choices=PARTS, help="measure these parts and keep the other figures")
    return parser.parse_args()


def _measure(names: list[str], size: Size) -> dict[str, Any]:
    """Return the figures of the parts `names`, with those of an earlier run where a part is left out."""
    kept = len(names) < len(PARTS) and report.LATEST.exists()
    figures: dict[str, Any] = json.loads(report.LATEST.read_text()) if kept else {"jobs": {}}
    figures["machine"] = machine.describe(report.ROOT)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=_CONSOLE) as progress:
        task = progress.add_task("starting Apache Kafka", total=len(names))
        with stack(_free_port()) as running:
            for name in names:
                progress.update(task, description=name)
                found = PARTS[name](running, size, lambda text: progress.update(task, description=text))
                figures["jobs"] |= found.pop("jobs", {})
                figures |= found
                progress.advance(task)
    return figures


def _free_port() -> int:
    for port in _PORTS:
        if not any(_is_taken(port + offset) for offset in range(60)):
            return port
    raise BenchError(f"no sixty free ports in a row between {_PORTS.start} and {_PORTS.stop}")


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


sys.exit(main())
