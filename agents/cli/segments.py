"""`warmth segments`: how large segments are, how they overlap, and whether one may be deleted."""

from collections.abc import Mapping
from itertools import combinations
from typing import Annotated, NamedTuple

import orjson
import typer
from rich.console import Console

from agents.cli.addresses import Data, Json, settings_of
from agents.pages.segments import read_segments, segments_table
from agents.pages.showing import showing
from agents.pages.words import counted, listed
from agents.settings import AllSettings
from core.names import nearest
from core.rules import RuleSet
from sinks.queries import read_queries
from sinks.reading import Reader

segments_app = typer.Typer(help="Groups of customers that enter and leave by themselves.", no_args_is_help=True)
Named = Annotated[list[str], typer.Argument(metavar="NAME NAME...", help="Names of two segments or more.")]


class Pair(NamedTuple):
    """Customers that are in both of two segments, and their share of the smaller one; None where nobody is in that."""

    segments: tuple[str, str]
    members: int
    share_of_smaller: float | None


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(segments_app, name="segments")


@segments_app.command("list", epilog="Example: warmth segments list --data /tmp/warmth")
def list_(data: Data = None, as_json: Json = False) -> None:  # noqa: FBT002  # an option
    """Say of each segment how many are in it, who entered and left in the last 24 hours, and which segments use it."""
    settings = settings_of(data)
    shown_by = showing(settings.streams)
    with Reader(settings.sinks) as reader:
        segments = read_segments(reader, shown_by.said, shown_by.rules.segments.dependents)
    if as_json:
        typer.echo(orjson.dumps([one.document() for one in segments]))
        return
    Console(highlight=False).print(segments_table(segments))


@segments_app.command(epilog="Example: warmth segments overlap regulars engaged --data /tmp/warmth")
def overlap(names: Named, data: Data = None, as_json: Json = False) -> None:  # noqa: FBT002  # an option
    """Say how many customers are in each of some segments, and in both of each two."""
    settings = settings_of(data)
    rules = showing(settings.streams).said
    names = [_known(name, rules) for name in dict.fromkeys(names)]
    if len(names) < 2:
        raise typer.BadParameter("needs two segments or more", param_hint="NAME")
    sizes, pairs = _overlap(settings, names)
    if as_json:
        typer.echo(orjson.dumps({"segments": sizes, "pairs": [pair._asdict() for pair in pairs]}))
        return
    typer.echo("".join(f"{name}: {counted(size, 'customer')}\n" for name, size in sizes.items()), nl=False)
    for pair in pairs:
        share = "" if pair.share_of_smaller is None else f", {pair.share_of_smaller:.0%} of the smaller one"
        typer.echo(f"{listed(pair.segments)}: {counted(pair.members, 'customer')}{share}")


@segments_app.command(epilog="Example: warmth segments check regulars --data /tmp/warmth")
def check(
    name: Annotated[str, typer.Argument(help="Name of the segment.")],
    data: Data = None,
    as_json: Json = False,  # noqa: FBT002  # an option
) -> None:
    """Say whether a segment may be deleted: who uses it, and how many customers would leave it. Used ones fail with 1."""
    settings = settings_of(data)
    shown_by = showing(settings.streams)
    _known(name, shown_by.said)
    with Reader(settings.sinks) as reader:
        segments = read_segments(reader, shown_by.said, shown_by.rules.segments.dependents)
    segment = next(one for one in segments if one.segment == name)
    if as_json:
        told = {"segment": name, "deletable": not segment.used_by, "would_leave": segment.size.members}
        typer.echo(orjson.dumps({**told, "used_by": segment.used_by}))
    else:
        used = f"used by {listed(segment.used_by)}: change these first" if segment.used_by else "used by no other segment"
        typer.echo(f"{name} is {used}; {counted(segment.size.members, 'customer')} would be said to leave it")
    if segment.used_by:
        raise typer.Exit(1)


def _overlap(settings: AllSettings, names: list[str]) -> tuple[dict[str, int], list[Pair]]:
    with Reader(settings.sinks) as reader:
        rows = reader.rows(read_queries()["segment_overlap"].select, {"segments": names})
    both = {frozenset(row[:2]): int(row[2]) for row in rows}
    sizes = {name: both.get(frozenset({name}), 0) for name in names}
    return sizes, [_pair(pair, sizes, both.get(frozenset(pair), 0)) for pair in combinations(names, 2)]


def _pair(pair: tuple[str, str], sizes: Mapping[str, int], members: int) -> Pair:
    smaller = min(sizes[name] for name in pair)
    return Pair(pair, members, members / smaller if smaller else None)


def _known(name: str, rules: RuleSet) -> str:
    if name not in rules.segments:
        hint = nearest(name, rules.segments) or "; `warmth segments list` lists them"
        raise typer.BadParameter(f"no segment is called {name!r}{hint}", param_hint="NAME")
    return name
