"""`warmth profile`: one customer, all that is known."""

from datetime import UTC, datetime
from typing import Annotated

import orjson
import typer

from agents.cli.addresses import AddressError, Data, Json, settings_of
from core.state import decode
from core.times import micros
from core.view import view
from sinks.reading import Reader
from streams.rules_files import read_rules


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: warmth profile c-1001 --data /tmp/warmth --json")(profile)


def profile(
    key: Annotated[str, typer.Argument(help="Customer id, a:VISITOR, or card:HASH.")],
    data: Data = None,
    as_json: Json = False,  # noqa: FBT002  # an option
) -> None:
    """Print a profile: scores and why, purchases, service, consents."""
    settings = settings_of(data)
    rules = read_rules(settings.streams.rules_dir)
    with Reader(settings.sinks) as reader:
        found = reader.rows("SELECT state FROM profiles_now WHERE customer_key = {key:String}", {"key": key})
    if not found:
        raise AddressError(f"no profile has the key {key!r}; a visitor's begins with a:, a card's with card:")
    document = view(key, decode(found[0][0].encode()), rules, micros(datetime.now(UTC))).model_dump(mode="json")
    typer.echo(orjson.dumps(document, option=0 if as_json else orjson.OPT_INDENT_2))
