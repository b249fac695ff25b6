"""The heart against the reference in every field, with a value model, points that are held, and rules that change midway."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from core.adopting import adopt
from core.moment import Moment
from core.outcomes import Accepted, Said
from core.rules import CompiledRules, RuleSet, compile_rules
from core.scoring import next_due
from core.state import decode, encode
from core.ticking import tick
from core.times import DAY, SECOND
from core.value import compile_parameters
from core.view import view
from schemas.parameters import Parameters
from streams.rules_files import read_plan
from streams.settings import RULES_DIR
from streams.traffic_files import read_traffic
from tests.reference.generator import NOW, records
from tests.reference.judge import Judge, load_rules
from tests.reference.shown import shown
from tests.support.truth import first_difference
from tests.unit.pipeline import ARecord, Memory, Pipeline

MILLIS = 1000
FITTED = {"fitted_at": "2026-11-20T00:00:00Z", "log_likelihood": -1.0, "customers": 80, "transactions": 400}
PARAMETERS: list[dict[str, Any]] = [
    {
        **FITTED,
        "version": 1,
        "bgnbd": {"r": 0.9, "alpha": 6, "a": 0.8, "b": 2.5},
        "gamma_gamma": {"p": 2, "q": 3, "v": 900, "currency": "RUB"},
        "rfm": {
            "recency_days": [1, 5, 14, 30],
            "frequency": [1, 2, 4, 8],
            "monetary": [100, 900, 4e3, 2e4],
            "currency": "RUB",
        },
    },
    {
        **FITTED,
        "version": 2,
        "unit": "weeks",
        "bgnbd": {"r": 0.6, "alpha": 2, "a": 1.2, "b": 1.5},
        "rfm": {
            "recency_days": [2, 6, 20, 40],
            "frequency": [1, 3, 5, 7],
            "monetary": [50, 500, 3e3, 9e3],
            "currency": "EUR",
        },
        "spans": {"active_days": 20, "inactive_days": 100},
    },
]
SEGMENTS: dict[str, Any] = {
    "fading": {"where": {"value.p_alive": {"below": 0.5}}},
    "lost": {"where": {"value.lifecycle": ["defecting", "inactive"]}},
    "champions": {"where": {"value.rfm.recency": {"at_least": 4}, "value.rfm.frequency": {"at_least": 3}}},
    "cell_555": {"where": {"any": [{"value.rfm.cell": ["555", "455"]}, {"value.rfm.monetary": {"below": 2}}]}},
    "future": {
        "where": {"value.expected_purchases": {"at_least": 3, "leave_below": 2}, "value.lifetime_value.RUB": {"below": 9e3}}
    },
    "unknown": {"where": {"value.p_alive": {"present": False}, "not": {"segments.fading": True}}},
    "dear": {
        "where": {"value.revenue.EUR": {"below": 50}, "value.deals.won": {"at_least": 1}, "consents.marketing": "given"}
    },
    "risky": {"where": {"churn.risk": {"at_least": 0.6}}},
}
HELD: list[dict[str, Any]] = [
    {"id": "often", "score": "loyalty", "event": "profile", "when": {"windows.visits_7d": {"at_least": 2}}, "points": 10},
    {"id": "buys", "score": "loyalty", "event": "profile", "when": {"value.p_alive": {"at_least": 0.6}}, "points": 15},
    {
        "id": "quiet",
        "score": "loyalty",
        "event": "profile",
        "when": {"activity.hours_since_seen": {"at_least": 48}},
        "points": -5,
    },
]
LOYALTY = {"bands": [{"name": "low", "from": 0}, {"name": "some", "from": 10}, {"name": "high", "from": 20}]}


def versions() -> list[dict[str, Any]]:
    """Two versions of the rules: bands, points, segments and windows come, go and change."""
    shipped = load_rules(RULES_DIR)
    first = {
        **shipped,
        "scores": {**shipped["scores"], "loyalty": LOYALTY},
        "rules": [*shipped["rules"], *HELD],
        "segments": {**shipped["segments"], **SEGMENTS},
    }
    bands = [{"name": "cold", "from": 0}, {"name": "mild", "from": 8}, {"name": "hot", "from": 30}]
    points = {"decides": 25, "often": 20, "viewed_product": 3}
    second = {
        **first,
        "version": first["version"] + 1,
        "scores": {
            **first["scores"],
            "engagement": {**first["scores"]["engagement"], "bands": bands, "hysteresis": 1},
            "service": LOYALTY,
        },
        "rules": [
            *({**rule, "points": points.get(rule["id"], rule["points"])} for rule in first["rules"] if rule["id"] != "buys"),
            {
                "id": "waits",
                "score": "service",
                "event": "profile",
                "when": {"service.open_tickets": {"at_least": 1}},
                "points": 12,
            },
            {"id": "in_trade", "score": "fit", "event": "traits", "when": {"industry": "transport"}, "points": 6},
        ],
        "windows": {**first["windows"], "rated": {"event": "content_rated", "days": 9}},
        "segments": {
            **{name: spec for name, spec in first["segments"].items() if name not in ("risky", "browsers")},
            "raters": {"where": {"windows.rated": {"at_least": 2}}},
            "fading": {"where": {"value.p_alive": {"below": 0.8}}},
        },
    }
    return [first, second]


def compiled(loaded: dict[str, Any], parameters: dict[str, Any]) -> CompiledRules:
    named = ("version", "scores", "grade", "groups", "rules", "windows", "segments")
    rules = RuleSet.model_validate({name: loaded[name] for name in named})
    return compile_rules(rules, model=compile_parameters(Parameters.model_validate(parameters)))


class Both:
    """The heart and the reference, side by side; what they say is compared as they go on."""

    def __init__(self) -> None:
        self.loaded = versions()
        self.rules = [compiled(*both) for both in zip(self.loaded, PARAMETERS, strict=True)]
        self.present = self.rules[0]
        self.judge = Judge(self.loaded[0], parameters=PARAMETERS[0])
        self.profiles = Memory()
        self.said = dict[str, dict]()
        self.moved = dict[str, dict]()
        self.passed = 0
        self.flow = self._flow()

    def _flow(self) -> Pipeline:
        settings = {"hash_key": b"warmth", "plan": read_plan(RULES_DIR), "traffic": read_traffic(RULES_DIR)}
        flow = Pipeline(self.present, max_bytes=1 << 20, **settings)
        flow.profiles = self.profiles
        return flow

    @property
    def moment(self) -> Moment:
        return Moment(0, 0, 0, self.passed)

    def feed(self, offset: int, topic: str, value: bytes, received: int) -> None:
        self.flow.moment = self.moment
        outcome, at = self.flow.advance(topic, ARecord(offset, value, timestamp=received))
        if isinstance(outcome, Accepted):
            if outcome.adopted is not None:
                self._adopted(outcome.key, outcome.adopted)
            elif outcome.key in self.judge.profiles:
                self._adopted(outcome.key, None)
            self._note(outcome)
        self.judge.feed(topic, value, received, at.id)

    def publish(self) -> None:
        self.present = self.rules[1]
        self.judge.publish(self.loaded[1], PARAMETERS[1])
        self.flow = self._flow()

    def sweep(self, keys: list[str]) -> None:
        """Let newer rules be taken up by profiles that nothing happens to."""
        for key in keys:
            if self.profiles[key].judged_by != self.present.judgement and not self.profiles[key].is_left_alone:
                self._adopted(key, adopt(key, self.profiles[key], self.present, self.moment))

    def _adopted(self, key: str, said: Any) -> None:
        if said is not None:
            self._note(said)
            self.judge.adopt(key, said.instant)
        elif self.judge.is_behind(key) and self.profiles[key].judged_by == self.present.judgement:
            assert not self.judge.adopt(key), f"{key}: nothing was said"

    def let_pass(self, until: int) -> None:
        self.passed = until
        for key, state in self.profiles.items():
            while (due := next_due(state, self.present)) is not None and due <= until:
                self.sweep([key])
                said = tick(key, state, due, self.present, self.moment)
                if said is not None:
                    self._note(said)
                    self.judge.carry_on(key, due)

    def _note(self, said: Said) -> None:
        self.said |= {change["id"]: change for change in said.changes}
        self.moved |= {change["id"]: change for change in said.segment_changes}

    def compare(self, now: int) -> None:
        """Compare every profile as it is shown, after a way through the changelog."""
        for key, state in self.profiles.items():
            if self.judge.is_behind(key):
                continue  # blocked before the rules were published
            at = max(now, state.told_at, state.last_seen_at or 0)
            document = view(key, decode(encode(state)), self.present, at).model_dump(mode="json")
            if state.last_seen_at is not None:  # not of bots only
                found = first_difference(document, shown(self.judge, key, at // MILLIS))
                assert found is None, f"{key} at {at}: {found}"


class Ran(NamedTuple):
    """Both after a workload, and the ids of what each said."""

    both: Both
    said: set[str]
    expected: set[str]


@pytest.fixture(scope="module", params=[1, 2])
def ran(request: pytest.FixtureRequest) -> Iterator[Ran]:
    both = Both()
    for offset, (topic, _, value, received) in enumerate(records(request.param, 2_000, 50)):
        if offset == 1_000:
            both.publish()
        if offset in (1_100, 1_400):
            both.sweep(sorted(both.profiles)[:: 2 if offset < 1_400 else 1])
        both.feed(offset, topic, value, received)
        if offset % 50 == 0:
            both.let_pass(received * MILLIS)
    both.sweep(list(both.profiles))
    yield Ran(both, set(both.said), {change["id"] for change in both.judge.changes})


def test_every_change_is_said_alike(ran: Ran) -> None:
    assert ran.said == ran.expected
    for change in ran.both.judge.changes:
        mine = ran.both.said[change["id"]]
        wanted = {**change, "contributions": mine["contributions"]}
        assert first_difference({name: mine[name] for name in wanted}, wanted, change["id"]) is None
        given = [sorted((c["rule"], round(c["points"], 6)) for c in of["contributions"]) for of in (mine, change)]
        assert given[0] == given[1], change["id"]


def test_newer_rules_are_said_as_what_they_are(ran: Ran) -> None:
    reconciled = [
        change for change in [*ran.both.said.values(), *ran.both.moved.values()] if change["origin"] == "reconcile"
    ]
    assert len({change["customer_key"] for change in reconciled}) > 20
    assert all(change["cause"] == {"type": "rules"} and change["id"].startswith("rules:") for change in reconciled)
    assert any("the segment was removed" in change.get("why", ()) for change in reconciled)


def test_every_field_of_every_profile_is_the_references(ran: Ran) -> None:
    both = ran.both
    for days in (0, 1, 10, 45, 120, 400):
        now = NOW * MILLIS + days * DAY + SECOND
        both.let_pass(now)
        both.compare(now)
    assert set(both.said) == {change["id"] for change in both.judge.changes}
