"""What all customers are worth and who may leave: profiles summed up by RFM group and by churn risk."""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from statistics import fmean
from typing import Final, NamedTuple

from rich.table import Table

from agents.pages.rfm import GROUPS, group_of
from schemas.profile import Profile

RISKS: Final = (("75% and more", 0.75), ("50% to 75%", 0.5), ("25% to 50%", 0.25), ("below 25%", 0.0))
"""Ranges of the churn risk, each with its lower bound."""


class Sum(NamedTuple):
    """Customers that have something in common."""

    name: str
    customers: int
    lifetime_value: Decimal
    churn: float


def by_group(profiles: Iterable[Profile], currency: str) -> list[Sum]:
    """Return who bought by RFM group, the best group first; nothing without a value model."""
    return _sums(profiles, GROUPS, _group, currency)


def by_risk(profiles: Iterable[Profile], currency: str) -> list[Sum]:
    """Return who bought by their risk to leave, the highest first."""
    return _sums(profiles, [name for name, _ in RISKS], _risk, currency)


def worth_table(title: str, heading: str, sums: Sequence[Sum], currency: str) -> Table:
    """Return sums as a table, with a row for all of them."""
    table = Table(title=title, title_justify="left", show_footer=True)
    everybody = _sum("all", sums)
    table.add_column(heading)
    for name in ("customers", f"lifetime value, {currency}", "mean churn risk"):
        table.add_column(name, justify="right")
    for column, footer in zip(table.columns, _cells(everybody), strict=True):
        column.footer = footer
    for one in sums:
        table.add_row(*_cells(one))
    return table


def _cells(one: Sum) -> tuple[str, str, str, str]:
    return one.name, f"{one.customers:,}", f"{one.lifetime_value:,.0f}", f"{one.churn:.0%}"


def _sums(
    profiles: Iterable[Profile], names: Sequence[str], name_of: Callable[[Profile], str | None], currency: str
) -> list[Sum]:
    found: dict[str, list[Profile]] = {name: [] for name in names}
    for profile in profiles:
        name = name_of(profile)
        if name is not None and profile.value.orders:
            found[name].append(profile)
    return [_summed(name, those, currency) for name, those in found.items() if those]


def _summed(name: str, profiles: Sequence[Profile], currency: str) -> Sum:
    value = sum((Decimal((profile.value.lifetime_value or {}).get(currency, "0")) for profile in profiles), Decimal(0))
    return Sum(name, len(profiles), value, fmean(profile.churn.risk if profile.churn else 0.0 for profile in profiles))


def _sum(name: str, sums: Sequence[Sum]) -> Sum:
    customers = sum(one.customers for one in sums)
    churn = sum(one.churn * one.customers for one in sums) / customers if customers else 0.0
    return Sum(name, customers, sum((one.lifetime_value for one in sums), Decimal(0)), churn)


def _group(profile: Profile) -> str | None:
    return None if profile.value.rfm is None else group_of(profile.value.rfm.cell)


def _risk(profile: Profile) -> str | None:
    risk = 0.0 if profile.churn is None else profile.churn.risk
    return next(name for name, bound in RISKS if risk >= bound)
