"""`warmth import receipts`: a table of past receipts into topic `purchase`."""

import asyncio
import csv
from collections.abc import Iterator
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

import typer

from agents.cli.addresses import Data, settings_of
from agents.cli.sending import send_chunks
from agents.importing import FIELDS, REQUIRED, TableError, columns_of, receipts

import_app = typer.Typer(help="Bring in what happened before.", no_args_is_help=True)
_CHUNK = 1_000
Pairs = Annotated[list[str] | None, typer.Option("--map", help="FIELD=COLUMN, where a column is called differently.")]
Values = Annotated[list[str] | None, typer.Option("--set", help="FIELD=VALUE, where every row has the same.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(import_app, name="import")


@import_app.callback()
def _group() -> None:
    """Keep `receipts` a command of its own."""


@import_app.command(
    name="receipts",
    epilog="Example: warmth import receipts 2025.csv --map number=receipt_no --set currency=RUB --data /tmp/warmth",
    help=f"Send the receipts of a CSV file with a header; the rows of one receipt stand together, a row a line of it.\n\n"
    f"Fields: {', '.join(FIELDS)}. Required: {', '.join(REQUIRED)}. A row with a refund_id is a return. What the scorer can "
    "not take is a dead letter; a file that is sent again changes nothing.",
)
def receipts_command(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="CSV, UTF-8, with a header.")],
    renamed: Pairs = None,
    fixed: Values = None,
    delimiter: Annotated[str, typer.Option(help="Between columns.")] = ",",
    timezone: Annotated[str, typer.Option(help="IANA time zone of times that name none.")] = "UTC",
    data: Data = None,
) -> None:
    """Send the receipts of a CSV file."""
    if len(delimiter) != 1:
        raise TableError(f"a delimiter is one character, not {delimiter!r}")
    if timezone not in available_timezones():
        raise TableError(f"no time zone is called {timezone!r}; give an IANA name, such as Europe/Moscow")
    streams = settings_of(data).streams
    with file.open("rb") as raw, TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text:
        table = csv.DictReader(text, delimiter=delimiter, restval="")
        try:
            same = _pairs(fixed)
            columns = columns_of(table.fieldnames or [], _pairs(renamed), same)
            events = receipts(table, columns, same, ZoneInfo(timezone))
            sent = asyncio.run(send_chunks(streams, "purchase", _chunks(events), raw.tell, file.stat().st_size))
        except UnicodeDecodeError:
            raise TableError(f"{file}: is no UTF-8 after line {table.line_num}") from None
        except csv.Error as error:
            raise TableError(f"{file}: line {table.line_num + 1}: {error}") from None
    typer.echo(f"{sent.sentence('receipts')} to purchase")


def _pairs(said: list[str] | None) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in said or []]
    if wrong := [field for field, equals, _ in pairs if not equals]:
        raise TableError(f"{wrong[0]!r} is no FIELD=…")
    return {field: value for field, _, value in pairs}


def _chunks(events: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while chunk := list(islice(events, _CHUNK)):
        yield chunk
