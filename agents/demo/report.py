"""What the demo prints in the end: figures, the warmest customers and why, bands, segments, where to look further."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from agents.demo.journey import Measured
from agents.settings import AllSettings
from core.times import SECOND
from sinks.queries import read_queries
from sinks.reading import Answer, Reader
from streams.rules_files import read_rules

_SEGMENTS = ("lapsed_regulars", "cart_without_order", "valuable_and_unhappy")
_SHOWN = 5


def print_report(console: Console, settings: AllSettings, measured: Measured, folder: Path, *, keep: bool) -> None:
    """Print the report of a demo whose stack is still up."""
    _figures(console, measured)
    half_life = read_rules(settings.streams.rules_dir).scales["engagement"].half_life or SECOND
    queries = read_queries()
    with Reader(settings.sinks) as reader:
        warmest = reader.ask(queries["warmest_customers"].sql, {"half_life_secs": half_life / SECOND, "limit": 10})
        _table(console, "The ten warmest customers, and the rules that made them so", warmest, 10)
        _table(console, "Customers by band", reader.ask(_BANDS), 10)
        for name in _SEGMENTS:
            _table(console, f"Segment {name}: {queries[name].purpose}", reader.ask(queries[name].sql), _SHOWN)
    _further(console, settings, folder, keep=keep)


_BANDS = """
SELECT engagement_band AS band, count() AS customers, sum(orders) AS orders, countIf(fit_band = 'good') AS good_fit
FROM profiles_now GROUP BY band ORDER BY customers
"""


def _figures(console: Console, measured: Measured) -> None:
    simulated = measured.sent - measured.receipts
    accounted = measured.events + measured.dead_letters + measured.dropped
    console.print(
        f"\n{measured.receipts:,} real receipts (dates shifted by {measured.shift_days:,.0f} days: the last basket is now) "
        f"and {simulated:,} events of the seeded simulator (source: simulator)."
    )
    table = Table(title="Figures", title_justify="left")
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_row("events per second, sent to readable in ClickHouse", f"{measured.sent / measured.seconds:,.0f}")
    for name, cost in measured.cpu_us_per_event.items():
        table.add_row(f"CPU per event, {name}", f"{cost:,.1f} µs")
    ends = f"rows {measured.events:,} + dead letters {measured.dead_letters:,} + drops {measured.dropped:,}"
    table.add_row(
        f"sent {measured.sent:,}, {ends}",
        "exact" if measured.sent == accounted else "NOT EXACT",
    )
    table.add_row(
        f"purchases in ClickHouse {measured.loaded_cents / 100:,.2f} USD, in the source {measured.source_cents / 100:,.2f}",
        "to the cent" if measured.source_cents == measured.loaded_cents else "NOT EQUAL",
    )
    console.print(table)


def _table(console: Console, title: str, answer: Answer, most: int) -> None:
    table = Table(title=title, title_justify="left")
    for column in answer.columns:
        table.add_column(column)
    for row in answer.rows[:most]:
        table.add_row(*map(_cell, row))
    console.print(table)
    if not answer.rows:
        console.print("(nobody)")


def _cell(value: Any) -> str:
    if hasattr(value, "isoformat"):
        return str(value.isoformat(sep=" ", timespec="minutes"))
    return f"{value:,.2f}" if hasattr(value, "quantize") else str(value)


def _further(console: Console, settings: AllSettings, folder: Path, *, keep: bool) -> None:
    lines: Sequence[str]
    if keep:
        lines = (
            f"The stack is up in {folder}; stop it with: warmth down --data {folder}",
            f"  warmth status --data {folder}",
            f"  warmth profile hh-1 --data {folder}",
            f"  curl '{settings.sinks.clickhouse_url}/?database=warmth&query=SELECT+count()+FROM+events'",
        )
    else:
        lines = (
            "Everything is stopped again. Next:",
            "  warmth demo --keep          the same, and the stack stays up to be looked at",
            "  warmth up --data DIR        your own stack; send events with: warmth send TOPIC FILE.jsonl --data DIR",
            "  rules/*.yaml                what gives points; try changes with: warmth score FILE.jsonl --rules DIR",
        )
    console.print("\n" + "\n".join(lines), highlight=False)
