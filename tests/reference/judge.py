"""The independent reference of docs/scoring.md: feed it records in their order, then compare."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal

from tests.reference import caps, holding, purchases, scores, segments
from tests.reference.caps import Entry
from tests.reference.cells import CellAt, Cells
from tests.reference.events import Event, RefusedError, number, read, rfc3339
from tests.reference.facts import known
from tests.reference.scores import DAY, Points, load_rules
from tests.reference.service import churn, service
from tests.reference.sessions import LATENESS, Visits
from tests.reference.traffic import traffic
from tests.reference.value import cell, worth
from tests.reference.windows import windows

__all__ = ["Judge", "load_rules"]

GENERATION = 128
DEAL_WORDS = {"deal_opened": "open", "deal_moved": "open", "deal_lost": "lost", "deal_won": "won"}
CONSENT_WORDS = {"consent_given": "given", "consent_withdrawn": "withdrawn"}
Given = tuple[dict, float, int]
BLOCK_WORDS = {"processing_blocked": "blocked", "processing_unblocked": "free"}


@dataclass
class Tick:
    """Passing time, or new rules, where nothing happened."""

    origin: str
    key: str
    event_id: None = None
    type: str = "tick"


@dataclass
class Profile:
    """Everything a profile was given, in the order of its acceptance."""

    rules: dict
    parameters: dict | None
    points: dict[str, Points]
    ranks: dict[str, int]
    events: list[Event] = field(default_factory=list)
    with_traits: list[Event] = field(default_factory=list)
    block_words: list[Event] = field(default_factory=list)
    given: list[list[Given]] = field(default_factory=list)  # at once
    held: holding.Held = field(default_factory=dict)
    logs: segments.Logs = field(default_factory=dict)  # of windows
    cells: Cells = field(default_factory=Cells)
    capped: dict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))  # by who shares a cap
    too_late: int = 0  # for a rule that is capped by the day
    unscored: int = 0
    current_ids: list[str] = field(default_factory=list)
    previous_ids: list[str] = field(default_factory=list)
    day: int = 0  # of the current ids' reception
    latest: int = 0
    told: float = 0  # of the latest tick, or of new rules
    visits: Visits = field(default_factory=Visits)
    purse: purchases.Purse = field(default_factory=purchases.Purse)

    @property
    def judged(self) -> float:
        """The instant that bands are judged for."""
        return max(self.latest, self.told)


class Judge:
    """Folds records as docs/scoring.md says."""

    def __init__(self, rules: dict, hash_key: str = "warmth", parameters: dict | None = None):
        self.rules, self.hash_key, self.parameters = rules, hash_key, parameters
        self.profiles: dict[str, Profile] = {}
        self.accepted: list[Event] = []
        self.rejected: list[tuple[str, str | None]] = []
        self.dropped: list[tuple[str, str]] = []
        self.changes: list[dict] = []
        self.ticks: list[Tick] = []
        self.session_ids: dict[str, str] = {}  # of accepted events by origin, as known when they arrived
        self.refund_states: dict[str, str] = {}  # by origin, as the rows say them
        self.traffic: Counter[str] = Counter()
        self.uncertain: list[tuple[str, str]] = []  # what docs/scoring.md leaves open, or rounding decides

    def feed(self, topic: str, value: bytes, received_at_ms: int, origin: str) -> None:
        event = self.admit(topic, value, received_at_ms, origin)
        if event is not None:
            self.take(event)

    def admit(self, topic: str, value: bytes, received_at_ms: int, origin: str) -> Event | None:
        """Return the event in a record; one that is none is remembered as rejected."""
        try:
            return read(topic, value, received_at_ms, origin, (self.hash_key, self.rules.get("plan", {})))
        except RefusedError as refused:
            self.rejected.append((origin, refused.reason))
            return None

    def take(self, event: Event) -> None:
        """Take up what is an event already."""
        profile = self.profiles.get(event.key) or self._new_profile()
        if event.event_id in profile.current_ids or event.event_id in profile.previous_ids:
            self.dropped.append((event.origin, "duplicate_event"))
        elif event.topic != "consent" and is_blocked(profile.block_words):
            self.dropped.append((event.origin, "processing_blocked"))
        elif repeated := purchases.repeated(profile.purse, event, profile.latest):
            self.dropped.append((event.origin, repeated))
        else:
            self.profiles[event.key] = profile
            self._accept(profile, event)

    def _new_profile(self) -> Profile:
        named = self.rules["scores"]
        points: dict[str, Points] = {name: [] for name in named}
        ranks = {name: rank_of_0(score) for name, score in named.items()}
        visits = Visits(lateness=self.rules.get("lateness", LATENESS))
        return Profile(self.rules, self.parameters, points, ranks, visits=visits)

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
        self.accepted.append(event)
        whose = traffic(profile.rules, event)
        self.traffic[whose] += 1
        self.session_ids[event.origin] = ""
        if whose:
            profile.unscored += 1
            return
        cell_before = cell_at(profile.parameters, profile.purse) if event.topic == "purchase" else None
        profile.events.append(event)
        self.session_ids[event.origin] = profile.visits.session_of(event)
        profile.latest = max(profile.latest, event.at)
        if event.type in BLOCK_WORDS:
            profile.block_words.append(event)
        given = self._points_of(profile, event)
        if "traits" in event.fields:
            profile.with_traits.append(event)
            traits = holding.of_traits(profile.rules, scores.traits_of(profile.with_traits))
            given += [(rule, points, event.at) for rule, points in holding.looked_at(profile.held, traits)]
        given += self._taken_back(profile, event, given)
        segments.record(profile.rules, profile.logs, event)
        given += self._held_given(profile, holding.moved_by(profile.rules, event))
        if cell_before is not None:
            profile.cells.moved(cell_before, cell_at(profile.parameters, profile.purse), profile.judged)
        self._conclude(profile, event, given)

    def carry_on(self, key: str, due: int) -> None:
        """Let time pass up to `due`, in microseconds, with nothing happening: what that changes is said."""
        profile = self.profiles[key]
        profile.told = max(profile.told, due / 1000, profile.latest)
        tick = Tick(f"tick:{key}:{due}", key)
        self._conclude(profile, tick, self._held_given(profile, holding.on_profile(profile.rules)))
        self.ticks.append(tick)

    def publish(self, rules: dict, parameters: dict | None) -> None:
        """Take new rules and parameters up: profiles that are new are judged by them, others once they adopt them."""
        self.rules, self.parameters = rules, parameters

    def is_behind(self, key: str) -> bool:
        """Whether a profile has not yet been judged by the newest rules and parameters."""
        profile = self.profiles.get(key)
        return profile is not None and (profile.rules is not self.rules or profile.parameters is not self.parameters)

    def adopt(self, key: str, instant: int | None = None, *, said: bool = True) -> bool:
        """Judge a profile by the newest rules and parameters, at an instant in microseconds; tells whether scores changed.

        Where nothing was `said` of it, nothing may have changed, and later events may be judged for an earlier instant.
        """
        profile = self.profiles[key]
        told = profile.told
        bands = {name: score["bands"][profile.ranks[name]]["name"] for name, score in profile.rules["scores"].items()}
        profile.rules, profile.parameters = self.rules, self.parameters
        profile.told = profile.told if instant is None else max(profile.judged, instant / 1000)
        for name, score in profile.rules["scores"].items():
            profile.points.setdefault(name, [])
            profile.ranks[name] = rank_of(score, bands[name]) if name in bands else rank_of_0(score)
        given = self._judged_anew(profile)
        crossed = self._conclude(profile, Tick(f"rules:{key}:{instant}", key, type="rules"), given, bands)
        profile.told = profile.told if said else told
        return bool(given or crossed)

    def _judged_anew(self, profile: Profile) -> list[Given]:
        """What rules give that begin to hold, and what is taken back for those that cease to, are gone or give others."""
        changes = holding.gone(profile.held, profile.rules)
        if profile.with_traits:
            traits = holding.of_traits(profile.rules, scores.traits_of(profile.with_traits))
            changes += holding.looked_at(profile.held, traits)
        given = [(rule, points, profile.judged) for rule, points in changes]
        given += self._held_given(profile, holding.on_profile(profile.rules))
        return [entry for entry in given if entry[0]["score"] in profile.rules["scores"]]

    def overdue(self, instant: int) -> list[str]:
        """Keys of profiles with a band that passing time should have moved by an instant, in milliseconds."""
        return [key for key in self.profiles if self.is_overdue(key, instant)]

    def is_overdue(self, key: str, instant: float) -> bool:
        """Whether passing time should have moved a band of a profile by an instant, in milliseconds."""
        profile = self.profiles[key]
        return not is_blocked(profile.block_words) and any(
            scores.moved(score, profile.ranks[name], self._shown(profile, name, instant)) < profile.ranks[name]
            for name, score in profile.rules["scores"].items()
        )

    def memberships(self, key: str, instant: float) -> tuple[set[str], set[str]]:
        """The segments that a profile is in for sure at an instant in milliseconds, and those that it may be in."""
        profile = self.profiles[key]
        looks = [self._facts(profile, instant, daily) for daily in {instant, max(instant // DAY * DAY, profile.latest)}]
        found = [segments.memberships(profile.rules, facts) for facts in looks]
        return set.intersection(*(surely for surely, _ in found)), set.union(*(maybe for _, maybe in found))

    def previous_cell(self, key: str, instant: float) -> str | None:
        """The RFM cell of a profile before the one that it has at an instant in milliseconds."""
        profile = self.profiles[key]
        return profile.cells.previous(cell_at(profile.parameters, profile.purse), instant)

    def _facts(self, profile: Profile, instant: float, daily: float | None = None) -> segments.Facts:
        facts = known(self._shown_profile(profile), profile.events, profile.purse.bought(), profile.parameters)
        return segments.Facts(profile.rules, profile.logs, facts, instant, daily)

    def _held_given(self, profile: Profile, concerned: list[dict]) -> list[Given]:
        """Points of the rules on the profile that begin to hold now, and less those that cease to."""
        if not concerned:
            return []
        looks = holding.of_facts(concerned, self._facts(profile, profile.judged))
        return [(rule, points, profile.judged) for rule, points in holding.looked_at(profile.held, looks)]

    def windows(self, key: str, instant: float) -> dict[str, tuple[int, int | None]]:
        """What windows count at an instant in milliseconds, and when that falls (see windows.windows)."""
        return windows(self.profiles[key].rules, self.profiles[key].logs, instant)

    def _taken_back(self, profile: Profile, event: Event, given: list[Given]) -> list[Given]:
        """Points that a purchase or refund takes back, at the time of the purchase."""
        if event.type not in purchases.SALES + purchases.REFUNDS:
            return []
        taken, state = purchases.settle(profile.purse, event, scores.by_score(given), profile.latest)
        if state:
            self.refund_states[event.origin] = state
        return [({"id": "refund", "score": score}, points, when) for score, points, when in taken]

    def _points_of(self, profile: Profile, event: Event) -> list[tuple[dict, float, int]]:
        """Rule, points and time of what an event gives, and of what its points take from later ones under their caps."""
        met = scores.rules_met(profile.rules, event)
        given = [(rule, rule["points"], event.at) for rule in met if not caps.is_capped(rule)]
        for rule in filter(caps.is_capped, met):
            entries = profile.capped[rule.get("group") or rule["id"]]
            if caps.is_closed(profile.rules, rule, event.at, profile.latest):
                profile.too_late += 1
            else:
                entries.append(Entry(rule, event.at, len(entries)))
                given += caps.grant(profile.rules, entries)
        return given

    def _shown(self, profile: Profile, name: str, instant: float | None = None) -> float:
        instant = profile.judged if instant is None else instant
        return scores.shown(profile.rules["scores"][name], profile.points[name], instant)

    def _conclude(
        self, profile: Profile, cause: Event | Tick, given: list[Given], bands: dict[str, str] | None = None
    ) -> bool:
        """Add points, and look at the bands; those before are given where new rules name them anew."""
        before = {name: self._shown(profile, name) for name in profile.rules["scores"]}
        for rule, points, when in given:
            profile.points[rule["score"]].append((points, when))
        if given:
            profile.given.append(given)
        said = len(self.changes)
        self._look(profile, cause, before, given, bands or {})
        return len(self.changes) > said

    def _look(
        self, profile: Profile, event: Event | Tick, before: dict[str, float], given: list[Given], bands: dict[str, str]
    ) -> None:
        """Moves bands for the latest event time so far; the grade of every change is that after all moves."""
        moves = []
        for name, score in profile.rules["scores"].items():
            value, old = self._shown(profile, name), profile.ranks[name]
            if scores.close_call(score, value):
                self.uncertain.append((event.origin, "close_to_a_border"))
            profile.ranks[name] = scores.moved(score, old, value)
            old_band, new_band = bands.get(name, score["bands"][old]["name"]), score["bands"][profile.ranks[name]]["name"]
            if old_band != new_band:
                moves.append((name, old_band, new_band, value))
        for ordinal, (name, old_band, new_band, value) in enumerate(moves):
            self.changes.append(
                {
                    "id": f"{event.origin}:{ordinal}",
                    "customer_key": event.key,
                    "score": name,
                    "old_band": old_band,
                    "new_band": new_band,
                    "old_value": before[name],
                    "value": value,
                    "grade": scores.grade(profile.rules, profile.ranks),
                    "occurred_at": rfc3339(int(profile.judged)),
                    "origin": "reconcile" if event.type == "rules" else "live",
                    "cause": {"event_id": event.event_id, "type": event.type} if event.event_id else {"type": event.type},
                    "contributions": [
                        {"rule": rule["id"], "points": float(points)} for rule, points, _ in given if rule["score"] == name
                    ],
                }
            )

    def scores_of_set(self, events: Iterable[Event], instant: int | None = None) -> dict[str, float]:
        """What is shown for accepted events of one profile in any order (see scores.scores_of_set)."""
        return scores.scores_of_set(self.rules, events, instant)

    def worth(self, key: str, parameters: dict | None, now: int) -> dict:
        """What a customer is worth at an instant, by published parameters or without (see value.worth)."""
        profile = self.profiles[key]
        refunded = purchases.refunded(profile.purse)
        return worth(profile.purse.bought(), refunded, parameters, now, profile.purse.days)

    def profile(self, key: str) -> dict:
        """All parts of a profile, each from the list of its accepted events; times in milliseconds."""
        return {"customer_key": key, **self._shown_profile(self.profiles[key])}

    def _shown_profile(self, profile: Profile) -> dict:
        return {
            "seq": len(profile.events) + profile.unscored,
            "scores": {
                name: {
                    "value_at": lambda instant, name=name: self._shown(profile, name, instant),
                    "band": score["bands"][profile.ranks[name]]["name"],
                }
                for name, score in profile.rules["scores"].items()
            },
            "grade": scores.grade(profile.rules, profile.ranks),
            "traits": scores.traits_of(profile.with_traits),
            "blocked": is_blocked(profile.block_words),
            **activity(profile.events),
            **value(profile.events, profile.purse),
            **service(profile.events),
            "churn_at": lambda instant, alive=None: churn(profile.events, instant, alive),
            "sessions": profile.visits.count(),
            "consent_words": (words := consent_words(profile.events)),
            "consents": {purpose: CONSENT_WORDS[word.type] for purpose, word in words.items()},
        }


def is_blocked(words: list[Event]) -> bool:
    """The latest word by event time; at the same instant, blocked."""
    return bool(words) and max((word.at, word.type == "processing_blocked") for word in words)[1]


def activity(events: list[Event]) -> dict:
    return {
        "first_seen_at": min((event.at for event in events), default=None),
        "last_seen_at": max((event.at for event in events), default=None),
        "page_views": sum(event.type == "page_viewed" for event in events),
        "active_secs": sum(event.fields["active_secs"] for event in events if event.type == "page_pinged"),
    }


def sums(events: list[Event]) -> dict[str, Decimal]:
    by_currency: dict[str, Decimal] = defaultdict(Decimal)
    for event in events:
        by_currency[event.fields["currency"]] += number(event.fields["total"])
    return dict(by_currency)


def value(events: list[Event], purse: purchases.Purse) -> dict:
    orders = [event for event in events if event.type in purchases.SALES and number(event.fields["total"]) > 0]
    revenue, refunded = sums(orders), purchases.refunded(purse)
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
        "purchase_days": purse.days,
        "first_day": purchases.first_day(purse),
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


def consent_words(events: list[Event]) -> dict[str, Event]:
    return latest_words(events, CONSENT_WORDS, "purpose", ("given", "withdrawn").index)


def cell_at(parameters: dict | None, purse: purchases.Purse) -> CellAt:
    """What tells the RFM cell at an instant, and when silence changed it last."""
    edges = (parameters or {}).get("rfm")
    bought = purse.bought() if edges else []
    if not bought:
        return CellAt(lambda _: None, [])
    refunded, last = purchases.refunded(purse), max(purchase.at for purchase in bought)
    return CellAt(
        lambda instant: cell(bought, refunded, edges, instant), [last + round(days * DAY) for days in edges["recency_days"]]
    )


def rank_of_0(score: dict) -> int:
    return scores.band_reached(score, scores.shown(score, [], 0))


def rank_of(score: dict, band: str) -> int:
    """The rank of a band of older rules; one that is gone counts as the lowest."""
    names = [known_band["name"] for known_band in score["bands"]]
    return names.index(band) if band in names else 0
