"""`warmth query`: the library of segmentation queries."""

import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agents.cli.addresses import Data, Json, settings_of
from agents.pages.queries import manual
from core.names import nearest
from sinks.queries import Query, arguments, read_queries
from sinks.reading import Answer, Reader


class Format(StrEnum):
    """What rows are printed as."""

    TABLE = "table"
    CSV = "csv"
    PARQUET = "parquet"


_WIRE = {Format.CSV: "CSVWithNames", Format.PARQUET: "Parquet"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: warmth query lapsed_regulars --param quiet_days=60 --data /tmp/warmth")(query)


def query(
    name: Annotated[str | None, typer.Argument(help="Name of a query; left out, all of them are listed.")] = None,
    data: Data = None,
    parameter: Annotated[list[str] | None, typer.Option("--param", "-p", help="NAME=VALUE; `--list` says which.")] = None,
    form: Annotated[
        Format, typer.Option("--format", help="csv and parquet are for files: `… > rows.parquet`.")
    ] = Format.TABLE,
    as_json: Json = False,  # noqa: FBT002  # an option
    describe: Annotated[  # noqa: FBT002  # an option
        bool, typer.Option("--list", help="List the queries; with NAME, say what it takes and answers.")
    ] = False,
) -> None:
    """Run a query of the library and print its rows."""
    queries = read_queries()
    if name is None:
        _list(queries, as_json=as_json)
        return
    if name not in queries:
        hint = nearest(name, queries) or "; `warmth query --list` names them"
        raise typer.BadParameter(f"no query is called {name!r}{hint}", param_hint="NAME")
    chosen = queries[name]
    if describe:
        typer.echo(manual(chosen))
        return
    try:
        given = arguments(chosen, _said(parameter or []), datetime.now(UTC).date())
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--param") from None
    with Reader(settings_of(data).sinks) as reader:
        if form in _WIRE:
            sys.stdout.buffer.write(reader.formatted(chosen.select, given, _WIRE[form]))
            return
        answer = reader.ask(chosen.select, given)
    if as_json:
        for row in answer.rows:
            typer.echo(orjson.dumps(dict(zip(answer.columns, row, strict=True)), default=str))
        return
    Console().print(_table(answer), highlight=False)


def _said(parameters: list[str]) -> dict[str, str]:
    said = dict(text.partition("=")[::2] for text in parameters)
    for text in parameters:
        if "=" not in text:
            raise typer.BadParameter(f"{text!r} is no NAME=VALUE", param_hint="--param")
    return said


def _list(queries: dict[str, Query], *, as_json: bool) -> None:
    for known in queries.values():
        if as_json:
            described = {parameter.name: parameter._asdict() for parameter in known.parameters}
            typer.echo(orjson.dumps(known._asdict() | {"parameters": described}))
        else:
            typer.echo(f"{known.name:24} {known.purpose}")


def _table(answer: Answer) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    numeric = [all(isinstance(row[i], (int, float)) for row in answer.rows) for i in range(len(answer.columns))]
    for column, right in zip(answer.columns, numeric, strict=True):
        table.add_column(column, justify="right" if right else "left", overflow="fold")
    for row in answer.rows:
        table.add_row(*(Text("" if value is None else str(value)) for value in row))
    return table
