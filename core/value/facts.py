"""What the value model knows of a customer."""

from decimal import Decimal
from typing import Final, NamedTuple

from core.state import State
from core.times import DAY, Micros

_ZERO: Final = Decimal(0)


class Facts(NamedTuple):
    """The purchases of one customer who bought at least once.

    Attributes:
        days: UTC days with a purchase.
        orders: Purchases; a day may have several.
        first_at: Instant of the first one.
        last_at: Instant of the last one.
        net: Revenue less refunds, by currency.
        first_day: Revenue of the first day, by currency.
    """

    days: int
    orders: int
    first_at: Micros
    last_at: Micros
    net: dict[str, Decimal]
    first_day: dict[str, Decimal]

    @property
    def repeats(self) -> int:
        """Purchase days after the first: x of the model."""
        return self.days - 1

    @property
    def span_days(self) -> float:
        """Days from the first purchase day to the last: t_x of the model."""
        return float(self.last_at // DAY - self.first_at // DAY)

    def age_days(self, now: Micros) -> float:
        """Return the days from the first purchase until `now`, never fewer than `span_days`: T of the model."""
        return max((now - self.first_at) / DAY, self.span_days)


def facts_of(state: State) -> Facts | None:
    """Return what `state` tells of purchases; None where there were none."""
    first, last = state.first_purchase_at, state.last_purchase_at
    if first is None or last is None:
        return None
    net = state.revenue
    if state.refunded:
        net = {currency: total - state.refunded.get(currency, _ZERO) for currency, total in net.items()}
    first_day = {} if state.first_day is None else state.first_day.amounts
    return Facts(max(state.purchase_days, 1), state.orders, first, last, net, first_day)


def net_of(state: State, currency: str) -> Decimal:
    """Return revenue less refunds in one currency."""
    paid = state.revenue.get(currency, _ZERO)
    return paid - state.refunded.get(currency, _ZERO) if state.refunded else paid
