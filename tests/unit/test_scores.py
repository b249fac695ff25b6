"""One score: decay, addition in any order, bands with hysteresis, and the next fall."""

import random

import pytest
from hypothesis import assume, given, strategies as st

from core.scores import Scale, add, band_after, decayed, next_fall, value_at
from core.state import Score
from core.times import DAY, MILLISECOND, SECOND, Micros
from tests.unit.pipeline import T0

HALF_LIFE = 10 * DAY
HYSTERESIS = 3.0
WARMTH = Scale("warmth", HALF_LIFE, 0.0, 100.0, HYSTERESIS, ("cold", "warm", "hot"), (0.0, 20.0, 60.0))
FIT = Scale("fit", None, -50.0, 100.0, 0.0, ("poor", "fair", "good"), (-50.0, 0.0, 20.0))
POINTS = st.floats(-1000, 1000, allow_nan=False)
SPANS = st.integers(0, 3000 * DAY)
GIVEN = st.lists(st.tuples(POINTS, st.integers(T0 - 400 * DAY, T0)), min_size=1, max_size=12)
BANDS = st.sampled_from(WARMTH.bands)


def test_half_is_left_after_a_half_life_and_all_without_one() -> None:
    assert decayed(80.0, HALF_LIFE, HALF_LIFE) == 40.0
    assert decayed(-80.0, 2 * HALF_LIFE, HALF_LIFE) == -20.0
    assert decayed(80.0, 0, HALF_LIFE) == 80.0
    assert decayed(80.0, 10**9 * DAY, None) == 80.0
    assert decayed(80.0, 10**9 * DAY, HALF_LIFE) == 0.0


@given(POINTS, SPANS, SPANS)
def test_decay_keeps_the_sign_and_can_be_done_in_steps(value: float, first: Micros, then: Micros) -> None:
    at_once = decayed(value, first + then, HALF_LIFE)
    assert decayed(decayed(value, first, HALF_LIFE), then, HALF_LIFE) == pytest.approx(at_once, rel=1e-9, abs=1e-300)
    assert abs(at_once) <= abs(value)
    assert at_once * value >= 0


def added(given_: list[tuple[float, Micros]], scale: Scale) -> Score:
    score = scale.start()
    for points, at in given_:
        add(score, points, at, scale)
    return score


@given(GIVEN, st.randoms(use_true_random=False), st.sampled_from([WARMTH, FIT]))
def test_a_score_does_not_depend_on_the_order_of_its_points(
    points: list[tuple[float, Micros]], order: random.Random, scale: Scale
) -> None:
    shuffled = order.sample(points, len(points))
    one, other = added(points, scale), added(shuffled, scale)
    assert one.as_of == other.as_of == max(at for _, at in points)
    assert one.value == pytest.approx(other.value, rel=1e-9, abs=1e-9)
    exact = sum(value * 2 ** (-(T0 - at) / scale.half_life) if scale.half_life else value for value, at in points)
    assert decayed(one.value, T0 - one.as_of, scale.half_life) == pytest.approx(exact, rel=1e-9, abs=1e-9)


@given(POINTS, SPANS)
def test_what_is_shown_is_clamped_and_the_sum_is_not(value: float, span: Micros) -> None:
    score = Score(value, T0, "cold")
    assert 0.0 <= value_at(score, T0 + span, WARMTH) <= 100.0
    assert value_at(score, T0, WARMTH) == min(max(value, 0.0), 100.0)
    assert score.value == value


def test_points_below_what_is_shown_must_be_earned_back() -> None:
    score = added([(-30.0, T0), (25.0, T0)], WARMTH)
    assert value_at(score, T0, WARMTH) == 0.0
    add(score, 10.0, T0, WARMTH)
    assert value_at(score, T0, WARMTH) == 5.0


def test_a_new_customer_starts_in_the_band_of_zero_points() -> None:
    assert WARMTH.start() == Score(0.0, 0, "cold")
    assert FIT.start() == Score(0.0, 0, "fair")


@pytest.mark.parametrize(
    ("value", "band"), [(-1, "cold"), (0, "cold"), (19.999, "cold"), (20, "warm"), (59.9, "warm"), (60, "hot"), (99, "hot")]
)
def test_a_band_begins_at_its_floor(value: float, band: str) -> None:
    assert WARMTH.bands[WARMTH.band_index(value)] == band


MOVES = [
    ("cold", 19.9, "cold"),
    ("cold", 20.0, "warm"),
    ("cold", 60.0, "hot"),
    ("warm", 17.0, "warm"),
    ("warm", 16.9, "cold"),
    ("warm", 60.0, "hot"),
    ("hot", 57.0, "hot"),
    ("hot", 56.9, "warm"),
    ("hot", 18.0, "warm"),
    ("hot", 16.9, "cold"),
    ("cold", 0.0, "cold"),
    ("boiling", 25.0, "warm"),
    ("boiling", 0.0, "cold"),
]


@pytest.mark.parametrize(("band", "value", "after"), MOVES)
def test_bands_rise_at_their_floor_and_fall_below_it_less_the_hysteresis(band: str, value: float, after: str) -> None:
    assert band_after(band, value, WARMTH) == after


@given(BANDS, st.floats(0, 100))
def test_a_band_is_settled_at_once_and_never_below_that_of_its_value(band: str, value: float) -> None:
    after = band_after(band, value, WARMTH)
    assert band_after(after, value, WARMTH) == after
    assert WARMTH.bands.index(after) >= WARMTH.band_index(value)


@given(st.sampled_from([20.0, 60.0]), st.lists(st.floats(-1.499, 1.499), min_size=2, max_size=30))
def test_a_value_that_swings_by_less_than_the_hysteresis_crosses_once(floor: float, swings: list[float]) -> None:
    band, crossings = WARMTH.bands[WARMTH.floors.index(floor) - 1], 0
    for swing in swings:
        after = band_after(band, floor + swing, WARMTH)
        crossings += after != band
        band = after
    assert crossings == any(floor + swing >= floor for swing in swings)


@given(st.floats(0, 5000), BANDS, st.integers(1, 2000))
def test_the_next_fall_is_when_the_shown_value_leaves_the_band(value: float, before: str, half_life_days: int) -> None:
    scale = WARMTH._replace(half_life=half_life_days * DAY)
    score = Score(value, T0, band_after(before, value_at(Score(value, T0, before), T0, scale), scale))
    edge = scale.floors[scale.bands.index(score.band)] - HYSTERESIS
    assume(score.band == "cold" or abs(value - edge) > 1e-6)
    fall = next_fall(score, scale)
    if fall is None:
        assert score.band == "cold"
        return
    at, band = fall
    assert at > T0
    assert band_after(score.band, value_at(score, max(at - SECOND, T0), scale), scale) == score.band
    assert band_after(score.band, value_at(score, at + SECOND, scale), scale) == band


def test_what_does_not_fade_does_not_fall() -> None:
    assert next_fall(Score(30.0, T0, "good"), FIT) is None
    assert next_fall(Score(5.0, T0, "cold"), WARMTH) is None
    assert next_fall(Score(30.0, T0, "boiling"), WARMTH) is None


def test_a_band_that_reaches_down_to_what_is_shown_or_to_nothing_is_never_left() -> None:
    assert next_fall(Score(3.0, T0, "warm"), WARMTH._replace(floors=(0.0, 2.0, 60.0))) is None
    assert next_fall(Score(18.0, T0, "warm"), WARMTH._replace(shown_from=17.0)) is None


def test_what_is_below_the_edge_already_has_no_fall_to_come() -> None:
    assert next_fall(Score(16.0, T0, "warm"), WARMTH) is None


def test_a_value_exactly_on_the_edge_falls_next() -> None:
    score = Score(17.0, T0, "warm")
    assert band_after("warm", value_at(score, T0, WARMTH), WARMTH) == "warm"
    assert band_after("warm", value_at(score, T0 + SECOND, WARMTH), WARMTH) == "cold"
    assert next_fall(score, WARMTH) == (T0 + 2 * MILLISECOND, "cold")
