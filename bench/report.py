"""The tables of `docs/performance.md`, from the figures in `bench/latest.json`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from bench.contenders import FLOOR, PEERS, PLAIN, WARMTH

ROOT: Final = Path(__file__).parent.parent
LATEST: Final = ROOT / "bench" / "latest.json"
PAGE: Final = ROOT / "docs" / "performance.md"
BEGIN: Final = "<!-- figures: written by `python -m bench report` -->"
END: Final = "<!-- end of figures -->"
Figures = dict[str, Any]


def write(figures: Figures) -> None:
    """Write the tables into the page."""
    PAGE.write_text(inserted(PAGE.read_text(encoding="utf-8"), tables(figures)), encoding="utf-8")


def inserted(page: str, text: str) -> str:
    """Return `page` with `text` between its two comments; all else is kept.

    Raises:
        ValueError: The page lacks one of the comments.
    """
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{PAGE.name} needs the comments {BEGIN} and {END}, in this order")
    return f"{before}{BEGIN}\n\n{text}\n{END}{after}"


def tables(figures: Figures) -> str:
    """Return all tables, as Markdown."""
    parts = [_peers(figures), _bars(figures), _customers(figures), _workers(figures), _heart(figures), _machine(figures)]
    return "\n".join(parts)


def _peers(figures: Figures) -> str:
    jobs, job = figures["jobs"], figures["job"]
    ours = jobs[WARMTH]["cpu_us_per_event"]
    lines = [
        f"### The same job, {job['events']:,} events of {job['bytes_per_event']} bytes, {job['customers']:,} customers",
        "",
        f"Median of {job['rounds']} interleaved rounds, lowest to highest beside it; {job['outputs_compared']:,} outputs of"
        " each contender were compared with ours and are the same.",
        "",
        "| contender | CPU per event, µs | range | events/s | CPU, Warmth = 1 |",
        "|---|---:|---:|---:|---:|",
    ]
    for name in sorted(contenders(jobs), key=lambda known: jobs[known]["cpu_us_per_event"]):
        row = jobs[name]
        lines.append(
            f"| {_emphasised(name)} | {row['cpu_us_per_event']:.1f}"
            f" | {row['cpu_us_lowest']:.1f} to {row['cpu_us_highest']:.1f}"
            f" | {row['events_per_s']:,} | {row['cpu_us_per_event'] / ours:.2f} |"
        )
    return "\n".join([*lines, ""])


def _bars(figures: Figures) -> str:
    jobs, latency = figures["jobs"], figures["latency"]
    ours = jobs[WARMTH]["cpu_us_per_event"]
    rows = [
        ("scorer, CPU per event", f"{ours:.1f} µs", "≤ 25 µs", "10 µs"),
        ("idiomatic Faust / Warmth", _ratio(jobs, "idiomatic_faust"), "≥ 10", "30"),
        ("Quix Streams / Warmth", _ratio(jobs, "quix_streams"), "≥ 1.5", "3"),
        (
            f"the full product, {jobs['full']['segments']} segments",
            f"{jobs['full']['cpu_us_per_event']:.1f} µs",
            "≤ 40 µs",
            "15 µs",
        ),
        ("recovery", f"{figures['recovery_keys_per_s']:,} keys/s", "≥ 150,000", "500,000"),
        ("recovery, per second of CPU", f"{figures['recovery_keys_per_cpu_s']:,} keys/s", "", ""),
        (f"latency at {latency['events_per_s']:,} events/s, p99", f"{figures['latency_ms']['p99']} ms", "≤ 200 ms", "50 ms"),
        ("latency, p50 / p95 / p99 / max", _percentiles(figures["latency_ms"]), "", ""),
        ("the same without transactions", _percentiles(figures["latency_ms_without_transactions"]), "", ""),
        ("scorer at that rate, CPU per event", f"{latency['cpu_us_per_event']} µs", "", ""),
        ("the same without transactions", f"{figures['latency_without_transactions']['cpu_us_per_event']} µs", "", ""),
        ("loader, CPU per event", f"{figures['loader_cpu_us_per_row']} µs", "≤ 8 µs", "4 µs"),
        ("memory per customer", f"{figures['bytes_per_customer']:,} bytes", "≤ 2,048", "700"),
        (
            "memory of a demo customer, mean / p99",
            f"{figures['held_bytes_mean']:,} / {figures['held_bytes_p99']:,} bytes",
            "≤ 2,048",
            "700",
        ),
        (f"{figures['timers']['pending']:,} pending timers", f"{figures['timers']['mib']} MiB", "≤ 200 MiB", ""),
        (
            f"profile of {figures['events_per_customer']} events encoded, mean / p99",
            f"{figures['encoded_bytes_mean']:,} / {figures['encoded_bytes_p99']:,} bytes",
            "",
            "",
        ),
    ]
    return _table("Bars", ("figure", "measured", "bar", "aim"), rows)


def _customers(figures: Figures) -> str:
    rows = [
        (
            f"{int(size):,}",
            f"{row['cpu_us_per_event']} µs",
            f"{row['events_per_s']:,}",
            f"{row['recovery_keys_per_s']:,}",
            f"{row['rss_mib']:,} MiB",
        )
        for size, row in figures["customers"].items()
    ]
    titles = ("customers", "CPU per event", "events/s", "recovery, keys/s", "memory of the scorer")
    return _table("Customers whose profiles are known", titles, rows)


def _workers(figures: Figures) -> str:
    rows = [
        (number, f"{row['events_per_s']:,}", f"{row['cpu_us_per_event']} µs") for number, row in figures["workers"].items()
    ]
    return _table("Workers", ("scorers", "events/s", "CPU per event"), rows)


def _heart(figures: Figures) -> str:
    rows = [
        (name.removeprefix("heart "), f"{row['events']:,}", f"{row['cpu_us_per_event']:.1f} µs")
        for name, row in figures["jobs"].items()
        if name.startswith("heart ")
    ]
    return _table(
        "The heart alone, on the demo's events, with everything that the full product does",
        ("work", "events", "CPU per event"),
        rows,
    )


def _machine(figures: Figures) -> str:
    return _table("Machine", ("what", "which"), [(name, str(value)) for name, value in figures["machine"].items()])


def _table(title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [f"### {title}", "", f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows), ""])


def _percentiles(millis: Figures) -> str:
    return " / ".join(f"{millis[name]}" for name in ("p50", "p95", "p99", "max")) + " ms"


def _ratio(jobs: Figures, module: str) -> str:
    return f"{jobs[PEERS[module]]['cpu_us_per_event'] / jobs[WARMTH]['cpu_us_per_event']:.1f}"


def contenders(jobs: Figures) -> list[str]:
    """Return those of `jobs` that are contenders."""
    return [name for name in jobs if name in (WARMTH, PLAIN, FLOOR, *PEERS.values())]


def _emphasised(name: str) -> str:
    return f"**{name}**" if name == WARMTH else name
