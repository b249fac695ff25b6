"""The published parameters, compiled for use."""

from decimal import Decimal
from typing import Final, NamedTuple

from core.times import DAY, Micros
from schemas.parameters import GammaGamma, Parameters, RfmEdges

YEAR_DAYS: Final = 365.0
"""Horizon of expected purchases and lifetime value."""
_DAYS: Final = {"days": 1, "weeks": 7}


class Purchases(NamedTuple):
    """BG/NBD in days."""

    r: float
    alpha: float
    a: float
    b: float


class Amounts(NamedTuple):
    """Gamma-gamma in one currency."""

    p: float
    q: float
    v: float
    currency: str


class Quintiles(NamedTuple):
    """Edges of recency, orders and net revenue."""

    recency: tuple[Micros, ...]
    frequency: tuple[float, ...]
    monetary: tuple[Decimal, ...]
    currency: str


class ValueModel(NamedTuple):
    """All that is needed to value a customer."""

    version: int
    purchases: Purchases
    amounts: Amounts | None
    quintiles: Quintiles | None
    active: Micros
    inactive: Micros


def compile_parameters(parameters: Parameters) -> ValueModel:
    """Return `parameters` with all times in days or microseconds."""
    bgnbd, spans = parameters.bgnbd, parameters.spans
    return ValueModel(
        parameters.version,
        Purchases(bgnbd.r, bgnbd.alpha * _DAYS[parameters.unit], bgnbd.a, bgnbd.b),
        _amounts(parameters.gamma_gamma),
        _quintiles(parameters.rfm),
        spans.active_days * DAY,
        spans.inactive_days * DAY,
    )


def _amounts(fitted: GammaGamma | None) -> Amounts | None:
    return None if fitted is None else Amounts(fitted.p, fitted.q, fitted.v, fitted.currency)


def _quintiles(edges: RfmEdges | None) -> Quintiles | None:
    if edges is None:
        return None
    return Quintiles(
        tuple(round(days * DAY) for days in edges.recency_days),
        tuple(edges.frequency),
        tuple(Decimal(repr(amount)) for amount in edges.monetary),
        edges.currency,
    )
