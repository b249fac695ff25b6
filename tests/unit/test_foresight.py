"""What is foreseen is what time then brings, and looking ahead changes nothing."""

from typing import Any

from core.foresight import foresee
from core.scoring import let_pass, next_due
from core.state import State, encode
from core.times import DAY, HOUR, SECOND
from tests import factories as make
from tests.unit.pipeline import SEGMENTED, T0, Pipeline, at, compiled


def shopper() -> State:
    """Somebody who looked at shoes four times and filled a cart."""
    shoes: dict[str, Any] = {"id": "p-1", "category": "shoes"}
    looks = [make.a_product_viewed(product=shoes, **at(number * SECOND)) for number in range(4)]
    return Pipeline(SEGMENTED).feed_all([*looks, make.a_product_added(**at(HOUR))])


def test_what_comes_next_is_told_soonest_first() -> None:
    told = [
        (
            (one.at - T0) // HOUR,
            [(crossing.score, crossing.new_band) for crossing in one.crossings],
            [(move.segment, move.change) for move in one.moves],
        )
        for one in foresee(shopper(), SEGMENTED, 9)
    ]
    assert [(moves, crossings) for _, crossings, moves in told] == [
        ([("abandoned_carts", "entered")], []),
        ([("abandoned_carts", "left")], []),
        ([("warm", "left")], []),
        ([], [("engagement", "cold")]),
        ([("keen", "left")], [("interest", "low")]),
    ]
    hours = [hour for hour, _, _ in told]
    assert hours == sorted(hours)
    assert hours[:2] == [25, 73]


def test_no_more_is_told_than_asked_for() -> None:
    assert len(foresee(shopper(), SEGMENTED, 2)) == 2
    assert foresee(shopper(), SEGMENTED, 0) == []


def test_it_is_what_time_then_brings_and_the_profile_stays() -> None:
    state = shopper()
    before = encode(state)
    foreseen = foresee(state, SEGMENTED, 3)
    assert encode(state) == before
    brought = []
    while (due := next_due(state, SEGMENTED)) is not None and len(brought) < 3:
        verdict = let_pass(state, SEGMENTED, due)
        moves = [move for move in verdict.moves if move.change != "forgotten"]
        if verdict.crossings or moves or verdict.contributions:
            brought.append((verdict.at, verdict.crossings, moves, verdict.contributions))
    assert brought == [tuple(one) for one in foreseen]


def test_what_is_forgotten_is_not_worth_a_word() -> None:
    state = shopper()
    let_pass(state, SEGMENTED, T0 + 400 * DAY)
    assert state.memberships
    assert foresee(state, SEGMENTED, 9) == []


def test_nothing_is_foreseen_while_processing_is_blocked() -> None:
    pipeline = Pipeline(SEGMENTED)
    pipeline.feed_all([make.a_product_added()])
    assert foresee(pipeline.feed_all([make.a_processing_blocked(**at(SECOND))]), SEGMENTED, 9) == []


def test_time_is_looked_at_so_often_and_no_further() -> None:
    windows = {f"views_{days}d": {"event": "product_viewed", "days": days} for days in (30, 60, 90)}
    segments = {f"of_{name}": {"where": {f"windows.{name}": {"at_least": 1}}} for name in windows}
    rules = compiled(windows=windows, segments=segments)
    state = Pipeline(rules).feed_all(make.a_product_viewed(**at(hour * HOUR)) for hour in range(21))
    left = [move.segment for one in foresee(state, rules, 99) for move in one.moves]
    assert left == ["of_views_30d", "of_views_60d"]
