"""The purchases of all customers as the value model sees them, from a file."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from math import isfinite
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.fitting import FitError

Floats = NDArray[np.float64]
NO_CURRENCY: Final = "XXX"
"""ISO 4217's code where no currency is involved: a file that names none."""
COLUMNS: Final = ("customer_id", "occurred_at", "amount")
LEVELS: Final = (0.2, 0.4, 0.6, 0.8)


class Edges(NamedTuple):
    """Edges between the quintiles of days since the last purchase, orders, net revenue."""

    recency_days: list[float]
    frequency: list[float]
    monetary: list[float]


class Histories(NamedTuple):
    """One entry a customer; times in days.

    Attributes:
        repeats: Purchase days after the first: x.
        span: From the first purchase day to the last: t_x.
        age: From the first purchase day to the end of the observation: T.
        mean: Net revenue of a repeat day; 0 where there is none.
        edges: Quintiles of the same customers.
        currency: Currency of all amounts.
    """

    repeats: Floats
    span: Floats
    age: Floats
    mean: Floats
    edges: Edges
    currency: str


class Customer(NamedTuple):
    """Sums of one customer up to the end of the observation; a refund is no purchase, it lowers `net`."""

    days: int
    first: date
    last: date
    orders: int
    net: float
    first_day: float


def gather(customers: Sequence[Customer], until: date, currency: str, edges: Edges | None = None) -> Histories:
    """Return the histories of `customers`, observed until the end of a day.

    Args:
        customers: Everybody with a purchase.
        until: Last day of the observation.
        currency: Currency of the amounts.
        edges: Quintiles, where they are computed already.
    """
    columns = np.array([(c.days - 1, c.first.toordinal(), c.last.toordinal(), c.net, c.first_day) for c in customers])
    repeats, first, last, net, first_day = columns.reshape(-1, 5).T.astype(np.float64)
    mean = np.maximum(net - first_day, 0) / np.maximum(repeats, 1)
    if edges is None:
        edges = Edges(
            _quintiles([(until - c.last).days + 1 for c in customers]),
            _quintiles([c.orders for c in customers]),
            _quintiles([round(c.net, 4) for c in customers]),
        )
    return Histories(repeats, last - first, until.toordinal() - first, np.where(repeats > 0, mean, 0), edges, currency)


def read_file(path: Path, until: date | None, currency: str | None) -> Histories:
    """Return the histories in a CSV file with the columns customer_id, occurred_at, amount.

    Transactions of a customer on one day (UTC) are one purchase day. A negative amount is a refund.

    Args:
        path: The file.
        until: Last day that counts; None for the day of the last transaction.
        currency: Currency of the amounts; None where it does not matter.

    Raises:
        FitError: A column is missing, a line can not be read, or there is no purchase.
    """
    with path.open(encoding="utf-8-sig", newline="") as stream:
        lines = csv.DictReader(stream)
        missing = [name for name in COLUMNS if name not in (lines.fieldnames or ())]
        if missing:
            raise FitError(f"{path.name}: column {missing[0]} is missing; needed are {', '.join(COLUMNS)}")
        transactions = [entry for entry in _entries(lines, path.name) if until is None or entry[1] <= until]
    bought = [day for _, day, amount in transactions if amount >= 0]
    if not bought:
        raise FitError(f"{path.name}: holds no purchase{'' if until is None else f' until {until}'}")
    return gather(_customers(transactions), until or max(bought), currency or NO_CURRENCY)


def _entries(lines: Iterable[dict[str, str]], name: str) -> Iterator[tuple[str, date, float]]:
    for number, line in enumerate(lines, 2):
        customer, text, amount = (line[column] or "" for column in COLUMNS)
        try:
            yield customer, _day(text), _amount(amount)
        except ValueError as error:
            raise FitError(f"{name}, line {number}: {error}") from None


def _day(text: str) -> date:
    """Return the UTC day of a date or an instant; an instant without a zone is UTC."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("occurred_at: must be a date or an instant, such as 2026-11-21T12:00:00Z") from None
    return (instant - (instant.utcoffset() or timedelta())).replace(tzinfo=UTC).date()


def _amount(text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = float("nan")
    if not isfinite(amount):
        raise ValueError("amount: must be a number, such as 12.50")
    return amount


def _customers(transactions: Iterable[tuple[str, date, float]]) -> list[Customer]:
    days: dict[str, dict[date, float]] = {}
    refunds: dict[str, float] = {}
    orders: dict[str, int] = {}
    for customer, day, amount in transactions:
        if amount < 0:
            refunds[customer] = refunds.get(customer, 0.0) + amount
        else:
            of_customer = days.setdefault(customer, {})
            of_customer[day] = of_customer.get(day, 0.0) + amount
            orders[customer] = orders.get(customer, 0) + 1
    return [
        Customer(len(paid), min(paid), max(paid), orders[name], sum(paid.values()) + refunds.get(name, 0.0), paid[min(paid)])
        for name, paid in days.items()
    ]


def _quintiles(values: list[float]) -> list[float]:
    """Return the edges as ClickHouse's quantilesExact picks them."""
    ordered = sorted(values)
    return [float(ordered[int(level * len(ordered))]) for level in LEVELS]
