"""People of many names against the reference, which knows who is who from the start and has no partitions."""

import json
import random
from typing import Any

import pytest

from core.moment import Moment
from core.outcomes import Accepted, Applied, Unprompted
from core.scoring import next_due
from core.state import State, encode
from core.ticking import tick
from streams.rules_files import read_identity, read_plan
from streams.settings import RULES_DIR
from streams.traffic_files import read_traffic
from tests.reference.generator import NOW, Record
from tests.reference.households import Households
from tests.reference.judge import Judge
from tests.reference.persons import Persons, judged
from tests.support.profiles import Subscriber, compare_parts, compare_scores, compare_segments
from tests.unit.network import Network
from tests.unit.pipeline import SECRET
from tests.unit.test_agreement import LOADED, RULES

KEY = SECRET.decode()


@pytest.fixture(params=range(12))
def seed(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def records(seed: int) -> list[Record]:
    return Households(seed, 20, NOW, hash_key=KEY).records(800, 0.01)


@pytest.fixture
def network(records: list[Record], seed: int) -> Network:
    """What partitions made of it that go on each at its own pace."""
    plan, traffic = read_plan(RULES_DIR), read_traffic(RULES_DIR)
    network, rnd = Network(RULES, read_identity(RULES_DIR), seed, plan=plan, traffic=traffic), random.Random(seed)
    for topic, key, value, _ in records:
        network.append(topic, key or b"", value)
        if rnd.random() < 0.5:
            network.step()
    return network.settle()


def referred(records: list[Record]) -> tuple[Judge, Persons]:
    """Return what the reference made of it."""
    judge = Judge(LOADED, KEY)
    return judge, judged(judge, records)


def test_everybody_is_one_profile_with_all_that_they_did_and_subscribers_can_follow(
    records: list[Record], network: Network
) -> None:
    judge, persons = referred(records)
    heard = Subscriber(LOADED)
    heard.hear(message for outcome in network.outcomes for message in said(outcome))
    assert network.roots.keys() == {persons.survivor(name) for name in persons.seen}
    for key, state in network.roots.items():
        for days in (0, 1, 40):
            until = NOW + days * 86_400_000
            heard.hear(message for outcome in passed(key, state, until * 1000) for message in said(outcome))
            judge.carry_on(key, until * 1000)
            kept = json.loads(encode(state))
            compare_scores(judge, key, kept, joined=[until])
            compare_parts(judge, key, kept)
            compare_segments(judge, key, kept, [until])
            heard.compare(key, kept)


def passed(key: str, state: State, until: int) -> list[Unprompted]:
    """Let time pass; return what is said of it."""
    outcomes = []
    while (due := next_due(state, RULES)) is not None and due <= until:
        outcomes.append(tick(key, state, due, RULES, Moment(until, 0, 0)))
    return [outcome for outcome in outcomes if outcome is not None]


def said(outcome: Any) -> list[dict[str, Any]]:
    if not isinstance(outcome, Accepted | Applied | Unprompted):
        return []
    row = outcome.row or {}
    return [*outcome.changes, *outcome.segment_changes, *([row] if row.get("type") == "profile_gone" else [])]
