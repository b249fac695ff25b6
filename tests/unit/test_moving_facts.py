"""Facts name the events that move them: no other event does."""

from collections.abc import Iterator
from typing import NamedTuple

import orjson

from core.facts import EVERY, SCORES, fact
from core.outcomes import Accepted
from core.rules import CompiledRules, RuleSet, compile_rules, known_of
from core.state import State, decode, encode, new
from tests.reference.generator import generate
from tests.unit.pipeline import SCORES as SCALES, ARecord, Pipeline, a_rule_set
from tests.unit.test_valued_facts import MODEL, NAMES

WINDOWS = {
    "views": {"event": "product_viewed", "days": 30},
    "carts": {"event": "product_added", "hours": 72, "until": ["order_completed", "receipt_issued"]},
}
PATHS = [
    *NAMES,
    "churn.risk",
    *(f"activity.{name}" for name in ("page_views", "sessions", "active_secs", "hours_since_seen")),
    *(f"value.{name}" for name in ("orders", "days_since_purchase", "loyalty.tier", "revenue.RUB", "refunded.RUB")),
    *(f"value.deals.{stage}" for stage in ("open", "won", "lost")),
    *(f"service.{name}" for name in ("tickets", "reopened", "open_tickets", "urgent_tickets", "first_response_secs")),
    *(f"service.{name}" for name in ("csat", "nps", "leaving_reason", "staying_reason", "days_since_contact")),
    *(f"{family}.{window}" for family in ("windows", "hours_since") for window in WINDOWS),
    *(f"{family}.{name}" for family in ("scores", "bands") for name in SCALES),
    *("traits.role", "traits.city", "consents.marketing"),
]
OF_IDS = ("customers_merged", "customers_unmerged")
"""What joins or parts profiles looks at everything."""


class Step(NamedTuple):
    """What an event made of a profile: all of it is judged by the same instant."""

    type: str
    scored: bool
    before: State
    after: State


def steps(rules: CompiledRules) -> Iterator[Step]:
    flow, rows = Pipeline(rules, max_bytes=100_000), dict[str, bytes]()
    for offset, (topic, _, value) in enumerate(generate(3, 6_000, 60, bad_share=0.0)):
        outcome, _ = flow.advance(topic, ARecord(offset, value))
        if not isinstance(outcome, Accepted) or outcome.row.get("traffic"):
            continue
        before = decode(rows[outcome.key]) if outcome.key in rows else new()
        rows[outcome.key] = encode(flow.profiles[outcome.key])
        type_ = orjson.loads(value)["type"]
        if type_ not in OF_IDS:
            scored = bool(outcome.row["contributions.rule"] or outcome.changes or not before.scores)
            yield Step(type_, scored, before, flow.profiles[outcome.key])


def test_no_event_moves_a_fact_that_does_not_name_it() -> None:
    rule_set = RuleSet.model_validate(a_rule_set(windows=WINDOWS))
    known = known_of(rule_set, (), MODEL)
    facts = {path: fact(path, known) for path in PATHS}
    moved: dict[str, set[str]] = {path: set() for path in PATHS}
    for type_, scored, before, after in steps(compile_rules(rule_set, model=MODEL)):
        now = max(after.last_seen_at or 0, after.told_at)
        concerned = {type_, EVERY, SCORES} if scored else {type_, EVERY}
        for path, one in facts.items():
            if one.value(before, now) != one.value(after, now):
                assert one.moved_by & concerned, (path, type_)
                moved[path].add(type_)
    assert [path for path, types in moved.items() if not types] == [], "nothing was seen of these"
