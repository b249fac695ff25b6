"""What an event does to the scores of a profile."""

import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st

from core.contributions import KEPT_CONTRIBUTIONS
from core.scores import value_at
from core.scoring import Crossing, Verdict, score_event
from core.state import Contribution, Dated, State, new
from core.times import DAY
from tests.factories import (
    Event,
    a_cart_viewed,
    a_customer_identified,
    a_product_added,
    a_product_removed,
    a_product_viewed,
    a_search_performed,
    a_traits_changed,
)
from tests.unit.pipeline import COMPILED as RULES, T0, Pipeline, a_rule_set, admitted, at, compiled


def scored(state: State, event: Event, rules: Any = RULES) -> Verdict:
    """Score an event whose facts are folded already, as the journey does."""
    reduced = admitted(event)
    state.last_seen_at = max(reduced.occurred_at, state.last_seen_at or 0)
    return score_event(state, reduced, rules, DAY)


def with_role(state: State, role: str | None, instant: int = T0) -> State:
    state.traits = {} if role is None else {"role": Dated(role, instant)}
    return state


def test_every_rule_that_holds_gives_its_points() -> None:
    state = new()
    verdict = scored(state, a_product_added())
    assert verdict.contributions == [
        Contribution("added", "engagement", 25.0, T0),
        Contribution("came_close", "fit", 1.0, T0),
    ]
    assert verdict.shown == {"engagement": 25.0, "fit": 1.0}
    assert verdict.crossings == [Crossing("engagement", "cold", "warm", 0.0, 25.0)]
    assert verdict.at == T0


def test_an_event_without_a_rule_shows_the_scores_and_changes_nothing() -> None:
    state = new()
    assert scored(state, a_search_performed()) == Verdict(T0, {"engagement": 0.0, "fit": 0.0}, [], [])
    assert state.contributions == []


def test_scores_that_nobody_saw_yet_are_judged_without_a_time_of_the_profile() -> None:
    assert score_event(new(), admitted(a_product_added()), RULES, DAY).at == T0


def test_time_alone_makes_the_next_event_cross() -> None:
    state = new()
    scored(state, a_product_added())
    verdict = scored(state, a_search_performed(**at(10 * DAY)))
    (crossing,) = verdict.crossings
    assert crossing == Crossing("engagement", "warm", "cold", 12.5, 12.5)
    assert verdict.contributions == []


def test_a_late_event_is_judged_at_the_latest_event_time() -> None:
    state = new()
    scored(state, a_search_performed(**at(10 * DAY)))
    verdict = scored(state, a_product_added(**at(0)))
    assert verdict.at == T0 + 10 * DAY
    assert verdict.shown["engagement"] == pytest.approx(12.5)
    assert verdict.crossings == []
    assert scored(state, a_product_added(**at(0))).crossings == [
        Crossing("engagement", "cold", "warm", pytest.approx(12.5), pytest.approx(25.0))
    ]


def test_the_last_contributions_are_kept() -> None:
    state = new()
    for day in range(KEPT_CONTRIBUTIONS + 5):
        scored(state, a_product_viewed(**at(day * DAY)))
    assert [c.occurred_at for c in state.contributions] == [T0 + day * DAY for day in range(5, KEPT_CONTRIBUTIONS + 5)]


def test_the_latest_contributions_are_kept_in_whatever_order_they_arrive() -> None:
    days = [*range(0, KEPT_CONTRIBUTIONS + 5, 2), *range(KEPT_CONTRIBUTIONS + 4, 0, -1)]
    state = new()
    for day in dict.fromkeys(days):
        scored(state, a_product_viewed(**at(day * DAY)))
    assert [c.occurred_at for c in state.contributions] == [T0 + day * DAY for day in range(5, KEPT_CONTRIBUTIONS + 5)]


def test_a_trait_gives_its_points_once_and_takes_them_back() -> None:
    state = with_role(new(), "owner")
    assert scored(state, a_traits_changed()).crossings == [Crossing("fit", "fair", "good", 0.0, 20.0)]
    assert scored(state, a_customer_identified(traits={})).contributions == []
    verdict = scored(with_role(state, "student"), a_traits_changed(**at(DAY)))
    assert verdict.contributions == [
        Contribution("decides", "fit", -20.0, T0 + DAY),
        Contribution("no_say", "fit", -10.0, T0 + DAY),
    ]
    assert verdict.crossings == [Crossing("fit", "good", "poor", 20.0, -10.0)]
    assert scored(with_role(state, None), a_traits_changed()).shown["fit"] == 0.0


@pytest.mark.parametrize("event", [a_customer_identified(), a_search_performed()])
def test_traits_are_looked_at_only_after_an_event_that_carries_some(event: Event) -> None:
    assert scored(with_role(new(), "owner"), event).contributions == []


def test_a_score_that_newer_rules_add_begins_with_their_first_event() -> None:
    state = new()
    scored(state, a_product_added())
    scores = {**a_rule_set()["scores"], "risk": {"bands": [{"name": "low", "from": 0}]}}
    assert scored(state, a_product_viewed(), compiled(scores=scores)).shown == {"engagement": 30.0, "fit": 1.0, "risk": 0.0}
    assert state.scores["risk"].band == "low"


MAKERS = st.sampled_from([a_product_added, a_product_viewed, a_product_removed, a_cart_viewed, a_search_performed])
HISTORIES = st.lists(st.tuples(MAKERS, st.integers(0, 60 * DAY // 1000)), min_size=1, max_size=12)


@given(HISTORIES, st.randoms(use_true_random=False))
def test_scores_do_not_depend_on_the_order_of_arrival(history: list[tuple[Any, int]], order: random.Random) -> None:
    events = [make(**at(millis * 1000)) for make, millis in history]
    one, other = (Pipeline().feed_all(arrived) for arrived in (events, order.sample(events, len(events))))
    now = one.last_seen_at
    assert now is not None
    for name, scale in RULES.scales.items():
        mine, theirs = one.scores[name], other.scores[name]
        assert value_at(mine, now, scale) == pytest.approx(value_at(theirs, now, scale), abs=1e-9)


@given(HISTORIES)
def test_crossings_of_a_score_join_and_end_in_the_band_of_the_profile(history: list[tuple[Any, int]]) -> None:
    state, bands = new(), ["cold"]
    for make, millis in history:
        verdict = scored(state, make(**at(millis * 1000)))
        bands += [band for c in verdict.crossings if c.score == "engagement" for band in (c.old_band, c.new_band)]
    assert all(left == right for left, right in list(pairwise(bands))[::2])
    assert state.scores["engagement"].band == bands[-1]
