"""What shops track under the names of Segment's commerce specification, as events of ours.

Each mapping reads the properties of one event; what is missing, the contract says. A name that is not here is a
`custom_tracked` event, of which the tracking plan says what is kept.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple

from collector.sources.fields import Fields, compact, decimal, number
from schemas.projection import Plan

SITE: Final = "site-interaction"
PURCHASE: Final = "purchase"


class Given(NamedTuple):
    """What a mapping knows beside the properties.

    Args:
        message_id: Id of the message.
        currency: That of amounts which name none.
        plan: Tracking plan: declared properties by the name of the event.
    """

    message_id: str
    currency: str
    plan: Plan


class Named(NamedTuple):
    """Topic, type and own fields of an event."""

    topic: str
    type: str
    fields: dict[str, Any]


Mapping = Callable[[Fields, Given], Named]


def _product(properties: Fields, currency: str | None = None) -> dict[str, Any]:
    price = properties.number("price")
    return compact(
        id=properties.text("product_id", "id", "sku", "variant"),
        name=properties.text("name"),
        category=properties.text("category"),
        brand=properties.text("brand"),
        price=price,
        currency=properties.text("currency") or (currency if price is not None else None),
    )


def _viewed(properties: Fields, given: Given) -> Named:
    return Named(SITE, "product_viewed", {"product": _product(properties, given.currency)})


def _cart_changed(type_: str) -> Mapping:
    def mapping(properties: Fields, given: Given) -> Named:
        product = _product(properties, given.currency)
        fields = compact(product=product, quantity=properties.number("quantity"), cart_id=properties.text("cart_id"))
        return Named(SITE, type_, fields)

    return mapping


def _cart_seen(type_: str) -> Mapping:
    def mapping(properties: Fields, given: Given) -> Named:
        total = properties.number("value", "total", "revenue")
        currency = properties.text("currency") or (given.currency if total is not None else None)
        return Named(SITE, type_, compact(cart_id=properties.text("cart_id"), total=total, currency=currency))

    return mapping


def _searched(properties: Fields, _given: Given) -> Named:
    results = properties.whole("results", "results_count")
    return Named(SITE, "search_performed", compact(query=properties.text("query", "search"), results=results))


def _reviewed(properties: Fields, _given: Given) -> Named:
    content, rating = properties.text("product_id", "content_id", "id"), properties.whole("rating")
    if rating is not None:
        return Named(SITE, "content_rated", compact(content_id=content, rating=rating))
    written = properties.text("review_body", "review", "comment", "text")
    return Named(SITE, "content_commented", compact(content_id=content, text=written))


def _message(type_: str, channel: str) -> Mapping:
    def mapping(properties: Fields, given: Given) -> Named:
        fields = compact(
            message_id=properties.text("message_id", "email_id", "campaign_id") or given.message_id,
            channel=channel,
            campaign=properties.text("campaign_name", "campaign"),
        )
        return Named(SITE, type_, fields)

    return mapping


def _list_changed(type_: str) -> Mapping:
    def mapping(properties: Fields, _given: Given) -> Named:
        named = properties.text("list", "list_name", "name", "list_id") or "news"
        return Named(SITE, type_, compact(list=named, channel=properties.text("channel")))

    return mapping


def _form(properties: Fields, _given: Given) -> Named:
    return Named(SITE, "form_submitted", compact(form=properties.text("form", "form_name", "form_id", "name")))


def _pinged(properties: Fields, _given: Given) -> Named:
    url = properties.text("url") or properties.text("path")
    page = compact(url=url, path=properties.text("path"), title=properties.text("title"))
    return Named(SITE, "page_pinged", compact(page=page or None, active_secs=properties.whole("active_secs")))


def _app_opened(properties: Fields, _given: Given) -> Named:
    return Named(SITE, "app_opened", compact(version=properties.text("version")))


def _line(item: Fields) -> dict[str, Any]:
    quantity = item.value("quantity")
    price, pieces, discount = item.value("price"), 1 if quantity is None else quantity, item.value("discount")
    total = item.value("total", "revenue")
    if total is None:
        each, count, off = decimal(price), decimal(pieces), decimal(discount)
        total = None if each is None or count is None else str(each * count - (off or Decimal(0)))
    return compact(
        product_id=item.text("product_id", "id", "sku"),
        name=item.text("name"),
        category=item.text("category"),
        quantity=number(pieces),
        price=number(price),
        discount=number(discount),
        total=number(total),
    )


def _sale(properties: Fields, given: Given) -> dict[str, Any]:
    lines = [_line(item) for item in properties.items("products")]
    coupon = properties.text("coupon")
    return compact(
        total=properties.number("total", "revenue", "value"),
        currency=properties.text("currency") or given.currency,
        lines=[line for line in lines if "price" in line] or None,
        coupons=None if coupon is None else [coupon],
    )


def _order_completed(properties: Fields, given: Given) -> Named:
    order = properties.text("order_id", "checkout_id")
    return Named(PURCHASE, "order_completed", {**compact(order_id=order), **_sale(properties, given)})


def _order_cancelled(properties: Fields, _given: Given) -> Named:
    return Named(PURCHASE, "order_cancelled", compact(order_id=properties.text("order_id")))


def _order_refunded(properties: Fields, given: Given) -> Named:
    """A refund; one that tells no amount is of the whole order, which is cancelled then."""
    sale = _sale(properties, given)
    if "total" not in sale:
        return _order_cancelled(properties, given)
    sale.pop("coupons", None)
    own = compact(order_id=properties.text("order_id"), refund_id=properties.text("refund_id") or given.message_id)
    return Named(PURCHASE, "order_refunded", {**own, **sale})


_MAPPINGS: Final[dict[str, Mapping]] = {
    "page pinged": _pinged,
    "product viewed": _viewed,
    "product clicked": _viewed,
    "product added": _cart_changed("product_added"),
    "product removed": _cart_changed("product_removed"),
    "cart viewed": _cart_seen("cart_viewed"),
    "checkout started": _cart_seen("checkout_started"),
    "products searched": _searched,
    "product searched": _searched,
    "product reviewed": _reviewed,
    "order completed": _order_completed,
    "order cancelled": _order_cancelled,
    "order canceled": _order_cancelled,
    "order refunded": _order_refunded,
    "email opened": _message("message_opened", "email"),
    "email link clicked": _message("message_clicked", "email"),
    "push notification received": _message("message_opened", "push"),
    "push notification tapped": _message("message_clicked", "push"),
    "list subscribed": _list_changed("subscribed"),
    "subscribed": _list_changed("subscribed"),
    "list unsubscribed": _list_changed("unsubscribed"),
    "unsubscribed": _list_changed("unsubscribed"),
    "form submitted": _form,
    "application opened": _app_opened,
}
_WORD_BEGINS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_\-\s]+")


@lru_cache(4_096)
def _plain(name: str) -> str:
    """Return a name in lower case with single spaces: `Order Completed`, `order_completed` and `orderCompleted` are one."""
    return " ".join(_WORD_BEGINS.sub(" ", name).casefold().split())


def name_event(name: str, properties: Fields, given: Given) -> Named:
    """Return what a tracked event is among ours.

    Args:
        name: Name that the shop gave the event.
        properties: What it says.
        given: What is known beside that.
    """
    mapping = _MAPPINGS.get(_plain(name))
    if mapping is not None:
        return mapping(properties, given)
    declared = {field: properties.value(field) for field in sorted(given.plan.get(name, ()))}
    return Named(SITE, "custom_tracked", compact(name=name, properties=compact(**declared) or None))
