"""Facts that the value model tells: unknown of who never bought, and, but for the life cycle, without parameters."""

from collections.abc import Callable
from itertools import product
from typing import Final

from core.churn import risk, when_risk_reaches
from core.facts.kinds import ALL, Fact, Turn, Value
from core.purchases import SALES, SETTLED
from core.state import State
from core.times import DAY, MILLISECOND, Micros
from core.value import (
    Quintiles,
    Stage,
    ValueModel,
    expected_purchases,
    facts_of,
    frequency,
    lifetime_value,
    monetary,
    net_of,
    next_change,
    p_alive,
    present_cell,
    recency,
    stage,
    when_p_alive_falls_below,
)

_CELLS: Final = frozenset("".join(digits) for digits in product("12345", repeat=3))


def _risk(model: ValueModel | None) -> Fact:
    def rises_at(state: State, now: Micros, bound: float) -> Micros | None:
        start = max(now, state.last_seen_at or now)  # every event looks at the risk
        at = when_risk_reaches(state, bound, start, model)
        return at if at is not None and at > start else None

    return Fact(lambda state, now: risk(state, now, model), ALL, rises_at=rises_at, is_number=True)


def _lifecycle(model: ValueModel | None) -> Fact:
    def value(state: State, now: Micros) -> Value:
        last = state.last_purchase_at
        return None if last is None else stage(model, now - last, came_again=state.purchase_days > 1)

    return Fact(value, SALES, changes_at=_silence(model), texts=frozenset(Stage))


def _alive(model: ValueModel | None) -> Fact:
    def value(state: State, now: Micros) -> Value:
        facts = facts_of(state)
        return None if facts is None else p_alive(facts, model, now)

    def falls_at(state: State, now: Micros, bound: float) -> Micros | None:
        facts = facts_of(state)
        if facts is None or not 0 < bound < 1:
            return None
        at = when_p_alive_falls_below(facts, model, bound)
        if at is None:
            return None
        at = (at // MILLISECOND + 1) * MILLISECOND
        return at if at > now else None

    return Fact(value, SALES, falls_at, is_number=True)


def _cell(model: ValueModel | None) -> Fact:
    def value(state: State, now: Micros) -> Value:
        cell = present_cell(state, model, now)
        return None if cell is None else cell.name

    return Fact(value, SETTLED, changes_at=_silence(model), texts=_CELLS)


def _digit(
    digit: Callable[[Quintiles, State, Micros], int], moved_by: frozenset[str] = SALES, *, ages: bool = False
) -> Callable[[ValueModel | None], Fact]:
    """Return what makes a fact of one digit of the cell; one that `ages` falls with silence."""

    def make(model: ValueModel | None) -> Fact:
        quintiles = None if model is None else model.quintiles

        def value(state: State, now: Micros) -> Value:
            return None if quintiles is None or state.last_purchase_at is None else digit(quintiles, state, now)

        return Fact(value, moved_by, falls_at=_silence(model) if ages else None, is_number=True)

    return make


def _silence(model: ValueModel | None) -> Turn:
    """Return what tells when silence changes the life cycle or the cell."""

    def turns(state: State, now: Micros, _bound: float) -> Micros | None:
        facts = facts_of(state)
        return None if facts is None else next_change(facts, model, now)

    return turns


def _expected(model: ValueModel | None) -> Fact:
    def value(state: State, now: Micros) -> Value:
        facts = facts_of(state)
        return None if facts is None else expected_purchases(facts, model, now)

    return Fact(value, SALES, falls_at=_daily(value), is_number=True)


def lifetime_value_in(currency: str, model: ValueModel | None) -> Fact:
    """Return the fact of what a customer will be worth in one currency."""

    def value(state: State, now: Micros) -> Value:
        facts = facts_of(state)
        values = None if facts is None else lifetime_value(facts, model, now)
        return None if values is None else values.get(currency, 0.0)

    return Fact(value, SETTLED, falls_at=_daily(value), is_number=True)


def _daily(value: Callable[[State, Micros], Value]) -> Turn:
    """Return what looks again at the end of each UTC day, for as long as the value can still fall below the bound."""

    def turns(state: State, now: Micros, bound: float) -> Micros | None:
        start = max(now, state.last_purchase_at or now)  # every purchase looks at it
        found = value(state, start)
        return (start // DAY + 1) * DAY if isinstance(found, float) and found >= bound > 0 else None

    return turns


VALUED: Final[dict[str, Callable[[ValueModel | None], Fact]]] = {
    "churn.risk": _risk,
    "value.lifecycle": _lifecycle,
    "value.p_alive": _alive,
    "value.expected_purchases": _expected,
    "value.rfm.cell": _cell,
    "value.rfm.recency": _digit(lambda edges, state, now: recency(edges, now - (state.last_purchase_at or now)), ages=True),
    "value.rfm.frequency": _digit(lambda edges, state, _: frequency(edges, state.orders)),
    "value.rfm.monetary": _digit(lambda edges, state, _: monetary(edges, net_of(state, edges.currency)), SETTLED),
}
"""What makes each fact of a value model."""
