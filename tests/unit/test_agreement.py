"""The heart in memory against the reference, event by event and profile by profile."""

import json
from pathlib import Path

import pytest

from core.moment import Moment
from core.outcomes import Accepted, Dropped
from core.rules import RuleSet, compile_rules
from core.scores import value_at
from core.scoring import next_due
from core.state import State, encode
from core.ticking import tick
from core.times import DAY, SECOND
from streams.settings import RULES_DIR
from streams.traffic_files import read_traffic
from tests.reference.generator import records
from tests.reference.judge import Judge, load_rules
from tests.support.profiles import parts
from tests.unit.pipeline import ARecord, Pipeline

LOADED = load_rules(Path(__file__).parents[2] / "rules")
NAMED = ("version", "scores", "grade", "groups", "rules", "windows", "segments")
RULES = compile_rules(RuleSet.model_validate({name: LOADED[name] for name in NAMED if name in LOADED}))
MOMENT = Moment(0, 0, 0)


@pytest.mark.parametrize("seed", [1, 2])
def test_outcomes_and_profiles_are_those_of_the_reference(seed: int) -> None:
    plan = {name: frozenset(properties) for name, properties in LOADED["plan"].items()}
    flow = Pipeline(RULES, traffic=read_traffic(RULES_DIR), max_bytes=100_000, hash_key=b"warmth", plan=plan)
    judge, said = Judge(LOADED), set[str]()
    for offset, (topic, _, value, received) in enumerate(records(seed, 3_000, 80)):
        dropped, origin = len(judge.dropped), f"{topic}:i1:0:{offset}"
        judge.feed(topic, value, received, origin)
        outcome, _ = flow.advance(topic, ARecord(offset, value, timestamp=received))
        expected = [reason for _, reason in judge.dropped[dropped:]]
        assert ([str(outcome.reason)] if isinstance(outcome, Dropped) else []) == expected, origin
        if isinstance(outcome, Accepted):
            assert outcome.row.get("refund_state", "") == judge.refund_states.get(origin, ""), origin
            said |= {change["id"] for change in outcome.changes}
        if offset % 50 == 0:  # so often has everything been read to its end
            said |= {id_ for key, state in flow.profiles.items() for id_ in passed(judge, key, state, received * 1000)}
    assert said == {change["id"] for change in judge.changes}
    assert flow.profiles.keys() == judge.profiles.keys()
    for key, state in flow.profiles.items():
        profile = judge.profile(key)
        for name, score in state.scores.items():
            value = value_at(score, score.as_of, RULES.scales[name])
            assert value == pytest.approx(profile["scores"][name]["value_at"](score.as_of / 1000), abs=1e-6), (key, name)
            assert score.band == profile["scores"][name]["band"], (key, name)
        for part, (have, wanted) in parts(json.loads(encode(state)), profile).items():
            assert have == wanted, (key, part)
        if not profile["blocked"]:
            compare_over_time(judge, key, state)


def passed(judge: Judge, key: str, state: State, until: int) -> set[str]:
    """Let time pass in both; return the ids of what the heart says."""
    said = set()
    while (due := next_due(state, RULES)) is not None and due <= until:
        ticked = tick(key, state, due, RULES, MOMENT)
        if ticked is not None:
            judge.carry_on(key, due)
            said |= {change["id"] for change in ticked.changes}
    return said


def compare_over_time(judge: Judge, key: str, state: State) -> None:
    """Let time pass in both, and look at bands and segments now and then."""
    begin = (
        max(state.last_seen_at or 0, state.looked_at) + SECOND
    )  # what came due between two events is told just after the last one
    for days in (0, 1, 10, 60, 400):
        until = begin + days * DAY
        passed(judge, key, state, until)
        assert not judge.is_overdue(key, until / 1000 - 10), (key, days)
        bands = {name: score["band"] for name, score in judge.profile(key)["scores"].items()}
        assert {name: score.band for name, score in state.scores.items()} == bands, (key, days)
        surely, maybe = judge.memberships(key, until / 1000)
        inside = {name for name, known in (state.memberships or {}).items() if known.member}
        assert surely <= inside <= maybe, (key, days, inside, surely, maybe)
