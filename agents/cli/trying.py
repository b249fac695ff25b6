"""`warmth rules try`: a draft of the rules on all that has happened, before anybody is told anything."""

import asyncio
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
import typer

from agents.cli.addresses import Data, Json, settings_of
from agents.cli.rules import Folder, rules_app
from agents.operations.dry_run import dry_run, undeclared
from agents.rulebook import compiled, read_rulebook
from core.times import DAY, LATEST, micros
from core.trial import Trial
from sinks.reading import Reader
from streams.rules_examined import examine
from streams.rules_published import RulesVersion, read_version
from streams.settings import StreamSettings

_MEMBERS = ("before", "after", "enter", "leave")
Days = Annotated[int, typer.Option("--days", min=0, help="Also say how many changes each would have sent in so many days.")]
Limit = Annotated[int, typer.Option("--limit", min=0, help="How many of the customers whom it changes most.")]


def register(_app: typer.Typer) -> None:
    """Add the command to those of the rules."""
    rules_app.command(name="try", epilog="Example: warmth rules try wish --days 30 --data /tmp/warmth")(try_rules)


def try_rules(
    folder: Folder = None,
    days: Days = 0,
    limit: Limit = 10,
    data: Data = None,
    as_json: Json = False,  # noqa: FBT002  # an option
) -> None:
    """Try rules on the whole history in ClickHouse, and say who would stand where; nothing is written, nobody is told.

    Every event is folded by the present rules and by the draft, from the first one on, as if either had always held.
    """
    settings = settings_of(data)
    tried = settings.streams if folder is None else settings.streams.model_copy(update={"rules_dir": folder})
    version, now = _draft(tried), micros(datetime.now(UTC))
    since = now - days * DAY if days else LATEST
    judged = asyncio.run(read_rulebook(settings.streams)).present
    present = Trial(*judged, now, since)
    draft = Trial(*compiled(version, tried, judged.rules.value_model), now, since)
    with Reader(settings.sinks) as reader:
        comparison = dry_run(reader, present, draft, limit)
    document = comparison.document() | {
        "days": {"days": days, "present": comparison.before._asdict(), "draft": comparison.after._asdict()},
        "not_in_history": undeclared(present.plan, draft.plan),
    }
    typer.echo(orjson.dumps(document) if as_json else "\n".join(_lines(document)))


def _draft(settings: StreamSettings) -> RulesVersion:
    """Return what the folder says, or end with all that is wrong with it."""
    rules, problems = examine(settings.rules_dir)
    if rules is None:
        for problem in problems:
            typer.echo(f"{'warning' if problem.warning else 'error'}: {problem}", err=True)
        raise typer.Exit(1)
    return read_version(settings.rules_dir)


def _lines(document: dict[str, Any]) -> Iterator[str]:
    """Yield what a person reads."""
    for name in document["not_in_history"]:
        yield f"warning: {name} is declared by the draft only: history does not hold it\n"
    yield f"{document['changed']:,} of {document['customers']:,} customers would stand otherwise\n"
    bands = [(one["score"], one["from"] or "-", one["to"] or "-", f"{one['customers']:,}") for one in document["bands"]]
    yield from _table([("score", "band", "would be", "customers"), *bands])
    yield ""
    segments = [(name, *(f"{one[word]:,}" for word in _MEMBERS)) for name, one in document["segments"].items()]
    yield from _table([("segment", "now in", "then in", "enter", "leave"), *segments])
    elsewhere, days = document["elsewhere"], document["days"]
    yield ""
    yield (
        f"in another band or segment: {elsewhere['customers']:,} customers, "
        f"bands {elsewhere['bands']:,}, segments {elsewhere['segments']:,}"
    )
    if days["days"]:
        sent = [f"{word.replace('_', ' ')} {days['present'][word]:,} → {days['draft'][word]:,}" for word in days["present"]]
        yield f"sent in the last {days['days']} days: {', '.join(sent)}"
    for change in document["most_changed"]:
        yield f"\n{change['customer_key']}"
        yield from _changes(change)


def _changes(change: dict[str, Any]) -> Iterator[str]:
    for name, score in change["scores"].items():
        rules = ", ".join(f"{one['rule']} {one['points']:+.1f}" for one in score["rules"])
        before, after = _shown(score["before"], score["old_band"]), _shown(score["after"], score["new_band"])
        yield f"  {name} {before} → {after}{f': {rules}' if rules else ''}"
    for word, segments in (("enters", change["enters"]), ("leaves", change["leaves"])):
        if segments:
            yield f"  {word} {', '.join(segments)}"


def _shown(value: float | None, band: str | None) -> str:
    return "none" if value is None else f"{value:.1f} ({band})"


def _table(rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Yield rows in columns, numbers to the right."""
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    for row in zip(*columns, strict=True):
        cells = (
            text.rjust(width) if column[-1][:1].isdecimal() else text.ljust(width)
            for text, width, column in zip(row, widths, columns, strict=True)
        )
        yield "  ".join(cells).rstrip()
