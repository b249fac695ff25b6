"""`warmth query`: the library of segmentation queries."""

from typing import Annotated

import orjson
import typer

from agents.cli.addresses import Data, Json, settings_of
from sinks.queries import read_queries
from sinks.reading import Reader


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: warmth query lapsed_regulars --data /tmp/warmth")(query)


def query(
    name: Annotated[str | None, typer.Argument(help="Name of a query; left out, all of them are listed.")] = None,
    data: Data = None,
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", help="NAME=VALUE, for queries that take one.")
    ] = None,
    as_json: Json = False,  # noqa: FBT002  # an option
) -> None:
    """Run a query of the library and print its rows."""
    queries = read_queries()
    if name is None:
        typer.echo("\n".join(f"{known.name:24} {known.purpose}" for known in queries.values()))
        return
    if name not in queries:
        raise typer.BadParameter(f"no query is called {name!r}; there are {', '.join(queries)}", param_hint="NAME")
    parameters = dict(text.split("=", 1) for text in parameter or () if "=" in text)
    with Reader(settings_of(data).sinks) as reader:
        answer = reader.ask(queries[name].sql, parameters)
    if as_json:
        for row in answer.rows:
            typer.echo(orjson.dumps(dict(zip(answer.columns, row, strict=True)), default=str))
        return
    typer.echo("\t".join(answer.columns))
    for row in answer.rows:
        typer.echo("\t".join(map(str, row)))
