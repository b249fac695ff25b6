"""`warmth vault`: the keys of people's data."""

import sys
from typing import Annotated

import typer

from agents.cli.addresses import Data, settings_of
from streams.vault.keys import new_master_key
from streams.vault.vault import vault_of

vault_app = typer.Typer(help="Keys of people's data: one for each customer, wrapped by a master key.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(vault_app, name="vault")


@vault_app.command(name="new-master-key", epilog="Example: export WARMTH_MASTER_KEYS=$(warmth vault new-master-key)")
def new() -> None:
    """Print a new master key. Keep it where the database of the keys is not."""
    typer.echo(new_master_key())


@vault_app.command(name="open", epilog="Example: warmth vault open --data /tmp/warmth < export.csv")
def open_command(data: Data = None) -> None:
    """Copy standard input to standard output, with what is sealed in it readable."""
    vault = vault_of(settings_of(data).streams)
    for line in sys.stdin:
        sys.stdout.write(vault.open_text(line))


@vault_app.command(epilog="Example: WARMTH_MASTER_KEYS=NEW,OLD warmth vault rewrap")
def rewrap(data: Data = None) -> None:
    """Wrap every key by the first of WARMTH_MASTER_KEYS; then the others can be taken away."""
    typer.echo(f"{vault_of(settings_of(data).streams).rewrap():,} keys wrapped anew")


@vault_app.command(epilog="Example: warmth vault destroy c-1001 --data /tmp/warmth")
def destroy(
    keys: Annotated[list[str], typer.Argument(help="Keys of profiles, as `warmth profile --json` shows them.")],
    data: Data = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,  # noqa: FBT002  # an option
) -> None:
    """Destroy the keys of customers: what names them can never be read again, wherever it stands."""
    if not yes:
        typer.confirm(f"Destroy the keys of {', '.join(keys)}? Nothing brings them back.", abort=True)
    gone = vault_of(settings_of(data).streams).destroy(keys)
    typer.echo(f"{gone} of {len(keys)} destroyed" if gone else "none of them had a key")
