"""Messages of Segment's and RudderStack's clients become events of ours, valid by their contracts."""

import base64
import gzip
import json
from pathlib import Path

import pytest

from collector.sources.fields import Mapped, Unusable
from collector.sources.segment import Received, map_message
from core.admission import Admission, Admitted

CAPTURES = sorted((Path(__file__).parents[1] / "data" / "captures").glob("*.json"))
AT = "2026-11-22T10:00:00.000Z"
PLAN = {"video_watched": frozenset({"video_id", "watched_secs"})}
PRODUCT = {"product_id": "p-1", "name": "Tea", "category": "drinks", "brand": "T", "price": 4.5, "currency": "RUB"}


def mapped(said: dict, **received: object) -> Mapped:
    message = {"messageId": "m-1", "userId": "u-1", "timestamp": "2026-11-22T09:59:58Z", **said}
    found = map_message(message, "m-1", Received(AT, **{"plan": PLAN, **received}))
    assert isinstance(found, Mapped), found
    return found


def event(said: dict, **received: object) -> dict:
    """The event of a message, of which the contract has nothing to complain."""
    found = mapped(said, **received)
    admitted = Admission(found.topic, 1_000_000, PLAN).judge(found.event, 1_800_000_000_000_000)
    assert isinstance(admitted, Admitted), admitted
    return found.event


def tracked(name: str, /, **properties: object) -> dict:
    return {"type": "track", "event": name, "properties": properties}


def own(said: dict) -> dict:
    """What an event says besides its envelope."""
    envelope = {"event_id", "occurred_at", "received_at", "sent_at", "customer_id", "anonymous_id", "source", "context"}
    return {name: value for name, value in event(said).items() if name not in envelope}


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_what_two_clients_sent_is_mapped_message_by_message(capture: Path) -> None:
    (request,) = json.loads(capture.read_text())["requests"]
    body = base64.b64decode(request["body_b64"])
    batch = json.loads(gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body)
    events = [event(message, sent_at=batch["sentAt"]) for message in batch["batch"]]
    types = ["customer_identified", "order_completed", "page_viewed", "page_viewed", "traits_changed", "customer_identified"]
    assert [said["type"] for said in events] == [*types, "product_viewed"]
    identified, order, page, screen, group, alias, product = events
    assert identified["traits"] == {"name": "Анна", "email": "ann@example.com"}
    assert (order["order_id"], order["total"], order["currency"]) == ("o-1", "99.5", "USD")
    assert page["page"] == {"url": "http://example.com/docs", "title": "Python", "category": "Docs"}
    assert screen["page"]["url"] == "app://Settings/Brightness"
    assert group["traits"] == {"company": "Initech"}
    assert (alias["customer_id"], alias["anonymous_id"]) == ("u1", "anon-1")
    assert product["anonymous_id"] == "anon-1"
    assert product["product"] == {"id": "S1"}
    assert all(said["sent_at"].startswith("2026-11-21T20:41") for said in events)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            tracked("Product Viewed", **PRODUCT),
            {
                "type": "product_viewed",
                "product": {
                    "id": "p-1",
                    "name": "Tea",
                    "category": "drinks",
                    "brand": "T",
                    "price": "4.5",
                    "currency": "RUB",
                },
            },
        ),
        (
            tracked("Product Added", product_id=7, price="4.50", quantity=2, cart_id="k"),
            {
                "type": "product_added",
                "product": {"id": "7", "price": "4.5", "currency": "USD"},
                "quantity": "2",
                "cart_id": "k",
            },
        ),
        (
            tracked("Product Viewed", product_id="p", price=12.0),
            {"type": "product_viewed", "product": {"id": "p", "price": "12", "currency": "USD"}},
        ),
        (tracked("product_removed", sku="s"), {"type": "product_removed", "product": {"id": "s"}}),
        (tracked("Cart Viewed", cart_id="k"), {"type": "cart_viewed", "cart_id": "k"}),
        (
            tracked("checkoutStarted", value=12.3, currency="EUR"),
            {"type": "checkout_started", "total": "12.3", "currency": "EUR"},
        ),
        (
            tracked("Page Pinged", url="https://shop.example/tea", active_secs="15"),
            {"type": "page_pinged", "page": {"url": "https://shop.example/tea"}, "active_secs": 15},
        ),
        (tracked("Products Searched", query="tea", results=3), {"type": "search_performed", "query": "tea", "results": 3}),
        (tracked("Product Reviewed", product_id="p", rating="5"), {"type": "content_rated", "content_id": "p", "rating": 5}),
        (
            tracked("Product Reviewed", product_id="p", review_body="good"),
            {"type": "content_commented", "content_id": "p", "text": "good"},
        ),
        (tracked("Email Opened", email_id="e"), {"type": "message_opened", "message_id": "e", "channel": "email"}),
        (tracked("Push Notification Tapped"), {"type": "message_clicked", "message_id": "m-1", "channel": "push"}),
        (tracked("Form Submitted", form_id="lead"), {"type": "form_submitted", "form": "lead"}),
        (tracked("Application Opened", version="1.2"), {"type": "app_opened", "version": "1.2"}),
        (tracked("Subscribed"), {"type": "subscribed", "list": "news"}),
        (
            tracked("video_watched", video_id="v", watched_secs=9, email="x@y.z"),
            {"type": "custom_tracked", "name": "video_watched", "properties": {"video_id": "v", "watched_secs": 9}},
        ),
        (tracked("Something Else", a=1), {"type": "custom_tracked", "name": "Something Else"}),
        (tracked("Order Cancelled", order_id="o"), {"type": "order_cancelled", "order_id": "o"}),
        (tracked("Order Refunded", order_id="o"), {"type": "order_cancelled", "order_id": "o"}),
        (
            tracked("Order Refunded", order_id="o", total=3, currency="RUB"),
            {"type": "order_refunded", "order_id": "o", "refund_id": "m-1", "total": "3", "currency": "RUB"},
        ),
    ],
)
def test_a_tracked_name_becomes_a_type_of_ours(said: dict, expected: dict) -> None:
    assert own(said) == expected


def test_an_order_keeps_its_lines_and_their_sums_are_exact() -> None:
    products = [
        {"product_id": "a", "price": 0.1, "quantity": 3, "name": "A"},
        {"sku": "b", "price": "2.50", "discount": 0.5},
        {"product_id": "free of price"},
    ]
    order = own(tracked("Order Completed", order_id=11, revenue=2.3, coupon="X", currency="RUB", products=products))
    assert order == {
        "type": "order_completed",
        "order_id": "11",
        "total": "2.3",
        "currency": "RUB",
        "coupons": ["X"],
        "lines": [
            {"product_id": "a", "name": "A", "quantity": "3", "price": "0.1", "total": "0.3"},
            {"product_id": "b", "quantity": "1", "price": "2.5", "discount": "0.5", "total": "2"},
        ],
    }


def test_what_an_order_lacks_the_contract_says() -> None:
    found = mapped(tracked("Order Completed", revenue=2.3))
    refused = Admission(found.topic, 1_000_000, {}).judge(found.event, 1_800_000_000_000_000)
    assert "order_id" in refused.detail


def test_traits_of_other_systems_turn_nobody_away() -> None:
    traits = {
        "firstName": "Anna", "lastName": "K", "phone": "+7 999", "title": "Chief Tea Officer", "plan": "pro",
        "birthday": "1990-02-03T00:00:00Z", "address": {"city": "Kazan", "country": "RU"},
        "company": {"name": "Acme", "employee_count": 12},
    }  # fmt: skip
    assert own({"type": "identify", "traits": traits})["traits"] == {
        "name": "Anna K", "phone": "+7 999", "birth_date": "1990-02-03", "city": "Kazan", "country": "RU", "company": "Acme",
        "employees": 12,
    }  # fmt: skip
    assert own({"type": "identify", "traits": {"role": "director", "budget": "5000", "currency": "RUB"}})["traits"] == {
        "role": "director",
        "budget": "5000",
        "currency": "RUB",
    }
    assert mapped({"type": "identify", "traits": {"plan": "pro", "seats": 3, "none": None}}).omitted == 2
    beside = {
        "type": "page",
        "name": "x",
        "channel": "server",
        "mood": "good",
        "context": {"library": {}, "weather": "rain"},
    }
    assert mapped(beside).omitted == 2, "what says nothing of a customer is left out without being counted"


def test_a_visitor_who_is_no_customer_yet_has_traits_too() -> None:
    said = {"type": "identify", "userId": None, "anonymousId": "a-1", "traits": {"city": "Kazan"}}
    assert event(said)["type"] == "traits_changed"


def test_times_are_the_clients_and_the_batch_says_when_it_was_sent() -> None:
    said = event({"type": "page", "properties": {"url": "http://a/b"}}, sent_at="2026-11-22T09:59:59+00:00")
    assert (said["occurred_at"], said["sent_at"], said["received_at"]) == (
        "2026-11-22T09:59:58Z",
        "2026-11-22T09:59:59+00:00",
        AT,
    )
    untimed = event({"type": "page", "timestamp": None, "properties": {"url": "http://a/b"}}, sent_at="2026-11-22T09:59:59Z")
    assert untimed["occurred_at"] == AT
    assert "sent_at" not in untimed
    late = event({"type": "page", "timestamp": 1_700_000_000_000, "properties": {"url": "http://a/b"}})
    assert late["occurred_at"] == "2023-11-14T22:13:20+00:00"


def test_the_context_is_kept_as_far_as_the_contract_goes_and_addresses_are_cut() -> None:
    context = {
        "ip": "203.0.113.77", "userAgent": "Mozilla/5.0", "locale": "ru-RU", "timezone": "Europe/Moscow",
        "device": {"type": "mobile", "id": "D-1"}, "campaign": {"source": "yandex", "medium": "cpc", "name": "autumn"},
        "consent": {"categoryPreferences": {"Advertising": True, "Analytics": False}},
        "page": {"url": "http://a/b?x", "title": "T", "referrer": "http://r/"},
    }  # fmt: skip
    said = event({"type": "page", "context": context})
    assert said["page"] == {"url": "http://a/b?x", "title": "T", "referrer": "http://r/"}
    assert said["context"] == {
        "ip": "203.0.113.0", "user_agent": "Mozilla/5.0", "locale": "ru-RU", "timezone": "Europe/Moscow",
        "device": {"type": "mobile"}, "campaign": {"source": "yandex", "medium": "cpc", "name": "autumn"},
        "consent": {"marketing": True},
    }  # fmt: skip
    assert event({"type": "page", "context": {**context, "ip": "2001:db8:1:2::3"}})["context"]["ip"] == "2001:db8:1::"


@pytest.mark.parametrize(
    ("consent", "agreed"),
    [
        ({"marketing": False}, False),
        ({"categoryPreferences": {"Targeting": False}}, False),
        ({"allowedConsentIds": ["Advertising"]}, True),
        ({"deniedConsentIds": ["marketing"]}, False),
        ({"categoryPreferences": {"Functional": True}}, None),
        ("yes", None),
    ],
)
def test_consent_is_kept_in_every_way_it_is_said(consent: object, agreed: bool | None) -> None:
    context = event({"type": "page", "name": "x", "context": {"consent": consent}}).get("context", {})
    assert context.get("consent") == (None if agreed is None else {"marketing": agreed})


@pytest.mark.parametrize(
    "message",
    [
        5,
        None,
        [],
        {},
        {"type": "teleport", "userId": "u"},
        {"type": ["track"], "userId": "u"},
        {"type": "track", "userId": "u"},
        {"type": "track", "event": "Order Completed"},
        {"type": "alias", "userId": "u"},
        {"type": "page", "userId": {"a": 1}, "anonymousId": " "},
    ],
)
def test_what_is_no_message_is_said_to_be_none(message: object) -> None:
    found = map_message(message, "m", Received(AT))
    assert isinstance(found, Unusable)
    assert ":" in found.detail


@pytest.mark.parametrize("wrong", [5, "x", [1], {"a": []}, True])
@pytest.mark.parametrize(
    "field", ["context", "properties", "traits", "timestamp", "sentAt", "integrations", "event", "name"]
)
@pytest.mark.parametrize("call", ["identify", "track", "page", "screen", "group", "alias"])
def test_no_shape_of_a_field_breaks_the_mapping(call: str, field: str, wrong: object) -> None:
    map_message({"type": call, "userId": "u", "event": "Order Completed", field: wrong}, "m", Received(AT))
