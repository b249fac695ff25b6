"""The independent reference of docs/scoring.md: feed it records in their order, then compare."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from tests.reference import scores
from tests.reference.events import Event, RefusedError, number, read, rfc3339
from tests.reference.scores import DAY, Points, load_rules

__all__ = ["Judge", "load_rules"]

GENERATION = 128
PURCHASES = ("receipt_issued", "order_completed")
REFUNDS = ("receipt_refunded", "order_refunded")
SATISFIED = {"freshdesk": (101, 102, 103), "stars5": (4, 5), "thumbs": (1,)}
DEAL_WORDS = {"deal_opened": "open", "deal_moved": "open", "deal_lost": "lost", "deal_won": "won"}
TICKET_WORDS = {"ticket_opened": "open", "ticket_reopened": "open", "ticket_solved": "done", "ticket_closed": "done"}
CONSENT_WORDS = {"consent_given": "given", "consent_withdrawn": "withdrawn"}
BLOCK_WORDS = {"processing_blocked": "blocked", "processing_unblocked": "free"}


@dataclass
class Profile:
    """Everything a profile was given, in the order of its acceptance."""

    points: dict[str, Points]
    ranks: dict[str, int]
    events: list[Event] = field(default_factory=list)
    with_traits: list[Event] = field(default_factory=list)
    block_words: list[Event] = field(default_factory=list)
    held: set[str] = field(default_factory=set)
    current_ids: list[str] = field(default_factory=list)
    previous_ids: list[str] = field(default_factory=list)
    day: int = 0  # of the current ids' reception
    latest: int = 0


class Judge:
    """Folds records as docs/scoring.md says."""

    def __init__(self, rules: dict, hash_key: str = "warmth"):
        self.rules, self.hash_key = rules, hash_key
        self.profiles: dict[str, Profile] = {}
        self.accepted: list[Event] = []
        self.rejected: list[tuple[str, str | None]] = []
        self.dropped: list[tuple[str, str]] = []
        self.changes: list[dict] = []
        self.uncertain: list[tuple[str, str]] = []  # what docs/scoring.md leaves open, or rounding decides

    def feed(self, topic: str, value: bytes, received_at_ms: int, origin: str) -> None:
        try:
            event = read(topic, value, received_at_ms, origin, (self.hash_key, self.rules.get("plan", {})))
        except RefusedError as refused:
            self.rejected.append((origin, refused.reason))
            return
        profile = self.profiles.get(event.key) or self._new_profile()
        if event.event_id in profile.current_ids or event.event_id in profile.previous_ids:
            self.dropped.append((origin, "duplicate_event"))
        elif event.topic != "consent" and is_blocked(profile.block_words):
            self.dropped.append((origin, "processing_blocked"))
        else:
            self.profiles[event.key] = profile
            self._accept(profile, event)

    def _new_profile(self) -> Profile:
        named = self.rules["scores"]
        ranks = {name: scores.band_reached(score, scores.shown(score, [], 0)) for name, score in named.items()}
        return Profile(points={name: [] for name in named}, ranks=ranks)

    @staticmethod
    def _remember(profile: Profile, event: Event) -> None:
        """Two generations of ids: of this day of reception and the one before, or of 128 ids and those before."""
        day = event.received // DAY
        if day > profile.day:
            profile.previous_ids = profile.current_ids if day == profile.day + 1 else []
            profile.current_ids, profile.day = [], day
        elif len(profile.current_ids) == GENERATION:
            profile.previous_ids, profile.current_ids = profile.current_ids, []
        profile.current_ids.append(event.event_id)

    def _accept(self, profile: Profile, event: Event) -> None:
        self._remember(profile, event)
        profile.events.append(event)
        self.accepted.append(event)
        profile.latest = max(profile.latest, event.at)
        if event.type in BLOCK_WORDS:
            profile.block_words.append(event)
        given = [(rule, rule["points"]) for rule in scores.rules_met(self.rules, event)]
        if "traits" in event.fields:
            profile.with_traits.append(event)
            given += self._traits_given(profile)
        before = {name: self._shown(profile, name) for name in self.rules["scores"]}
        for rule, points in given:
            profile.points[rule["score"]].append((points, event.at))
        self._look(profile, event, before, given)

    def _traits_given(self, profile: Profile) -> list[tuple[dict, float]]:
        """Points of the trait rules that begin to hold, and less those that cease to."""
        traits, given = scores.traits_of(profile.with_traits), []
        for rule in scores.trait_rules(self.rules):
            holds_now, held = scores.holds(rule, traits), rule["id"] in profile.held
            if holds_now and not held:
                profile.held.add(rule["id"])
                given.append((rule, rule["points"]))
            if held and not holds_now:
                profile.held.remove(rule["id"])
                given.append((rule, -rule["points"]))
        return given

    def _shown(self, profile: Profile, name: str, instant: int | None = None) -> float:
        instant = profile.latest if instant is None else instant
        return scores.shown(self.rules["scores"][name], profile.points[name], instant)

    def _look(self, profile: Profile, event: Event, before: dict[str, float], given: list[tuple[dict, float]]) -> None:
        """Moves bands for the latest event time so far; the grade of every change is that after all moves."""
        moves = []
        for name, score in self.rules["scores"].items():
            value, old = self._shown(profile, name), profile.ranks[name]
            if scores.close_call(score, value):
                self.uncertain.append((event.origin, "close_to_a_border"))
            profile.ranks[name] = scores.moved(score, old, value)
            if profile.ranks[name] != old:
                moves.append((name, old, value))
        for ordinal, (name, old, value) in enumerate(moves):
            bands = self.rules["scores"][name]["bands"]
            self.changes.append(
                {
                    "id": f"{event.origin}:{ordinal}",
                    "customer_key": event.key,
                    "score": name,
                    "old_band": bands[old]["name"],
                    "new_band": bands[profile.ranks[name]]["name"],
                    "old_value": before[name],
                    "value": value,
                    "grade": scores.grade(self.rules, profile.ranks),
                    "occurred_at": rfc3339(profile.latest),
                    "cause": {"event_id": event.event_id, "type": event.type},
                    "contributions": [
                        {"rule": rule["id"], "points": float(points)} for rule, points in given if rule["score"] == name
                    ],
                }
            )

    def scores_of_set(self, events: Iterable[Event], instant: int | None = None) -> dict[str, float]:
        """What is shown for accepted events of one profile in any order (see scores.scores_of_set)."""
        return scores.scores_of_set(self.rules, events, instant)

    def profile(self, key: str) -> dict:
        """All parts of a profile, each from the list of its accepted events; times in milliseconds."""
        profile = self.profiles[key]
        return {
            "customer_key": key,
            "seq": len(profile.events),
            "scores": {
                name: {
                    "value_at": lambda instant, name=name: self._shown(profile, name, instant),
                    "band": score["bands"][profile.ranks[name]]["name"],
                }
                for name, score in self.rules["scores"].items()
            },
            "grade": scores.grade(self.rules, profile.ranks),
            "traits": scores.traits_of(profile.with_traits),
            "blocked": is_blocked(profile.block_words),
            **activity(profile.events),
            **value(profile.events),
            **service(profile.events),
            "consents": consents(profile.events),
        }


def is_blocked(words: list[Event]) -> bool:
    """The latest word by event time; at the same instant, blocked."""
    return bool(words) and max((word.at, word.type == "processing_blocked") for word in words)[1]


def activity(events: list[Event]) -> dict:
    return {
        "first_seen_at": min(event.at for event in events),
        "last_seen_at": max(event.at for event in events),
        "page_views": sum(event.type == "page_viewed" for event in events),
        "active_secs": sum(event.fields["active_secs"] for event in events if event.type == "page_pinged"),
    }


def sums(events: list[Event]) -> dict[str, Decimal]:
    by_currency: dict[str, Decimal] = defaultdict(Decimal)
    for event in events:
        by_currency[event.fields["currency"]] += number(event.fields["total"])
    return dict(by_currency)


def value(events: list[Event]) -> dict:
    orders = [event for event in events if event.type in PURCHASES and number(event.fields["total"]) > 0]
    revenue, refunded = sums(orders), sums([event for event in events if event.type in REFUNDS])
    net = {currency: amount - refunded.get(currency, Decimal(0)) for currency, amount in revenue.items()}
    return {
        "orders": len(orders),
        "revenue": revenue,
        "refunded": refunded,
        "average_order": {
            currency: (amount / len(orders)).quantize(Decimal("0.01"), rounding=ROUND_HALF_EVEN)
            for currency, amount in net.items()
        },
        "first_purchase_at": min((event.at for event in orders), default=None),
        "last_purchase_at": max((event.at for event in orders), default=None),
        "deals": deals(events),
    }


def latest_words(events: list[Event], words: dict[str, str], subject: str, winner: Callable[[str], int]) -> dict[str, Event]:
    """The latest event that says something about each subject; at the same instant, the one whose word ranks highest."""
    latest: dict[str, Event] = {}
    for event in events:
        if event.type in words:
            name = event.fields[subject]
            rival = latest.get(name)
            rank = (event.at, winner(words[event.type]))
            if rival is None or rank > (rival.at, winner(words[rival.type])):
                latest[name] = event
    return latest


def deals(events: list[Event]) -> dict:
    latest = latest_words(events, DEAL_WORDS, "deal_id", ("open", "lost", "won").index)
    count = Counter(DEAL_WORDS[event.type] for event in latest.values())
    amounts: dict[str, Decimal] = defaultdict(Decimal)
    for event in latest.values():
        if event.type == "deal_won" and "amount" in event.fields and "currency" in event.fields:
            amounts[event.fields["currency"]] += number(event.fields["amount"])
    return {"open": count["open"], "won": count["won"], "lost": count["lost"], "won_amount": dict(amounts)}


def service(events: list[Event]) -> dict:
    contacts = [event for event in events if event.topic == "support-ticket"]
    latest = latest_words(contacts, TICKET_WORDS, "ticket_id", ("done", "open").index)
    rated = [event.fields for event in contacts if event.type == "ticket_rated"]
    return {
        "tickets": sum(event.type == "ticket_opened" for event in contacts),
        "open_tickets": sum(TICKET_WORDS[event.type] == "open" for event in latest.values()),
        "reopened": sum(event.type == "ticket_reopened" for event in contacts),
        "last_contact_at": max((event.at for event in contacts), default=None),
        "csat": (sum(answer["rating"] in SATISFIED[answer["scale"]] for answer in rated), len(rated)),
        "nps": latest_answer(contacts, "nps", "score"),
        "leaving_reason": latest_answer(contacts, "leaving", "reason"),
        "staying_reason": latest_answer(contacts, "staying", "reason"),
    }


def latest_answer(events: list[Event], survey: str, name: str) -> Any:
    """The latest answer by event time; at the same instant, the greater."""
    answers = [event for event in events if event.type == "survey_answered" and event.fields["survey"] == survey]
    return max(((event.at, event.fields[name]) for event in answers), default=(0, None))[1]


def consents(events: list[Event]) -> dict[str, str]:
    latest = latest_words(events, CONSENT_WORDS, "purpose", ("given", "withdrawn").index)
    return {purpose: CONSENT_WORDS[event.type] for purpose, event in latest.items()}
