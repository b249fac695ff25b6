"""Examples of rules: what is given, and what is expected; run through the heart without Kafka or ClickHouse."""

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from pydantic import Field, ValidationError

from agents.offline import Offline, SaidRecord
from agents.rulebook import Judgement
from core.conditions import Spec
from core.moment import Moment
from core.outcomes import Accepted, Applied, Rejected
from core.rules import CompiledRules
from core.times import MINUTE, SECOND, Micros, iso, micros
from core.view import view
from schemas.registry import INPUT_TOPICS, REGISTRY
from streams.located_yaml import Located, UnreadableError, read_located
from streams.rules_examined import located_errors
from streams.rules_files import RulesError

FOLDER = "fixtures"
_TOPICS = {entry.type: entry.topic for entry in REGISTRY.values()}
_FIRST: Micros = micros(datetime.fromisoformat("2026-01-05T10:00:00Z"))
"""When the first event happens that does not say so; each next one comes a minute later."""
_NEAR = 0.005


class Expect(Spec):
    """What must be so; what is left out may be anything. Lists must be complete, their objects need not be."""

    scores: dict[str, dict[str, Any]] | None = None
    grade: str | None = None
    changes: list[dict[str, Any]] | None = None
    contributions: list[dict[str, Any]] | None = None
    segments: list[str] | None = None


class Fixture(Spec):
    """Events of one customer, and what they are expected to do."""

    name: str
    given: list[dict[str, Any]] = Field(min_length=1)
    expect: Expect


class Result(NamedTuple):
    """How a fixture ended: nothing differs where it holds."""

    file: str
    line: int
    name: str
    differences: list[str]


def run_fixtures(folder: Path, judgement: Judgement) -> list[Result]:
    """Return how every fixture in `folder`/fixtures ends.

    Raises:
        RulesError: There is none, or a file is no list of fixtures.
    """
    paths = sorted((folder / FOLDER).glob("*.yaml"))
    for path in (folder / FOLDER).glob("*.yml"):
        raise RulesError(f"{path}: is not read; call it *.yaml, or move it away")
    if not paths:
        raise RulesError(f"{folder / FOLDER}: holds no *.yaml; write what is given and expected, see docs/rules.md")
    offline = Offline(judgement.rules, judgement.journey, "fixture")
    return [
        Result(f"{FOLDER}/{path.name}", line, fixture.name, list(_differences(fixture, offline, judgement.rules)))
        for path in paths
        for line, fixture in _read(path)
    ]


def _read(path: Path) -> Iterator[tuple[int, Fixture]]:
    located = _located(path)
    if not isinstance(located.value, list):
        raise RulesError(f"{path.name}: must be a list of fixtures, each with name, given and expect")
    for number, said in enumerate(located.value):
        try:
            yield located.line((number,)), Fixture.model_validate(said)
        except ValidationError as error:
            place, message = next(located_errors(error, said))
            field = ".".join(map(str, place)) or "fixture"
            raise RulesError(f"{path.name}, line {located.line((number, *place))}: {field}: {message}") from None


def _located(path: Path) -> Located:
    try:
        return read_located(path)
    except UnreadableError as error:
        raise RulesError(f"{path.name}{f', line {error.line}' if error.line else ''}: {error}") from None


def _differences(fixture: Fixture, offline: Offline, rules: CompiledRules) -> Iterator[str]:
    """Yield each thing that is not as the fixture expects."""
    offline.begin()
    profiles, happened = offline.profiles, Happened([], [])
    latest, keys = 0, list[str]()
    for number, given in enumerate(fixture.given):
        event = _event(given, number)
        topic = str(event.pop("topic", None) or _TOPICS.get(str(event.get("type")), ""))
        if topic not in INPUT_TOPICS:
            yield f"given.{number}: type {event.get('type')!r} is no event; see docs/events.md"
            return
        latest = max(latest, _instant(event["occurred_at"]))
        record = SaidRecord(number, orjson.dumps(event), latest // 1000)
        for outcome, _ in offline.feed(topic, record, Moment(latest, latest // SECOND, 0)):
            if not isinstance(outcome, (Accepted, Applied)):
                detail = outcome.detail if isinstance(outcome, Rejected) else str(getattr(outcome, "reason", "repeated"))
                yield f"given.{number}: is not accepted: {detail}"
                return
            happened.add(outcome)
            keys += [outcome.key] if isinstance(outcome, Accepted) else []
    key, *others = dict.fromkeys(map(profiles.root_of, keys))
    if others:
        yield f"given: is of {key!r} and of {others[0]!r}; a fixture tells of one customer"
        return
    profile = view(key, profiles[key], rules, 0).model_dump(mode="json")
    actual = {**{part: profile[part] for part in ("scores", "grade", "segments")}, **happened._asdict()}
    yield from _unlike(fixture.expect.model_dump(exclude_none=True), actual, "")


class Happened(NamedTuple):
    """All that the events of a fixture made."""

    changes: list[dict[str, Any]]
    contributions: list[dict[str, Any]]

    def add(self, outcome: Accepted | Applied) -> None:
        """Note what one event made, or what followed from it."""
        row = outcome.row
        if not row:
            return
        self.changes.extend(outcome.changes)
        columns = (row[f"contributions.{name}"] for name in ("rule", "score", "points"))
        self.contributions.extend(
            {"rule": rule, "score": score, "points": points} for rule, score, points in zip(*columns, strict=True)
        )


def _event(given: dict[str, Any], number: int) -> dict[str, Any]:
    """Return the event with what it leaves out: id, time, customer."""
    usual = {"event_id": f"given-{number}", "occurred_at": iso(_FIRST + number * MINUTE)}
    if not given.keys() & {"customer_id", "anonymous_id", "identifiers"}:
        usual["customer_id"] = "customer"
    return usual | {name: _plain(value) for name, value in given.items()}


def _plain(value: Any) -> Any:
    """Return `value` as JSON can say it: YAML reads an unquoted date as a date, and knows sets and bytes."""
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, date):
        return value.isoformat()
    as_json = value is None or isinstance(value, (str, float)) or (isinstance(value, int) and abs(value) < 2**63)
    return value if as_json else str(value)


def _instant(text: object) -> Micros:
    try:
        return micros(datetime.fromisoformat(str(text)))
    except (TypeError, ValueError):  # the contract will say so
        return _FIRST


def _unlike(expected: Any, actual: Any, path: str) -> Iterator[str]:
    if isinstance(expected, dict) and isinstance(actual, dict):
        for name, value in expected.items():
            yield from _unlike(value, actual.get(name), f"{path}.{name}" if path else name)
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        for number, (value, is_) in enumerate(zip(expected, actual, strict=True)):
            yield from _unlike(value, is_, f"{path}.{number}")
    elif isinstance(expected, (int, float)) and isinstance(actual, (int, float)):
        if abs(expected - actual) > _NEAR:
            yield f"{path}: expected {expected:g}, is {round(actual, 3):g}"
    elif expected != actual:
        yield f"{path}: expected {_text(expected)}, is {_text(actual)}"


def _text(value: Any) -> str:
    return orjson.dumps(value).decode() if isinstance(value, (dict, list)) else str(value)
