"""Facts from topic `purchase`: orders, deals, the loyalty account; for refunds see `core/purchases.py`."""

from decimal import Decimal
from typing import Any, Final

from core.purchases import since
from core.remembered import bought_on
from core.state import Deal, FirstDay, State, forget_oldest, latest
from core.times import DAY, Micros
from schemas.purchase import (
    DealLost,
    DealMoved,
    DealOpened,
    DealWon,
    LoyaltyChanged,
    OrderCompleted,
    ReceiptIssued,
)

_ZERO: Final = Decimal(0)
_RANK: Final = {"open": 0, "lost": 1, "won": 2}


def sold(state: State, event: ReceiptIssued | OrderCompleted, at: Micros) -> None:
    """Count an order; a receipt with a total of 0 or below is none."""
    if event.total <= 0:
        return
    state.orders += 1
    state.revenue[event.currency] = state.revenue.get(event.currency, _ZERO) + event.total
    first, last = state.first_purchase_at, state.last_purchase_at
    day = at // DAY
    if last is None or day > last // DAY or not bought_on(state, day, since(state, at)):
        state.purchase_days += 1
    _first_day(state, day, event)
    state.first_purchase_at = at if first is None or at < first else first
    state.last_purchase_at = at if last is None or at > last else last


def _first_day(state: State, day: int, event: ReceiptIssued | OrderCompleted) -> None:
    """Keep the earliest day with a purchase, and its sums."""
    first = state.first_day
    if first is None or day < first.day:
        state.first_day = FirstDay(day, {event.currency: event.total})
    elif day == first.day:
        first.amounts[event.currency] = first.amounts.get(event.currency, _ZERO) + event.total


def _deal(state: State, event: DealOpened | DealMoved | DealWon | DealLost, at: Micros, stage: str) -> None:
    """Keep the latest word on a deal; at the same instant won beats lost beats open, more beats less."""
    old = state.deals.get(event.deal_id)
    stage_name = getattr(event, "stage", None)
    new = Deal(stage, at, event.amount, event.currency, stage_name, event.script_id, event.buyer_role)
    state.deals[event.deal_id] = later_deal(old, new)
    if old is None:
        forget_oldest(state.deals, lambda deal: deal.stage != "open")


def later_deal(one: Deal | None, other: Deal) -> Deal:
    """Return the word on a deal that holds: the later one; at the same instant won beats lost beats open."""
    return other if one is None else max(one, other, key=_order)


def _order(deal: Deal) -> tuple[Micros, int, Decimal, list[str]]:
    texts = [deal.currency or "", deal.stage_name or "", deal.script_id or "", deal.buyer_role or ""]
    return deal.at, _RANK[deal.stage], deal.amount or _ZERO, texts


def deal_under_way(state: State, event: DealOpened | DealMoved, at: Micros) -> None:
    """Note a deal as open."""
    _deal(state, event, at, "open")


def deal_won(state: State, event: DealWon, at: Micros) -> None:
    """Note a deal as won."""
    _deal(state, event, at, "won")


def deal_lost(state: State, event: DealLost, at: Micros) -> None:
    """Note a deal as lost."""
    _deal(state, event, at, "lost")


def loyalty_changed(state: State, event: LoyaltyChanged, at: Micros) -> None:
    """Keep the latest balance and tier."""
    state.loyalty = latest(state.loyalty, [str(event.balance), event.tier], at)


FOLDS: Final[dict[str, Any]] = {
    "receipt_issued": sold,
    "order_completed": sold,
    "deal_opened": deal_under_way,
    "deal_moved": deal_under_way,
    "deal_won": deal_won,
    "deal_lost": deal_lost,
    "loyalty_changed": loyalty_changed,
}
