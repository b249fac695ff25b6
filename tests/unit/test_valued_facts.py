"""Facts of the value model: what conditions see of them, and when passing time is foreseen to move them."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from core.facts import Known, Value, fact
from core.rules import RuleSet, compile_rules
from core.scoring import next_due
from core.segments import SegmentSpec, compile_segments, members, move
from core.state import State, new
from core.times import DAY, MILLISECOND, SECOND, Micros
from core.value import ValueModel
from tests import factories as make
from tests.unit.pipeline import SCORES, T0, Pipeline, at
from tests.unit.test_adopting import said_by_time
from tests.unit.test_value_model import a_model

EDGES = {"recency_days": [10, 30, 60.5, 120], "frequency": [1, 1, 2, 5], "monetary": [10, 20.5, 40, 80], "currency": "RUB"}
MODEL = a_model(rfm=EDGES, gamma_gamma={"p": 6.25, "q": 3.74, "v": 15.44, "currency": "RUB"})
NAMES = [
    "value.lifecycle",
    "value.p_alive",
    "value.expected_purchases",
    "value.lifetime_value.RUB",
    "value.rfm.cell",
    "value.rfm.recency",
    "value.rfm.frequency",
    "value.rfm.monetary",
]


def a_state(days: int = 3, total: int = 30) -> State:
    """Return a profile that bought on some days, the last of them that of `T0`."""
    state = new()
    state.first_purchase_at, state.last_purchase_at = T0 - (days - 1) * 20 * DAY, T0
    state.purchase_days = state.orders = days
    state.revenue = {"RUB": Decimal(total)}
    state.last_seen_at = T0
    return state


def known(model: ValueModel | None) -> Known:
    return Known({}, {}, {}, frozenset(), model)


def value(name: str, state: State, now: Micros = T0, model: ValueModel | None = MODEL) -> Value:
    return fact(name, known(model)).value(state, now)


def test_conditions_see_what_a_customer_is_worth() -> None:
    assert [value(name, new()) for name in NAMES] == [None] * 8
    assert [value(name, a_state(), model=None) for name in NAMES] == ["active", *[None] * 7]
    assert value("value.rfm.cell", a_state(), T0 + 40 * DAY) == "343"
    assert [value(f"value.rfm.{part}", a_state()) for part in ("recency", "frequency", "monetary")] == [5, 4, 3]
    for name in NAMES[1:4]:
        early, late = value(name, a_state()), value(name, a_state(), T0 + 300 * DAY)
        assert isinstance(early, float)
        assert isinstance(late, float)
        assert early > late > 0, name
    assert value("value.lifetime_value.USD", a_state()) == 0


def test_a_wrong_name_is_told_the_right_ones() -> None:
    with pytest.raises(ValueError, match=r"did you mean 'value\.rfm\.cell'"):
        fact("vlue.rfm", known(MODEL))
    with pytest.raises(ValueError, match=r"value\.lifetime_value\.CURRENCY"):
        fact("value.lifetime", known(MODEL))


CONDITIONS: list[dict[str, Any]] = [
    {"value.lifecycle": "defecting"},
    {"value.lifecycle": ["inactive", "defecting"], "value.rfm.monetary": {"at_least": 3}},
    {"value.rfm.recency": {"at_least": 3}},
    {"value.rfm.cell": ["243", "143"]},
    {"value.p_alive": {"below": 0.6}},
    {"value.p_alive": {"at_least": 0.5, "leave_below": 0.3}},
    {"churn.risk": {"at_least": 0.4}},
    {"any": [{"value.p_alive": {"below": 0.2}}, {"value.lifecycle": "inactive"}]},
]


@given(st.sampled_from(CONDITIONS), st.integers(1, 6), st.integers(0, 500 * DAY // MILLISECOND), st.booleans())
def test_the_first_instant_at_which_somebody_moves_is_foreseen(
    where: dict[str, Any], days: int, quiet: int, member: bool
) -> None:
    segments = compile_segments({"some": SegmentSpec(where=where)}, known(MODEL))
    (segment,) = segments.ordered
    state, now = a_state(days), T0 + quiet * MILLISECOND
    move(state, segments.ordered, now)
    is_in = segment.holds(state, now, member)
    until = now + 2000 * DAY
    due = segments.next_change(state, now, members(state)) or until
    still = max(due - SECOND, now)  # the risk is foreseen in whole seconds
    between = [now + (still - now) * part // 50 for part in range(51)]
    assert {segment.holds(state, instant, is_in) for instant in between} == {is_in}


def test_what_has_no_closed_form_is_looked_at_at_the_end_of_each_day() -> None:
    rules = compile_rules(
        RuleSet.model_validate(
            {
                "version": 1,
                "scores": {"engagement": SCORES["engagement"]},
                "rules": [],
                "segments": {"dear": {"where": {"value.lifetime_value.RUB": {"at_least": 10}}}},
            }
        ),
        model=MODEL,
    )
    numbers = [{**make.a_receipt_number(), "number": str(day)} for day in (7, 8, 9)]
    state = Pipeline(rules).feed_all(
        [make.a_receipt("9", receipt=number, **at(int(number["number"]) * DAY)) for number in numbers]
    )
    assert next_due(state, rules) == (T0 // DAY + 10) * DAY
    (left,) = [one for one in said_by_time(state, rules, T0 + 900 * DAY) if one.segment_changes]
    assert left.instant % DAY == 0
    before, after = (value("value.lifetime_value.RUB", state, instant) for instant in (left.instant - DAY, left.instant))
    assert isinstance(before, float)
    assert isinstance(after, float)
    assert before >= 10 > after
