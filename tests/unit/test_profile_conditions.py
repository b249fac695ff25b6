"""What is written for a condition on the profile says what its words say, whatever they are."""

from typing import Any

import pytest
from hypothesis import given, strategies as st

from core.facts import Known, fact
from core.profile_conditions import compile_condition
from core.state import Deal, State, Trait, new
from core.times import HOUR
from tests.unit.pipeline import T0

KNOWN = Known({}, {}, {}, frozenset())
PATHS = ("value.orders", "value.deals.open", "service.csat", "activity.hours_since_seen", "traits.role", "traits.employees")
numbers = st.integers(-1, 4).map(float) | st.sampled_from([0.5, 0])
words = st.sampled_from(["owner", "x0", "state", "'", "{}"])


@st.composite
def profiles(draw: st.DrawFn) -> State:
    state = new()
    state.orders, state.csat_satisfied = draw(st.integers(0, 3)), draw(st.integers(0, 2))
    state.csat_answers = draw(st.sampled_from([0, 2]))
    state.last_seen_at = draw(st.none() | st.integers(0, 3).map(lambda hours: T0 - hours * HOUR))
    state.deals = {name: Deal("open", T0, None, None) for name in draw(st.sets(words, max_size=3))}
    said = draw(st.dictionaries(st.sampled_from(["role", "employees"]), words | numbers | st.booleans()))
    state.traits = {name: Trait(value, T0) for name, value in said.items()}
    return state


@st.composite
def bounds(draw: st.DrawFn) -> Any:
    said: dict[str, Any] = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "equals": words | numbers | st.booleans(),
                "one_of": st.lists(words | numbers, max_size=3),
                "at_least": numbers,
                "below": numbers,
                "present": st.booleans(),
            },
        ).filter(bool)
    )
    if "at_least" in said and draw(st.booleans()):
        said["leave_below"] = said["at_least"] - 1
    return said


leaves = st.dictionaries(st.sampled_from(PATHS), bounds(), min_size=1, max_size=3)
wheres = st.recursive(
    leaves,
    lambda inner: st.builds(lambda how, parts: {how: parts}, st.sampled_from(["all", "any"]), st.lists(inner, min_size=1)),
)
without_leave_below = leaves.filter(lambda where: not any("leave_below" in test for test in where.values()))


def expected(where: dict[str, Any], state: State, *, member: bool) -> bool:
    return all(_holds(name, wanted, state, member=member) for name, wanted in where.items())


def _holds(name: str, wanted: Any, state: State, *, member: bool) -> bool:
    if name == "not":
        return not expected(wanted, state, member=member)
    if name in ("all", "any"):
        return (all if name == "all" else any)(expected(one, state, member=member) for one in wanted)
    value = fact(name, KNOWN).value(state, T0)
    low = wanted.get("leave_below") if member and "leave_below" in wanted else wanted.get("at_least")
    if not {"at_least", "below"}.isdisjoint(wanted) and not isinstance(value, int | float):
        return False
    return (
        (low is None or value >= low)
        and ("below" not in wanted or value < wanted["below"])
        and ("present" not in wanted or (value is not None) == wanted["present"])
        and ("equals" not in wanted or same(value, wanted["equals"]))
        and ("one_of" not in wanted or any(same(value, one) for one in wanted["one_of"]))
    )


def same(value: Any, wanted: Any) -> bool:
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)


@given(wheres, profiles(), st.booleans())
def test_a_condition_holds_where_its_words_hold(where: Any, state: State, member: bool) -> None:
    assert compile_condition(where, KNOWN).holds(state, T0, member) is expected(where, state, member=member)


@given(without_leave_below, wheres, profiles(), st.booleans())
def test_what_is_negated_holds_where_its_words_do_not(
    one: Any,
    other: Any,
    state: State,
    member: bool,
) -> None:
    where = {"any": [{"not": one}, other]}
    assert compile_condition(where, KNOWN).holds(state, T0, member) is expected(where, state, member=member)


@given(leaves, profiles(), st.booleans())
def test_while_the_gate_is_shut_the_condition_does_not_hold(where: Any, state: State, member: bool) -> None:
    holds, parts, gate = compile_condition(where, KNOWN)
    assert gate is None or gate(state, T0, member) or not holds(state, T0, member)
    assert holds(state, T0, member) is all(leaf.holds(state, T0, member) for leaf in parts)


def test_no_depth_breaks_it() -> None:
    where: dict[str, Any] = {"value.orders": 1}
    for _ in range(250):
        where = {"not": where}
    with pytest.raises(ValueError, match="nested too deep"):
        compile_condition(where, KNOWN)
