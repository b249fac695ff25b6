"""`warmth report`: a page of HTML."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from agents.cli.addresses import Data, settings_of
from agents.pages.report import SECTIONS, html, read_report
from sinks.reading import Reader


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: warmth report --data /tmp/warmth --out report.html")(report)


def report(
    data: Data = None,
    out: Annotated[Path, typer.Option("--out", help="File that is written.")] = Path("warmth-report.html"),
) -> None:
    """Write one page of HTML from ClickHouse: warmth, segments, buyers, funnel, satisfaction, who moved most."""
    with Reader(settings_of(data).sinks) as reader, Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("asking ClickHouse", total=len(SECTIONS))
        answers = read_report(reader, datetime.now(UTC), lambda: progress.advance(task))
    out.write_text(html(answers), encoding="utf-8")
    typer.echo(f"{out}: {out.stat().st_size:,} bytes; open it in a browser")
