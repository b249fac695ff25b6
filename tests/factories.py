"""Plain functions that make the smallest valid event of each type, as JSON-able dictionaries.

`changes` add to the event or replace its fields: `a_page_viewed(customer_id="c-2", context={"locale": "ru-RU"})`.
"""

import copy
from collections.abc import Callable
from itertools import count
from typing import Any

Event = dict[str, Any]

_numbers = count(1)


def an_event(type_: str, **fields: Any) -> Event:
    """Return an event with an id of its own, of customer c-1."""
    envelope = {"event_id": f"event-{next(_numbers)}", "type": type_, "occurred_at": "2026-11-21T10:15:00Z"}
    return {**envelope, "customer_id": "c-1", **fields}


def a_page(**changes: Any) -> Event:
    return {"url": "https://shop.example/shoes"} | changes


def a_product(**changes: Any) -> Event:
    return {"id": "sku-1"} | changes


def a_receipt_number(**changes: Any) -> Event:
    return {"store_id": "store-1", "till_id": "till-1", "number": "1001"} | changes


def a_line(**changes: Any) -> Event:
    return {"product_id": "sku-1", "quantity": 1, "price": "99.90", "total": "99.90"} | changes


def a_page_viewed(**changes: Any) -> Event:
    return an_event("page_viewed", **{"page": a_page()} | changes)


def a_page_pinged(**changes: Any) -> Event:
    return an_event("page_pinged", **{"page": a_page(), "active_secs": 15} | changes)


def a_product_viewed(**changes: Any) -> Event:
    return an_event("product_viewed", **{"product": a_product()} | changes)


def a_product_added(**changes: Any) -> Event:
    return an_event("product_added", **{"product": a_product()} | changes)


def a_product_removed(**changes: Any) -> Event:
    return an_event("product_removed", **{"product": a_product()} | changes)


def a_cart_viewed(**changes: Any) -> Event:
    return an_event("cart_viewed", **changes)


def a_checkout_started(**changes: Any) -> Event:
    return an_event("checkout_started", **changes)


def a_search_performed(**changes: Any) -> Event:
    return an_event("search_performed", **{"query": "running shoes"} | changes)


def a_content_rated(**changes: Any) -> Event:
    return an_event("content_rated", **{"content_id": "content-1", "rating": 5} | changes)


def a_content_commented(**changes: Any) -> Event:
    return an_event("content_commented", **{"content_id": "content-1"} | changes)


def a_subscribed(**changes: Any) -> Event:
    return an_event("subscribed", **{"list": "offers"} | changes)


def an_unsubscribed(**changes: Any) -> Event:
    return an_event("unsubscribed", **{"list": "offers"} | changes)


def a_form_submitted(**changes: Any) -> Event:
    return an_event("form_submitted", **{"form": "call-me-back"} | changes)


def a_message_opened(**changes: Any) -> Event:
    return an_event("message_opened", **{"message_id": "message-1"} | changes)


def a_message_clicked(**changes: Any) -> Event:
    return an_event("message_clicked", **{"message_id": "message-1"} | changes)


def an_app_opened(**changes: Any) -> Event:
    return an_event("app_opened", **changes)


def a_custom_tracked(**changes: Any) -> Event:
    return an_event("custom_tracked", **{"name": "video_watched"} | changes)


def a_receipt(total: Any = "99.90", **changes: Any) -> Event:
    """Return a receipt that no other one is, unless `receipt` says which."""
    receipt = a_receipt_number(number=f"n-{next(_numbers)}")
    return an_event("receipt_issued", **{"receipt": receipt, "total": total, "currency": "RUB"} | changes)


def a_receipt_refunded(**changes: Any) -> Event:
    return an_event(
        "receipt_refunded",
        **{"refund_id": f"r-{next(_numbers)}", "receipt": a_receipt_number(), "total": "50.00", "currency": "RUB"} | changes,
    )


def an_order_completed(**changes: Any) -> Event:
    order_id = f"o-{next(_numbers)}"
    return an_event("order_completed", **{"order_id": order_id, "total": "199.00", "currency": "RUB"} | changes)


def an_order_cancelled(**changes: Any) -> Event:
    return an_event("order_cancelled", **{"order_id": f"o-{next(_numbers)}"} | changes)


def an_order_refunded(**changes: Any) -> Event:
    return an_event(
        "order_refunded",
        **{"refund_id": f"r-{next(_numbers)}", "order_id": "order-1", "total": "50.00", "currency": "RUB"} | changes,
    )


def a_deal_opened(**changes: Any) -> Event:
    return an_event("deal_opened", **{"deal_id": "deal-1"} | changes)


def a_deal_moved(**changes: Any) -> Event:
    return an_event("deal_moved", **{"deal_id": "deal-1"} | changes)


def a_deal_won(**changes: Any) -> Event:
    return an_event("deal_won", **{"deal_id": "deal-1"} | changes)


def a_deal_lost(**changes: Any) -> Event:
    return an_event("deal_lost", **{"deal_id": "deal-1"} | changes)


def a_loyalty_changed(**changes: Any) -> Event:
    return an_event("loyalty_changed", **{"balance": 120} | changes)


def a_ticket_opened(**changes: Any) -> Event:
    return an_event("ticket_opened", **{"ticket_id": "ticket-1"} | changes)


def a_ticket_replied(**changes: Any) -> Event:
    return an_event("ticket_replied", **{"ticket_id": "ticket-1", "by": "agent"} | changes)


def a_ticket_solved(**changes: Any) -> Event:
    return an_event("ticket_solved", **{"ticket_id": "ticket-1"} | changes)


def a_ticket_reopened(**changes: Any) -> Event:
    return an_event("ticket_reopened", **{"ticket_id": "ticket-1"} | changes)


def a_ticket_closed(**changes: Any) -> Event:
    return an_event("ticket_closed", **{"ticket_id": "ticket-1"} | changes)


def a_ticket_rated(**changes: Any) -> Event:
    return an_event("ticket_rated", **{"ticket_id": "ticket-1", "rating": 103, "scale": "freshdesk"} | changes)


def an_nps_answer(**changes: Any) -> Event:
    return an_event("survey_answered", **{"survey": "nps", "score": 9} | changes)


def a_leaving_answer(**changes: Any) -> Event:
    return an_event("survey_answered", **{"survey": "leaving", "reason": "expensive"} | changes)


def a_staying_answer(**changes: Any) -> Event:
    return an_event("survey_answered", **{"survey": "staying", "reason": "quality"} | changes)


def a_customer_identified(**changes: Any) -> Event:
    return an_event("customer_identified", **changes)


def a_traits_changed(**changes: Any) -> Event:
    return an_event("traits_changed", **{"traits": {}} | changes)


def an_identity_linked(**changes: Any) -> Event:
    return an_event("identity_linked", **{"id_type": "card", "id_value": "2200-0001"} | changes)


def a_customers_merged(**changes: Any) -> Event:
    return an_event("customers_merged", **{"merged_id": "c-2"} | changes)


def a_customers_unmerged(**changes: Any) -> Event:
    return an_event("customers_unmerged", **{"merged_id": "c-2"} | changes)


def a_consent_given(**changes: Any) -> Event:
    return an_event("consent_given", **{"purpose": "marketing"} | changes)


def a_consent_withdrawn(**changes: Any) -> Event:
    return an_event("consent_withdrawn", **{"purpose": "marketing"} | changes)


def a_processing_blocked(**changes: Any) -> Event:
    return an_event("processing_blocked", **changes)


def a_processing_unblocked(**changes: Any) -> Event:
    return an_event("processing_unblocked", **changes)


def an_erasure_requested(**changes: Any) -> Event:
    return an_event("erasure_requested", **changes)


FACTORIES: dict[str, Callable[..., Event]] = {
    "page_viewed": a_page_viewed,
    "page_pinged": a_page_pinged,
    "product_viewed": a_product_viewed,
    "product_added": a_product_added,
    "product_removed": a_product_removed,
    "cart_viewed": a_cart_viewed,
    "checkout_started": a_checkout_started,
    "search_performed": a_search_performed,
    "content_rated": a_content_rated,
    "content_commented": a_content_commented,
    "subscribed": a_subscribed,
    "unsubscribed": an_unsubscribed,
    "form_submitted": a_form_submitted,
    "message_opened": a_message_opened,
    "message_clicked": a_message_clicked,
    "app_opened": an_app_opened,
    "custom_tracked": a_custom_tracked,
    "receipt_issued": a_receipt,
    "receipt_refunded": a_receipt_refunded,
    "order_completed": an_order_completed,
    "order_cancelled": an_order_cancelled,
    "order_refunded": an_order_refunded,
    "deal_opened": a_deal_opened,
    "deal_moved": a_deal_moved,
    "deal_won": a_deal_won,
    "deal_lost": a_deal_lost,
    "loyalty_changed": a_loyalty_changed,
    "ticket_opened": a_ticket_opened,
    "ticket_replied": a_ticket_replied,
    "ticket_solved": a_ticket_solved,
    "ticket_reopened": a_ticket_reopened,
    "ticket_closed": a_ticket_closed,
    "ticket_rated": a_ticket_rated,
    "survey_answered/nps": an_nps_answer,
    "survey_answered/leaving": a_leaving_answer,
    "survey_answered/staying": a_staying_answer,
    "customer_identified": a_customer_identified,
    "traits_changed": a_traits_changed,
    "identity_linked": an_identity_linked,
    "customers_merged": a_customers_merged,
    "customers_unmerged": a_customers_unmerged,
    "consent_given": a_consent_given,
    "consent_withdrawn": a_consent_withdrawn,
    "processing_blocked": a_processing_blocked,
    "processing_unblocked": a_processing_unblocked,
    "erasure_requested": an_erasure_requested,
}
"""Every factory by event type; a survey's variants each have their own."""

_FULL_ENVELOPE: Event = {
    "schema_version": 1,
    "sent_at": "2026-11-21T10:15:01.5+03:00",
    "received_at": "2026-11-21T07:15:02Z",
    "anonymous_id": "a-77",
    "identifiers": [{"id_type": "card", "id_value": "2200-0001"}, {"id_type": "email", "id_value": "ann@example.org"}],
    "source": "web",
    "context": {
        "ip": "203.0.113.0",
        "user_agent": "Mozilla/5.0",
        "locale": "ru-RU",
        "timezone": "Europe/Moscow",
        "device": {"type": "desktop"},
        "campaign": {"source": "yandex", "medium": "cpc", "name": "autumn"},
        "consent": {"marketing": True},
    },
}
_FULL_PAGE = a_page(path="/shoes", title="Shoes", referrer="https://search.example/", category="shoes")
_FULL_PRODUCT = a_product(name="Shoe", category="shoes", brand="Swift", price=49.9, currency="RUB")
_FULL_CART_CHANGE: Event = {"product": _FULL_PRODUCT, "quantity": 2, "cart_id": "cart-1"}
_FULL_CART: Event = {"cart_id": "cart-1", "total": "99.90", "currency": "RUB"}
_FULL_LINES = [a_line(name="Shoe", category="shoes", discount="5.00"), a_line(product_id="sku-2", quantity="0.375")]
_FULL_MESSAGE: Event = {"channel": "email", "campaign": "autumn"}
_FULL_DEAL: Event = {"amount": 90000, "currency": "RUB", "buyer_role": "director", "script_id": "script-1"}
_FULL_TRAITS: Event = {
    "name": "Ann Example",
    "email": "ann@example.org",
    "phone": "+7 900 000-00-00",
    "birth_date": "1990-01-31",
    "city": "Kazan",
    "country": "RU",
    "company": "Example",
    "industry": "retail",
    "employees": 120,
    "role": "director",
    "budget": "1000000.00",
    "currency": "RUB",
    "preferences": ["running", "hiking"],
}
_FULL_CONSENT: Event = {
    "channels": ["email", "sms"],
    "valid_until": "2027-11-21T00:00:00+03:00",
    "evidence": {"url": "https://shop.example/consent", "wording_version": "4", "ip": "203.0.113.0"},
}

_OPTIONAL: dict[str, Event] = {
    "page_viewed": {"page": _FULL_PAGE},
    "page_pinged": {"page": _FULL_PAGE},
    "product_viewed": {"product": _FULL_PRODUCT},
    "product_added": _FULL_CART_CHANGE,
    "product_removed": _FULL_CART_CHANGE,
    "cart_viewed": _FULL_CART,
    "checkout_started": _FULL_CART,
    "search_performed": {"results": 12},
    "content_commented": {"text": "Very good."},
    "subscribed": {"channel": "sms"},
    "unsubscribed": {"channel": "push"},
    "message_opened": _FULL_MESSAGE,
    "message_clicked": _FULL_MESSAGE,
    "app_opened": {"version": "4.2.0"},
    "custom_tracked": {
        "properties": {"video_id": "v-1", "watched_secs": 12.5, "full": False, "undeclared": "x", "gone": None}
    },
    "receipt_issued": {
        "lines": _FULL_LINES,
        "discount_total": "5.00",
        "payment_method": "card",
        "coupons": ["coupon-1"],
    },
    "receipt_refunded": {"lines": _FULL_LINES},
    "order_completed": {"lines": _FULL_LINES, "coupons": ["coupon-1"]},
    "order_refunded": {"lines": _FULL_LINES},
    "deal_opened": {**_FULL_DEAL, "stage": "contacted"},
    "deal_moved": {**_FULL_DEAL, "stage": "offer"},
    "deal_won": {**_FULL_DEAL, "reason": "price"},
    "deal_lost": {**_FULL_DEAL, "reason": "timing"},
    "loyalty_changed": {"tier": "silver", "delta": "-12.5", "reason": "spent"},
    "ticket_opened": {
        "subject": "Broken",
        "text": "It broke.",
        "channel": "email",
        "priority": "high",
        "category": "shoes",
    },
    "ticket_replied": {"text": "We are sorry."},
    "ticket_rated": {"comment": "Quick."},
    "survey_answered/nps": {"comment": "I like it."},
    "survey_answered/leaving": {"comment": "Too dear."},
    "survey_answered/staying": {"comment": "They last."},
    "customer_identified": {"traits": _FULL_TRAITS},
    "traits_changed": {"traits": _FULL_TRAITS},
    "consent_given": _FULL_CONSENT,
    "consent_withdrawn": _FULL_CONSENT,
    "processing_blocked": {"reason": "disputed"},
    "processing_unblocked": {"reason": "settled"},
    "erasure_requested": {"request_id": "request-1", "due_at": "2026-12-21T00:00:00Z"},
}


def a_full_event(kind: str, **changes: Any) -> Event:
    """Return an event with every field that the contract names; `kind` is a key of `FACTORIES`."""
    return copy.deepcopy(FACTORIES[kind](**{**_FULL_ENVELOPE, **_OPTIONAL.get(kind, {}), **changes}))
