"""Facts from topic `purchase`: orders, refunds, deals, the loyalty account."""

from decimal import Decimal
from typing import Any, Final

from core.state import Deal, State, forget_oldest, latest
from core.times import Micros
from schemas.purchase import (
    DealLost,
    DealMoved,
    DealOpened,
    DealWon,
    LoyaltyChanged,
    OrderCompleted,
    OrderRefunded,
    ReceiptIssued,
    ReceiptRefunded,
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
    state.first_purchase_at = at if first is None or at < first else first
    state.last_purchase_at = at if last is None or at > last else last


def refunded(state: State, event: ReceiptRefunded | OrderRefunded, _at: Micros) -> None:
    """Add up what was paid back."""
    state.refunded[event.currency] = state.refunded.get(event.currency, _ZERO) + event.total


def _deal(state: State, event: DealOpened | DealMoved | DealWon | DealLost, at: Micros, stage: str) -> None:
    """Keep the latest word on a deal; at the same instant won beats lost beats open, more beats less."""
    old = state.deals.get(event.deal_id)
    new = Deal(stage, at, event.amount, event.currency)
    if old is None or _order(new) > _order(old):
        state.deals[event.deal_id] = new
        forget_oldest(state.deals, lambda deal: deal.stage != "open")


def _order(deal: Deal) -> tuple[Micros, int, Decimal, str]:
    return deal.at, _RANK[deal.stage], deal.amount or _ZERO, deal.currency or ""


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
    "receipt_refunded": refunded,
    "order_refunded": refunded,
    "deal_opened": deal_under_way,
    "deal_moved": deal_under_way,
    "deal_won": deal_won,
    "deal_lost": deal_lost,
    "loyalty_changed": loyalty_changed,
}
