"""Receipts, orders and refunds for the reference, from docs/scoring.md: what came back is summed from scratch each time."""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

from tests.reference.events import Event, number
from tests.reference.value import Money

DAY = 24 * 60 * 60 * 1000
WINDOW, MEMORY = 90 * DAY, 91 * DAY
GRAIN = 2**20
SALES = ("receipt_issued", "order_completed")
REFUNDS = ("receipt_refunded", "order_refunded", "order_cancelled")
Taken = list[tuple[str, float, int]]


@dataclass
class Sale:
    """A purchase, the points it earned by score, and the refunds that belong to it."""

    event: Event
    points: dict[str, float]
    refunds: list[Event] = field(default_factory=list)

    @cached_property
    def money(self) -> Money:
        """What was paid, and when."""
        return Money(self.event.at, total(self.event), self.event.fields["currency"])


@dataclass
class Purse:
    """The purchases and refunds of a profile in the order of their acceptance."""

    sales: list[Sale] = field(default_factory=list)
    waiting: list[Event] = field(default_factory=list)
    days: int = 0

    def bought(self) -> list[Money]:
        """The purchases that count."""
        return [sale.money for sale in self.sales if sale.money.amount > 0]


def named(event: Event) -> tuple:
    """The receipt or order that an event is about."""
    receipt = event.fields.get("receipt")
    return (
        (event.fields["order_id"],)
        if receipt is None
        else tuple(receipt[part] for part in ("store_id", "till_id", "number"))
    )


def refund_name(event: Event) -> tuple:
    return ("cancelled", *named(event)) if event.type == "order_cancelled" else (event.fields["refund_id"],)


def total(event: Event) -> Decimal:
    return number(event.fields["total"])


def latest_of(events: list[Event], most: int, now: int) -> list[Event]:
    """Those that are not too old, and of these the latest."""
    return sorted((event for event in events if event.at >= now - MEMORY), key=lambda event: event.at)[-most:]


def remembered(purse: Purse, now: int) -> list[Sale]:
    kept = {id(event) for event in latest_of([sale.event for sale in purse.sales], 200, now)}
    return [sale for sale in purse.sales if id(sale.event) in kept]


def repeated(purse: Purse, event: Event, latest: int) -> str | None:
    """Why an event must change nothing."""
    now = max(latest, event.at)
    if event.type in SALES and any(named(sale.event) == named(event) for sale in remembered(purse, now)):
        return "duplicate_purchase"
    if event.type in REFUNDS:
        known = latest_of(purse.waiting, 50, now) + [refund for sale in remembered(purse, now) for refund in sale.refunds]
        if refund_name(event) in [refund_name(refund) for refund in known]:
            return "duplicate_refund"
    return None


def state(sale: Sale, refund: Event) -> str:
    currency = sale.event.fields["currency"]
    if refund.fields.get("currency", currency) != currency:
        return "mismatch"
    return "late" if abs(refund.at - sale.event.at) > WINDOW else "matched"


def came_back(sale: Sale) -> Decimal:
    """The money that came back of one purchase."""
    paid = max(total(sale.event), Decimal(0))
    matched = [refund for refund in sale.refunds if state(sale, refund) == "matched"]
    if any(refund.type == "order_cancelled" for refund in matched):
        return paid
    return min(paid, sum((total(refund) for refund in matched if total(refund) > 0), Decimal(0)))


def given_up(sale: Sale) -> dict[str, Fraction]:
    """The points that go back with it, by score."""
    back, paid = came_back(sale), total(sale.event)
    if back == paid:
        return {score: Fraction(points) for score, points in sale.points.items()}
    share = Fraction(back) / Fraction(paid) if paid > 0 else Fraction(0)
    return {score: Fraction(math.floor(round(Fraction(p) * GRAIN) * share), GRAIN) for score, p in sale.points.items()}


def settle(purse: Purse, event: Event, points: dict[str, float], latest: int) -> tuple[Taken, str]:
    """Take in a purchase or refund: the points that are taken back (score, points, time) and the state of a refund."""
    purse.waiting = latest_of(purse.waiting, 50, latest)
    if event.type in SALES:
        day = event.at // DAY
        others = [sale.event for sale in remembered(purse, latest)]
        purse.days += total(event) > 0 and not any(total(sale) > 0 and sale.at // DAY == day for sale in others)
        sale = Sale(event, points)
        purse.sales.append(sale)
        refunds = [refund for refund in purse.waiting if named(refund) == named(event)]
        purse.waiting = [refund for refund in purse.waiting if refund not in refunds]
        return grown(sale, refunds), ""
    for sale in remembered(purse, latest):
        if named(sale.event) == named(event):
            return grown(sale, [event]), state(sale, event)
    purse.waiting.append(event)
    return [], "waiting"


def grown(sale: Sale, refunds: list[Event]) -> Taken:
    """What further refunds take back of a purchase."""
    before = given_up(sale) if came_back(sale) else {}
    sale.refunds += refunds
    after = given_up(sale) if came_back(sale) else {}
    taken = ((score, float(before.get(score, Fraction(0)) - points)) for score, points in after.items())
    return [(score, points, sale.event.at) for score, points in taken if points]


def taken_of_set(sales: Iterable[Sale], refunds: list[Event]) -> Taken:
    """What is taken back altogether, where nothing is forgotten; the order of `refunds` does not matter."""
    return [entry for sale in sales for entry in grown(sale, [r for r in refunds if named(r) == named(sale.event)])]


def refunded(purse: Purse) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for sale in purse.sales:
        if came_back(sale):
            sums[sale.event.fields["currency"]] += came_back(sale)
    return dict(sums)


def first_day(purse: Purse) -> tuple[int, dict[str, Decimal]] | None:
    """The earliest day with a purchase, and its sums."""
    sold = [sale.event for sale in purse.sales if total(sale.event) > 0]
    if not sold:
        return None
    day = min(event.at for event in sold) // DAY
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for event in sold:
        if event.at // DAY == day:
            sums[event.fields["currency"]] += total(event)
    return day, dict(sums)
