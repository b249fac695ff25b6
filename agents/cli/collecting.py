"""`warmth collector` and `warmth keys`: the collector is a process of its own, which takes this one's place."""

import os
import sys

import typer

from agents.settings import read_settings

_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(context_settings=_PASSED_ON, epilog="Example: WARMTH_COLLECTOR_PORT=8080 warmth collector")(collector)
    app.command(context_settings=_PASSED_ON, epilog="Example: warmth keys create shop --file keys.yaml")(keys)


def collector(context: typer.Context) -> None:
    """Take what trackers, tills and help desks post over HTTP."""
    _become("serve", context.args)


def keys(context: typer.Context) -> None:
    """Make, list and revoke the keys that may post to the collector."""
    _become("keys", context.args)


def _become(command: str, arguments: list[str]) -> None:
    read_settings()
    os.execv(sys.executable, [sys.executable, "-P", "-m", "collector", command, *arguments])  # noqa: S606
