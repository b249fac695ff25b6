"""`warmth profile`: one customer, all that is known."""

from datetime import UTC, datetime
from typing import Annotated, Final

import orjson
import typer
from rich.console import Console

from agents.cli.addresses import AddressError, Data, Json, settings_of
from agents.pages.showing import showing
from core.state import decode
from core.times import micros
from sinks.reading import Reader
from streams.rules_files import identifiers_of

_FIND: Final = """
SELECT DISTINCT customer_key, state FROM profiles_now
WHERE customer_key IN {names:Array(String)}
    OR customer_key IN (SELECT customer_key FROM identity_now WHERE alias IN {names:Array(String)})
ORDER BY customer_key
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: warmth profile c-1001 --data /tmp/warmth --json")(profile)


def profile(
    key: Annotated[str, typer.Argument(help="Customer id, visitor, card, phone, e-mail or device: any id will do.")],
    data: Data = None,
    as_json: Json = False,  # noqa: FBT002  # an option
) -> None:
    """Print a profile: scores and why, what comes next, segments, purchases, service, consents."""
    settings = settings_of(data)
    names = list(identifiers_of(settings.streams).names(key))
    with Reader(settings.sinks) as reader:
        found = reader.rows(_FIND, {"names": names})
    if not found:
        raise AddressError(f"nobody is known by {key!r}: no customer, visitor, card, phone, e-mail or device")
    (key, encoded), *others = found
    if others:
        raise AddressError(f"several are known by {names[0]!r}: {', '.join(row[0] for row in found)}; use one of these keys")
    state, now, shown_by = decode(encoded.encode()), micros(datetime.now(UTC)), showing(settings.streams)
    if as_json:
        typer.echo(orjson.dumps(shown_by.profile(key, state, now).model_dump(mode="json")))
    else:
        Console(highlight=False).print(shown_by.page(key, state, now))
