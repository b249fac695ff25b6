"""Customers in one profile, each kept as if it had never been joined."""

from core.commands import Cause
from core.parts import Course, Tie, join, owner_of, part_for_good, part_from
from core.state import State
from core.times import DAY, HOUR
from tests import factories as make
from tests.unit.network import EVER
from tests.unit.pipeline import COMPILED, SEGMENTED, T0, Pipeline, at

NOW = Course(COMPILED, EVER, T0)
LATER = Course(SEGMENTED, EVER, T0 + 100 * DAY)


def joined() -> State:
    """Return the profile of c-1 with c-2 in it, who filled a cart."""
    pipeline = Pipeline()
    pipeline.feed(make.a_page_viewed(customer_id="c-1"))
    pipeline.feed(make.a_product_added(customer_id="c-2", **at(HOUR)))
    state = pipeline.profiles["c-1"]
    join("c-1", state, "c-2", pipeline.profiles["c-2"], Tie("c-1", "c-2"), NOW)
    return state


def test_the_first_of_a_profile_is_joined_to_nobody_even_by_what_comes_back_to_it() -> None:
    state, late = joined(), joined()
    join("c-1", state, "c-1", late, Tie("c-1", "c-2"), NOW)
    assert state.parts is not None
    assert {name: part.via for name, part in state.parts.items()} == {"c-1": "", "c-2": "c-1"}


def test_who_leaves_is_judged_by_the_rules_and_at_the_time_of_leaving() -> None:
    state = joined()
    assert state.scores["engagement"].band == "warm"
    parted = part_from("c-1", state, "c-2", LATER)
    assert parted is not None
    for one in (state, parted.left):
        assert one.judged_by == SEGMENTED.judgement
        assert one.scores["engagement"].band == "cold"
    assert (state.page_views, parted.left.page_views) == (1, 0)
    assert [crossing.new_band for crossing in parted.verdict.crossings] == ["cold"]


def test_time_passes_for_who_leaves() -> None:
    state = joined()
    parted = part_from("c-1", state, "c-2", Course(COMPILED, EVER, T0 + 100 * DAY))
    assert parted is not None
    assert parted.left.scores["engagement"].band == "cold"


def test_who_is_not_in_a_profile_can_not_leave_it() -> None:
    state = joined()
    assert part_from("c-1", state, "c-3", NOW) is None
    assert part_from("c-1", state, "c-1", NOW) is None


def test_an_event_under_newer_rules_is_folded_into_both_and_the_part_is_judged_when_it_leaves() -> None:
    pipeline = Pipeline(SEGMENTED)
    pipeline.profiles["c-1"] = joined()
    pipeline.feed(make.a_page_viewed(customer_id="c-1", **at(2 * HOUR)), offset=9)
    state = pipeline.profiles["c-1"]
    assert state.parts is not None
    assert (state.page_views, state.parts["c-1"].state.page_views) == (2, 2)
    assert (state.judged_by, state.parts["c-1"].state.judged_by) == (SEGMENTED.judgement, "")


def test_an_event_is_of_the_customer_whose_names_it_bears() -> None:
    state = joined()
    assert state.parts is not None
    state.parts["c-2"].state.anonymous_ids = ["7"]
    owners = {name: owner_of(state, "c-1", name) for name in ("c-1", "c-2", "a:7", "a:8")}
    assert owners == {"c-1": "c-1", "c-2": "c-2", "a:7": "c-2", "a:8": "c-1"}


def test_the_latest_word_on_who_is_two_persons_stays() -> None:
    state = joined()
    for hours in (5, 3):
        part_for_good(state, Cause("e", "customers_unmerged", T0 + hours * HOUR, "c-2", "c-1"))
    assert state.apart == {"c-1\nc-2": T0 + 5 * HOUR}
