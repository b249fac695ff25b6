"""Two profiles of one person made one: nothing counts twice, and what comes out is what one profile would have been."""

import random

import orjson
import pytest

from core.contributions import KEPT_CONTRIBUTIONS
from core.rules import CompiledRules
from core.state import Score, State, new
from core.times import DAY, HOUR
from core.uniting import unite
from core.value import present_cell
from core.windows import Window
from tests import factories as make
from tests.factories import Event
from tests.reference.generator import records
from tests.unit.network import EVER
from tests.unit.pipeline import COMPILED, SEGMENTED, T0, Pipeline, at
from tests.unit.test_joining import RULES, facts
from tests.unit.test_value_model import a_model
from tests.unit.test_valued_facts import EDGES

NUMBERED = ("receipt_issued", "order_completed", "receipt_refunded", "order_refunded", "ticket_opened")
UNTOLD = ("processing_blocked", "processing_unblocked", "customers_merged", "customers_unmerged", "identity_linked")


def events(seed: int) -> list[Event]:
    """Return what one person does within a month, each event once, without the person's names."""
    documents = {event["event_id"]: event for event in (orjson.loads(value) for _, _, value, _ in records(seed, 150, 1, 0))}
    names = ("customer_id", "anonymous_id", "identifiers", "sent_at")
    return [
        {name: value for name, value in event.items() if name not in names}
        for event in documents.values()
        if event["type"] not in UNTOLD and event["occurred_at"] > "2026-10"
    ]


def fed(rules: CompiledRules, *parts: list[Event]) -> list[State]:
    """Return the profile that each part makes of its own."""
    pipeline = Pipeline(rules, lateness=EVER)
    for number, part in enumerate(parts):
        for event in part:
            pipeline.feed({**event, "customer_id": f"c-{number}"})
    return [pipeline.profiles[f"c-{number}"] for number in range(len(parts))]


@pytest.mark.parametrize("seed", range(40))
def test_what_both_had_counts_once(seed: int) -> None:
    rnd = random.Random(seed)
    one: list[Event] = []
    other: list[Event] = []
    whole: list[Event] = []
    for event in events(seed):
        mine, theirs = (one, other) if rnd.random() < 0.5 else (other, one)
        mine.append(event)
        whole.append(event)
        if event["type"] in NUMBERED and rnd.random() < 0.3:
            again = {**event, "event_id": f"{event['event_id']}-again"}
            theirs.append(again)
            whole.append(again)
    first, second, expected = fed(RULES, one, other, whole)
    unite(first, second, RULES, EVER)
    now = max(expected.last_seen_at or 0, first.told_at, expected.told_at) + DAY
    assert facts(first, now) == facts(expected, now)
    assert len(first.contributions) == len(expected.contributions) <= KEPT_CONTRIBUTIONS


def test_sessions_that_ended_before_are_added_up() -> None:
    visits = [make.a_page_viewed(**at(n * 3 * DAY)) for n in range(4)]
    one, other = fed(SEGMENTED, visits[:2], visits[2:])
    unite(one, other, SEGMENTED, DAY)
    assert one.sessions is not None
    assert (one.sessions.ended, len(one.sessions.spans) // 2) == (3, 1)


def test_what_rules_no_longer_know_is_kept_or_left_out() -> None:
    one, other = fed(SEGMENTED, [make.a_product_added(**at(0))], [make.a_product_added(**at(HOUR))])
    for state in (one, other):
        state.scores["gone"] = Score(1.0, 0, "low")
    other.scores["older"] = Score(2.0, 0, "low")
    other.windows = {**(other.windows or {}), "gone": Window([T0])}
    unite(one, other, SEGMENTED, EVER)
    assert (one.scores["gone"].value, one.scores["older"].value) == (1.0, 2.0)
    assert (one.windows or {}).keys() == {"carts"}


def test_a_customer_of_two_profiles_is_worth_what_both_bought() -> None:
    model = a_model(rfm=EDGES)
    rules = COMPILED._replace(value_model=model)
    receipts = [make.a_receipt("50", receipt=make.a_receipt_number(number=str(n)), **at(n * DAY)) for n in range(6)]
    one, other, whole = fed(rules, receipts[:3], receipts[3:], receipts)
    unite(one, other, rules, EVER)
    assert present_cell(one, model, one.told_at) == present_cell(whole, model, one.told_at)
    assert one.rfm_now == whole.rfm_now == "555"


def test_a_change_begins_at_what_was_there_before() -> None:
    one, other = fed(COMPILED, [make.a_product_viewed(**at(0))], [make.a_product_added(**at(0))])
    before = one.scores["engagement"].value
    (crossing,) = (found for found in unite(one, other, COMPILED, EVER).crossings if found.score == "engagement")
    assert (crossing.old_value, crossing.value) == (before, before + other.scores["engagement"].value)


def test_no_visitor_of_either_is_forgotten() -> None:
    one, other = new(COMPILED.judgement), new(COMPILED.judgement)
    one.anonymous_ids, other.anonymous_ids = ([f"{name}-{number:02}" for number in range(90)] for name in "ab")
    unite(one, other, COMPILED, DAY)
    assert len(one.anonymous_ids) == 180
