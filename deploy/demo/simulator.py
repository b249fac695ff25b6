"""Simulated behaviour around the real purchases: every event says `source: simulator`. The same seed, the same events.

Households come to the site by campaigns or by themselves, look around, fill carts, sometimes go to the checkout; they ask
for help and rate it, answer surveys, allow marketing; some negotiate deals. What they buy is real and comes from `baskets`.
"""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from deploy.demo.baskets import CURRENCY, Event

Fields = dict[str, Any]
Step = tuple[float, str, str, Fields]
"""When, topic, type, fields."""
_YEAR_SECS: Final = 365 * 86_400
_ROLES: Final = ("owner", "director", "manager", "specialist", "student", "other")
_PATHS: Final = ("/", "/catalogue/bakery", "/catalogue/dairy", "/delivery", "/careers", "/recipes", "/pricing")
_CAMPAIGNS: Final[tuple[tuple[int, Fields], ...]] = (
    (45, {}),
    (20, {"source": "yandex", "medium": "cpc", "name": "autumn"}),
    (12, {"source": "vk", "medium": "social", "name": "recipes"}),
    (15, {"source": "newsletter", "medium": "email", "name": "weekly"}),
    (8, {"source": "partners", "medium": "referral", "name": "bakery-week"}),
)
_DEVICES: Final = ("phone", "phone", "desktop", "tablet")
_LEAVING: Final = ("expensive", "disliked_product", "bad_service", "moved_to_competitor", "no_longer_needed")
_STAYING: Final = ("price", "quality", "service", "habit", "programme")
_SCRIPTS: Final = ("discount-first", "needs-first", "tasting")
_BUYERS: Final = ("owner", "director", "manager")


def simulate(seed: int, households: list[int], count: int, now: float) -> Iterator[Event]:
    """Yield `count` events of the last year, oldest first: traits of every household, visits, tickets, surveys, deals.

    Args:
        seed: Seed of the random numbers.
        households: Households that act; some act far more than others.
        count: Number of events.
        now: Latest instant, in seconds since 1970.
    """
    rng = random.Random(seed)  # noqa: S311  # a simulator, no secret
    known = [household for household in households if rng.random() < 0.6][: count // 4]
    active = [household for household in households if rng.random() < 0.5] or households
    planned = [(household, step) for household in known for step in _introduction(rng, now - rng.random() * _YEAR_SECS)]
    while len(planned) < count:
        household, at = rng.choice(active), now - rng.random() ** 2 * _YEAR_SECS
        ((_, act),) = rng.choices(_ACTS, weights=[weight for weight, _ in _ACTS])
        planned += [(household, step) for step in act(rng, at) if step[0] <= now]
    planned = sorted(planned[:count], key=lambda one: one[1][0])
    for number, (household, step) in enumerate(planned):
        yield _event(number, f"hh-{household}", step)


def _introduction(rng: random.Random, at: float) -> Iterator[Step]:
    traits = {"role": rng.choice(_ROLES), "budget": str(rng.choice((500, 5_000, 200_000)))}
    yield at, "customer", "traits_changed", {"traits": traits}


def _visit(rng: random.Random, at: float) -> Iterator[Step]:
    """Yield one session: pages, products, perhaps a cart and the way to the checkout."""
    ((_, campaign),) = rng.choices(_CAMPAIGNS, weights=[weight for weight, _ in _CAMPAIGNS])
    context: Fields = {"device": {"type": rng.choice(_DEVICES)}} | ({"campaign": campaign} if campaign else {})

    def step(kind: str, **fields: Any) -> Step:
        nonlocal at
        now, at = at, at + rng.choice((5, 20, 45, 120))
        return now, "site-interaction", kind, {"context": context, **fields}

    yield step("page_viewed", page=_page(rng))
    while rng.random() < 0.72:
        ((_, kind, make),) = rng.choices(_LOOKS, weights=[weight for weight, _, _ in _LOOKS])
        yield step(kind, **make(rng))
    if rng.random() < 0.22:
        yield step("product_added", product=_product(rng), quantity=rng.choice((1, 1, 2)))
        if rng.random() < 0.25:
            yield step("product_removed", product=_product(rng))
        if rng.random() < 0.5:
            yield step("cart_viewed")
            if rng.random() < 0.6:
                yield step("checkout_started", total=f"{rng.randrange(500, 9000) / 100:.2f}", currency=CURRENCY)


def _page(rng: random.Random) -> Fields:
    path = rng.choice(_PATHS)
    return {"url": f"https://shop.example{path}", "path": path}


def _product(rng: random.Random) -> Fields:
    return {"id": f"p-{rng.randrange(500)}", "price": f"{rng.randrange(99, 2999) / 100:.2f}", "currency": CURRENCY}


_LOOKS: Final[tuple[tuple[int, str, Callable[[random.Random], Fields]], ...]] = (
    (36, "page_viewed", lambda rng: {"page": _page(rng)}),
    (18, "page_pinged", lambda rng: {"page": _page(rng), "active_secs": rng.choice((1, 5, 15, 30, 60, 120))}),
    (26, "product_viewed", lambda rng: {"product": _product(rng)}),
    (2, "content_commented", lambda rng: {"content_id": f"c-{rng.randrange(100)}"}),
    (3, "content_rated", lambda rng: {"content_id": f"c-{rng.randrange(100)}", "rating": rng.randint(1, 5)}),
    (2, "subscribed", lambda _: {"list": "offers", "channel": "email"}),
    (1, "unsubscribed", lambda _: {"list": "offers", "channel": "email"}),
    (5, "search_performed", lambda rng: {"query": rng.choice(("bread", "milk", "coffee")), "results": rng.randrange(40)}),
)


def _ticket(rng: random.Random, at: float) -> Iterator[Step]:
    """Yield a request for help until it is solved, and how that was rated."""
    ticket = {"ticket_id": f"t-{rng.randrange(1_000_000_000)}"}
    priority, channel = rng.choice(("low", "medium", "high", "urgent")), rng.choice(("email", "chat", "phone"))
    yield at, "support-ticket", "ticket_opened", {**ticket, "priority": priority, "channel": channel}
    at += rng.choice((600, 7_200, 86_400))
    yield at, "support-ticket", "ticket_replied", {**ticket, "by": "agent"}
    if rng.random() < 0.8:
        at += rng.choice((600, 3_600, 172_800))
        yield at, "support-ticket", "ticket_solved", ticket
        if rng.random() < 0.6:
            yield at + 3_600, "support-ticket", "ticket_rated", {**ticket, "scale": "stars5", "rating": rng.randint(1, 5)}


def _survey(rng: random.Random, at: float) -> Iterator[Step]:
    survey = rng.choice(("nps", "nps", "leaving", "staying"))
    if survey == "nps":
        yield at, "support-ticket", "survey_answered", {"survey": survey, "score": min(rng.randint(2, 12), 10)}
    else:
        reason = rng.choice(_LEAVING if survey == "leaving" else _STAYING)
        yield at, "support-ticket", "survey_answered", {"survey": survey, "reason": reason}


def _consent(rng: random.Random, at: float) -> Iterator[Step]:
    kind = "consent_given" if rng.random() < 0.8 else "consent_withdrawn"
    yield at, "consent", kind, {"purpose": "marketing", "channels": ["email"]}


def _deal(rng: random.Random, at: float) -> Iterator[Step]:
    """Yield a deal from its first word to its end; some are still open."""
    deal = {"deal_id": f"d-{rng.randrange(1_000_000_000)}", "amount": str(rng.randrange(5, 400) * 100), "currency": CURRENCY}
    script = rng.randrange(len(_SCRIPTS))
    deal |= {"script_id": _SCRIPTS[script], "buyer_role": rng.choice(_BUYERS)}
    yield at, "purchase", "deal_opened", {**deal, "stage": "first talk"}
    at += rng.randrange(1, 20) * 86_400
    yield at, "purchase", "deal_moved", {**deal, "stage": "offer"}
    if rng.random() < 0.8:
        at += rng.randrange(1, 30) * 86_400
        yield at, "purchase", "deal_won" if rng.random() < 0.25 + 0.2 * script else "deal_lost", deal


_ACTS: Final = ((78, _visit), (8, _ticket), (5, _survey), (4, _consent), (2, _deal))


def _event(number: int, customer: str, step: Step) -> Event:
    at, topic, kind, fields = step
    event = {
        "event_id": f"sim-{number}",
        "type": kind,
        "occurred_at": datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds"),
        "customer_id": customer,
        "source": "simulator",
        **fields,
    }
    return Event(at, topic, customer.encode(), orjson.dumps(event))
