"""`warmth schemas export`: the contracts as JSON Schema and AsyncAPI."""

from pathlib import Path
from typing import Annotated

import orjson
import typer

from schemas.export import asyncapi, json_schemas

schemas_app = typer.Typer(help="The contracts of every event.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(schemas_app, name="schemas")


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
