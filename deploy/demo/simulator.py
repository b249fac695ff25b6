"""Simulated behaviour around the real purchases: every event says `source: simulator`. The same seed, the same events."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from deploy.demo.baskets import Event

_YEAR_SECS: Final = 365 * 86_400
_ROLES: Final = ("owner", "director", "manager", "specialist", "student", "other")
_PATHS: Final = ("/", "/catalogue/bakery", "/catalogue/dairy", "/delivery", "/careers", "/recipes", "/pricing")
_Fields = Callable[[random.Random], dict[str, Any]]


def _page(rng: random.Random) -> dict[str, Any]:
    path = rng.choice(_PATHS)
    return {"page": {"url": f"https://shop.example{path}", "path": path}}


def _product(rng: random.Random) -> dict[str, Any]:
    return {"product": {"id": f"p-{rng.randrange(500)}", "price": f"{rng.randrange(99, 2999) / 100:.2f}", "currency": "USD"}}


def _ticket(rng: random.Random) -> dict[str, Any]:
    return {"ticket_id": f"t-{rng.randrange(1_000_000)}"}


_INTERACTIONS: Final[tuple[tuple[str, int, _Fields], ...]] = (
    ("page_viewed", 40, _page),
    ("page_pinged", 15, lambda rng: {**_page(rng), "active_secs": rng.choice((1, 5, 15, 30, 60, 120))}),
    ("product_viewed", 20, _product),
    ("product_added", 6, _product),
    ("product_removed", 2, _product),
    ("content_commented", 2, lambda rng: {"content_id": f"c-{rng.randrange(100)}"}),
    ("content_rated", 3, lambda rng: {"content_id": f"c-{rng.randrange(100)}", "rating": rng.randint(1, 5)}),
    ("subscribed", 2, lambda _: {"list": "offers", "channel": "email"}),
    ("unsubscribed", 1, lambda _: {"list": "offers", "channel": "email"}),
    ("search_performed", 4, lambda rng: {"query": rng.choice(("bread", "milk", "coffee")), "results": rng.randrange(40)}),
)
_TICKETS: Final[tuple[tuple[str, int, _Fields], ...]] = (
    ("ticket_opened", 5, lambda rng: {**_ticket(rng), "priority": rng.choice(("low", "medium", "high", "urgent"))}),
    ("ticket_solved", 3, _ticket),
    ("ticket_rated", 3, lambda rng: {**_ticket(rng), "scale": "stars5", "rating": rng.randint(1, 5)}),
    ("survey_answered", 1, lambda rng: {"survey": "nps", "score": rng.randint(0, 10)}),
)


def simulate(seed: int, households: list[int], count: int, now: float) -> Iterator[Event]:
    """Yield about `count` events of the last year, oldest first: traits of every household, interactions, tickets.

    Args:
        seed: Seed of the random numbers.
        households: Households that act; some act far more than others.
        count: Number of events.
        now: Latest instant, in seconds since 1970.
    """
    rng = random.Random(seed)  # noqa: S311  # a simulator, no secret
    known = [household for household in households if rng.random() < 0.6][: count // 4]
    active = [household for household in households if rng.random() < 0.5] or households
    planned = [(now - rng.random() * _YEAR_SECS, "customer", household) for household in known]
    for _ in range(count - len(known)):
        topic = "support-ticket" if rng.random() < 0.12 else "site-interaction"
        planned.append((now - rng.random() ** 2 * _YEAR_SECS, topic, rng.choice(active)))
    planned.sort()
    for number, (at, topic, household) in enumerate(planned):
        yield _event(rng, number, at, topic, f"hh-{household}")


def _event(rng: random.Random, number: int, at: float, topic: str, customer: str) -> Event:
    if topic == "customer":
        kind, fields = (
            "traits_changed",
            {"traits": {"role": rng.choice(_ROLES), "budget": str(rng.choice((500, 5_000, 200_000)))}},
        )
    else:
        kinds = _TICKETS if topic == "support-ticket" else _INTERACTIONS
        ((kind, _, make),) = rng.choices(kinds, weights=[weight for _, weight, _ in kinds])
        fields = make(rng)
    event = {
        "event_id": f"sim-{number}",
        "type": kind,
        "occurred_at": datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds"),
        "customer_id": customer,
        "source": "simulator",
        **fields,
    }
    return Event(at, topic, customer.encode(), orjson.dumps(event))
