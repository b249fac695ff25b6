"""Log-likelihoods of the two models, with their slopes, over many customers at once.

Terms are put together so that none of them cancel where a parameter is very large.
"""

from collections.abc import Callable

import numpy as np
from scipy.special import betaln, digamma

from agents.fitting.histories import Floats, Histories

Likelihood = Callable[[Floats], tuple[float, Floats]]
"""Log-likelihood at parameters, and its slope in each."""


def of_purchases(histories: Histories) -> Likelihood:
    """Return the likelihood of BG/NBD (Fader, Hardie, Lee 2005, equation 6) in (r, alpha, a, b).

    Customers with the same history count as one with a weight.
    """
    columns = np.column_stack((histories.repeats, histories.span, histories.age))
    unique, weights = np.unique(columns, axis=0, return_counts=True)
    x, t_x, t = unique.T
    n = x.astype(np.int64)
    customers = np.bincount(n, weights)
    numbers, again, before = np.arange(n.max()), n > 0, np.maximum(x, 1) - 1

    def by_repeats(terms: Floats) -> Floats:
        """Return the sums of the first 0, 1, 2, ... terms: quotients of gamma functions are such sums."""
        return np.concatenate(([0.0], np.cumsum(terms)))

    def likelihood(parameters: Floats) -> tuple[float, Floats]:
        r, alpha, a, b = parameters
        now, then = np.log1p(t / alpha), np.log1p(t_x / alpha)
        alive = -r * now - x * np.log(alpha + t)
        left = np.where(again, np.log(a / (b + before)), -np.inf) - r * then - x * np.log(alpha + t_x)
        either = np.logaddexp(alive, left)
        gone = np.exp(left - either)
        stays = b + numbers
        constants = by_repeats(np.log(r + numbers) - np.log1p(a / stays))
        slopes = (
            customers @ by_repeats(1 / (r + numbers)) - weights @ (now + gone * (then - now)),
            weights @ (r / alpha - (r + x) * ((1 - gone) / (alpha + t) + gone / (alpha + t_x))),
            weights @ gone / a - customers @ by_repeats(1 / (a + stays)),
            customers @ by_repeats(a / (stays * (a + stays))) - weights @ (gone / (b + before)),
        )
        return float(customers @ constants + weights @ either), np.array(slopes)

    return likelihood


def of_amounts(repeats: Floats, mean: Floats) -> Likelihood:
    """Return the likelihood of gamma-gamma (Fader, Hardie 2013, equation 1a) in (p, q, v).

    Args:
        repeats: Purchase days that each mean is of, 1 or more.
        mean: Positive means.
    """
    total, log_mean = repeats * mean, np.log(mean)

    def likelihood(parameters: Floats) -> tuple[float, Floats]:
        p, q, v = parameters
        shape = p * repeats
        above, below = np.log1p(total / v), np.log1p(v / total)
        value = -betaln(shape, q) - q * above - shape * below - log_mean
        both = digamma(shape + q)
        slopes = (
            repeats * (both - digamma(shape) - below),
            both - digamma(q) - above,
            q / v - (shape + q) / (total + v),
        )
        return float(value.sum()), np.array([slope.sum() for slope in slopes])

    return likelihood
