"""Recency, frequency and monetary value as quintiles, 5 the best; the cell now and the one before."""

from bisect import bisect_left, bisect_right
from decimal import Decimal
from typing import Final, NamedTuple

from core.state import State
from core.times import Micros
from core.value.facts import Facts, net_of
from core.value.model import Quintiles, ValueModel

_ZERO: Final = Decimal(0)


class Cell(NamedTuple):
    """Three quintiles, 1 to 5."""

    recency: int
    frequency: int
    monetary: int

    @property
    def name(self) -> str:
        """The three digits, such as 534."""
        return f"{self.recency}{self.frequency}{self.monetary}"


def cell_of(facts: Facts, model: ValueModel | None, now: Micros) -> Cell | None:
    """Return the cell at `now`; None where no quintiles are known."""
    if model is None or model.quintiles is None:
        return None
    edges = model.quintiles
    return Cell(
        recency(edges, now - facts.last_at),
        frequency(edges, facts.orders),
        monetary(edges, facts.net.get(edges.currency, _ZERO)),
    )


def recency(edges: Quintiles, silent: Micros) -> int:
    """Return 5 less the number of edges that silence has reached."""
    return 5 - bisect_right(edges.recency, silent)


def frequency(edges: Quintiles, orders: int) -> int:
    """Return 1 more than the number of edges that orders exceed."""
    return 1 + bisect_left(edges.frequency, orders)


def monetary(edges: Quintiles, net: Decimal) -> int:
    """Return 1 more than the number of edges that net revenue exceeds."""
    return 1 + bisect_left(edges.monetary, net)


def present_cell(state: State, model: ValueModel | None, now: Micros) -> Cell | None:
    """Return the cell of a profile at `now`; None without a purchase or quintiles."""
    last = state.last_purchase_at
    if last is None or model is None or model.quintiles is None:
        return None
    edges = model.quintiles
    net = net_of(state, edges.currency)
    return Cell(recency(edges, now - last), frequency(edges, state.orders), monetary(edges, net))


def remember_cell(state: State, before: Cell | None, after: Cell | None) -> None:
    """Note in `state` that a purchase or newer parameters moved the cell; without a `before`, from the one remembered."""
    if after is not None and (before is None or before.name != after.name):
        state.rfm_before = state.rfm_now if before is None else before.name
        state.rfm_now = after.name


def previous_cell(state: State, facts: Facts, model: ValueModel, now: Micros) -> str | None:
    """Return the cell before that of `now`: time may have moved it since it was remembered."""
    cell = cell_of(facts, model, now)
    if cell is None or cell.name == state.rfm_now or model.quintiles is None:
        return state.rfm_before
    passed = [edge for edge in model.quintiles.recency if facts.last_at + edge <= now]
    earlier = cell_of(facts, model, facts.last_at + passed[-1] - 1) if passed else None
    return state.rfm_now if earlier is None else earlier.name
