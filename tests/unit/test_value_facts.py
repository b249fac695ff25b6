"""Quintiles, life cycle, and everything that is said of a customer's value against the reference."""

import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from core.rules import CompiledRules, RuleSet, compile_rules
from core.state import FirstDay, State, decode, encode, new
from core.times import DAY, Micros
from core.value import Cell, ValueModel, cell_of, compile_parameters, facts_of, lifecycle, next_change, remember_cell
from core.view import view
from schemas.parameters import Parameters
from tests import factories as make
from tests.reference.value import Money, worth
from tests.unit.pipeline import COMPILED, T0, Pipeline, a_rule_set, at
from tests.unit.test_value_model import START, a_document, a_model, after, some_facts

MILLIS = 1000


def compiled(model: ValueModel) -> CompiledRules:
    return compile_rules(RuleSet.model_validate(a_rule_set()), model=model)


def shown(state: State, model: Any, now: Micros) -> dict[str, Any]:
    value: dict[str, Any] = view("c", state, COMPILED._replace(value_model=model), now).model_dump(mode="json")["value"]
    return value


def test_quintiles_are_counted_by_their_edges() -> None:
    model = a_model()  # recency 10, 30, 60.5, 120 days; orders 1, 1, 2, 5; net revenue 10, 20.5, 40, 80 USD
    facts = some_facts(net={"USD": Decimal("20.50")}, orders=2)
    assert cell_of(facts, model, facts.last_at) == Cell(5, 3, 2)
    assert cell_of(facts, model, facts.last_at + 10 * DAY - 1) == Cell(5, 3, 2)
    assert cell_of(facts, model, facts.last_at + 10 * DAY) == Cell(4, 3, 2)
    assert cell_of(facts._replace(orders=1), model, facts.last_at + 60 * DAY) == Cell(3, 1, 2)
    assert cell_of(facts._replace(orders=6), model, facts.last_at + 60 * DAY + DAY // 2) == Cell(2, 5, 2)
    best = facts._replace(net={"USD": Decimal("80.0001")}, orders=5)
    assert cell_of(best, model, facts.last_at + 120 * DAY) == Cell(1, 4, 5)
    assert cell_of(facts._replace(net={"EUR": Decimal(900)}), model, facts.last_at).name == "531"  # type: ignore[union-attr]


def test_without_edges_there_is_no_cell() -> None:
    assert cell_of(some_facts(), a_model(rfm=None), after(0)) is None
    assert cell_of(some_facts(), None, after(0)) is None


@pytest.mark.parametrize(
    ("days", "silent", "stage"),
    [
        (1, 0, "first_time"),
        (1, 89.99, "first_time"),
        (1, 90, "defecting"),
        (2, 89.99, "active"),
        (2, 90, "defecting"),
        (2, 364.99, "defecting"),
        (2, 365, "inactive"),
        (1, 365, "inactive"),
    ],
)
def test_the_life_cycle_goes_by_days_of_silence(days: int, silent: float, stage: str) -> None:
    facts = some_facts(days)
    assert lifecycle(facts, None, facts.last_at + round(silent * DAY)) == stage
    doubled = a_model(spans={"active_days": 180, "inactive_days": 730})
    assert lifecycle(facts, doubled, facts.last_at + round(silent * 2 * DAY)) == stage


@given(st.integers(0, 400 * DAY))
def test_the_next_change_is_the_first_instant_at_which_something_differs(silent: Micros) -> None:
    facts, now = some_facts(), some_facts().last_at + silent
    for model in (a_model(), a_model(rfm=None), None):
        due = next_change(facts, model, now)
        if due is None:
            assert lifecycle(facts, model, now) == "inactive"
            due = now + 10_000 * DAY
        else:
            assert _said(facts, model, due) != _said(facts, model, due - 1)
        assert _said(facts, model, due - 1) == _said(facts, model, now)


def _said(facts: Any, model: Any, now: Micros) -> tuple[Any, ...]:
    return lifecycle(facts, model, now), cell_of(facts, model, now)


def test_a_purchase_moves_the_cell_at_once_and_other_events_do_not() -> None:
    model = a_model(rfm={**a_edges(), "currency": "RUB"})
    pipeline = Pipeline(compiled(model))
    assert pipeline.feed_all([make.a_receipt("15")]).rfm_now == "512"
    assert pipeline.feed_all([make.a_page_viewed(**at(90 * DAY))]).rfm_now == "512"
    receipt = {"store_id": "s", "till_id": "t", "number": "2"}
    state = pipeline.feed_all([make.a_receipt("30", receipt=receipt, **at(100 * DAY))])
    assert (state.rfm_before, state.rfm_now) == ("212", "534"), "silence had moved it before"
    refund = make.a_receipt_refunded(total="10", receipt=receipt, **at(101 * DAY))
    assert pipeline.feed_all([refund]).rfm_now == "533"
    assert decode(encode(state)) == state
    assert shown(state, model, T0 + 101 * DAY)["rfm"] == {
        "recency": 5,
        "frequency": 3,
        "monetary": 3,
        "cell": "533",
        "previous_cell": "534",
    }
    assert shown(state, model, T0 + 115 * DAY)["rfm"]["previous_cell"] == "533", "time moved it"
    assert shown(state, model, T0 + 400 * DAY)["rfm"]["previous_cell"] == "233", "and again"


def test_what_newer_parameters_move_is_remembered_too() -> None:
    state = new()
    remember_cell(state, None, None)
    assert state.rfm_now is None
    remember_cell(state, None, Cell(5, 1, 2))
    assert (state.rfm_before, state.rfm_now) == (None, "512")
    remember_cell(state, None, Cell(4, 1, 2))
    assert (state.rfm_before, state.rfm_now) == ("512", "412")
    remember_cell(state, Cell(3, 1, 2), Cell(3, 1, 2))
    assert (state.rfm_before, state.rfm_now) == ("512", "412")


def a_edges() -> dict[str, Any]:
    edges: Any = a_document()["rfm"]
    return dict(edges)


def test_before_the_first_purchase_nothing_is_said_and_without_parameters_only_the_stage() -> None:
    names = ("rfm", "lifecycle", "p_alive", "expected_purchases", "lifetime_value")
    assert [shown(new(), a_model(), T0)[name] for name in names] == [None] * 5
    bought = Pipeline().feed_all([make.a_receipt("15")])
    assert [shown(bought, None, T0)[name] for name in names] == [None, "first_time", None, None, None]


@st.composite
def entries(draw: st.DrawFn, least: int, most: int) -> list[Money]:
    instants = st.integers(START // MILLIS, (START + 900 * DAY) // MILLIS)
    amounts = st.decimals("0.01", 500, places=2)
    made = st.builds(Money, instants, amounts, st.sampled_from(["USD", "USD", "EUR"]))
    return draw(st.lists(made, min_size=least, max_size=most))


def a_profile(purchases: list[Money], refunded: dict[str, Decimal]) -> State:
    """A profile of these purchases, as the folds of topic `purchase` make it."""
    state = new()
    state.refunded = refunded
    for entry in purchases:
        state.revenue[entry.currency] = state.revenue.get(entry.currency, Decimal(0)) + entry.amount
    if purchases:
        instants = [purchase.at * MILLIS for purchase in purchases]
        state.orders, state.first_purchase_at, state.last_purchase_at = len(purchases), min(instants), max(instants)
        state.purchase_days = len({instant // DAY for instant in instants})
        first = min(instants) // DAY
        state.first_day = FirstDay(first, {})
        for entry in purchases:
            if entry.at * MILLIS // DAY == first:
                state.first_day.amounts.setdefault(entry.currency, Decimal(0))
                state.first_day.amounts[entry.currency] += entry.amount
    return state


PAID_BACK = st.dictionaries(st.sampled_from(["USD", "EUR"]), st.decimals(0, 400, places=2))


@given(entries(0, 12), PAID_BACK, st.integers(0, 1500), st.sampled_from([{}, {"unit": "days"}, {"gamma_gamma": None}]))
def test_all_that_is_said_is_what_the_reference_says(
    purchases: list[Money], refunded: dict[str, Decimal], later_days: int, changes: dict[str, Any]
) -> None:
    random.Random(len(purchases)).shuffle(purchases)
    state = a_profile(purchases, refunded)
    now = START + 900 * DAY + later_days * DAY + 12_345_000
    document = a_document(**changes)
    for parameters, model in ((document, a_model(**changes)), (None, None)):
        truth, value = worth(purchases, refunded, parameters, now // MILLIS), shown(state, model, now)
        assert value["lifecycle"] == truth["lifecycle"]
        assert (value["rfm"] or {}).get("cell") == truth["rfm"]
        for name in ("p_alive", "expected_purchases"):
            assert value[name] == (None if truth[name] is None else pytest.approx(truth[name], rel=1e-7))
        expected = truth["lifetime_value"]
        amounts = None if value["lifetime_value"] is None else {c: float(v) for c, v in value["lifetime_value"].items()}
        assert amounts == (None if expected is None else pytest.approx(expected, rel=1e-6, abs=0.0051))


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"unit": "years"}, "unit"),
        ({"bgnbd": {"r": 0, "alpha": 1, "a": 1, "b": 1}}, "bgnbd.r"),
        ({"gamma_gamma": {"p": 1, "q": 1, "v": 1, "currency": "USD"}}, "gamma_gamma.q"),
        ({"gamma_gamma": {"p": 1, "q": 2, "v": 1, "currency": "dollars"}}, "gamma_gamma.currency"),
        ({"rfm": {**a_edges(), "frequency": [1, 2, 3]}}, "rfm.frequency"),
        ({"rfm": {**a_edges(), "monetary": [1, 2, 3, 2.5]}}, "rfm"),
        ({"spans": {"active_days": 90, "inactive_days": 89}}, "spans"),
        ({"log_likelihood": float("nan")}, "log_likelihood"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(changes: dict[str, Any], where: str) -> None:
    with pytest.raises(ValidationError) as refused:
        compile_parameters(Parameters.model_validate(a_document(**changes)))
    assert ".".join(map(str, refused.value.errors()[0]["loc"])) == where


def test_a_profile_that_bought_has_facts_of_all_its_currencies() -> None:
    state = a_profile([Money(START // MILLIS, Decimal(3), "EUR")], {"USD": Decimal(1)})
    facts = facts_of(state)
    assert facts is not None
    assert (facts.net, facts.first_day) == ({"EUR": Decimal(3)}, {"EUR": Decimal(3)})
