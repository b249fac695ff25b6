"""`warmth schemas export`, `warmth datamap`: the contracts as JSON Schema and AsyncAPI, and as a map of the data."""

from pathlib import Path
from typing import Annotated

import orjson
import typer

from agents.cli.addresses import Json
from agents.datamap import data_map
from agents.settings import read_settings
from schemas.export import asyncapi, json_schemas

schemas_app = typer.Typer(help="The contracts of every event.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(schemas_app, name="schemas")
    app.command(epilog="Example: warmth datamap --json > datamap.json")(datamap)


@schemas_app.callback()
def _group() -> None:
    """Keep `export` a command of its own."""


@schemas_app.command(epilog="Example: warmth schemas export build/schemas")
def export(folder: Annotated[Path, typer.Argument(file_okay=False, help="Folder to write to; made if missing.")]) -> None:
    """Write JSON Schema of every event and version, and one AsyncAPI document."""
    documents = {**json_schemas(), "asyncapi.json": asyncapi()}
    for name, document in documents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    typer.echo(f"{len(documents)} documents written to {folder}")


def datamap(as_json: Json = False) -> None:  # noqa: FBT002  # an option
    """Show of every field that producers may send: what for, how close to a person, where it stands, for how long."""
    lines = data_map(read_settings().sinks.rows_kept_days)
    if as_json:
        typer.echo(orjson.dumps(lines, option=orjson.OPT_INDENT_2))
        return
    for line in lines:
        stores = "; ".join(f"{store} {term}" for store, term in line["stores"].items())
        typer.echo(f"{line['type']:22} {line['field']:28} {line['class']:12} {', '.join(line['purposes']):34} {stores}")
