"""What an event is for the reference: basic validity, identity and time, from docs/scoring.md and the public contract."""

import contextlib
import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST = (datetime(2000, 1, 1, tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)
LATEST = (datetime(2100, 1, 1, tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)
FUTURE_ALLOWED = 5 * 60 * 1000
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")

HIDDEN_NOBODY = "hashed:" + "0" * 32
ENVELOPE = (
    "event_id occurred_at sent_at received_at customer_id anonymous_id source identifiers schema_version type context.ip "
    "context.user_agent context.locale context.timezone context.device.type context.campaign.source "
    "context.campaign.medium context.campaign.name context.consent.marketing"
)
PAGE = "page.url! page.path page.title page.referrer page.category"
PRODUCT = "product.id! product.name product.category product.brand product.price product.currency"
RECEIPT = "receipt.store_id! receipt.till_id! receipt.number!"
DEAL = "deal_id! stage amount currency buyer_role script_id"
# Topic, type and fields of the contract; `!` marks the required ones.
CONTRACT = {
    "site-interaction": {
        "page_viewed": PAGE,
        "page_pinged": PAGE + " active_secs!",
        "product_viewed": PRODUCT,
        "product_added": PRODUCT + " quantity cart_id",
        "product_removed": PRODUCT + " quantity cart_id",
        "cart_viewed": "cart_id total currency",
        "checkout_started": "cart_id total currency",
        "search_performed": "query! results",
        "content_rated": "content_id! rating!",
        "content_commented": "content_id! text",
        "subscribed": "list! channel",
        "unsubscribed": "list! channel",
        "form_submitted": "form!",
        "message_opened": "message_id! channel campaign",
        "message_clicked": "message_id! channel campaign",
        "app_opened": "version",
        "custom_tracked": "name! properties",
    },
    "purchase": {
        "receipt_issued": RECEIPT + " total! currency! lines discount_total payment_method coupons",
        "receipt_refunded": RECEIPT + " refund_id! total! currency! lines",
        "order_completed": "order_id! total! currency! lines coupons",
        "order_cancelled": "order_id!",
        "order_refunded": "refund_id! order_id! total! currency! lines",
        "deal_opened": DEAL,
        "deal_moved": DEAL,
        "deal_won": DEAL + " reason",
        "deal_lost": DEAL + " reason",
        "loyalty_changed": "balance! tier delta reason",
    },
    "support-ticket": {
        "ticket_opened": "ticket_id! subject text channel priority category",
        "ticket_replied": "ticket_id! by! text",
        "ticket_solved": "ticket_id!",
        "ticket_reopened": "ticket_id!",
        "ticket_closed": "ticket_id!",
        "ticket_rated": "ticket_id! rating! scale! comment",
        "survey_answered": "survey! score reason comment",
    },
    "customer": {
        "customer_identified": "customer_id! traits",
        "traits_changed": "traits!",
        "identity_linked": "customer_id! id_type! id_value!",
        "customers_merged": "customer_id! merged_id!",
        "customers_unmerged": "customer_id! merged_id!",
    },
    "consent": {
        "consent_given": "purpose! channels valid_until evidence",
        "consent_withdrawn": "purpose! channels valid_until evidence",
        "processing_blocked": "reason",
        "processing_unblocked": "reason",
        "erasure_requested": "request_id due_at",
    },
}
NUMBERS = {"active_secs", "rating", "balance"}
MONEY = {"total", "price"}
ID_TYPES = ("card", "phone", "email", "device")
SCALES = {"freshdesk": (-103, -102, -101, 100, 101, 102, 103), "stars5": (1, 2, 3, 4, 5), "thumbs": (0, 1)}
LEAVING = ("expensive", "disliked_product", "bad_service", "moved_to_competitor", "no_longer_needed", "other")
STAYING = ("price", "quality", "service", "habit", "programme", "other")


class RefusedError(Exception):
    """The record is no event; `reason` is given where docs/scoring.md names it."""

    def __init__(self, reason: str | None = None):
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Event:
    """A valid event, reduced to the contract; times in milliseconds since 1970."""

    origin: str
    topic: str
    type: str
    event_id: str
    key: str
    at: int
    received: int
    clamped: bool
    fields: dict
    claims: dict[str, str]  # further ids that it names besides its key, as keys of profiles, with their kinds


def require(fact: bool, reason: str | None = None) -> None:
    if not fact:
        raise RefusedError(reason)


def number(value: Any) -> Decimal | None:
    """The value as a number, exact, or None if it is neither a number nor a string of one."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return None
    try:
        result = Decimal(str(value))
    except InvalidOperation:
        return None
    return result if result.is_finite() else None


def at(fields: Any, path: str) -> Any:
    """The value at a dotted path, None where there is none (null counts as absent)."""
    for name in path.split("."):
        if not isinstance(fields, dict):
            return None
        fields = fields.get(name)
    return fields


def milliseconds(text: Any) -> int:
    """RFC 3339 with a zone as milliseconds since 1970, finer digits cut off."""
    require(isinstance(text, str) and RFC3339.fullmatch(text) is not None)
    try:
        return (datetime.fromisoformat(text) - EPOCH) // timedelta(milliseconds=1)
    except ValueError as error:
        raise RefusedError from error


def rfc3339(instant: int) -> str:
    moment = EPOCH + timedelta(milliseconds=instant)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant % 1000:03d}Z"


def parse(value: bytes) -> dict:
    def refuse(_: str) -> None:
        raise RefusedError

    try:
        data = json.loads(value.decode("utf-8"), parse_float=Decimal, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise RefusedError from error
    require(isinstance(data, dict))
    return data


def key_of(data: dict, hash_key: str) -> str:
    """The profile that an event belongs to."""
    customer, visitor = data.get("customer_id"), data.get("anonymous_id")
    identifiers = data.get("identifiers") or []
    require(isinstance(identifiers, list))
    for identifier in identifiers:
        require(isinstance(identifier, dict) and identifier.get("id_type") in ID_TYPES and text(identifier.get("id_value")))
    require(customer is None or text(customer))
    require(visitor is None or text(visitor))
    if customer is not None:
        require(not customer.startswith(("a:", "card:")), "reserved_identity")
        return customer
    if visitor is not None:
        return "a:" + visitor
    for identifier in identifiers:
        if spelt(identifier["id_type"], identifier["id_value"]):
            return "card:" + hashed(identifier["id_type"], identifier["id_value"], hash_key)
    raise RefusedError("blocked_identity" if identifiers else "missing_identity")


def claims_of(data: dict, key: str, hash_key: str) -> dict[str, str]:
    """The further ids of the person of an event, besides the one that is its key, and their kinds."""
    stated = [*(data.get("identifiers") or []), *([data] if data["type"] == "identity_linked" else [])]
    named = [(one["id_type"], one["id_value"]) for one in stated if spelt(one["id_type"], one["id_value"])]
    claims = {"card:" + hashed(id_type, value, hash_key): id_type for id_type, value in named}
    if data.get("anonymous_id") is not None:
        claims["a:" + data["anonymous_id"]] = "anonymous"
    return {name: kind for name, kind in claims.items() if name != key}


def spelt(id_type: str, id_value: str) -> str:
    """The one spelling of an identifier; empty where it stands for nobody."""
    if id_value.startswith("hashed:"):
        return "" if id_value == HIDDEN_NOBODY else id_value
    plain = id_value.strip().lower()
    digits = "".join(char for char in plain if char.isdigit())
    if id_type == "card":
        plain = plain.replace(" ", "").replace("-", "")
    elif id_type == "phone" and plain.startswith("+"):
        plain = "+" + digits
    elif id_type == "phone":
        plain = "+7" + digits[-10:] if len(digits) in (10, 11) else ""
    elif id_type == "email" and plain.endswith("@example.org"):
        plain = ""
    return "" if len(set(plain)) < 2 else plain


def hashed(id_type: str, id_value: str, hash_key: str) -> str:
    if id_value.startswith("hashed:"):
        return id_value.removeprefix("hashed:")
    spelling = f"{id_type}:{spelt(id_type, id_value)}"
    return hashlib.blake2b(spelling.encode(), digest_size=16, key=hash_key.encode()).hexdigest()


def hidden(id_type: str, id_value: str, hash_key: str) -> str:
    """An identifier as a producer may write it that does not send through the edge."""
    return f"hashed:{hashed(id_type, id_value, hash_key)}" if spelt(id_type, id_value) else HIDDEN_NOBODY


def text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def time_of(data: dict, broker_time: int) -> tuple[int, int, bool]:
    """Event time, reception and whether the event time was set to the latest one allowed."""
    received = broker_time if data.get("received_at") is None else milliseconds(data["received_at"])
    event_time = milliseconds(data.get("occurred_at"))
    if data.get("sent_at") is not None:
        event_time += received - milliseconds(data["sent_at"])
    require(EARLIEST <= event_time < LATEST and EARLIEST <= received < LATEST, "absurd_time")
    if event_time > received + FUTURE_ALLOWED:
        return received + FUTURE_ALLOWED, received, True
    return event_time, received, False


def check_required(kind: str, paths: list[str], data: dict) -> None:
    for path in paths:
        value, name = at(data, path.removesuffix("!")), path.removesuffix("!").split(".")[-1]
        if path.endswith("!") and name in MONEY:
            require(number(value) is not None)
        elif path.endswith("!") and name in NUMBERS:
            require(number(value) is not None and not isinstance(value, str))
        elif path.endswith("!") and name == "traits":
            require(isinstance(value, dict))
        elif path.endswith("!"):
            require(text(value))
    if "currency!" in paths:
        require(re.fullmatch("[A-Z]{3}", data["currency"]) is not None)
    for line in data.get("lines") or []:
        require(isinstance(line, dict) and text(line.get("product_id")))
        require(all(number(line.get(name)) is not None for name in ("quantity", "price", "total")))
    check_words(kind, data)


def check_words(kind: str, data: dict) -> None:
    """Required fields whose values the contract counts out."""
    if kind == "content_rated":
        require(1 <= data["rating"] <= 5)
    elif kind == "ticket_replied":
        require(data["by"] in ("customer", "agent"))
    elif kind == "ticket_rated":
        require(data["rating"] in SCALES.get(data["scale"], ()))
    elif kind == "identity_linked":
        require(data["id_type"] in ID_TYPES)
    elif kind == "survey_answered" and data["survey"] == "nps":
        require(type(data.get("score")) is int and 0 <= data["score"] <= 10)
    elif kind == "survey_answered":
        require(data.get("reason") in {"leaving": LEAVING, "staying": STAYING}.get(data["survey"], ()))
        require(data["reason"] != "other" or text(data.get("comment")))


def reduced(data: dict, paths: list[str], plan: dict) -> dict:
    """The fields of the contract only; a page without a path gets the path of its URL."""
    result: dict = {}
    for path in paths:
        *parents, name = path.removesuffix("!").split(".")
        value = at(data, path.removesuffix("!"))
        if value is not None:
            target = result
            for parent in parents:
                target = target.setdefault(parent, {})
            target[name] = value
    if isinstance(result.get("properties"), dict):
        declared = plan.get(result["name"]) or []
        result["properties"] = {name: value for name, value in result["properties"].items() if name in declared}
    if "page" in result and "path" not in result["page"]:
        with contextlib.suppress(ValueError):
            result["page"]["path"] = urlsplit(result["page"]["url"]).path
    return result


def read(topic: str, value: bytes, broker_time: int, origin: str, settings: tuple[str, dict]) -> Event:
    """The event of a record, or RefusedError; `settings` are the hash key and the tracking plan."""
    hash_key, plan = settings
    data = parse(value)
    kind = data.get("type")
    require(isinstance(kind, str) and kind in CONTRACT.get(topic, {}))
    version = data.get("schema_version")
    require(version is None or (type(version) is int and version == 1))
    require(text(data.get("event_id")))
    key = key_of(data, hash_key)
    event_time, received, clamped = time_of(data, broker_time)
    paths = CONTRACT[topic][kind].split()
    check_required(kind, paths, data)
    fields = reduced(data, paths + ENVELOPE.split(), plan)
    return Event(
        origin, topic, kind, data["event_id"], key, event_time, received, clamped, fields, claims_of(data, key, hash_key)
    )
