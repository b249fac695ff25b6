"""One setting says how late an event may be: caps by the day and sessions, heart against reference."""

from pathlib import Path

import pytest

from core.rules import RuleSet, compile_rules
from core.scores import value_at
from core.sessions import count
from core.times import SECOND
from streams.settings import RULES_DIR
from streams.traffic_files import read_traffic
from tests.reference.generator import records
from tests.reference.judge import Judge, load_rules
from tests.unit.pipeline import ARecord, Pipeline

LOADED = load_rules(Path(__file__).parents[2] / "rules")
NAMED = ("version", "scores", "grade", "groups", "rules")
RULES = compile_rules(RuleSet.model_validate({name: LOADED[name] for name in NAMED}))


def profiles(lateness_secs: int) -> tuple[Pipeline, Judge]:
    plan = {name: frozenset(properties) for name, properties in LOADED["plan"].items()}
    settings = {"max_bytes": 100_000, "hash_key": b"warmth", "plan": plan, "traffic": read_traffic(RULES_DIR)}
    flow = Pipeline(RULES, lateness=lateness_secs * SECOND, **settings)
    judge = Judge({**LOADED, "lateness": lateness_secs * 1000})
    for offset, (topic, _, value, received) in enumerate(records(3, 3_000, 40)):
        judge.feed(topic, value, received, f"{topic}:i1:0:{offset}")
        flow.advance(topic, ARecord(offset, value, timestamp=received))
    return flow, judge


@pytest.mark.parametrize("lateness_secs", [0, 3_600, 400_000])
def test_caps_and_sessions_follow_the_setting(lateness_secs: int) -> None:
    flow, judge = profiles(lateness_secs)
    _, usual = profiles(86_400)
    different = 0
    for key, state in flow.profiles.items():
        truth, other = judge.profile(key), usual.profile(key)
        assert count(state) == truth["sessions"], key
        for name, score in state.scores.items():
            value, expected = value_at(score, score.as_of, RULES.scales[name]), truth["scores"][name]["value_at"]
            assert value == pytest.approx(expected(score.as_of / 1000), abs=1e-6), (key, name)
            different += value != pytest.approx(other["scores"][name]["value_at"](score.as_of / 1000), abs=1e-6)
    assert different, "no cap was concerned"
