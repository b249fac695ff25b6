"""The heart against the reference, record by record in memory: outcomes, changes, scores, bands and traffic."""

from collections import Counter
from ipaddress import ip_network
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from core.outcomes import Accepted, Dropped, Rejected
from core.rules import compile_rules
from core.scores import value_at
from core.traffic import Traffic
from streams.rules_files import read_plan, read_rule_set
from streams.settings import RULES_DIR
from tests.reference.generator import records
from tests.reference.judge import Judge, load_rules
from tests.unit.pipeline import SECRET, ARecord, Pipeline

OURS = "198.51.100.0/25"
ZONE = "Asia/Kathmandu"
NAMES = {Accepted: "accepted", Rejected: "rejected", Dropped: "dropped"}


class Both(NamedTuple):
    """What the heart and the reference made of the same records."""

    judge: Judge
    pipeline: Pipeline
    outcomes: dict[str, Any]


@pytest.fixture(scope="module")
def both() -> Both:
    rules = load_rules(RULES_DIR) | {"internal": [OURS], "timezone": ZONE}
    judge, outcomes = Judge(rules, SECRET.decode()), {}
    bots = Traffic([crawler["pattern"] for crawler in CRAWLER_USER_AGENTS_DATA], [ip_network(OURS)])
    compiled = compile_rules(read_rule_set(RULES_DIR), ZoneInfo(ZONE))
    pipeline = Pipeline(compiled, plan=read_plan(RULES_DIR), traffic=bots, max_bytes=1 << 20)
    for offset, (topic, key, value, received) in enumerate(records(7, 3000, 25)):
        outcome, at = pipeline.advance(topic, ARecord(offset, value, key, received))
        judge.feed(topic, value, received, at.id)
        outcomes[at.id] = outcome
    return Both(judge, pipeline, outcomes)


def test_every_record_ends_alike(both: Both) -> None:
    judge = both.judge
    expected = dict.fromkeys((event.origin for event in judge.accepted), "accepted")
    expected |= dict.fromkeys((origin for origin, _ in judge.rejected), "rejected")
    expected |= dict.fromkeys((origin for origin, _ in judge.dropped), "dropped")
    assert {id_: NAMES[type(outcome)] for id_, outcome in both.outcomes.items()} == expected


def test_every_change_is_said_alike_with_its_contributions(both: Both) -> None:
    said = {change["id"]: change for outcome in both.outcomes.values() for change in getattr(outcome, "changes", ())}
    assert said.keys() == {change["id"] for change in both.judge.changes}
    assert len(said) > 100
    for change in both.judge.changes:
        mine = said[change["id"]]
        assert {name: mine[name] for name in change} == change | {
            "value": pytest.approx(change["value"], abs=1e-9),
            "old_value": pytest.approx(change["old_value"], abs=1e-9),
            "contributions": mine["contributions"],
        }
        given = [sorted((c["rule"], c["points"]) for c in of["contributions"]) for of in (mine, change)]
        assert given[0] == given[1], change


def test_every_profile_has_the_same_scores_and_bands(both: Both) -> None:
    assert both.pipeline.profiles.keys() == both.judge.profiles.keys()
    scales = compile_rules(read_rule_set(RULES_DIR)).scales
    for key, state in both.pipeline.profiles.items():
        expected = both.judge.profile(key)
        assert state.seq == expected["seq"]
        seen_at = state.last_seen_at or 0
        assert seen_at // 1000 == (expected["last_seen_at"] or 0)
        for name, score in state.scores.items():
            reference = expected["scores"][name]
            assert score.band == reference["band"]
            at = seen_at + 86_400_000_000
            assert value_at(score, at, scales[name]) == pytest.approx(reference["value_at"](at / 1000), abs=1e-9)


def test_bots_and_our_own_people_are_told_alike(both: Both) -> None:
    rows = [outcome.row for outcome in both.outcomes.values() if isinstance(outcome, Accepted)]
    assert Counter(row.get("traffic", "") for row in rows) == both.judge.traffic
    assert min(both.judge.traffic[whose] for whose in ("bot", "internal", "")) > 10
    assert all(not row["scores"] and not row["contributions.rule"] for row in rows if "traffic" in row)


def test_caps_were_put_to_the_test(both: Both) -> None:
    """Late events took what others had, groups were full, days were closed."""
    rows = [outcome.row for outcome in both.outcomes.values() if isinstance(outcome, Accepted)]
    several = [row for row in rows if len(set(row["contributions.points"])) > 1]
    assert sum(1 for row in several if min(row["contributions.points"]) < 0 < max(row["contributions.points"])) > 10
    assert sum(profile.too_late for profile in both.judge.profiles.values()) > 5
