"""Events of topic `purchase`: receipts, orders, refunds, deals and loyalty balances."""

from typing import ClassVar, Literal

from schemas.envelope import Envelope
from schemas.fields import Code, Contract, Currency, Id, Money, Name, PersonalData, Purpose, Quantity, field

_SALES = (Purpose.SCORING, Purpose.ANALYTICS, Purpose.LOYALTY)


class Purchase(Envelope):
    """Base of the events of tills, shops and sales departments."""

    topic: ClassVar[str] = "purchase"
    default_source: ClassVar[str] = "till"


class Receipt(Contract):
    """What makes a receipt the same receipt, whatever its event id."""

    store_id: Id = field("Id of the store.", purposes=_SALES)
    till_id: Id = field("Id of the till in the store.", purposes=_SALES)
    number: Id = field("Number of the receipt at the till.", purposes=_SALES)


class Line(Contract):
    """A line of a receipt, order or refund."""

    product_id: Id = field("Id of the product.", purposes=_SALES)
    name: Name | None = field("Name of the product.", None, purposes=_SALES)
    category: Name | None = field("Category of the product.", None, purposes=_SALES)
    quantity: Quantity = field("How much of it.", unit="pieces", purposes=_SALES)
    price: Money = field("Price of one piece.", unit="currency", purposes=_SALES)
    discount: Money | None = field("Discount on the line.", None, unit="currency", purposes=_SALES)
    total: Money = field("What the line cost.", unit="currency", purposes=_SALES)


class _Sale(Purchase):
    total: Money = field("What was paid.", unit="currency", purposes=_SALES)
    currency: Currency = field("Currency of all amounts, ISO 4217.", purposes=_SALES)
    lines: list[Line] | None = field("What was bought.", None, purposes=_SALES, max_length=5_000)


class ReceiptIssued(_Sale):
    """A till issued a receipt."""

    type: Literal["receipt_issued"]
    receipt: Receipt = field("Identity of the receipt.", purposes=_SALES)
    discount_total: Money | None = field("Discount on the receipt.", None, unit="currency", purposes=_SALES)
    payment_method: Code | None = field("How it was paid.", None, purposes=(Purpose.ANALYTICS,))
    coupons: list[Id] | None = field("Coupons redeemed.", None, purposes=_SALES, max_length=100)


class ReceiptRefunded(_Sale):
    """A receipt was refunded, wholly or in part."""

    type: Literal["receipt_refunded"]
    refund_id: Id = field("Id of the refund.", purposes=_SALES)
    receipt: Receipt = field("Receipt that is refunded.", purposes=_SALES)


class OrderCompleted(_Sale):
    """An online order was paid."""

    type: Literal["order_completed"]
    order_id: Id = field("Id of the order.", purposes=_SALES)
    coupons: list[Id] | None = field("Coupons redeemed.", None, purposes=_SALES, max_length=100)


class OrderCancelled(Purchase):
    """An online order was cancelled."""

    type: Literal["order_cancelled"]
    order_id: Id = field("Id of the order.", purposes=_SALES)


class OrderRefunded(_Sale):
    """An online order was refunded, wholly or in part."""

    type: Literal["order_refunded"]
    refund_id: Id = field("Id of the refund.", purposes=_SALES)
    order_id: Id = field("Order that is refunded.", purposes=_SALES)


class _Deal(Purchase):
    deal_id: Id = field("Id of the deal.", purposes=_SALES)
    amount: Money | None = field("Value of the deal.", None, unit="currency", purposes=_SALES)
    currency: Currency | None = field("Currency of the amount, ISO 4217.", None, purposes=_SALES)
    buyer_role: Code | None = field("Role of the buyer in the deal.", None, purposes=_SALES, personal=PersonalData.ATTRIBUTE)
    script_id: Id | None = field("Sales script that was used.", None, purposes=_SALES)


class _DealUnderWay(_Deal):
    stage: Code | None = field("Stage of the sales funnel.", None, purposes=_SALES)


class DealOpened(_DealUnderWay):
    """A deal was opened."""

    type: Literal["deal_opened"]


class DealMoved(_DealUnderWay):
    """A deal moved to another stage."""

    type: Literal["deal_moved"]


class _DealClosed(_Deal):
    reason: Name | None = field("Why it ended so.", None, purposes=_SALES)


class DealWon(_DealClosed):
    """A deal was won."""

    type: Literal["deal_won"]


class DealLost(_DealClosed):
    """A deal was lost."""

    type: Literal["deal_lost"]


class LoyaltyChanged(Purchase):
    """The balance or tier of a loyalty account changed."""

    type: Literal["loyalty_changed"]
    balance: Quantity = field("Points on the account after the change.", unit="points", purposes=_SALES)
    tier: Code | None = field("Tier after the change.", None, purposes=_SALES)
    delta: Quantity | None = field("Points that came or went.", None, unit="points", purposes=_SALES)
    reason: Name | None = field("Why it changed.", None, purposes=_SALES)


EVENTS = (
    ReceiptIssued,
    ReceiptRefunded,
    OrderCompleted,
    OrderCancelled,
    OrderRefunded,
    DealOpened,
    DealMoved,
    DealWon,
    DealLost,
    LoyaltyChanged,
)
