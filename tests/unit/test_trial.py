"""One customer under one set of rules, and under two of them."""

from typing import Any

import pytest

from core.comparison import Change, Comparison
from core.rules import CompiledRules
from core.scores import value_at
from core.times import DAY, HOUR
from core.trial import Messages, Standing, Trial
from tests import factories as make
from tests.unit.pipeline import (
    COMPILED,
    INTEREST,
    KEEN,
    RULES,
    SCORES,
    SEGMENTED,
    SEGMENTS,
    SETTINGS,
    T0,
    TOPIC_OF,
    WINDOWS,
    Pipeline,
    admitted,
    at,
    compiled,
)

ADDED_POINTS = 25
NEVER = 1 << 62


def trial(rules: CompiledRules = COMPILED, days: float = 0, since: int = NEVER, **settings: Any) -> Trial:
    """Return a trial until some days after `T0`."""
    return Trial(rules, SETTINGS._replace(**settings), T0 + round(days * DAY), since)


def stands(tried: Trial, *events: make.Event, key: str = "c-1") -> Standing:
    tried.begin(key)
    for event in events:
        tried.fold(TOPIC_OF[event["type"]], admitted(event))
    return tried.end()


def added(day: float) -> make.Event:
    return make.a_product_added(event_id=f"e-{day}", **at(round(day * DAY)))


def viewed(day: float) -> make.Event:
    return make.a_product_viewed(product=make.a_product(category="shoes"), event_id=f"v-{day}", **at(round(day * DAY)))


def test_a_customer_stands_as_the_scorer_says() -> None:
    events = [added(0), viewed(1), viewed(1.5), viewed(2)]
    state = Pipeline(SEGMENTED).feed_all(events)
    standing = stands(trial(SEGMENTED, 2), *events)
    assert standing.bands == {name: score.band for name, score in state.scores.items()}
    assert standing.values["engagement"] == value_at(
        state.scores["engagement"], T0 + 2 * DAY, SEGMENTED.scales["engagement"]
    )
    assert {"keen", "abandoned_carts"} <= standing.members
    assert standing.state.seq == 4


def test_points_are_those_of_their_rules_and_fade_with_their_score() -> None:
    standing = stands(trial(SEGMENTED, 10), added(0), added(0), viewed(0))
    assert standing.points == {
        ("engagement", "added"): pytest.approx(ADDED_POINTS),
        ("engagement", "viewed"): pytest.approx(2.5),
        ("fit", "came_close"): 2.0,
    }
    assert sum(standing.points["engagement", rule] for rule in ("added", "viewed")) == standing.values["engagement"]


def test_time_passes_between_two_events_and_after_the_last_one() -> None:
    said = stands(trial(days=40, since=0), added(0), added(20), added(39)).said
    assert said.score_changes == 1 + 1 + 1 + 1 + 1  # up and, but for the last time, down again
    late = stands(trial(days=40, since=0), added(20), added(0), added(39)).said
    assert late.score_changes == 3, "an event that comes late goes back in no time"


def test_only_what_was_said_lately_is_counted() -> None:
    events = [added(0), added(20), added(39)]
    assert stands(trial(days=40, since=T0 + 21 * DAY), *events).said == Messages(2, 0)
    assert stands(trial(SEGMENTED, 40, T0 + 20 * DAY), *events).said.segment_changes == 6
    assert stands(trial(days=40), *events).said == Messages(0, 0)


def test_each_customer_begins_anew() -> None:
    tried = trial()
    assert stands(tried, added(0)).bands["engagement"] == "warm"
    assert stands(tried, viewed(0), key="c-2").bands["engagement"] == "cold"
    assert stands(tried, key="c-3") == (stands(tried).state, {}, {}, frozenset(), {}, Messages(0, 0))


def test_a_custom_event_has_what_the_plan_declares() -> None:
    watched = {"id": "watched", "score": "fit", "event": "custom_tracked", "points": 3}
    rules = compiled(rules=[*RULES, watched | {"when": {"properties.video_id": "v-1"}}])
    event = make.a_custom_tracked(name="video_watched", properties={"video_id": "v-1"})
    assert stands(trial(rules), event).values["fit"] == 3
    assert stands(trial(rules, plan={}), event).values["fit"] == 0


def test_bands_are_told_from_the_lowest_one_up() -> None:
    assert [band for score, band in trial().bands if score == "engagement"] == ["cold", "warm", "hot"]


def draft(**changes: Any) -> CompiledRules:
    milder = [{**rule, "points": 15} if rule["id"] == "added" else rule for rule in RULES if rule["id"] != "viewed"]
    said: dict[str, Any] = {
        "windows": WINDOWS,
        "segments": {**SEGMENTS, "fresh": {"where": {"activity.hours_since_seen": {"below": 1}}}},
    }
    return compiled(**{**said, "scores": {**SCORES, "interest": INTEREST}, "rules": [*milder, KEEN], **changes})


def change(*events: make.Event, key: str = "c-1", rules: CompiledRules | None = None) -> Change:
    after = draft() if rules is None else rules
    return Change(key, *(stands(trial(tried, HOUR / DAY / 2), *events, key=key) for tried in (SEGMENTED, after)))


def test_a_change_names_scores_bands_segments_and_the_rules_behind_them() -> None:
    found = change(added(0), viewed(0), viewed(0))
    assert found.crosses("engagement")
    assert not found.crosses("fit")
    assert found.scores == ["engagement"]
    assert [rule for rule, _ in found.rules("engagement")] == ["added", "viewed"]
    assert [round(by) for _, by in found.rules("engagement")] == [-10, -10]
    assert (found.entered, found.left) == (["fresh"], ["warm"])
    assert found.messages == Messages(1, 2)
    said = found.document()
    assert said["scores"]["engagement"]["old_band"] == "warm"
    assert said["scores"]["engagement"]["new_band"] == "cold"
    assert said["scores"]["engagement"]["rules"][0] == {"rule": "added", "points": pytest.approx(-10, abs=0.1)}
    assert (said["enters"], said["leaves"]) == (["fresh"], ["warm"])


def test_a_score_that_only_one_of_them_has_is_no_message() -> None:
    lost = change(added(0), rules=draft(scores=SCORES, rules=RULES, segments=SEGMENTS))
    assert lost.scores == ["interest"]
    assert lost.messages == Messages(0, 0)
    assert lost.document()["scores"]["interest"]["after"] is None
    new = Change("c-1", lost.after, lost.before)
    assert (new.scores, new.moved("interest")) == (["interest"], 0.0)


def compared(limit: int, *found: Change) -> dict[str, Any]:
    present, newer = trial(SEGMENTED), trial(draft())
    segments = [*present.segments, *newer.segments]
    comparison = Comparison(limit, [*present.bands, *newer.bands], segments)
    for one in found:
        comparison.add(one)
    return comparison.document()


def test_customers_are_counted_by_what_changes() -> None:
    same = change(added(0), key="c-0", rules=SEGMENTED)
    said = compared(
        10, same, change(added(0), key="c-1"), change(viewed(0), key="c-2"), change(added(0), added(0), key="c-3")
    )
    assert (said["customers"], said["changed"]) == (4, 3)
    assert [tuple(one.values()) for one in said["bands"] if one["score"] == "engagement"] == [
        ("engagement", "cold", "cold", 1),
        ("engagement", "warm", "cold", 1),
        ("engagement", "warm", "warm", 2),
    ]
    assert said["segments"] == {
        **{name: {"before": 0, "after": 0, "enter": 0, "leave": 0} for name in ("abandoned_carts", "keen")},
        "fresh": {"before": 0, "after": 3, "enter": 3, "leave": 0},
        "warm": {"before": 1, "after": 1, "enter": 0, "leave": 0},
    }
    assert said["elsewhere"] == {"customers": 3, "bands": 1, "segments": 3}


def test_those_whom_it_changes_most_come_first_and_the_first_of_equals() -> None:
    found = [
        change(added(0), key="a"),
        change(viewed(0), key="b"),
        change(added(0), key="c"),
        change(added(0), added(0), key="d"),
    ]
    assert [one["customer_key"] for one in compared(3, *found)["most_changed"]] == ["d", "a", "c"]
    assert compared(0, *found)["most_changed"] == []


def test_what_a_new_score_begins_with_is_told_too() -> None:
    new = Change("c-1", *(stands(trial(rules), added(0)) for rules in (COMPILED, SEGMENTED)))
    assert {"score": "interest", "from": None, "to": "low", "customers": 1} in compared(1, new)["bands"]


def test_messages_add_up() -> None:
    comparison = Comparison(0, trial(SEGMENTED).bands, [])
    standing = stands(trial(SEGMENTED, 40, 0), added(0))
    comparison.add(Change("c-1", standing, standing))
    comparison.add(Change("c-2", standing, standing))
    assert comparison.before == comparison.after == standing.said + standing.said
    assert comparison.before.score_changes == 4


def test_a_purchase_that_two_names_told_of_counts_once() -> None:
    number = make.a_receipt_number(number="7")
    receipts = [make.a_receipt("50", event_id=event_id, receipt=number, **at(0)) for event_id in ("till", "shop")]
    assert stands(trial(), *receipts).state.orders == 1
