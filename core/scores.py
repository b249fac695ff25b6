"""Scores: decay by half-life in event time, bands with hysteresis, grades. Source: the design, section 4."""

from math import log2
from typing import NamedTuple

from core.state import Score
from core.times import MILLISECOND, Micros


class Scale(NamedTuple):
    """How one score behaves.

    `floors` and `bands` run from the lowest band up; the lowest floor is never used. `half_life` is None where points
    stay for ever.
    """

    name: str
    half_life: Micros | None
    shown_from: float
    shown_to: float
    hysteresis: float
    bands: tuple[str, ...]
    floors: tuple[float, ...]

    def start(self) -> Score:
        """Return the score of a customer without points: it holds at any instant, so the first points set that."""
        return Score(0.0, 0, self.bands[self.band_index(0.0)])

    def band_index(self, value: float) -> int:
        """Return the band of `value`, without hysteresis."""
        index = len(self.floors) - 1
        while index and value < self.floors[index]:
            index -= 1
        return index


def decayed(value: float, span: Micros, half_life: Micros | None) -> float:
    """Return what is left of `value` after a non-negative `span`."""
    return value if half_life is None or not span else value * 2.0 ** (-span / half_life)


def value_at(score: Score, at: Micros, scale: Scale) -> float:
    """Return the shown value of `score` at an instant, or at `score.as_of` where that is later."""
    value, span, half_life = score.value, at - score.as_of, scale.half_life
    if value and span > 0 and half_life is not None:
        value *= 2.0 ** (-span / half_life)
    low, high = scale.shown_from, scale.shown_to
    return low if value < low else high if value > high else value


def add(score: Score, points: float, at: Micros, scale: Scale) -> None:
    """Add points earned at `at`, before or after what the score already holds.

    The result does not depend on the order of calls: it is always the sum of all points, each decayed to the latest
    instant of all.
    """
    ahead = at - score.as_of
    if ahead >= 0:
        score.value = decayed(score.value, ahead, scale.half_life) + points
        score.as_of = at
    else:
        score.value += decayed(points, -ahead, scale.half_life)


def band_after(band: str, value: float, scale: Scale) -> str:
    """Return the band that follows `band` at the shown `value`.

    A higher band is entered at its floor; a band is left downwards only below its floor less the hysteresis.
    """
    bands, floors = scale.bands, scale.floors
    try:
        index = bands.index(band)
    except ValueError:  # the band was renamed or removed by newer rules
        return bands[scale.band_index(value)]
    top = len(floors) - 1
    while index < top and value >= floors[index + 1]:
        index += 1
    while index and value < floors[index] - scale.hysteresis:
        index -= 1
    return bands[index]


def next_fall(score: Score, scale: Scale) -> tuple[Micros, str] | None:
    """Return when, with no further event, decay will leave the band, and for which band.

    Solved in closed form from `value * 2^(-t / half_life) = floor - hysteresis`; None where that never happens.
    """
    try:
        index = scale.bands.index(score.band)
    except ValueError:
        return None
    if scale.half_life is None or index == 0:
        return None
    edge = scale.floors[index] - scale.hysteresis
    if edge <= 0 or edge <= scale.shown_from or score.value < edge:
        return None
    return falls_to(score, edge, scale.half_life), scale.bands[index - 1]


def falls_to(score: Score, edge: float, half_life: Micros) -> Micros:
    """Return when a score has fallen below a positive `edge`: a whole millisecond, one or two after it touches it.

    So rounding decides nothing: the value is below the edge by more than sums of floats differ.
    """
    touches = score.as_of + int(half_life * log2(score.value / edge))
    return (touches // MILLISECOND + 2) * MILLISECOND
