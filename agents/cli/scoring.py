"""`warmth score`: the very same heart over a file, without Kafka or ClickHouse."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import orjson
import typer

from agents.cli.addresses import Json, settings_of
from agents.scorer import journey_settings
from core import rows
from core.journey import Journey, Moment, Source
from core.outcomes import Accepted, Rejected
from core.state import State
from core.times import SECOND, Micros, micros
from core.view import view
from streams.kafka.topics import SCORED
from streams.rules_files import read_rules


class Line(NamedTuple):
    """A line of the file as the journey wants a record."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: tuple[tuple[str, bytes], ...] = ()


class Memory(dict[str, State]):
    """Profiles of one run."""

    def put(self, key: str, state: State) -> None:
        """Keep a profile."""
        self[key] = state


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
    as_json: Json = False,  # noqa: FBT002  # an option
) -> None:
    """Score a file of events by the rules, and print what would be said and what the profiles become."""
    now = micros(datetime.now(UTC))
    shown_at = now if as_of is None else _instant(as_of)
    streams = settings_of(None).streams
    if rules is not None:
        streams = streams.model_copy(update={"rules_dir": rules})
    compiled = read_rules(streams.rules_dir)
    settings = journey_settings(streams)._replace(partition_of=lambda _: 0)
    journeys = {topic: Journey(topic, compiled, settings) for topic in SCORED}
    profiles = Memory()
    for output in _outputs(file, journeys, profiles, now):
        typer.echo(orjson.dumps(output) if as_json else _sentence(output))
    for key, state in profiles.items():
        profile = view(key, state, compiled, shown_at).model_dump(mode="json")
        typer.echo(orjson.dumps({"profile": profile}) if as_json else _summary(profile))


def _outputs(file: Path, journeys: dict[str, Journey], profiles: Memory, now: Micros) -> Iterator[dict[str, Any]]:
    moment = Moment(now, now // SECOND, 0)
    with file.open("rb") as lines:
        for number, line in enumerate(lines):
            if not line.strip():
                continue
            topic, value = _read(line, number)
            source = Source(topic, "file", 0)
            record = Line(number, None, value, now // 1000)
            outcome, at = journeys[topic].advance(source, record, profiles, moment)
            if isinstance(outcome, Accepted):
                yield from ({"score_change": change} for change in outcome.changes)
            elif isinstance(outcome, Rejected):
                yield {"dead_letter": orjson.loads(rows.dead_letter(outcome, at, record, now, now))}


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
    change = output["score_change"]
    rules = ", ".join(f"{c['rule']} {c['points']:+g}" for c in change["contributions"]) or "time"
    return f"{change['customer_key']}: {change['score']} {change['old_band']} → {change['new_band']} ({rules})"


def _summary(profile: dict[str, Any]) -> str:
    scores = ", ".join(f"{name} {score['value']:.1f} ({score['band']})" for name, score in profile["scores"].items())
    return f"{profile['customer_key']}: {scores}, grade {profile['grade']}"
