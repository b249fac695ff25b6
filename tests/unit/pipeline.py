"""Every topic's journey in memory, the rules that the unit tests score by, and events as the folds get them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from core.admission import Admission, Admitted
from core.journey import Journey, Settings
from core.moment import Moment
from core.outcomes import Coordinate, Outcome
from core.records import Source
from core.rules import CompiledRules, RuleSet, compile_rules
from core.state import State
from core.times import MINUTE, SECOND, Micros, iso, micros
from schemas.registry import INPUT_TOPICS, REGISTRY
from streams.rules_files import read_identity
from streams.settings import RULES_DIR
from tests.factories import Event

TOPIC_OF = {entry.type: entry.topic for entry in REGISTRY.values()}
T0: Micros = micros(datetime.fromisoformat("2026-11-21T10:15:00Z"))
"""When the factories' events happened."""
BROKER_TIME: Micros = T0 + 2 * SECOND
NOW: Micros = T0 + MINUTE
BATCH = 1_795_256_100
HERE = Coordinate("purchase", "i1", 7, 42)
SECRET = b"a test's secret"
PLAN = {"video_watched": frozenset({"video_id"})}

SCORES: dict[str, Any] = {
    "engagement": {
        "half_life_days": 10,
        "hysteresis": 3,
        "bands": [{"name": "cold", "from": 0}, {"name": "warm", "from": 20}, {"name": "hot", "from": 60}],
    },
    "fit": {
        "shown_from": -50,
        "bands": [{"name": "poor", "from": -50}, {"name": "fair", "from": 0}, {"name": "good", "from": 20}],
    },
}
RULES: list[dict[str, Any]] = [
    {"id": "added", "score": "engagement", "event": "product_added", "points": 25},
    {"id": "viewed", "score": "engagement", "event": ["product_viewed", "cart_viewed"], "points": 5},
    {"id": "removed", "score": "engagement", "event": "product_removed", "points": -8},
    {"id": "came_close", "score": "fit", "event": "product_added", "points": 1},
    {"id": "decides", "score": "fit", "event": "traits", "when": {"role": ["owner", "director"]}, "points": 20},
    {"id": "no_say", "score": "fit", "event": "traits", "when": {"role": "student"}, "points": -10},
]


def a_rule_set(**changes: Any) -> dict[str, Any]:
    """Return rules as the files say them."""
    grade = {"letter": "fit", "digit": "engagement"}
    return {"version": 3, "scores": SCORES, "grade": grade, "rules": RULES, **changes}


def compiled(**changes: Any) -> CompiledRules:
    return compile_rules(RuleSet.model_validate(a_rule_set(**changes)))


WINDOWS: dict[str, Any] = {
    "views_30d": {"event": "product_viewed", "when": {"product.category": "shoes"}, "days": 30},
    "carts": {"event": "product_added", "hours": 72, "until": ["order_completed", "receipt_issued"]},
}
SEGMENTS: dict[str, Any] = {
    "abandoned_carts": {"where": {"windows.carts": {"at_least": 1}, "hours_since.carts": {"at_least": 24}}},
    "keen": {"where": {"windows.views_30d": {"at_least": 3}}},
    "warm": {"where": {"scores.engagement": {"at_least": 30, "leave_below": 20}}},
}
INTEREST: dict[str, Any] = {"bands": [{"name": "low", "from": 0}, {"name": "high", "from": 10}]}
KEEN: dict[str, Any] = {
    "id": "looks_often",
    "score": "interest",
    "event": "profile",
    "when": {"windows.views_30d": {"at_least": 3}},
    "points": 10,
}


SEGMENTED = compiled(windows=WINDOWS, segments=SEGMENTS, scores={**SCORES, "interest": INTEREST}, rules=[*RULES, KEEN])
"""Rules with windows, segments, and points that are held."""


class ARecord(NamedTuple):
    """A record as Kafka holds it."""

    offset: int
    value: bytes | None
    key: bytes | None = None
    timestamp: int = BROKER_TIME // 1000
    headers: Sequence[tuple[str, Any]] = ()


class Backwards:
    """Seals in a way that a test can undo."""

    def seal(self, plain: bytes) -> bytes:
        return plain[::-1]


class Memory(dict[str, State]):
    """The profiles of one partition."""

    def put(self, key: str, state: State) -> None:
        self[key] = state


def journeys(rules: CompiledRules, settings: Settings) -> dict[str, Journey]:
    return {topic: Journey(topic, rules, settings) for topic in INPUT_TOPICS}


COMPILED = compiled()
SETTINGS = Settings(10_000, SECRET, PLAN, lambda _: 0, identity=read_identity(RULES_DIR))
JOURNEYS = journeys(COMPILED, SETTINGS)
"""A journey keeps nothing of a record, so that all pipelines can share these."""


class Pipeline:
    """Feeds events to the journeys of their topics; each record has an offset of its own unless it is told one."""

    def __init__(self, rules: CompiledRules | None = None, **settings: Any) -> None:
        self.profiles = Memory()
        self.moment = Moment(NOW, BATCH, 0)
        self._journeys = journeys(rules or COMPILED, SETTINGS._replace(**settings)) if rules or settings else JOURNEYS
        self._next_offset = 0

    def advance(self, topic: str, record: ARecord, partition: int = 0) -> tuple[Outcome, Coordinate]:
        return self._journeys[topic].advance(Source(topic, "i1", partition), record, self.profiles, self.moment)

    def feed(self, event: Event, **record: Any) -> Outcome:
        offset = record.pop("offset", self._next_offset)
        self._next_offset = max(self._next_offset, offset) + 1
        return self.advance(TOPIC_OF[event["type"]], ARecord(offset, orjson.dumps(event), **record))[0]

    def feed_all(self, events: Iterable[Event], key: str = "c-1") -> State:
        """Return the profile of `key` after all `events`."""
        for event in events:
            self.feed(event)
        return self.profiles[key]


def at(span: Micros) -> dict[str, str]:
    """Return the time of an event that happened `span` after `T0`, and reached us at once."""
    return {"occurred_at": iso(T0 + span), "received_at": iso(T0 + span)}


ADMISSIONS = {topic: Admission(topic, 100_000, PLAN) for topic in INPUT_TOPICS}


def admitted(event: Event) -> Admitted:
    outcome = ADMISSIONS[TOPIC_OF[event["type"]]].admit(orjson.dumps(event), BROKER_TIME)
    assert isinstance(outcome, Admitted), outcome
    return outcome
