"""A workload of people with several names: two accounts, two browsers, a card, an e-mail address."""

from typing import Any

from tests.reference.events import hashed, hidden, rfc3339
from tests.reference.generator import HOUR, KNOWN, Record, Workload, encoded

WITHIN = 20 * HOUR
"""Everything happens within so much less than a day that no profile has forgotten anything when it meets another."""
NAMES = ("c", "c", "c", "d", "d", "v", "v", "w", "card", "email")


class Households(Workload):
    """What people do under any of their names, and, in between and in any order, what tells that they are one.

    Of five, two become one by a merge, one by a card, one stays two, and one is merged and parted again.
    """

    span = 0

    def records(self, events: int, bad_share: float) -> list[Record]:
        """Records in the order of reception, and among them those that tell who is who."""
        done = list(super().records(events, bad_share))
        for who in range(self.customers):
            for topic, key, data in self.told(who):
                place = self.random.randrange(len(done) + 1)
                done.insert(place, (topic, key.encode(), encoded(data), self.now))
            if who % 5 == 4:
                self.part(done, who)
        return done

    def told(self, who: int) -> list[tuple[str, str, dict]]:
        """What is said of one's names."""
        card, email = self.card(who), self.email(who)
        said = [
            self.of_customer(f"c-{who}", "customer_identified", {"anonymous_id": f"v-{who}"}),
            self.of_customer(f"d-{who}", "customer_identified", {"anonymous_id": f"w-{who}"}),
            self.of_customer(f"c-{who}", "identity_linked", card),
            self.of_customer(f"d-{who}", "identity_linked", email),
        ]
        if who % 5 < 2:
            said.append(self.of_customer(f"c-{who}", "customers_merged", {"merged_id": f"d-{who}"}))
        elif who % 5 == 2:
            said.append(self.of_customer(f"d-{who}", "identity_linked", card))
        return said

    def part(self, done: list[Record], who: int) -> None:
        """Merge two, and say later that they are two."""
        places = sorted(self.random.sample(range(len(done) + 2), 2))
        for place, kind, ago in zip(places, ("customers_merged", "customers_unmerged"), (2 * HOUR, HOUR), strict=True):
            topic, key, data = self.of_customer(f"c-{who}", kind, {"merged_id": f"d-{who}"})
            data["occurred_at"] = rfc3339(self.now - ago)
            done.insert(place, (topic, key.encode(), encoded(data), self.now))

    def of_customer(self, key: str, kind: str, fields: dict) -> tuple[str, str, dict]:
        times = {"occurred_at": self.some_time(), "received_at": rfc3339(self.now)}
        data = {"event_id": f"{self.random.getrandbits(128):032x}", "type": kind, "customer_id": key, **fields, **times}
        return "customer", key, data

    def card(self, who: int) -> dict[str, str]:
        return {"id_type": "card", "id_value": f"4{who:09d}"}

    def email(self, who: int) -> dict[str, str]:
        return {"id_type": "email", "id_value": hidden("email", f"one.{who}@shop.example", self.hash_key)}

    def identity(self, who: int) -> tuple[dict, str]:
        """Any of one's names; a customer's account now and then with the browser, or with what was shown at the till."""
        name = self.random.choice(NAMES)
        if name in "vw":
            return {"anonymous_id": f"{name}-{who}"}, f"a:{name}-{who}"
        if name in "cd":
            identity: dict[str, Any] = {"customer_id": f"{name}-{who}"}
            if self.random.random() < 0.1:
                identity["anonymous_id"] = f"v-{who}" if name == "c" else f"w-{who}"
            if self.random.random() < 0.1:
                identity["identifiers"] = [self.card(who) if name == "c" else self.email(who)]
            return identity, f"{name}-{who}"
        shown = self.card(who) if name == "card" else self.email(who)
        return {"identifiers": [shown]}, "card:" + hashed(shown["id_type"], shown["id_value"], self.hash_key)

    def good(self, _received: int) -> tuple[str, bytes, dict]:
        who = self.random.randrange(self.customers)
        kind = self.random.choices(list(KNOWN), list(KNOWN.values()))[0]
        identity, key = self.identity(who)
        topic, name, fields = getattr(self, "_" + kind)(who)
        data = {"event_id": f"{self.random.getrandbits(128):032x}", "type": name, **identity, **fields}
        data |= {"occurred_at": self.some_time(), "received_at": rfc3339(self.now)} | self.extras()
        return topic, key.encode(), data

    def some_time(self) -> str:
        return rfc3339(self.now - self.random.randrange(1000, WITHIN))

    def _traits(self, who: int) -> tuple[str, str, dict]:
        topic, _, fields = super()._traits(who)
        return topic, "traits_changed", fields

    def _linked(self, who: int) -> tuple[str, str, dict]:
        return self._pages(who)

    def _blocks(self, who: int) -> tuple[str, str, dict]:
        """What is dropped of somebody who is blocked depends on who is known to be it when; that is no matter of this."""
        return self._pages(who)
