"""What the demo prints in the end: figures, the warmest and why, bands, segments, worth, one customer, where to look on."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.rule import Rule
from rich.table import Table

from agents.demo.joining import Scene, joining_table
from agents.demo.journey import Measured
from agents.demo.valuing import told
from agents.demo.worth import by_group, by_risk, worth_table
from agents.pages.segments import read_segments, segments_table
from agents.pages.showing import Showing, showing
from agents.settings import AllSettings
from core.state import decode
from core.times import DAY, Micros, micros
from deploy.demo.baskets import CURRENCY
from schemas.parameters import Parameters
from sinks.queries import read_queries
from sinks.reading import Answer, Reader

_BANDS = """
SELECT engagement_band AS band, count() AS customers, sum(orders) AS orders, countIf(fit_band = 'good') AS good_fit
FROM profiles_now GROUP BY band ORDER BY customers
"""


def print_report(  # all that a demo leaves
    console: Console, settings: AllSettings, measured: Measured, folder: Path, scenes: list[Scene], *, keep: bool
) -> None:
    """Print the report of a demo whose stack is still up."""
    _figures(console, measured)
    fitted = None if measured.value_model is None else Parameters.model_validate(measured.value_model)
    shown_by = showing(settings.streams)
    with Reader(settings.sinks) as reader:
        warmest = _warmest(reader, shown_by)
        _table(console, "The ten warmest customers, and the rules that made them so", warmest, 10)
        _table(console, "Customers by band", reader.ask(_BANDS), 10)
        segments = segments_table(read_segments(reader, shown_by.said, shown_by.rules.segments.dependents))
        segments.title = "Segments"
        console.print(segments)
        _print_worth(console, reader, shown_by, fitted)
        console.print(joining_table(scenes, shown_by, _now()))
        console.print(Rule("One customer in full: the warmest", characters="-", align="left"))
        for key, *_ in warmest.rows[:1]:
            ((state,),) = reader.rows(_STATE, {"key": key})
            console.print(shown_by.page(key, decode(state.encode()), _now()), highlight=False)
    _further(console, settings, folder, keep=keep)


_STATE = "SELECT state FROM profiles_now WHERE customer_key = {key:String}"


def _warmest(reader: Reader, shown_by: Showing) -> Answer:
    half_life = shown_by.rules.scales["engagement"].half_life or DAY
    return reader.ask(read_queries()["warmest_customers"].select, {"half_life_days": half_life / DAY, "limit": 10})


def _print_worth(console: Console, reader: Reader, shown_by: Showing, fitted: Parameters | None) -> None:
    if fitted is None:
        console.print("\nToo few customers came again: no value model.")
        return
    now, rows = _now(), reader.rows("SELECT customer_key, state FROM profiles_now")
    states = track(rows, "valuing customers", console=console, transient=True)
    profiles = [shown_by.profile(key, decode(state.encode()), now) for key, state in states]
    console.print(f"\n{told(fitted)}", highlight=False)
    title = "RFM groups: worth within a year, and risk to leave"
    console.print(worth_table(title, "RFM group", by_group(profiles, CURRENCY), CURRENCY))
    console.print(worth_table("Buyers by churn risk", "churn risk", by_risk(profiles, CURRENCY), CURRENCY))


def _now() -> Micros:
    return micros(datetime.now(UTC))


def _figures(console: Console, measured: Measured) -> None:
    simulated = measured.sent - measured.receipts
    accounted = measured.events + measured.dead_letters + measured.dropped
    console.print(
        f"\n{measured.receipts:,} real receipts (dates shifted by {measured.shift_days:,.0f} days: the last basket is now) "
        f"and {simulated:,} events of the seeded simulator (source: simulator), "
        f"{measured.site_events:,} of them through the collector, by Segment's client for Python."
    )
    table = Table(title="Figures", title_justify="left")
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_row("events per second, sent to readable in ClickHouse", f"{measured.sent / measured.seconds:,.0f}")
    for name, cost in measured.cpu_us_per_event.items():
        of = "event of the site" if name == "collector" else "event"
        table.add_row(f"CPU per {of}, {name}", f"{cost:,.1f} µs")
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
