"""BG/NBD: Fader, Hardie, Lee, "Counting Your Customers" the Easy Way, Marketing Science 24 (2005), 275-284.

While alive, a customer buys at random at a rate of their own, and after each purchase leaves for good with a chance of
their own. Rates are gamma distributed over customers (r, alpha), chances beta distributed (a, b). Of a customer we need
x purchases after the first, the last of them t_x after the first, and T, the time since the first.

The published expectation is a difference of two terms with Gauss' 2F1, divided by a - 1: it loses all digits near a = 1,
and overflows for many purchases. Here the same expectation is a mean over the chance p to leave, of which every term is
positive. A customer who is alive has the rate Gamma(r + x, alpha + T) and the chance Beta(a, b + x), and so

    E = P(alive) * mean over p of (1 - (1 + p * t / (alpha + T)) ** -(r + x)) / p
"""

from collections.abc import Iterator
from functools import lru_cache
from math import exp, expm1, inf, log, log1p, sqrt
from typing import Final, NamedTuple

from core.value.model import Purchases

_NEGLIGIBLE: Final = -40.0
"""Logarithm of a weight that no longer counts beside the largest."""
_LONGEST: Final = 700.0
"""Largest argument of `exp` that does not overflow."""


class History(NamedTuple):
    """x, t_x and T of one customer, times in the unit of the parameters."""

    x: int
    t_x: float
    t: float


def p_alive(model: Purchases, history: History) -> float:
    """Return the probability that a customer still buys, in [0, 1]; 1 for somebody who bought once only."""
    if history.x == 0:
        return 1.0
    grown = log1p((history.t - history.t_x) / (model.alpha + history.t_x))
    odds = (model.r + history.x) * grown + log(model.a / (model.b + history.x - 1))
    return 1 / (1 + exp(odds)) if odds < _LONGEST else 0.0


def age_at_p_alive(model: Purchases, x: int, t_x: float, probability: float) -> float:
    """Return the T at which `p_alive` has fallen to `probability`, in (0, 1); t_x or above, maybe infinite."""
    if x == 0:
        return inf
    odds = log((1 - probability) / probability) - log(model.a / (model.b + x - 1))
    grown = odds / (model.r + x)
    if grown <= 0:
        return t_x
    return t_x + (model.alpha + t_x) * expm1(grown) if grown < _LONGEST else inf


def expected_purchases(model: Purchases, history: History, horizon: float) -> float:
    """Return how many purchases to expect in the next `horizon`, 0 or more; it rises with the horizon."""
    shape = model.r + history.x
    reach = horizon / (model.alpha + history.t)
    nodes, rest = _nodes(model.a, model.b + history.x)
    mean = rest * shape * reach
    for chance, weight in nodes:
        mean -= weight * expm1(-shape * log1p(chance * reach))
    return p_alive(model, history) * mean


@lru_cache(maxsize=256)
def _nodes(a: float, b: float) -> tuple[tuple[tuple[float, float], ...], float]:
    """Return (p, weight / p) that sum up to a mean over Beta(a, b), and the weight of p so small that it is as good as 0.

    The trapezoid rule in y, the logarithm of the odds of p: there the density is analytic and falls exponentially to both
    sides, for which that rule converges exponentially (Trefethen and Weideman, SIAM Review 56 (2014), 385-458). The step
    follows the width of the density. Far out the terms are a geometric series, which is summed in closed form.
    """
    step = min(0.5, 0.5 * sqrt(1 / a + 1 / b))
    mode = log(a / b)
    peak = _log_density(mode, a, b)
    left = list(_walk(mode, -step, (a, b, peak), -60 - log1p(b)))
    right = list(_walk(mode + step, step, (a, b, peak), 40))
    nodes = [(1 / (1 + exp(-y)), weight) for y, weight in left + right]
    rest = left[-1][1] * _beyond(a * step)
    nodes.append((1.0, right[-1][1] * _beyond(b * step)))
    total = rest + sum(weight for _, weight in nodes)
    return tuple((p, weight / total / p) for p, weight in nodes), rest / total


def _walk(y: float, step: float, density: tuple[float, float, float], bound: float) -> Iterator[tuple[float, float]]:
    """Yield (y, weight) step by step, until weights no longer count or y is beyond `bound`."""
    a, b, peak = density
    while True:
        height = _log_density(y, a, b) - peak
        yield y, exp(height)
        if height < _NEGLIGIBLE or (y - bound) * step > 0:
            return
        y += step


def _beyond(fall: float) -> float:
    """Return the sum of exp(-`fall` * n) for n = 1, 2, ..."""
    return exp(-fall) / -expm1(-fall)


def _log_density(y: float, a: float, b: float) -> float:
    """Return the logarithm of the Beta(a, b) density at the odds exp(`y`), up to a constant."""
    return -a * _softplus(-y) - b * _softplus(y)


def _softplus(y: float) -> float:
    """Return log(1 + exp(`y`))."""
    return max(y, 0.0) + log1p(exp(-abs(y)))
