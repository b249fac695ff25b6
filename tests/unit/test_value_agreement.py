"""What customers are worth, heart against reference, over a generated workload."""

from pathlib import Path

import pytest

from core.rules import RuleSet, compile_rules
from core.times import DAY
from core.view import view
from tests.reference.generator import NOW, records
from tests.reference.judge import Judge, load_rules
from tests.unit.pipeline import ARecord, Pipeline
from tests.unit.test_value_model import a_document, a_model

LOADED = load_rules(Path(__file__).parents[2] / "rules")
RULES = compile_rules(
    RuleSet.model_validate({name: LOADED[name] for name in ("version", "scores", "grade", "groups", "rules")})
)
EDGES = {
    "recency_days": [1, 5, 14, 30],
    "frequency": [1, 2, 4, 8],
    "monetary": [100, 1000, 5000, 20000],
    "currency": "RUB",
}
CHANGES = {"rfm": EDGES, "gamma_gamma": {"p": 2, "q": 3, "v": 900, "currency": "RUB"}}


@pytest.mark.parametrize("seed", [1, 2])
def test_every_customer_is_worth_what_the_reference_says(seed: int) -> None:
    plan = {name: frozenset(properties) for name, properties in LOADED["plan"].items()}
    flow = Pipeline(RULES, max_bytes=100_000, hash_key=b"warmth", plan=plan)
    judge = Judge(LOADED)
    for offset, (topic, _, value, received) in enumerate(records(seed, 3_000, 80)):
        judge.feed(topic, value, received, f"{topic}:i1:0:{offset}")
        flow.advance(topic, ARecord(offset, value, timestamp=received))
    document, model = a_document(**CHANGES), a_model(**CHANGES)
    buyers = 0
    for key, state in flow.profiles.items():
        for days in (1, 100, 1000):
            now = NOW + days * DAY // 1000
            truth = judge.worth(key, document, now)
            value = view(key, state, RULES._replace(value_model=model), now * 1000).model_dump(mode="json")["value"]
            assert value["lifecycle"] == truth["lifecycle"], key
            assert (value["rfm"] or {}).get("cell") == truth["rfm"], key
            if truth["lifecycle"] is None:
                continue
            buyers += 1
            assert value["p_alive"] == pytest.approx(truth["p_alive"], rel=1e-7), key
            assert value["expected_purchases"] == pytest.approx(truth["expected_purchases"], rel=1e-6), key
            amounts = {currency: float(amount) for currency, amount in value["lifetime_value"].items()}
            assert amounts == pytest.approx(truth["lifetime_value"], rel=1e-6, abs=0.0051), key
    assert buyers > 100
