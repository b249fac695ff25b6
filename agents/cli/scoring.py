"""`warmth score`: the very same heart over a file, without Kafka or ClickHouse."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from agents.cli.addresses import Json, settings_of
from agents.offline import Offline, Remembered, SaidRecord
from agents.parameters import read_parameters
from agents.rulebook import compiled
from core import documents
from core.moment import Moment
from core.outcomes import Accepted, Applied, Rejected, Said
from core.rules import CompiledRules
from core.scoring import next_due
from core.ticking import tick
from core.times import SECOND, Micros, micros
from core.view import view
from streams.kafka.topics import SCORED
from streams.rules_published import read_version


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: warmth score events.jsonl --json --as-of 2026-11-21T12:00:00Z")(score)


def score(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="A line: {topic, event}.")],
    rules: Annotated[
        Path | None, typer.Option("--rules", exists=True, file_okay=False, help="Folder of rules to try.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="Instant to show scores for, RFC 3339; now if left out.")
    ] = None,
    parameters: Annotated[
        Path | None,
        typer.Option(
            "--parameters", exists=True, dir_okay=False, readable=True, help="Value model, as `warmth fit --json` prints it."
        ),
    ] = None,
    as_json: Json = False,  # noqa: FBT002  # an option
) -> None:
    """Score a file of events by the rules, and print what would be said and what the profiles become."""
    now = micros(datetime.now(UTC))
    shown_at = now if as_of is None else _instant(as_of)
    streams = settings_of(None).streams
    if rules is not None:
        streams = streams.model_copy(update={"rules_dir": rules})
    model = None if parameters is None else read_parameters(parameters)
    judgement = compiled(read_version(streams.rules_dir), streams, model)
    offline = Offline(judgement.rules, judgement.journey, "file")
    passed = _passed(offline.profiles, judgement.rules, shown_at, now)
    for output in chain(_outputs(file, offline, Moment(now, now // SECOND, 0)), passed):
        typer.echo(orjson.dumps(output) if as_json else _sentence(output))
    for key, state in offline.profiles.items():
        if state.merged_into is not None:
            continue
        profile = view(key, state, judgement.rules, shown_at).model_dump(mode="json")
        typer.echo(orjson.dumps({"profile": profile}) if as_json else _summary(profile))


def _outputs(file: Path, offline: Offline, moment: Moment) -> Iterator[dict[str, Any]]:
    now = moment.now
    with file.open("rb") as lines:
        for number, line in enumerate(lines):
            if not line.strip():
                continue
            topic, value = _read(line, number)
            record = SaidRecord(number, value, now // 1000)
            for outcome, at in offline.feed(topic, record, moment):
                if isinstance(outcome, (Accepted, Applied)):
                    yield from _said(outcome)
                elif isinstance(outcome, Rejected):
                    yield {"dead_letter": orjson.loads(documents.dead_letter(outcome, at, record, now, now))}


def _passed(profiles: Remembered, rules: CompiledRules, until: Micros, now: Micros) -> Iterator[dict[str, Any]]:
    """Let time pass in every profile, as the scorer does, and yield what that says."""
    moment = Moment(now, now // SECOND, 0)
    for key, state in profiles.items():
        while (due := next_due(state, rules)) is not None and due <= until:
            said = tick(key, state, due, rules, moment)
            if said is not None:
                yield from _said(said)
        state.due = due


def _said(said: Said) -> Iterator[dict[str, Any]]:
    yield from ({"score_change": change} for change in said.changes)
    yield from ({"segment_change": change} for change in said.segment_changes)


def _read(line: bytes, number: int) -> tuple[str, bytes]:
    """Return the topic and the event's bytes of a line; what is no such object is told with its line number."""
    try:
        document = orjson.loads(line)
        topic = document["topic"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise typer.BadParameter(f'line {number + 1}: must be {{"topic": …, "event": {{…}}}}', param_hint="FILE") from None
    if topic not in SCORED:
        raise typer.BadParameter(f"line {number + 1}: topic: must be one of {', '.join(SCORED)}", param_hint="FILE")
    return topic, orjson.dumps(document.get("event"))


def _instant(text: str) -> Micros:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise typer.BadParameter("must be RFC 3339 with a zone, such as 2026-11-21T12:00:00Z", param_hint="--as-of")
    return micros(instant)


def _sentence(output: dict[str, Any]) -> str:
    if "dead_letter" in output:
        letter = output["dead_letter"]
        return f"line {letter['offset'] + 1}: dead letter, {letter['reason']}: {letter['detail']}"
    if "segment_change" in output:
        change = output["segment_change"]
        return f"{change['customer_key']}: {change['change']} {change['segment']} ({'; '.join(change['why'])})"
    change = output["score_change"]
    rules = ", ".join(f"{c['rule']} {c['points']:+g}" for c in change["contributions"]) or "time"
    return f"{change['customer_key']}: {change['score']} {change['old_band']} → {change['new_band']} ({rules})"


def _summary(profile: dict[str, Any]) -> str:
    scores = ", ".join(f"{name} {score['value']:.1f} ({score['band']})" for name, score in profile["scores"].items())
    return f"{profile['customer_key']}: {scores}, grade {profile['grade']}"
