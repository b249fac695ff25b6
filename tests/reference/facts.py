"""The facts of a profile for the reference, from docs/scoring.md, and which events may move them."""

from collections.abc import Callable
from functools import cache
from typing import Any

from tests.reference import scores
from tests.reference.events import Event, milliseconds
from tests.reference.value import Money, worth

COUNTS = {
    "activity.page_views": "page_views",
    "activity.active_secs": "active_secs",
    "activity.sessions": "sessions",
    "value.orders": "orders",
    "service.tickets": "tickets",
    "service.open_tickets": "open_tickets",
    "service.urgent_tickets": "urgent_open",
    "service.reopened": "reopened",
    "service.first_response_secs": "first_response_secs",
    "service.nps": "nps",
    "service.leaving_reason": "leaving_reason",
    "service.staying_reason": "staying_reason",
}
"""What stands in the profile as the fact is."""
SOLD = ("receipt_issued", "order_completed")
RETURNED = ("receipt_refunded", "order_refunded", "order_cancelled")
TICKETS = ("ticket_opened", "ticket_replied", "ticket_solved", "ticket_closed", "ticket_reopened")
MOVED_BY = {
    "activity.page_views": ("page_viewed",),
    "activity.active_secs": ("page_pinged",),
    "value": SOLD,
    "value.refunded": (*SOLD, *RETURNED),
    "value.lifetime_value": (*SOLD, *RETURNED),
    "value.rfm.monetary": (*SOLD, *RETURNED),
    "value.rfm.cell": (*SOLD, *RETURNED),
    "value.deals": ("deal_opened", "deal_moved", "deal_won", "deal_lost"),
    "value.loyalty": ("loyalty_changed",),
    "service": TICKETS,
    "service.csat": ("ticket_rated",),
    "service.nps": ("survey_answered",),
    "service.leaving_reason": ("survey_answered",),
    "service.staying_reason": ("survey_answered",),
    "service.days_since_contact": (*TICKETS, "ticket_rated", "survey_answered"),
}
"""Types of the events that move a fact, or those that begin so and are not named."""
MOVED_BY_TOPIC = {"activity": "site-interaction", "consents": "consent"}
CURRENCIES = ("RUB", "EUR", "USD")
EVERY = ("churn.risk", "activity.hours_since_seen")
TRAITS = ("customer_identified", "traits_changed")


def known(profile: dict[str, Any], events: list[Event], purchases: list[Money], parameters: dict | None) -> dict[str, Any]:
    """The facts that a profile of the reference has, by their paths; what time moves is a function of the instant."""
    answered = profile["csat"][1]
    return {
        **{f"traits.{name}": value for name, value in profile["traits"].items()},
        **{f"scores.{name}": score["value_at"] for name, score in profile["scores"].items()},
        **{f"bands.{name}": score["band"] for name, score in profile["scores"].items()},
        **{f"consents.{purpose}": consent(word) for purpose, word in profile["consent_words"].items()},
        **{f"value.{kind}.{currency}": float(total) for kind in ("revenue", "refunded")
           for currency, total in profile[kind].items()},
        **{f"value.deals.{stage}": profile["deals"][stage] for stage in ("open", "won", "lost")},
        **{name: profile[name] for name in ("last_seen_at", "last_purchase_at", "last_contact_at")},
        **{path: profile[name] for path, name in COUNTS.items()},
        "value.loyalty.tier": tier(events),
        "service.csat": profile["csat"][0] / answered if answered else None,
        **outlook(profile, purchases, parameters),
        "churn.risk": risk(profile, purchases, parameters),
    }  # fmt: skip


def outlook(profile: dict[str, Any], purchases: list[Money], parameters: dict | None) -> dict[str, Callable[[float], Any]]:
    """What a customer is worth at any instant."""

    @cache
    def told(instant: float) -> dict[str, Any]:
        return worth(purchases, profile["refunded"], parameters, instant, profile["purchase_days"])

    def digit(place: int) -> Callable[[float], int | None]:
        return lambda instant: None if told(instant)["rfm"] is None else int(told(instant)["rfm"][place])

    def in_currency(name: str) -> Callable[[float], float | None]:
        return lambda instant: told(instant)["lifetime_value"] and told(instant)["lifetime_value"].get(name, 0.0)

    return {
        "value.lifecycle": lambda instant: told(instant)["lifecycle"],
        "value.rfm.cell": lambda instant: told(instant)["rfm"],
        **{f"value.rfm.{name}": digit(place) for place, name in enumerate(("recency", "frequency", "monetary"))},
        "value.p_alive": lambda instant: told(instant)["p_alive"],
        "value.expected_purchases": lambda instant: told(instant)["expected_purchases"],
        **{f"value.lifetime_value.{name}": in_currency(name) for name in CURRENCIES},
    }


def risk(profile: dict[str, Any], purchases: list[Money], parameters: dict | None) -> Callable[[float], float]:
    """The risk that a customer leaves, at any instant."""

    def at(instant: float) -> float:
        told = worth(purchases, profile["refunded"], parameters, instant, profile["purchase_days"])
        return profile["churn_at"](instant, alive(profile, told["p_alive"]))["risk"]

    return at


def alive(profile: dict[str, Any], p_alive: float | None) -> tuple[float, int] | None:
    """P(alive) and the latest purchase of somebody who has a rhythm: they bought on several days."""
    return None if p_alive is None or profile["purchase_days"] < 2 else (p_alive, profile["last_purchase_at"])


def consent(event: Event) -> Callable[[float], str]:
    """The latest word to a purpose, which may expire."""
    until = event.fields.get("valid_until")
    given = event.type == "consent_given"
    return lambda instant: "given" if given and (until is None or instant < milliseconds(until)) else "withdrawn"


def tier(events: list[Event]) -> str | None:
    words = [(event.at, event.fields.get("tier")) for event in events if event.type == "loyalty_changed"]
    return max(words, key=lambda word: word[0], default=(0, None))[1]


def may_move(rules: dict, path: str, event: Event) -> bool:
    """Whether an event may move a fact."""
    family, _, name = path.partition(".")
    if family in ("windows", "hours_since"):
        window = rules["windows"][name]
        return event.type in [*scores.kinds(window), *window.get("until", [])]
    if family == "traits":
        return event.type in TRAITS
    if path in EVERY:
        return True
    parts = path.split(".")
    named = next((types for length in (3, 2, 1) if (types := MOVED_BY.get(".".join(parts[:length])))), None)
    return event.topic == MOVED_BY_TOPIC[family] if named is None else event.type in named
