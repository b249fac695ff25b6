"""Purchases under their business keys: what was bought is counted once, and refunds take back money and points.

Amounts are whole ten-thousandths, the four places that contracts admit.
"""

from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from core import remembered
from core.admission import Admitted
from core.remembered import Purchase
from core.state import Contribution, Earned, FirstDay, Returned, State, WaitingRefund
from core.times import DAY, Micros
from schemas.reasons import DropCode

RETURN_WINDOW: Final[Micros] = 90 * DAY
"""A refund and its purchase match only if no more than this lies between them."""
MEMORY: Final[Micros] = RETURN_WINDOW + DAY
"""Purchases and waiting refunds are remembered so long: a refund on the last day may arrive a day late."""
KEPT_WAITING: Final = 50
KEPT_REFUNDS: Final = 50
"""Refunds of one purchase that are known again, when they come once more."""
SALES: Final = frozenset({"receipt_issued", "order_completed"})
SETTLED: Final = SALES | {"receipt_refunded", "order_refunded", "order_cancelled"}
"""Event types that `settle` is for."""
REFUND: Final = "refund"
"""Stands for the rule where points are taken back."""
MERGE: Final = "merge"
"""Stands for the rule where points are taken out that two profiles of one person had for the same."""
_PLACES: Final = 4
_GRAINS: Final = 2**20
"""Points are taken back in whole parts of this, so that sums of them have no rounding error."""


class Settled(NamedTuple):
    """What a purchase or refund takes back, and how the refund ended."""

    taken: list[Contribution]
    refund_state: str
    refunded: tuple[str, Decimal] | None = None
    """Currency and amount of what came back through this event; None where nothing did."""


def repeated(state: State, admitted: Admitted) -> DropCode | None:
    """Return why the event must change nothing: its receipt, order or refund is remembered, whatever the event id."""
    if admitted.type in SALES:
        known = remembered.find(state, purchase_name(admitted.event), since(state, admitted.occurred_at))
        return DropCode.DUPLICATE_PURCHASE if known else None
    if admitted.type in SETTLED and _refund_known(state, _refund_name(admitted.event), admitted.occurred_at):
        return DropCode.DUPLICATE_REFUND
    return None


_NOTHING: Final = Settled([], "")


def settle(state: State, admitted: Admitted, given: list[Contribution]) -> Settled:
    """Remember a purchase or refund, add up what came back, and return the points to take back.

    The sums depend on the set of events only: a refund that comes first waits for its purchase.

    Args:
        state: The profile; its facts of the event are folded already.
        admitted: An event of a type in `SETTLED` that is not `repeated`.
        given: What the rules gave for it.
    """
    if admitted.type in SALES:
        return _bought(state, admitted, given)
    event: Any = admitted.event
    at, total = admitted.occurred_at, getattr(event, "total", None)
    name, refund_name = purchase_name(event), _refund_name(event)
    refund = WaitingRefund(at, name.hex(), None if total is None else _units(total), getattr(event, "currency", None))
    purchase = remembered.find(state, name, since(state, at))
    if purchase is None:
        _wait(state, refund_name, refund)
        return Settled([], "waiting")
    returned = (state.returned or {}).get(name.hex(), Returned(0, []))
    before = returned.amount
    word = _apply(purchase, returned, refund_name, refund)
    state.returned = {**(state.returned or {}), name.hex(): returned}
    return _take_back(state, purchase, before, returned.amount)._replace(refund_state=word)


def unite(state: State, other: State) -> list[Contribution]:
    """Add the purchases and refunds of `other`, none twice; return the points that go with what both of them had.

    Sums of orders and money are added; both profiles have the same latest instant already.
    """
    given: list[Contribution] = []
    known = dict(remembered.each(state))
    days = {purchase.at // DAY for purchase in known.values() if purchase.amount > 0}
    others = dict(remembered.each(other))
    shared_days = days & {purchase.at // DAY for purchase in others.values() if purchase.amount > 0}
    state.orders += other.orders
    state.purchase_days += other.purchase_days - len(shared_days)
    for sums, added in ((state.revenue, other.revenue), (state.refunded, other.refunded)):
        for currency, amount in added.items():
            sums[currency] = sums.get(currency, Decimal(0)) + amount
    state.first_day = _first_of(state.first_day, other.first_day)
    returned = {**(other.returned or {}), **(state.returned or {})}
    for name, purchase in others.items():
        if name in known:
            given += _take_out(state, other, name, purchase)
            given += _more_returned(state, other, returned, name)
        else:
            remembered.remember(state, name, purchase, since(state, purchase.at))
    state.returned = returned or None
    _forget_returned(state)
    given += _waiting_of_both(state, other)
    first, last = (other.first_purchase_at, other.last_purchase_at)
    if first is not None and last is not None:
        state.first_purchase_at = min(state.first_purchase_at or first, first)
        state.last_purchase_at = max(state.last_purchase_at or last, last)
    return given


def _first_of(one: FirstDay | None, other: FirstDay | None) -> FirstDay | None:
    if one is None or other is None or one.day != other.day:
        return min(filter(None, (one, other)), key=lambda first: first.day, default=None)
    amounts = {**one.amounts}
    for currency, amount in other.amounts.items():
        amounts[currency] = amounts.get(currency, Decimal(0)) + amount
    return FirstDay(one.day, amounts)


def _take_out(state: State, other: State, name: bytes, purchase: Purchase) -> list[Contribution]:
    """Take a purchase that both had out of the sums, once, with what came back of it in `other`."""
    currency, amount = purchase.earned.currency, Decimal(purchase.amount).scaleb(-_PLACES)
    if purchase.amount > 0:
        state.orders -= 1
        state.revenue[currency] -= amount
        if state.first_day is not None and state.first_day.day == purchase.at // DAY:
            state.first_day.amounts[currency] -= amount
    back = (other.returned or {}).get(name.hex(), Returned(0, [])).amount
    if back:
        state.refunded[currency] -= Decimal(back).scaleb(-_PLACES)
    points = (
        (score, points - (_share(points, back, purchase.amount) if back else 0))
        for score, points in purchase.earned.points.items()
    )
    return [Contribution(MERGE, score, -left, purchase.at) for score, left in points if left]


def _more_returned(state: State, other: State, returned: dict[str, Returned], name: bytes) -> list[Contribution]:
    """Let refunds that only `other` knew count for a purchase that both had.

    Of refunds that both knew some of, single amounts are not remembered: the greater sum holds.
    """
    theirs = (other.returned or {}).get(name.hex())
    purchase = remembered.find(state, name, 0)
    if theirs is None or purchase is None:
        return []
    mine = (state.returned or {}).get(name.hex(), Returned(0, []))
    apart = set(mine.refunds).isdisjoint(theirs.refunds)
    total = min(mine.amount + theirs.amount, max(purchase.amount, 0)) if apart else max(mine.amount, theirs.amount)
    returned[name.hex()] = Returned(total, sorted({*mine.refunds, *theirs.refunds})[:KEPT_REFUNDS])
    return _take_back(state, purchase, mine.amount, total).taken


def _waiting_of_both(state: State, other: State) -> list[Contribution]:
    """Let refunds wait that wait in either, unless the other knew their purchase; then they are applied."""
    applied = {refund for entry in (state.returned or {}).values() for refund in entry.refunds}
    waiting = {**(other.waiting_refunds or {}), **(state.waiting_refunds or {})}
    state.waiting_refunds = {name: refund for name, refund in waiting.items() if name not in applied} or None
    given: list[Contribution] = []
    for key in sorted({refund.purchase for refund in (state.waiting_refunds or {}).values()}):
        name = bytes.fromhex(key)
        earliest = min(refund.at for refund in waiting.values()) - MEMORY
        purchase = remembered.find(state, name, earliest)
        if purchase is not None:
            given += _claim(state, name, purchase, earliest).taken
    return given


def since(state: State, at: Micros) -> Micros:
    """Return the earliest event time that is remembered, when an event at `at` is looked at."""
    return max(at, state.last_seen_at or at) - MEMORY


def purchase_name(event: Any) -> bytes:
    """Return what stands for the receipt or order that a purchase or refund names."""
    receipt = getattr(event, "receipt", None)
    parts = (event.order_id,) if receipt is None else (receipt.store_id, receipt.till_id, receipt.number)
    return _digest("purchase", *parts)


def _refund_name(event: Any) -> str:
    """Return what stands for a refund; an order is cancelled once."""
    refund_id = getattr(event, "refund_id", None)
    return (_digest("cancel", event.order_id) if refund_id is None else _digest("refund", refund_id)).hex()


@lru_cache(maxsize=64)
def _digest(*parts: str) -> bytes:
    """Return 48 bits that stand for `parts`: one purchase in 10^12 is mistaken for one of 200 others."""
    return blake2b(repr(parts).encode(), digest_size=6).digest()


def _refund_known(state: State, name: str, at: Micros) -> bool:
    earliest = since(state, at)
    waiting = (state.waiting_refunds or {}).get(name)
    if waiting is not None and waiting.at >= earliest:
        return True
    return any(
        name in returned.refunds and remembered.find(state, bytes.fromhex(purchase), earliest)
        for purchase, returned in (state.returned or {}).items()
    )


def _wait(state: State, name: str, refund: WaitingRefund) -> None:
    """Let a refund wait, and forget those that have waited too long or are too many, the oldest first."""
    earliest = since(state, refund.at)
    waiting = {**(state.waiting_refunds or {}), name: refund}
    kept = sorted((entry.at, key) for key, entry in waiting.items() if entry.at >= earliest)[-KEPT_WAITING:]
    state.waiting_refunds = {key: waiting[key] for _, key in kept} or None


def _bought(state: State, admitted: Admitted, given: list[Contribution]) -> Settled:
    """Remember a purchase, and apply the refunds that waited for it."""
    event: Any = admitted.event
    points: dict[str, float] = {}
    for contribution in given:
        points[contribution.score] = points.get(contribution.score, 0.0) + contribution.points
    name, earliest = purchase_name(event), since(state, admitted.occurred_at)
    purchase = Purchase(remembered.in_millis(admitted.occurred_at), _units(event.total), Earned(event.currency, points))
    remembered.remember(state, name, purchase, earliest)
    if state.returned:
        state.returned.pop(name.hex(), None)  # of one that was forgotten, and came once more
        _forget_returned(state)
    return _claim(state, name, purchase, earliest) if state.waiting_refunds else _NOTHING


def _forget_returned(state: State) -> None:
    """Forget what came back of purchases that are forgotten."""
    known = {key: entry for key, entry in (state.returned or {}).items() if remembered.knows(state, bytes.fromhex(key))}
    state.returned = known or None


def _claim(state: State, name: bytes, purchase: Purchase, earliest: Micros) -> Settled:
    """Apply the refunds that waited for a purchase, and return what they take back."""
    waiting = {key: refund for key, refund in (state.waiting_refunds or {}).items() if refund.at >= earliest}
    own = [key for key, refund in waiting.items() if refund.purchase == name.hex()]
    if not own:
        return _NOTHING
    returned = (state.returned or {}).get(name.hex(), Returned(0, []))
    before = returned.amount
    for key in own:
        _apply(purchase, returned, key, waiting.pop(key))
    state.waiting_refunds = waiting or None
    state.returned = {**(state.returned or {}), name.hex(): returned}
    _forget_returned(state)
    return _take_back(state, purchase, before, returned.amount)


def _apply(purchase: Purchase, returned: Returned, name: str, refund: WaitingRefund) -> str:
    """Add a refund to what was returned, with as much of its amount as is left, and return how it ended."""
    returned.refunds = sorted([*returned.refunds, name])[:KEPT_REFUNDS]
    if refund.currency not in (None, purchase.earned.currency):
        return "mismatch"
    if abs(refund.at - purchase.at) > RETURN_WINDOW:
        return "late"
    left = max(purchase.amount, 0) - returned.amount
    returned.amount += left if refund.amount is None else min(max(refund.amount, 0), left)
    return "matched"


def _take_back(state: State, purchase: Purchase, before: int, after: int) -> Settled:
    """Add up what came back between `before` and `after`, and return it with its points, at the time of the purchase."""
    if before == after:
        return _NOTHING
    currency, amount = purchase.earned.currency, Decimal(after - before).scaleb(-_PLACES)
    state.refunded[currency] = state.refunded.get(currency, Decimal(0)) + amount
    taken = (
        (score, _share(points, before, purchase.amount) - _share(points, after, purchase.amount))
        for score, points in purchase.earned.points.items()
    )
    points_taken = [Contribution(REFUND, score, points, purchase.at) for score, points in taken if points]
    return Settled(points_taken, "", (currency, amount))


def _share(points: float, refunded: int, amount: int) -> float:
    """Return the part of `points` that goes with `refunded` of `amount`, cut to whole grains; all with all."""
    return points if refunded == amount else round(points * _GRAINS) * refunded // amount / _GRAINS


def _units(amount: Decimal) -> int:
    return int(amount.scaleb(_PLACES))
