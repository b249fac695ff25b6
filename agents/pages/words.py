"""Instants, money and counts as people say them."""

from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import NamedTuple


class Calendar(NamedTuple):
    """The reader's time zone and now: this year's dates are said without a year."""

    zone: tzinfo
    now: datetime

    def day(self, at: datetime) -> str:
        """Return the date, such as 24 Nov, or 24 Nov 2025 where that is not this year."""
        local = at.astimezone(self.zone)
        year = "" if local.year == self.now.astimezone(self.zone).year else f" {local.year}"
        return f"{local.day} {local:%b}{year}"

    def instant(self, at: datetime) -> str:
        """Return date and time, such as 24 Nov, 14:03."""
        return f"{self.day(at)}, {at.astimezone(self.zone):%H:%M}"


def money(amounts: Mapping[str, str]) -> str:
    """Return decimal strings by currency, such as 1,250.50 RUB + 10.00 EUR."""
    return " + ".join(f"{Decimal(total):,} {currency}" for currency, total in sorted(amounts.items()))


def counted(number: float, thing: str) -> str:
    """Return a number of things, such as 1 order, 2.5 orders."""
    return f"{amount(number)} {thing}{'' if number == 1 else 's'}"


def amount(number: float) -> str:
    """Return a number, with places only where it has some."""
    return f"{int(number):,}" if float(number).is_integer() else f"{number:,.2f}"


def lasting(secs: float) -> str:
    """Return how long something takes, in its two largest units."""
    whole = round(secs)
    minutes, hours = whole // 60, whole // 3600
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min" if minutes else f"{whole} s"


def listed(texts: Iterable[str], word: str = "and") -> str:
    """Return an enumeration, such as a, b and c."""
    *first, last = texts
    return f"{', '.join(first)} {word} {last}" if first else last


def spoken(name: str) -> str:
    """Return a name of the contract with spaces."""
    return name.replace("_", " ")


def printable(text: object) -> str:
    """Return `text` without what would steer a terminal: it may come from anybody."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in str(text))
