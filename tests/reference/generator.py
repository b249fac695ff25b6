"""A seeded, realistic workload for comparisons: good events of five topics, repeats, late and skewed ones, and bad input."""

import json
import random
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from tests.reference.events import hashed, hidden, rfc3339

Record = tuple[str, bytes | None, bytes, int]

SEALED = "sealed:" + "0" * 80
"""Stands where a producer that does not send through the edge has encrypted what names somebody."""
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
NOW = int(datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()) * 1000
SPAN = 40 * DAY
FORGOTTEN = 100 * DAY  # longer than any profile remembers a purchase
PATHS = ("/", "/catalogue", "/catalogue/lamps", "/delivery", "/pricing?plan=b", "/careers", "/blog/tea", "/about")
ROLES = ("owner", "director", "manager", "specialist", "administrator", "support", "student", "other")
PRIORITIES = ("low", "medium", "high", "urgent")
LEAVING = ("expensive", "disliked_product", "bad_service", "moved_to_competitor", "no_longer_needed", "other")
STAYING = ("price", "quality", "service", "habit", "programme", "other")
SCALES = {"freshdesk": (-103, -102, -101, 100, 101, 102, 103), "stars5": (1, 2, 3, 4, 5), "thumbs": (0, 1)}
SITE = {"pages": 30, "pings": 14, "products": 20, "site_words": 10, "messages": 5, "custom": 2}
SHOP = {"receipts": 14, "orders": 6, "refunds": 4, "loyalty": 2}
SERVICE = {"opened": 4, "ticket_words": 7, "rated": 4, "survey": 3}
KNOWN = {**SITE, **SHOP, **SERVICE, "deals": 4, "traits": 8, "linked": 1, "consents": 3, "blocks": 1}
VISITOR = {**SITE, "consents": 2, "opened": 1, "ticket_words": 1, "traits": 1}
USER_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
)
UNTIED = ("survey", "blocks")  # at the same instant, docs/scoring.md leaves these open


def generate(
    seed: int, events: int, customers: int, bad_share: float = 0.01, now_ms: int = NOW
) -> Iterator[tuple[str, bytes | None, bytes]]:
    """Topic, key and value of records in the order of reception, which every good event carries itself."""
    for topic, key, value, _ in Workload(seed, customers, now_ms).records(events, bad_share):
        yield topic, key, value


def records(seed: int, events: int, customers: int, bad_share: float = 0.01, now_ms: int = NOW) -> Iterator[Record]:
    """The same with a broker's time in milliseconds; every fifth event does not carry its reception and relies on that."""
    yield from Workload(seed, customers, now_ms, own_reception=0.8).records(events, bad_share)


class Workload:
    """Draws events of customers who all behave alike but not equally often."""

    span = SPAN
    """Events are received from so long ago until now."""

    def __init__(self, seed: int, customers: int, now_ms: int, own_reception: float = 1.0, hash_key: str = "warmth"):
        self.random = random.Random(seed)
        self.customers, self.now, self.own_reception, self.hash_key = customers, now_ms, own_reception, hash_key
        self.count: dict[Any, int] = {}
        self.last_time: dict[int, int] = {}
        self.haste: list[tuple[int, str]] = []
        self.recent: deque[tuple[str, bytes, dict, int]] = deque(maxlen=60)
        self.old: deque[tuple[str, bytes, dict, int]] = deque(maxlen=20_000)
        self.bought: deque[tuple[str, bytes, dict, int]] = deque(maxlen=2_000)
        self.sold: dict[str, dict] = {}  # money of each receipt and order

    def records(self, events: int, bad_share: float) -> Iterator[Record]:
        for number in range(events):
            received = self.now - self.span + self.span * (number + 1) // events
            if self.random.random() < bad_share:
                topic, _, data = self.good(received)
                yield topic, None, self.bad(data), received
                continue
            repeated = self.repeat(received)
            if repeated is not None:
                yield repeated
                continue
            topic, key, data = self.good(received)
            entry = (topic, key, data, received)
            self.recent.append(entry)
            (self.bought if topic == "purchase" else self.old).append(entry)
            yield topic, key, encoded(data), received

    def repeat(self, received: int) -> Record | None:
        """In one of a hundred cases a recent event once more; in one of a thousand one that nobody remembers.

        In four of a thousand, what a till or shop sent, under a new id.
        """
        draw = self.random.random()
        if draw < 0.01 and self.recent:
            topic, key, data, before = self.random.choice(self.recent)
            if received - before < 20 * HOUR:
                return topic, key, encoded(self.received_again(data, received)), received
        elif draw < 0.011 and self.old:
            some = self.random.randrange(len(self.old))
            topic, key, data, before = self.old[some]
            if received - before < 4 * DAY:
                return None
            del self.old[some]
            return topic, key, encoded(self.sent_late(data, received)), received
        elif draw < 0.015 and self.bought:
            topic, key, data, _ = self.random.choice(self.bought)
            again = data | {"event_id": f"{self.random.getrandbits(128):032x}"}
            return topic, key, encoded(self.sent_late(again, received)), received
        return None

    def sent_late(self, data: dict, received: int) -> dict:
        return {name: value for name, value in data.items() if name != "sent_at"} | {"received_at": rfc3339(received)}

    def received_again(self, data: dict, received: int) -> dict:
        """Half of the repeats are byte for byte the same; half were received anew."""
        if "received_at" in data and self.random.random() < 0.5:
            return data | {"received_at": rfc3339(received)}
        return data

    def good(self, received: int) -> tuple[str, bytes, dict]:
        who = int(self.customers * self.random.random() ** 2)
        kinds = SHOP if who % 20 > 16 else VISITOR if who % 20 > 13 else KNOWN
        kind = self.random.choices(list(kinds), list(kinds.values()))[0]
        if self.count.get(("block", who), 0) % 2 and self.random.random() < 0.3:
            kind = "blocks"  # to be lifted
        who, kind = self.hasty(who, kind)
        identity, key = self.identity(who)
        topic, name, fields = getattr(self, "_" + kind)(who)
        data = {"event_id": f"{self.random.getrandbits(128):032x}", "type": name, **identity, **fields}
        data |= self.times(who, kind, received) | self.extras()
        return topic, key.encode(), data

    def hasty(self, who: int, kind: str) -> tuple[int, str]:
        """Now and then somebody does the same on the site many times within hours, and it arrives in any order."""
        if self.haste:
            return self.haste.pop()
        if kind in SITE and self.random.random() < 0.02:
            self.haste = [(who, kind)] * self.random.randint(4, 16)
        return who, kind

    def identity(self, who: int) -> tuple[dict, str]:
        """Of twenty, fourteen are known, three are visitors and three pay by a card that nobody claimed."""
        if who % 20 > 16:
            id_type = "card" if who % 20 > 17 else "phone"
            value, nobody = f"4{who:09d}", hidden("email", f"{who}@example.org", self.hash_key)
            shown = value if id_type == "card" else hidden(id_type, value, self.hash_key)
            card = [{"id_type": id_type, "id_value": shown}, {"id_type": "email", "id_value": nobody}]
            return {"identifiers": card}, "card:" + hashed(id_type, f"4{who:09d}", self.hash_key)
        if who % 20 > 13:
            return {"anonymous_id": f"visitor-{who}"}, f"a:visitor-{who}"
        identity: dict = {"customer_id": f"c-{who}"}
        if self.random.random() < 0.3:
            identity["anonymous_id"] = f"visitor-of-{who}"
        if self.random.random() < 0.1:
            identity["identifiers"] = [{"id_type": "card", "id_value": f"4{who:09d}"}]
        return identity, f"c-{who}"

    def times(self, who: int, kind: str, received: int) -> dict:
        draw, delay = self.random.random(), self.random.randint(50, 5000)
        happened = received - delay
        if self.haste:
            happened -= self.random.randint(0, 8 * HOUR)
        elif draw < 0.03:
            happened -= self.random.randint(HOUR, 7 * DAY)
        elif draw < 0.12:
            happened -= self.random.randint(0, 40 * MINUTE)
        elif draw < 0.14:
            happened = received + self.random.randint(-2, 2) * MINUTE + 5 * MINUTE
        elif draw < 0.15:
            happened = received + self.random.randint(6 * MINUTE, 2 * DAY)
        elif draw < 0.18 and kind not in UNTIED:
            happened = self.last_time.get(who, happened)
        else:
            happened = self.rarely(draw, who, kind, happened)
        self.last_time[who] = happened
        times = {}
        if self.random.random() < 0.15:
            skew = self.random.choice((0, 0, -3 * HOUR, 3 * HOUR, 400 * DAY, -90 * 1000))
            happened += skew
            times["sent_at"] = self.stamp(received - self.random.randint(0, 40) + skew)
        times["occurred_at"] = self.stamp(happened)
        if self.random.random() < self.own_reception:
            times["received_at"] = rfc3339(received)
        return times

    def rarely(self, draw: float, who: int, kind: str, happened: int) -> int:
        """At the border of a session, or so long ago that a purchase is forgotten."""
        if draw < 0.24 and kind in SITE:
            return min(self.last_time.get(who, happened) + self.near_a_border(), happened)
        return happened - FORGOTTEN if draw > 0.99 and kind in ("receipts", "orders") else happened

    def near_a_border(self) -> int:
        """A span at which a session ends, or an event is too late for one, to the millisecond or nearly so."""
        span = self.random.choice((-DAY, -30 * MINUTE, -30 * MINUTE, 30 * MINUTE, 30 * MINUTE, -60 * MINUTE))
        return span + self.random.choice((-1, 0, 0, 1, self.random.randint(-10, 10) * MINUTE))

    def stamp(self, instant: int) -> str:
        """The same instant, written in one of several ways."""
        draw = self.random.random()
        if draw < 0.2:
            return rfc3339(instant + 3 * HOUR).replace("Z", "+03:00")
        if draw < 0.25:
            return rfc3339(instant - 330 * MINUTE).replace("Z", "-05:30")
        return rfc3339(instant).replace(".000Z", "Z")

    def extras(self) -> dict:
        draw, extras = self.random.random(), {}
        if draw < 0.05:
            extras["x_trace"] = {"span": self.random.randint(1, 999), "tags": ["a", {"b": None}]}
        elif draw < 0.25:
            extras["context"] = {"ip": "203.0.113.0", "locale": "ru-RU", "device": {"type": "mobile"}, "x_screen": 5}
        elif draw < 0.35:
            address = f"{self.random.choice(('198.51.100', '203.0.113', 'x'))}.{self.random.randint(0, 255)}"
            extras["context"] = {"ip": address, "user_agent": self.random.choice(USER_AGENTS)}
        if self.random.random() < 0.5:
            extras["schema_version"] = 1
        if self.random.random() < 0.3:
            extras["source"] = "web"
        return extras

    def new(self, what: str, who: int) -> str:
        self.count[what, who] = self.count.get((what, who), 0) + 1
        return f"{what}-{who}-{self.count[what, who]}"

    def some(self, what: str, who: int) -> str:
        """One of those there have been so far, or the first before its time."""
        return f"{what}-{who}-{self.random.randint(1, max(1, self.count.get((what, who), 0)))}"

    def page(self) -> dict:
        path = self.random.choice(PATHS)
        page = {"url": f"https://shop.example{path}", "title": "Лампы и чай"}
        if self.random.random() < 0.5:
            page["path"] = path.split("?")[0]
        return page | ({"scroll": 12} if self.random.random() < 0.05 else {})

    def money(self) -> dict:
        cents = self.random.choice((0, 1, -500, 9999, 10000, 10001)) if self.random.random() < 0.1 else 0
        cents = cents or self.random.randint(100, 20_000)
        total = f"{cents / 100:.2f}" if self.random.random() < 0.5 else round(cents / 100, 2)
        money = {"total": total, "currency": self.random.choice(("RUB", "RUB", "RUB", "EUR"))}
        if cents > 0 and self.random.random() < 0.3:
            line = {"product_id": f"p-{cents % 50}", "category": "lamps", "quantity": 1, "price": total, "total": total}
            money["lines"] = [line]
        return money

    def _pages(self, _who: int) -> tuple[str, str, dict]:
        return "site-interaction", "page_viewed", {"page": self.page()}

    def _pings(self, _who: int) -> tuple[str, str, dict]:
        seconds = self.random.choice((0, 2, 3, 15, 59, 60, 61, 240))
        return "site-interaction", "page_pinged", {"page": self.page(), "active_secs": seconds}

    def _products(self, who: int) -> tuple[str, str, dict]:
        name = self.random.choice(("product_viewed", "product_viewed", "product_added", "product_added", "product_removed"))
        product = {"id": f"p-{self.random.randint(1, 50)}", "category": "lamps", "price": "12.5000", "currency": "RUB"}
        cart = {} if name == "product_viewed" else {"quantity": 2, "cart_id": f"cart-{who}"}
        return "site-interaction", name, {"product": product, **cart}

    def _site_words(self, who: int) -> tuple[str, str, dict]:
        some: dict[str, dict] = {
            "content_rated": {"content_id": "post-1", "rating": self.random.randint(1, 5)},
            "content_commented": {"content_id": "post-1", "text": SEALED},
            "subscribed": {"list": "offers", "channel": "email"},
            "unsubscribed": {"list": "news"},
            "checkout_started": {"cart_id": f"cart-{who}", "total": "25.00", "currency": "RUB"},
            "cart_viewed": {"cart_id": f"cart-{who}"},
            "search_performed": {"query": "лампа", "results": 7},
            "form_submitted": {"form": "call-me"},
        }
        name = self.random.choice(list(some))
        return "site-interaction", name, some[name]

    def _messages(self, _who: int) -> tuple[str, str, dict]:
        if self.random.random() < 0.2:
            return "site-interaction", "app_opened", {"version": "4.2"}
        name = self.random.choice(("message_opened", "message_clicked"))
        return "site-interaction", name, {"message_id": "m-7", "channel": "push", "campaign": "autumn"}

    def _custom(self, _who: int) -> tuple[str, str, dict]:
        if self.random.random() < 0.2:
            return "site-interaction", "custom_tracked", {"name": "dreamt", "properties": {"of": "tea"}}
        properties = {"store_id": "s-1", "city": "Kazan", "undeclared": True}
        return "site-interaction", "custom_tracked", {"name": "store_located", "properties": properties}

    def _receipts(self, who: int) -> tuple[str, str, dict]:
        receipt = {"store_id": "s-1", "till_id": "t-2", "number": self.new("receipt", who)}
        return "purchase", "receipt_issued", {"receipt": receipt, **self.sale(receipt["number"]), "payment_method": "card"}

    def _orders(self, who: int) -> tuple[str, str, dict]:
        if self.random.random() < 0.1:
            return "purchase", "order_cancelled", {"order_id": self.some("order", who)}
        order = self.new("order", who)
        return "purchase", "order_completed", {"order_id": order, **self.sale(order), "coupons": ["TEA"]}

    def sale(self, name: str) -> dict:
        self.sold[name] = self.money()
        return self.sold[name]

    def _refunds(self, who: int) -> tuple[str, str, dict]:
        """All or a part or too much of a purchase, sometimes of the next one there will be."""
        kind = self.random.choice(("order", "receipt"))
        next_one = f"{kind}-{who}-{self.count.get((kind, who), 0) + 1}"
        name = next_one if self.random.random() < 0.2 else self.some(kind, who)
        paid = self.sold.get(name, {"total": "50.00", "currency": "RUB"})
        part = self.random.choice((paid["total"], f"{self.random.randint(1, 90)}.55", "0.01", 900, 0, "-3"))
        money = {"refund_id": self.new("refund", who), "total": part, "currency": paid["currency"]}
        if self.random.random() < 0.1:
            money["currency"] = "EUR" if money["currency"] == "RUB" else "RUB"
        if kind == "order":
            return "purchase", "order_refunded", {"order_id": name, **money}
        receipt = {"store_id": "s-1", "till_id": "t-2", "number": name}
        return "purchase", "receipt_refunded", {"receipt": receipt, **money}

    def _loyalty(self, _who: int) -> tuple[str, str, dict]:
        return "purchase", "loyalty_changed", {"balance": self.random.randint(0, 500), "tier": "silver"}

    def _deals(self, who: int) -> tuple[str, str, dict]:
        if self.random.random() < 0.4:
            name, deal = "deal_opened", self.new("deal", who)
        else:
            name, deal = self.random.choice(("deal_moved", "deal_won", "deal_lost")), self.some("deal", who)
        amount = f"{1000 + 7 * int(deal.rsplit('-', 1)[1])}.00"  # a deal keeps its amount
        return "purchase", name, {"deal_id": deal, "amount": amount, "currency": "RUB"}

    def _opened(self, who: int) -> tuple[str, str, dict]:
        """Some are opened again under another event id."""
        ticket = {"subject": SEALED, "channel": "chat"}
        ticket["ticket_id"] = self.some("ticket", who) if self.random.random() < 0.15 else self.new("ticket", who)
        if self.random.random() < 0.9:
            ticket["priority"] = self.random.choice(PRIORITIES)
        return "support-ticket", "ticket_opened", ticket

    def _ticket_words(self, who: int) -> tuple[str, str, dict]:
        """Some are of the next ticket, whose opening is still on its way."""
        words = ("ticket_replied", "ticket_replied", "ticket_solved", "ticket_solved", "ticket_reopened", "ticket_closed")
        name, ticket = self.random.choice(words), self.some("ticket", who)
        if self.random.random() < 0.15:
            ticket = f"ticket-{who}-{self.count.get(('ticket', who), 0) + 1}"
        replied = {"by": self.random.choice(("customer", "agent", "agent"))} if name == "ticket_replied" else {}
        return "support-ticket", name, {"ticket_id": ticket, **replied}

    def _rated(self, who: int) -> tuple[str, str, dict]:
        scale = self.random.choice(list(SCALES))
        rating = self.random.choice(SCALES[scale])
        return "support-ticket", "ticket_rated", {"ticket_id": self.some("ticket", who), "rating": rating, "scale": scale}

    def _survey(self, _who: int) -> tuple[str, str, dict]:
        survey = self.random.choice(("nps", "leaving", "staying"))
        if survey == "nps":
            return "support-ticket", "survey_answered", {"survey": survey, "score": self.random.randint(0, 10)}
        reason = self.random.choice(LEAVING if survey == "leaving" else STAYING)
        comment = {"comment": SEALED} if reason == "other" else {}
        return "support-ticket", "survey_answered", {"survey": survey, "reason": reason, **comment}

    def _traits(self, who: int) -> tuple[str, str, dict]:
        draw = self.random.choice
        some = {
            "role": draw(ROLES),
            "budget": draw((0, 999, 1000, 99_999, 100_000, "250000", "999.99")),
            "city": draw(("Kazan", "Тверь", "Perm")),
            "country": "RU",
            "employees": self.random.randint(1, 5000),
            "industry": draw(("retail", "transport")),
            "company": draw(("", "Лампы")),
            "preferences": draw((["tea"], ["tea", "lamps"])),
            "name": SEALED,
            "email": SEALED,
            "birth_date": SEALED,
        }
        traits = {name: some[name] for name in self.random.sample(sorted(some), self.random.randint(1, 4))}
        known = who % 20 <= 13 and self.random.random() < 0.3
        return "customer", "customer_identified" if known else "traits_changed", {"traits": traits}

    def _linked(self, who: int) -> tuple[str, str, dict]:
        return "customer", "identity_linked", {"id_type": "card", "id_value": f"4{who:09d}"}

    def _consents(self, _who: int) -> tuple[str, str, dict]:
        name = self.random.choice(("consent_given", "consent_given", "consent_withdrawn"))
        evidence: dict = {"evidence": {"url": "https://shop.example/consent", "wording_version": "3"}}
        purpose = self.random.choice(("marketing", "profiling"))
        if self.random.random() < 0.2:
            evidence["valid_until"] = rfc3339(self.now + self.random.randint(-30, 30) * DAY)
        return "consent", name, {"purpose": purpose} | (evidence if name == "consent_given" else {})

    def _blocks(self, who: int) -> tuple[str, str, dict]:
        """A block is mostly lifted by the next word, and never at the instant at which it was laid."""
        self.count["block", who] = self.count.get(("block", who), 0) + 1
        name = "processing_blocked" if self.count["block", who] % 2 else "processing_unblocked"
        return "consent", name, {"reason": "asked"}

    def bad(self, data: dict) -> bytes:
        """One fault in an event that was good, the reason of which is then beyond doubt."""
        faults = sorted(name for name in dir(self) if name.startswith("fault_"))
        if data["type"] in ("customer_identified", "identity_linked"):
            faults.remove("fault_identity")  # they need a customer whatever else is missing
        return getattr(self, self.random.choice(faults))(data)

    def fault_broken(self, data: dict) -> bytes:
        return encoded(data)[: -self.random.randint(1, 40)]

    def fault_utf8(self, data: dict) -> bytes:
        return encoded(data | {"source": "@@"}).replace(b"@@", b"\xff\xc3(")

    def fault_nan(self, data: dict) -> bytes:
        page = {"page": {"url": "https://shop.example/"}, "active_secs": float("nan")}
        return encoded(data | {"type": "page_pinged", **page})

    def fault_nesting(self, data: dict) -> bytes:
        deep = b"[" * 10_000 + b"]" * 10_000
        return deep if self.random.random() < 0.5 else encoded(data | {"x_deep": "@@"}).replace(b'"@@"', deep)

    def fault_type(self, data: dict) -> bytes:
        return encoded(data | {"type": self.random.choice(("page_vanished", "", 7, None))})

    def fault_version(self, data: dict) -> bytes:
        return encoded(data | {"schema_version": 99})

    def fault_identity(self, data: dict) -> bytes:
        names = ("customer_id", "anonymous_id", "identifiers")
        return encoded({name: value for name, value in data.items() if name not in names})

    def fault_reserved(self, data: dict) -> bytes:
        return encoded(data | {"customer_id": self.random.choice(("a:someone", "card:00ff"))})

    def fault_field(self, data: dict) -> bytes:
        required = ["occurred_at", "event_id", "page", "product", "receipt", "refund_id", "ticket_id", "purpose", "rating"]
        if data["type"].startswith(("receipt_", "order_")):
            required += ["total", "currency"]
        if data["type"] == "traits_changed":
            required += ["traits"]
        if data["type"] == "customer_identified":
            required, data = [*required, "customer_id"], data | {"anonymous_id": "visitor-0"}
        name = self.random.choice([name for name in required if name in data])
        return encoded({other: value for other, value in data.items() if other != name})

    def fault_time(self, data: dict) -> bytes:
        absurd = self.random.choice(("1970-01-01T00:00:00Z", "1999-12-31T23:59:59.999Z", "2100-01-01T00:00:00Z"))
        rest = {name: value for name, value in data.items() if name not in ("sent_at", "occurred_at")}
        return encoded(rest | {"occurred_at": absurd} if self.random.random() < 0.7 else data | {"received_at": absurd})

    def fault_empty(self, _data: dict) -> bytes:
        return self.random.choice((b"", b"[]", b'"event"', b"null", b" "))


def encoded(data: dict) -> bytes:
    return json.dumps(data, ensure_ascii=False).encode()
