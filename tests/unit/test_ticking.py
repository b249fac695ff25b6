"""Time that passes by itself: bands, windows, rules on the profile, segments; and when it will."""

from typing import Any

import pytest
from hypothesis import given, strategies as st

from core.moment import Moment
from core.outcomes import Accepted, Unprompted
from core.scoring import next_due
from core.state import State, decode, due_of, encode, new
from core.ticking import tick
from core.times import DAY, HOUR, SECOND, iso
from schemas.score_change import ScoreChange, SegmentChange
from tests import factories as make
from tests.unit.pipeline import BATCH, NOW, SEGMENTED, T0, Pipeline, at

MOMENT = Moment(NOW, BATCH, 0)


def pipeline() -> Pipeline:
    return Pipeline(SEGMENTED)


def viewed(day: float, category: str = "shoes") -> dict[str, Any]:
    return make.a_product_viewed(product=make.a_product(category=category), **at(round(day * DAY)))


def ticks(state: State, until: int) -> list[tuple[int, Unprompted]]:
    """Let time pass as the shell does."""
    said = []
    while (due := next_due(state, SEGMENTED)) is not None and due <= until:
        one = tick("c-1", state, due, SEGMENTED, MOMENT)
        if one is not None:
            said.append((due, one))
    return said


def moves(said: Any) -> list[tuple[str, str]]:
    return [(change["segment"], change["change"]) for change in said.segment_changes]


def test_a_quiet_customer_cools_down_on_time_band_by_band() -> None:
    state = pipeline().feed_all(
        [make.a_product_added(**at(0)), make.a_product_added(**at(0)), make.a_product_added(**at(0))]
    )
    assert state.scores["engagement"].band == "hot"
    falls = [(due, change) for due, said in ticks(state, T0 + 365 * DAY) for change in said.changes]
    assert [(change["old_band"], change["new_band"]) for _, change in falls] == [("hot", "warm"), ("warm", "cold")]
    for due, change in falls:
        floor = {"hot": 57, "warm": 17}[change["old_band"]]
        assert change["value"] == pytest.approx(floor, abs=1e-6)
        assert ScoreChange.model_validate(change).cause.type == "tick"
        assert change["id"].startswith(f"tick:c-1:{due}:")
    assert next_due(state, SEGMENTED) is None


def test_a_tick_is_a_row_of_its_own_and_grows_the_sequence() -> None:
    state = pipeline().feed_all([make.a_product_added(**at(0))])
    before = state.seq
    (due, said), *_ = ticks(state, T0 + 30 * DAY)
    assert (said.row["type"], said.row["event_id"], said.row["occurred_at"]) == ("tick", f"tick:c-1:{due}", iso(due))
    assert said.row["seq"] == before + 1
    assert said.at(3).id == f"tick:-:3:{due}"


def test_a_cart_without_an_order_is_abandoned_after_a_day_and_forgotten_with_its_window() -> None:
    state = pipeline().feed_all([make.a_product_added(**at(0))])
    changes = [(due - T0, moved) for due, said in ticks(state, T0 + 10 * DAY) for moved in moves(said)]
    assert changes == [(DAY, ("abandoned_carts", "entered")), (3 * DAY, ("abandoned_carts", "left"))]


def test_an_order_empties_the_cart() -> None:
    state = pipeline().feed_all([make.a_product_added(**at(0)), make.an_order_completed(**at(HOUR))])
    assert [said for _, said in ticks(state, T0 + 3 * DAY) if said.segment_changes] == []


def test_who_left_is_named_for_a_day_and_then_gets_a_tombstone() -> None:
    state = pipeline().feed_all([make.a_product_added(**at(0))])
    audience = [(due - T0, entry) for due, said in ticks(state, T0 + 10 * DAY) for entry in said.audience]
    assert [(after, key, value is None) for after, (key, value) in audience] == [
        (DAY, b"abandoned_carts:c-1", False),
        (3 * DAY, b"abandoned_carts:c-1", False),
        (4 * DAY, b"abandoned_carts:c-1", True),
    ]
    assert state.memberships == {}


def test_points_of_a_rule_on_the_profile_are_held_as_long_as_it_holds() -> None:
    state = pipeline().feed_all([viewed(0), viewed(1), viewed(2), viewed(3, "hats")])
    assert state.scores["interest"].value == 10
    assert state.scores["interest"].band == "high"
    (_, said), *_ = [(due, said) for due, said in ticks(state, T0 + 40 * DAY) if said.row["contributions.rule"]]
    assert (said.row["contributions.rule"], said.row["contributions.points"]) == (["looks_often"], [-10.0])
    assert said.row["occurred_at"] == iso(T0 + 30 * DAY)
    assert (state.scores["interest"].value, state.scores["interest"].band) == (0, "low")
    assert state.trait_rules == {}


def test_an_event_says_who_entered_what_and_why() -> None:
    outcomes = [pipe.feed(viewed(day)) for pipe in [pipeline()] for day in (0, 1, 2)]
    last = outcomes[-1]
    assert isinstance(last, Accepted)
    (change,) = last.segment_changes
    assert SegmentChange.model_validate(change).why == ["windows.views_30d at_least 3"]
    assert (change["segment"], change["change"], change["cause"]["type"]) == ("keen", "entered", "product_viewed")
    assert last.row["segments"] == ["keen"]
    assert [key for key, _ in last.audience] == [b"keen:c-1"]


def test_a_value_that_wavers_moves_nobody_twice() -> None:
    pipe = pipeline()
    said = [pipe.feed(event) for event in (make.a_product_added(**at(0)), make.a_cart_viewed(**at(1)))]
    assert [moves(outcome) for outcome in said] == [[], [("warm", "entered")]]
    assert moves(pipe.feed(make.a_product_removed(**at(2)))) == []
    assert moves(pipe.feed(make.a_product_removed(**at(3)))) == [("warm", "left")]


def test_the_blocked_are_left_in_peace() -> None:
    state = pipeline().feed_all([make.a_product_added(**at(0)), make.a_processing_blocked(**at(1))])
    assert next_due(state, SEGMENTED) is None


def test_nobody_is_due_who_has_done_nothing() -> None:
    assert next_due(new(), SEGMENTED) is None


def test_an_instant_that_changes_nothing_says_nothing_and_is_not_due_again() -> None:
    state = pipeline().feed_all([make.a_product_added(**at(0))])
    early = T0 + SECOND
    assert tick("c-1", state, early, SEGMENTED, MOMENT) is None
    assert (state.looked_at, state.told_at) == (early, 0)
    due = next_due(state, SEGMENTED)
    assert due is not None
    assert due > early


def test_what_time_changes_after_a_late_event_is_looked_at_again() -> None:
    pipe = pipeline()
    state = pipe.feed_all([viewed(0), viewed(1)])
    assert tick("c-1", state, T0 + 40 * DAY, SEGMENTED, MOMENT) is None  # nothing came of it
    late = pipe.feed(viewed(2))
    assert isinstance(late, Accepted)
    assert moves(late) == [("keen", "entered")]
    assert [moved for _, said in ticks(state, T0 + 50 * DAY) for moved in moves(said)] == [("keen", "left")]


def test_a_late_event_does_not_turn_time_back() -> None:
    pipe = pipeline()
    state = pipe.feed_all([make.a_product_added(**at(0))])
    ticks(state, T0 + 30 * DAY)
    assert state.scores["engagement"].band == "cold"
    late = pipe.feed(make.a_search_performed(**at(SECOND)))
    assert isinstance(late, Accepted)
    assert late.changes == []
    assert late.row["scores"]["engagement"] < 17


@pytest.mark.parametrize("due", [None, 1, T0])
@pytest.mark.parametrize("customer_id", [None, "c-1"])
def test_what_is_due_is_read_without_decoding(due: int | None, customer_id: str | None) -> None:
    state = new()
    state.due, state.customer_id = due, customer_id
    assert due_of(encode(state)) == due
    assert decode(encode(state)).due == due


@given(st.lists(st.tuples(st.sampled_from(["viewed", "added", "ordered"]), st.integers(0, 40 * 24)), max_size=10))
def test_what_is_said_to_be_due_is_the_first_instant_that_changes_something(events: list[tuple[str, int]]) -> None:
    """Looked at every hour in between, nothing may change earlier than it was announced."""
    kinds: dict[str, Any] = {
        "viewed": make.a_product_viewed,
        "added": make.a_product_added,
        "ordered": make.an_order_completed,
    }
    pipe = pipeline()
    for kind, hour in events:
        product = {"product": make.a_product(category="shoes")} if kind != "ordered" else {}
        pipe.feed(kinds[kind](**product, **at(hour * HOUR)))
    if not events:
        return
    state = pipe.profiles["c-1"]
    start = state.last_seen_at or 0
    due = next_due(state, SEGMENTED)
    for hour in range(1, 24 * 50, 7):
        instant = start + hour * HOUR
        if due is not None and instant >= due:
            break
        copy = decode(encode(state))
        assert tick("c-1", copy, instant, SEGMENTED, MOMENT) is None
