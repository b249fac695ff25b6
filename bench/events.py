"""The job's events: about 300 bytes, twelve fields, three kinds on three topics; the same seed, the same events.

A customer's events stand on one topic, so that their order is the same for every contender.
"""

import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import orjson

SOURCES: Final = ("site-interaction", "purchase", "support-ticket")
_SHARES: Final = (16, 19, 20)
"""Of twenty customers, sixteen browse, three buy, one rates tickets."""
_PATHS: Final = ("/catalogue/bakery", "/catalogue/dairy", "/delivery", "/careers", "/recipes", "/pricing")


class Event(NamedTuple):
    """One record to send."""

    topic: str
    key: bytes
    value: bytes


def customer(number: int) -> str:
    """Return the id of a customer."""
    return f"c{number:07d}"


def topic_of(number: int) -> str:
    """Return the one topic of a customer's events."""
    return SOURCES[next(at for at, share in enumerate(_SHARES) if number % 20 < share)]


def job_events(count: int, customers: int, seed: int = 1) -> Iterator[Event]:
    """Yield `count` events of `customers` customers over the last hour, oldest first."""
    rng = random.Random(seed)
    begin, step = datetime.now(UTC) - timedelta(hours=1), timedelta(seconds=3600 / count)
    for number in range(count):
        who = rng.randrange(customers)
        topic = topic_of(who)
        yield _event(topic, who, f"{rng.getrandbits(64):016x}{number:08x}", begin + step * number, _FIELDS[topic](rng))


def rating(number: int, who: int, stars: int) -> Event:
    """Return a ticket rating of now, by which latency is measured."""
    event_id = f"{time.time_ns():016x}{number:08x}"
    return _event("support-ticket", who, event_id, datetime.now(UTC), _ticket(number, stars))


def page_view(number: int, who: int) -> Event:
    """Return a page view of now that gives no points."""
    event_id = f"{time.time_ns():016x}{number:08x}"
    return _event("site-interaction", who, event_id, datetime.now(UTC), {"type": "page_viewed", "page": _page("/careers")})


def _event(topic: str, who: int, event_id: str, at: datetime, fields: dict[str, Any]) -> Event:
    document = {
        "event_id": event_id,
        "type": fields["type"],
        "schema_version": 1,
        "occurred_at": at.isoformat(timespec="milliseconds"),
        "customer_id": customer(who),
        "source": "bench",
        "context": {"locale": "en-GB", "timezone": "Europe/London", "device": {"type": "mobile"}},
        **fields,
    }
    return Event(topic, customer(who).encode(), orjson.dumps(document))


def _page(path: str) -> dict[str, Any]:
    return {"url": f"https://shop.example{path}", "path": path, "category": "shop"}


def _ticket(number: int, stars: int) -> dict[str, Any]:
    return {"type": "ticket_rated", "ticket_id": f"t-{number}", "rating": stars, "scale": "stars5"}


def _interaction(rng: random.Random) -> dict[str, Any]:
    if rng.random() < 0.85:
        return {"type": "page_viewed", "page": _page(rng.choice(_PATHS))}
    product = {"id": f"p-{rng.randrange(500)}", "name": "Rye bread", "price": f"{rng.randrange(99, 2999) / 100:.2f}"}
    return {"type": "product_added", "product": {**product, "currency": "GBP"}, "quantity": 1}


def _order(rng: random.Random) -> dict[str, Any]:
    total = f"{rng.randrange(100, 30_000) / 100:.2f}"
    return {"type": "order_completed", "order_id": f"o-{rng.getrandbits(40)}", "total": total, "currency": "GBP"}


_FIELDS: Final[dict[str, Callable[[random.Random], dict[str, Any]]]] = {
    "site-interaction": _interaction,
    "purchase": _order,
    "support-ticket": lambda rng: _ticket(rng.randrange(1_000_000), rng.randint(1, 5)),
}
