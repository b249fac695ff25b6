"""`warmth reconcile`, `replay`, `rebuild`: compare and mend a running system."""

import asyncio
from datetime import datetime
from typing import Annotated

import orjson
import typer

from agents.cli.addresses import Data, Json, settings_of
from agents.operations.letters import read_letter
from agents.operations.rebuild import Base, rebuild
from agents.operations.reconcile import reconcile
from agents.operations.replay import Replayer, Selection, Wanted
from core.times import Micros, micros
from schemas.reasons import ReasonCode

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(name="reconcile", epilog="Example: warmth reconcile --data /tmp/warmth --json")(reconcile_command)
    app.command(name="replay", epilog="Example: warmth replay --reason too_large --data /tmp/warmth")(replay_command)
    app.command(epilog="Example: warmth letter purchase:1a2b:3:1881 --data /tmp/warmth")(letter)
    app.command(name="rebuild", epilog="Example: warmth rebuild --from topics --yes")(rebuild_command)


def reconcile_command(data: Data = None, as_json: Json = False) -> None:  # noqa: FBT002  # an option
    """Compare Kafka with ClickHouse, and ClickHouse with itself; exit code 1 where something disagrees.

    Every source record has one outcome, every accepted one an event row, every rejected one a dead letter; profiles are
    the changelog's last; score changes are those of their topic; rollups are the sum of their rows. Of each check the
    first disagreement is named. What is still on its way, see lag, is left out.
    """
    report = asyncio.run(reconcile(settings_of(data)))
    if as_json:
        typer.echo(orjson.dumps(report.document()))
    else:
        for check in report.checks:
            typer.echo(f"{'agrees ' if check.agrees else 'DIFFERS'} {check.name:32} {check.compared:>12,}")
            if check.finding is not None:
                typer.echo(f"        {check.finding}")
        if behind := [f"{worker} {lag:,}" for worker, lag in report.lag.items() if lag]:
            typer.echo(f"left out, since it is on its way: {', '.join(behind)}")
    if not report.agrees:
        raise typer.Exit(1)


def replay_command(  # noqa: PLR0913  # options of a command
    *,
    reason: Annotated[list[str] | None, typer.Option(help="Only letters with this reason; may stand several times.")] = None,
    topic: Annotated[list[str] | None, typer.Option(help="Only letters of this topic.")] = None,
    id_: Annotated[list[str] | None, typer.Option("--id", help="Only this letter.")] = None,
    since: Annotated[str | None, typer.Option(help="Only what was rejected then or later, RFC 3339.")] = None,
    until: Annotated[str | None, typer.Option(help="Only what was rejected then or before, RFC 3339.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Also what was replayed before.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    yes: Yes = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Send dead letters to their topics again, with their original bytes and keys: fix the cause first.

    Each goes once, however often the command is run or killed. One that is rejected again is a new dead letter.
    """
    wanted = Wanted(
        _reasons(reason), topic or (), id_ or (), _instant(since, "--since", 0), _instant(until, "--until", 1 << 62), again
    )
    replayer = Replayer(settings_of(data))
    if not dry_run and not yes:
        selection = asyncio.run(replayer.select(wanted))
        if selection.letters:
            typer.confirm(f"Send {len(selection.letters):,} dead letters again?", abort=True, err=True)
    selection = asyncio.run(replayer.select(wanted) if dry_run else replayer.replay(wanted))
    typer.echo(orjson.dumps(_document(selection, dry_run=dry_run)) if as_json else _table(selection, dry_run=dry_run))


def letter(
    id_: Annotated[str, typer.Argument(metavar="ID", help="Id of a dead letter: topic:incarnation:partition:offset.")],
    data: Data = None,
) -> None:
    """Print a dead letter as JSON, with its original bytes readable."""
    typer.echo(orjson.dumps(read_letter(settings_of(data), id_)))


def _document(selection: Selection, *, dry_run: bool) -> dict[str, object]:
    return {
        "replayed": {} if dry_run else dict(selection.reasons),
        "would_replay": dict(selection.reasons) if dry_run else {},
        "replayed_before": selection.replayed_before,
        "too_large": selection.too_large,
        **({"unreadable": selection.unreadable} if selection.unreadable else {}),
    }


def _table(selection: Selection, *, dry_run: bool) -> str:
    lines = [f"{reason:20} {count:>12,}" for reason, count in selection.reasons.most_common()]
    lines.append(f"{len(selection.letters):,} dead letters {'would be' if dry_run else 'were'} sent again")
    if selection.replayed_before:
        lines.append(f"{selection.replayed_before:,} left out: replayed before (--again sends them once more)")
    if selection.too_large:
        lines.append(f"{selection.too_large:,} left out: too large for a dead letter to carry; send them from their source")
    if selection.unreadable:
        lines.append(f"{selection.unreadable:,} not sent: the key of their day was destroyed")
    return "\n".join(lines)


def _reasons(reasons: list[str] | None) -> list[str]:
    known = [str(code) for code in ReasonCode]
    for reason in reasons or ():
        if reason not in known:
            raise typer.BadParameter(f"no reason is called {reason!r}; there are {', '.join(known)}", param_hint="--reason")
    return reasons or []


def _instant(text: str | None, option: str, default: Micros) -> Micros:
    if text is None:
        return default
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise typer.BadParameter("must be RFC 3339 with a zone, such as 2026-11-21T12:00:00Z", param_hint=option)
    return micros(instant)


def rebuild_command(
    base: Annotated[Base, typer.Option("--from", help="topics: fold every record again; clickhouse: its profiles first.")],
    yes: Yes = False,  # noqa: FBT002
    data: Data = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Write the profiles' changelog anew, after it was lost or damaged; stop all scorers first.

    Nothing is said on score-change: nobody is targeted again.
    """
    if not yes:
        typer.confirm(f"Write the changelog anew from {base}?", abort=True, err=True)
    done = asyncio.run(rebuild(settings_of(data), base))
    if as_json:
        typer.echo(orjson.dumps(done._asdict()))
    else:
        typer.echo(
            f"{done.profiles:,} profiles written, {done.removed:,} stale ones removed, {done.records:,} records folded; "
            "start the scorers"
        )
