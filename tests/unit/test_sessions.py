"""Sessions: what begins one, what joins two, and that the order of arrival changes nothing within the lateness."""

import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st

from core.outcomes import Accepted
from core.sessions import GAP, count, visit
from core.state import Sessions, State, new
from core.times import DAY, MINUTE, SECOND, Micros
from core.view import view
from tests import factories as make
from tests.unit.pipeline import COMPILED, T0, Pipeline, at

HOUR = 60 * MINUTE


def visited(*times: Micros, lateness: Micros = DAY) -> State:
    """Return a profile after site events at `times`, in this order of arrival."""
    state = new()
    for time in times:
        visit(state, T0 + time, lateness)
    return state


def spans(state: State) -> list[Micros]:
    assert state.sessions is not None
    return [time - T0 for time in state.sessions.spans]


def test_nobody_has_a_session_before_the_first_event() -> None:
    assert count(new()) == 0
    assert count(visited(0)) == 1


@pytest.mark.parametrize(("gap", "sessions"), [(0, 1), (GAP - 1, 1), (GAP, 2), (GAP + 1, 2)])
def test_half_an_hour_of_silence_and_no_less_starts_a_new_session(gap: Micros, sessions: int) -> None:
    assert count(visited(0, gap)) == sessions
    assert count(visited(gap, 0)) == sessions


def test_an_event_in_a_session_changes_nothing() -> None:
    assert spans(visited(0, 20 * MINUTE, 10 * MINUTE)) == [0, 20 * MINUTE]


def test_a_late_event_lets_a_session_begin_earlier_or_end_later() -> None:
    assert spans(visited(0, 5 * HOUR, 4 * HOUR + 31 * MINUTE)) == [0, 0, 4 * HOUR + 31 * MINUTE, 5 * HOUR]
    assert spans(visited(0, 5 * HOUR, 29 * MINUTE)) == [0, 29 * MINUTE, 5 * HOUR, 5 * HOUR]


def test_a_late_event_may_be_a_session_of_its_own() -> None:
    assert spans(visited(0, 5 * HOUR, 2 * HOUR)) == [0, 0, 2 * HOUR, 2 * HOUR, 5 * HOUR, 5 * HOUR]
    assert spans(visited(5 * HOUR, 0)) == [0, 0, 5 * HOUR, 5 * HOUR]


def test_a_late_event_joins_two_sessions_unless_it_is_half_an_hour_from_one() -> None:
    assert spans(visited(0, 50 * MINUTE, 25 * MINUTE)) == [0, 50 * MINUTE]
    assert spans(visited(0, 60 * MINUTE, 30 * MINUTE)) == [0, 0, 30 * MINUTE, 30 * MINUTE, HOUR, HOUR]
    assert spans(visited(0, 59 * MINUTE, 30 * MINUTE)) == [0, 0, 30 * MINUTE, 59 * MINUTE]


def test_what_is_later_than_the_lateness_changes_no_session() -> None:
    state = visited(0, 2 * DAY)
    before = spans(state)
    assert visit(state, T0 + DAY - 1, DAY) is None
    assert (spans(state), count(state)) == (before, 2)
    assert visit(state, T0 + DAY, DAY) == T0 + DAY
    assert count(state) == 3


def test_sessions_that_no_event_can_reach_any_more_are_only_counted() -> None:
    assert visited(0, DAY + GAP - 1).sessions == Sessions(0, [T0, T0, T0 + DAY + GAP - 1, T0 + DAY + GAP - 1])
    assert visited(0, DAY + GAP).sessions == Sessions(1, [T0 + DAY + GAP] * 2)
    assert visited(0, HOUR, 3 * DAY).sessions == Sessions(2, [T0 + 3 * DAY] * 2)


def test_a_lateness_of_nothing_takes_events_in_order_only() -> None:
    state = visited(0, HOUR, lateness=0)
    assert visit(state, T0 + HOUR - 1, 0) is None
    assert visit(state, T0 + HOUR, 0) == T0 + HOUR
    assert state.sessions == Sessions(1, [T0 + HOUR] * 2)


STEPS = st.sampled_from([0, SECOND, GAP // 2, GAP - 1, GAP, GAP + 1, HOUR, DAY, DAY + GAP - 1, DAY + GAP, 3 * DAY])
TIMES = st.lists(STEPS, min_size=1, max_size=30).map(lambda steps: [sum(steps[: n + 1]) for n in range(len(steps))])


@given(TIMES, st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing_within_the_lateness(times: list[Micros], dice: random.Random) -> None:
    delayed = sorted((time + dice.choice((0, dice.randint(0, DAY), DAY)), dice.random(), time) for time in times)
    arrived, ordered = visited(*(time for _, _, time in delayed)), visited(*times)
    assert arrived.sessions == ordered.sessions
    assert count(arrived) == 1 + sum(later - earlier >= GAP for earlier, later in pairwise(times))


@given(st.lists(st.integers(-3 * DAY, 3 * DAY), min_size=1, max_size=30), st.sampled_from([0, HOUR, DAY]))
def test_what_is_kept_is_in_order_apart_and_no_older_than_needed(times: list[Micros], lateness: Micros) -> None:
    state = new()
    for time in times:
        start = visit(state, T0 + time, lateness)
        assert state.sessions is not None
        kept = state.sessions.spans
        assert (start is None) is (T0 + time < kept[-1] - lateness)
        assert start is None or any(begin == start <= T0 + time <= end for begin, end in pairwise(kept))
        assert kept == sorted(kept)
        assert all(begin - end >= GAP for end, begin in zip(kept[1::2], kept[2::2], strict=False))
        assert all(end > kept[-1] - lateness - GAP for end in kept[1::2])


def row(pipeline: Pipeline, event: dict[str, Any]) -> dict[str, Any]:
    outcome = pipeline.feed(event)
    assert isinstance(outcome, Accepted)
    return outcome.row


def test_a_row_names_the_session_by_its_start_as_known_then() -> None:
    pipeline = Pipeline()
    times = [10 * MINUTE, 20 * MINUTE, 0, 15 * MINUTE, HOUR]
    said = [row(pipeline, make.a_cart_viewed(**at(time)))["session_id"] for time in times]
    assert said == [str((T0 + start) // 1000) for start in (10 * MINUTE, 10 * MINUTE, 0, 0, HOUR)]
    assert view("c-1", pipeline.profiles["c-1"], COMPILED, T0).activity.sessions == 2


@pytest.mark.parametrize("maker", [make.a_receipt, make.a_ticket_opened, make.a_traits_changed, make.a_consent_given])
def test_other_topics_make_no_session(maker: Any) -> None:
    pipeline = Pipeline()
    assert "session_id" not in row(pipeline, maker())
    assert count(pipeline.profiles["c-1"]) == 0


@pytest.mark.parametrize("lateness", [HOUR, DAY])
@pytest.mark.parametrize("maker", [make.a_cart_viewed, make.a_product_added])
def test_an_event_that_is_too_late_for_a_session_says_so(lateness: Micros, maker: Any) -> None:
    pipeline = Pipeline(lateness=lateness)
    pipeline.feed(make.a_cart_viewed(**at(lateness + SECOND)))
    late, in_time = pipeline.feed(maker(**at(0))), pipeline.feed(maker(**at(SECOND)))
    assert isinstance(late, Accepted)
    assert isinstance(in_time, Accepted)
    assert (late.late, in_time.late) == (True, False)
    assert ("session_id" in late.row, "session_id" in in_time.row) == (False, True)
    assert count(pipeline.profiles["c-1"]) == 2
