"""Maximum likelihood: histories in, parameters of the value model out."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import numpy as np
from scipy.optimize import minimize

from agents.fitting import FitError
from agents.fitting.histories import Floats, Histories
from agents.fitting.likelihoods import Likelihood, of_amounts, of_purchases
from schemas.parameters import Parameters

_LOWEST: Final = 1e-6
_HIGHEST: Final = 1e6
_FLAT: Final = 1e-5
"""Slope per customer, in the logarithm of a parameter, below which the top is reached; float noise may be 1e-6."""
_NOISE: Final = 1e-9
"""Tops that differ by less than that per customer are one."""
_STARTS: Final = ((1.0, 1.0, 1.0, 1.0), (0.2, 0.2, 0.5, 2.0), (2.0, 0.5, 0.1, 1.0))
_AMOUNT_STARTS: Final = ((5.0, 4.0, 1.0), (1.0, 2.0, 1.0), (20.0, 2.0, 0.1))


class Fitted(NamedTuple):
    """Parameters of a fit, and what a person should know about it."""

    parameters: Parameters
    remarks: list[str]


class _Top(NamedTuple):
    values: list[float]
    log_likelihood: float
    edges: list[int]


def fit(histories: Histories, fitted_at: datetime) -> Fitted:
    """Return the parameters under which `histories` are likeliest, times in days.

    Raises:
        FitError: Nobody came again, or there is no top.
    """
    if not histories.repeats.any():
        raise FitError("no customer bought on a second day: there is nothing to fit; wait for more purchases")
    remarks: list[str] = []
    purchases = _fit_purchases(histories)
    remarks += [f"{name} stands at the edge of its range" for name in _named(purchases.edges, ("r", "alpha", "a", "b"))]
    amounts = _fit_amounts(histories, remarks)
    r, alpha, a, b = purchases.values
    document = {
        "version": int(fitted_at.timestamp()),
        "fitted_at": fitted_at.astimezone(UTC).isoformat(timespec="seconds"),
        "bgnbd": {"r": r, "alpha": alpha, "a": a, "b": b},
        "gamma_gamma": amounts,
        "rfm": {**histories.edges._asdict(), "currency": histories.currency},
        "log_likelihood": purchases.log_likelihood,
        "customers": len(histories.repeats),
        "transactions": int(histories.repeats.sum()) + len(histories.repeats),
    }
    return Fitted(Parameters.model_validate(document), remarks)


def in_weeks(parameters: Parameters) -> Parameters:
    """Return the same parameters with weeks as the time unit; a density per week is 7 times one per day."""
    bgnbd = parameters.bgnbd.model_copy(update={"alpha": parameters.bgnbd.alpha / 7})
    repeats = parameters.transactions - parameters.customers
    log_likelihood = parameters.log_likelihood + repeats * float(np.log(7))
    return parameters.model_copy(update={"unit": "weeks", "bgnbd": bgnbd, "log_likelihood": log_likelihood})


def _fit_purchases(histories: Histories) -> _Top:
    """Fit with the mean age as the time unit, which brings all parameters near to 1."""
    unit = max(float(histories.age.mean()), 1.0)
    scaled = histories._replace(span=histories.span / unit, age=histories.age / unit)
    top = _climb(of_purchases(scaled), _STARTS, (1.0, unit, 1.0, 1.0), len(histories.age), "purchases")
    return top._replace(log_likelihood=top.log_likelihood - float(histories.repeats.sum() * np.log(unit)))


def _fit_amounts(histories: Histories, remarks: list[str]) -> dict[str, Any] | None:
    paid = histories.mean > 0
    if np.unique(histories.mean[paid]).size < 2:
        remarks.append("amounts: fewer than two customers with different repeat purchases; lifetime value is left out")
        return None
    repeats, mean = histories.repeats[paid], histories.mean[paid]
    unit = float(mean.mean())
    try:
        top = _climb(of_amounts(repeats, mean / unit), _AMOUNT_STARTS, (1.0, 1.0, unit), len(mean), "amounts")
    except FitError as error:
        remarks.append(f"{error}; lifetime value is left out")
        return None
    p, q, v = top.values
    if q <= 1:
        remarks.append("amounts: they have no finite mean (q is not above 1); lifetime value is left out")
        return None
    remarks += [f"{name} stands at the edge of its range" for name in _named(top.edges, ("p", "q", "v"))]
    return {"p": p, "q": q, "v": v, "currency": histories.currency}


def _climb(
    likelihood: Likelihood, starts: Sequence[Sequence[float]], units: Sequence[float], customers: int, what: str
) -> _Top:
    """Return the highest top reached from `starts`, in the logarithms of the parameters; `units` undo the scaling."""
    bounds = [(float(np.log(_LOWEST)), float(np.log(_HIGHEST)))] * len(units)

    def downhill(logs: Floats) -> tuple[float, Floats]:
        values = np.exp(logs)
        height, slopes = likelihood(values)
        return -height / customers, -slopes * values / customers

    options = {"maxiter": 2_000, "ftol": 1e-15, "gtol": 1e-8}
    reached = []
    for start in starts:
        logs = np.log(start)
        for _ in range(2):  # the second climb forgets the curvature that the first has gathered, and may get on
            logs = minimize(downhill, logs, jac=True, bounds=bounds, options=options).x
        depth, slopes = downhill(logs)
        inside = [low < log < high for log, (low, high) in zip(logs, bounds, strict=True)]
        reached.append((depth, float(np.abs(slopes[inside]).max(initial=0.0)), logs.tolist(), inside))
    deepest = min(depth for depth, *_ in reached)
    steepest, depth, best, inside = min(
        (steepest, depth, logs, inside) for depth, steepest, logs, inside in reached if depth <= deepest + _NOISE
    )
    if not np.isfinite(depth) or steepest > _FLAT:
        raise FitError(f"the fit of {what} did not converge; the data may be too few, or not of customers who come and go")
    values = np.clip(np.exp(best), _LOWEST, _HIGHEST) * np.array(units)
    return _Top(values.tolist(), -depth * customers, [place for place, free in enumerate(inside) if not free])


def _named(places: list[int], names: Sequence[str]) -> list[str]:
    return [names[place] for place in places]
