"""The ledger: what the rows say that rules gave, each decayed from its own instant, is the score of every customer."""

import os
from collections import defaultdict
from datetime import datetime

from core.outcomes import Accepted, Said
from core.rules import compile_rules
from core.scoring import next_due
from core.ticking import tick
from core.times import Micros, micros
from streams.rules_files import read_plan, read_rule_set
from streams.settings import RULES_DIR
from streams.traffic_files import read_traffic
from tests.reference.generator import records
from tests.unit.pipeline import ARecord, Pipeline

EVENTS = int(os.environ.get("LEDGER_EVENTS", "5000"))
RULES = compile_rules(read_rule_set(RULES_DIR))
Ledger = dict[tuple[str, str], list[tuple[float, Micros]]]


def note(ledger: Ledger, said: Said) -> None:
    given = zip(*(said.row[f"contributions.{name}"] for name in ("score", "points", "occurred_at")), strict=True)
    for score, points, earned_at in given:
        ledger[said.key, score].append((points, micros(datetime.fromisoformat(earned_at))))


def test_the_decayed_sum_of_the_rows_is_the_score() -> None:
    ledger: Ledger = defaultdict(list)
    flow = Pipeline(RULES, hash_key=b"warmth", plan=read_plan(RULES_DIR), traffic=read_traffic(RULES_DIR), max_bytes=1 << 20)
    for offset, (topic, _, value, received) in enumerate(records(11, EVENTS, EVENTS // 20)):
        outcome, _ = flow.advance(topic, ARecord(offset, value, timestamp=received))
        if isinstance(outcome, Accepted):
            note(ledger, outcome)
        if offset % (EVENTS // 10) == 0:
            for key, state in flow.profiles.items():
                while (due := next_due(state, RULES)) is not None and due <= received * 1000:
                    if (said := tick(key, state, due, RULES, flow.moment)) is not None:
                        note(ledger, said)
    compared = 0
    for key, state in flow.profiles.items():
        for name, score in state.scores.items():
            half_life = RULES.scales[name].half_life
            ages = [(points, score.as_of - earned_at) for points, earned_at in ledger[key, name]]
            total = sum(points if half_life is None else points * 0.5 ** (age / half_life) for points, age in ages)
            assert abs(total - score.value) < 1e-6, (key, name)
            compared += bool(ages)
    assert compared > EVENTS // 100
