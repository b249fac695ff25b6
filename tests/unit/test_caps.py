"""Caps: so many points, a day or for ever, the earliest events first, in whatever order they arrive."""

import random
from collections import defaultdict
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from core.outcomes import Accepted
from core.rules import CompiledRules, RuleSet, compile_rules
from core.scores import value_at
from core.state import decode, encode
from core.times import DAY, SECOND, Micros, micros
from tests.factories import Event, a_cart_viewed, a_product_added, a_product_removed, a_product_viewed, a_search_performed
from tests.unit.pipeline import T0, Pipeline, a_rule_set, at, compiled

HOUR = 3600 * SECOND
MIDNIGHT = T0 - T0 % DAY
VIEWED = {"id": "viewed", "score": "engagement", "event": "product_viewed", "points": 4}
ADDED = {"id": "added", "score": "engagement", "event": "product_added", "points": 7}
CART = {"id": "cart", "score": "engagement", "event": "cart_viewed", "points": 3}


def rules(*some: dict[str, Any], **groups: dict[str, Any]) -> CompiledRules:
    return compiled(rules=list(some), groups={name: {"cap": cap} for name, cap in groups.items()})


def cap(points: float, per: str = "day") -> dict[str, Any]:
    return {"points": points, "per": per}


def points_of(pipeline: Pipeline, event: Event) -> list[tuple[str, float, int]]:
    """Return what an event gave and took: rule, points, and the time they count at, after `T0`."""
    outcome = pipeline.feed(event)
    assert isinstance(outcome, Accepted)
    columns = (outcome.row[f"contributions.{name}"] for name in ("rule", "points", "occurred_at"))
    return [(rule, points, micros(datetime.fromisoformat(when)) - T0) for rule, points, when in zip(*columns, strict=True)]


def test_a_rule_gives_no_more_than_its_cap_a_day_and_the_last_grant_may_be_a_part() -> None:
    pipeline = Pipeline(rules(VIEWED | {"cap": cap(10)}))
    given = [points_of(pipeline, a_product_viewed(**at(hour * HOUR))) for hour in (0, 1, 2, 3, 24)]
    assert given == [
        [("viewed", 4.0, 0)], [("viewed", 4.0, HOUR)], [("viewed", 2.0, 2 * HOUR)], [], [("viewed", 4.0, DAY)],
    ]  # fmt: skip


def test_a_late_event_takes_its_share_and_later_ones_lose_theirs_at_their_own_times() -> None:
    pipeline = Pipeline(rules(VIEWED | {"cap": cap(10)}))
    for hour in (2, 3, 4):
        pipeline.feed(a_product_viewed(**at(hour * HOUR)))
    assert points_of(pipeline, a_product_viewed(**at(0))) == [
        ("viewed", 4.0, 0), ("viewed", -2.0, 3 * HOUR), ("viewed", -2.0, 4 * HOUR),
    ]  # fmt: skip


def test_points_that_are_taken_are_capped_by_their_size() -> None:
    removed = {"id": "removed", "score": "fit", "event": "product_removed", "points": -8, "cap": cap(10)}
    pipeline = Pipeline(rules(removed))
    given = [points_of(pipeline, a_product_removed(**at(hour * HOUR))) for hour in (1, 2, 3, 0)]
    assert given == [
        [("removed", -8.0, HOUR)], [("removed", -2.0, 2 * HOUR)], [], [("removed", -8.0, 0), ("removed", 6.0, HOUR),
                                                                     ("removed", 2.0, 2 * HOUR)],
    ]  # fmt: skip


def test_once_is_the_first_event_for_ever() -> None:
    pipeline = Pipeline(rules(VIEWED | {"once": True}))
    assert points_of(pipeline, a_product_viewed(**at(100 * DAY))) == [("viewed", 4.0, 100 * DAY)]
    assert points_of(pipeline, a_product_viewed(**at(101 * DAY))) == []
    assert points_of(pipeline, a_product_viewed(**at(0))) == [("viewed", 4.0, 0), ("viewed", -4.0, 100 * DAY)]
    assert encode(pipeline.profiles["c-1"]).count(b'"viewed:":[[') == 1


def test_rules_of_a_group_share_its_cap() -> None:
    pipeline = Pipeline(rules(VIEWED | {"group": "looks"}, CART | {"group": "looks", "cap": cap(3)}, looks=cap(10)))
    given = [
        points_of(pipeline, make(**at(hour * HOUR)))
        for hour, make in enumerate([a_product_viewed, a_cart_viewed, a_cart_viewed, a_product_viewed, a_product_viewed])
    ]
    assert given == [[("viewed", 4.0, 0)], [("cart", 3.0, HOUR)], [], [("viewed", 3.0, 3 * HOUR)], []]


def test_a_rule_capped_by_the_day_begins_anew_in_a_group_that_is_capped_for_ever() -> None:
    pipeline = Pipeline(rules(VIEWED | {"group": "looks", "cap": cap(5)}, looks=cap(8, "ever")))
    given = [points_of(pipeline, a_product_viewed(**at(hour * HOUR))) for hour in (0, 1, 24, 48)]
    assert given == [[("viewed", 4.0, 0)], [("viewed", 1.0, HOUR)], [("viewed", 3.0, DAY)], []]


def test_two_rules_of_a_group_for_one_event_are_granted_by_their_names() -> None:
    zeal = VIEWED | {"id": "a_zeal", "group": "looks"}
    pipeline = Pipeline(rules(VIEWED | {"group": "looks"}, zeal, looks=cap(6)))
    assert points_of(pipeline, a_product_viewed()) == [("viewed", 4.0, 0), ("a_zeal", 4.0, 0), ("viewed", -2.0, 0)]


@pytest.mark.parametrize("lateness", [0, HOUR, DAY])
def test_an_event_gets_nothing_once_its_day_is_closed_and_closed_days_are_forgotten(lateness: Micros) -> None:
    pipeline = Pipeline(rules(VIEWED | {"cap": cap(10)}), lateness=lateness)
    end = MIDNIGHT + DAY - T0
    pipeline.feed(a_product_viewed(**at(0)))
    pipeline.feed(a_search_performed(**at(end + lateness)))
    assert points_of(pipeline, a_product_viewed(**at(HOUR))) == [("viewed", 4.0, HOUR)]
    pipeline.feed(a_product_viewed(**at(end + lateness + 1000)))
    assert points_of(pipeline, a_product_viewed(**at(HOUR))) == []
    assert list(pipeline.profiles["c-1"].caps or ()) == [f"viewed:{(MIDNIGHT // DAY) + 719_163 + 1 + lateness // DAY}"]


def test_what_is_capped_for_ever_is_never_closed() -> None:
    pipeline = Pipeline(rules(VIEWED | {"cap": cap(4, "ever")}, ADDED | {"cap": cap(7)}))
    pipeline.feed(a_product_viewed(**at(0)))
    pipeline.feed(a_product_added(**at(50 * DAY)))
    assert points_of(pipeline, a_product_viewed(**at(-5 * DAY))) == [("viewed", 4.0, -5 * DAY), ("viewed", -4.0, 0)]


def test_a_day_is_one_of_the_time_zone() -> None:
    said = RuleSet.model_validate(a_rule_set(rules=[VIEWED | {"cap": cap(4)}]))
    pipeline = Pipeline(compile_rules(said, ZoneInfo("Asia/Vladivostok")))
    shift = MIDNIGHT - T0
    given = [points_of(pipeline, a_product_viewed(**at(shift + hour * HOUR))) for hour in (13, 14, 15, 37, 38)]
    assert [len(some) for some in given] == [1, 1, 0, 0, 1]


def test_a_rule_that_newer_rules_removed_keeps_its_share_of_the_group() -> None:
    both = rules(VIEWED | {"group": "looks"}, CART | {"group": "looks"}, looks=cap(8))
    pipeline = Pipeline(both)
    pipeline.feed(a_product_viewed(**at(HOUR)))
    fewer = Pipeline(rules(CART | {"group": "looks"}, looks=cap(8)))
    fewer.profiles.update(pipeline.profiles)
    fewer._next_offset = 1
    assert [points_of(fewer, a_cart_viewed(**at(hour * HOUR))) for hour in (2, 3, 0)] == [
        [("cart", 3.0, 2 * HOUR)], [("cart", 1.0, 3 * HOUR)],
        [("cart", 3.0, 0), ("cart", -2.0, 2 * HOUR), ("cart", -1.0, 3 * HOUR)],
    ]  # fmt: skip


def test_grants_survive_the_table() -> None:
    state = Pipeline(rules(VIEWED | {"cap": cap(10)})).feed_all([a_product_viewed()])
    assert decode(encode(state)).caps == state.caps
    assert b"caps" not in encode(Pipeline().feed_all([a_product_viewed()]))


MAKERS = {"viewed": a_product_viewed, "added": a_product_added, "cart": a_cart_viewed}
POINTS = {"viewed": 4.0, "added": 7.0, "cart": 3.0}
CAPS = st.none() | st.builds(cap, st.sampled_from([3, 4.5, 9, 20]), st.sampled_from(["day", "ever"]))
HISTORIES = st.lists(st.tuples(st.sampled_from(sorted(MAKERS)), st.integers(0, 23)), min_size=1, max_size=14)


def earliest_first(history: list[tuple[str, int]], own: dict[str, Any], shared: dict[str, Any] | None) -> float:
    """Return all points, granted by hand in the order of event times."""
    used: dict[Any, float] = defaultdict(float)
    granted = 0.0
    for hour, rule in sorted((hour, rule) for rule, hour in history):
        buckets = [(rule, own[rule])] if own[rule] else []
        buckets += [("all", shared)] if shared else []
        places = {(name, hour // 12 if said["per"] == "day" else 0): said["points"] for name, said in buckets}
        grant = min([POINTS[rule], *(most - used[place] for place, most in places.items())])
        granted += grant
        for place in places:
            used[place] += grant
    return granted


@given(HISTORIES, st.fixed_dictionaries(dict.fromkeys(MAKERS, CAPS)), CAPS, st.randoms(use_true_random=False))
def test_grants_are_those_of_the_order_of_event_times(
    history: list[tuple[str, int]], own: dict[str, Any], shared: dict[str, Any] | None, order: random.Random
) -> None:
    if shared and shared["per"] == "day":
        own = {rule: said and said | {"per": "day"} for rule, said in own.items()}
    some = [rule | ({"cap": own[rule["id"]]} if own[rule["id"]] else {}) for rule in (VIEWED, ADDED, CART)]
    said = rules(*(rule | ({"group": "all"} if shared else {}) for rule in some), **({"all": shared} if shared else {}))
    still = said._replace(
        scales={**said.scales, "engagement": said.scales["engagement"]._replace(half_life=None, shown_to=1e9)}
    )
    pipeline, shift = Pipeline(still), MIDNIGHT - T0
    for rule, hour in order.sample(history, len(history)):  # twelve hours before a midnight, and twelve after
        pipeline.feed(MAKERS[rule](**at(shift + (12 + hour) * HOUR)))
    score = pipeline.profiles["c-1"].scores["engagement"]
    expected = earliest_first(history, own, shared)
    assert value_at(score, T0 + 9 * DAY, still.scales["engagement"]) == pytest.approx(expected, abs=1e-9)
