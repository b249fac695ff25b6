"""The profile as the table keeps it: compact, JSON in the changelog, a format number for later upcasts."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import msgspec

from core.times import Micros
from core.windows import Window

FORMAT: Final = 2
"""Version of this layout; older ones are upcast by `decode`."""


class Score(msgspec.Struct, array_like=True, gc=False):
    """A score as a function of the set of events: `value` holds at `as_of` and decays from there."""

    value: float
    as_of: Micros
    band: str


class Contribution(msgspec.Struct, array_like=True, gc=False):
    """Points that one rule gave for one event."""

    rule: str
    score: str
    points: float
    occurred_at: Micros


class Dated(msgspec.Struct, array_like=True, gc=False):
    """A value of which the last write by event time wins; at the same instant the greater text wins."""

    value: Any
    at: Micros


class Trait(msgspec.Struct, array_like=True, gc=False):
    """What is known of a customer, since when, and who said so; the last write by event time wins."""

    value: Any
    at: Micros
    source: str = ""


class Deal(msgspec.Struct, array_like=True, gc=False):
    """How a deal stands, as its latest word says: open, won or lost; `stage_name` is its place in the sales funnel."""

    stage: str
    at: Micros
    amount: Decimal | None
    currency: str | None
    stage_name: str | None = None
    script_id: str | None = None
    buyer_role: str | None = None


class FirstDay(msgspec.Struct, array_like=True, gc=False):
    """The earliest UTC day with a purchase, in days since the epoch, and what was bought on it by currency."""

    day: int
    amounts: dict[str, Decimal]


class Earned(msgspec.Struct, array_like=True, gc=False):
    """What purchases have in common: their currency, and the points by score that rules gave for each of them."""

    currency: str
    points: dict[str, float]


class Returned(msgspec.Struct, array_like=True, gc=False):
    """What came back of a purchase, in ten-thousandths, and the refunds that it came back by."""

    amount: int
    refunds: list[str]


class WaitingRefund(msgspec.Struct, array_like=True, gc=False):
    """A refund of a purchase that is not there; amount and currency are None where all that is left comes back."""

    at: Micros
    purchase: str
    amount: int | None
    currency: str | None


class Ticket(msgspec.Struct, array_like=True, gc=False):
    """What is known of a ticket; `value` is its latest word (`open`, `closed`, or nothing yet) and `at` the time of it."""

    value: str = ""
    at: Micros = 0
    opened_at: Micros | None = None
    replies: list[Micros] | None = None
    priority: str | None = None


class Sessions(msgspec.Struct, array_like=True, gc=False):
    """Sessions that have `ended` for good, and those that late events may still change, as start, end, start, end."""

    ended: int
    spans: list[Micros]


class Consent(msgspec.Struct, array_like=True, gc=False):
    """Latest word to one purpose."""

    given: bool
    at: Micros
    channels: list[str]
    valid_until: Micros | None


class Membership(msgspec.Struct, array_like=True, gc=False):
    """Since when a customer is in a segment, or out of it; who has been out for a day is forgotten."""

    member: bool
    at: Micros


class Held(msgspec.Struct, array_like=True, gc=False):
    """Points that a rule gives for as long as it holds; of profiles before format 2 the score is not told."""

    score: str
    points: float


class Grant(msgspec.Struct, array_like=True, gc=False):
    """What an event was granted of the points of a rule that a cap limits; `granted` has no sign."""

    at: Micros
    rule: str
    points: float
    granted: float = 0.0


class Part(msgspec.Struct, array_like=True, gc=False):
    """One of the customers whose profiles were joined, as if they never had been; `via` is whom it was joined to."""

    state: "State"
    via: str


class State(msgspec.Struct, omit_defaults=True, gc=False):
    """One customer. The first four fields stand first so that they can be read without decoding the rest."""

    seq: int
    format: int
    due: Micros | None = None
    """When passing time alone will change something next, as of the last encoding."""
    judged_by: str = ""
    """Which rules and parameters judged it: their `judgement`."""
    looked_at: Micros = 0
    """Instant up to which it is known what passing time changes."""
    told_at: Micros = 0
    """Instant of the latest change that passing time has made: nothing is judged for an earlier one any more."""
    customer_id: str | None = None
    anonymous_ids: list[str] = msgspec.field(default_factory=list)
    links: dict[str, Micros] = msgspec.field(default_factory=dict)
    first_seen_at: Micros | None = None
    last_seen_at: Micros | None = None
    page_views: int = 0
    active_secs: int = 0
    sessions: Sessions | None = None
    scores: dict[str, Score] = msgspec.field(default_factory=dict)
    traits: dict[str, Trait] = msgspec.field(default_factory=dict)
    trait_rules: dict[str, Held] = msgspec.field(default_factory=dict)
    windows: dict[str, Window] | None = None
    memberships: dict[str, Membership] | None = None
    contributions: list[Contribution] = msgspec.field(default_factory=list)
    caps: dict[str, list[Grant]] | None = None
    orders: int = 0
    revenue: dict[str, Decimal] = msgspec.field(default_factory=dict)
    refunded: dict[str, Decimal] = msgspec.field(default_factory=dict)
    first_purchase_at: Micros | None = None
    last_purchase_at: Micros | None = None
    purchase_days: int = 0
    first_day: FirstDay | None = None
    purchases: bytes = b""
    earned: list[Earned] | None = None
    returned: dict[str, Returned] | None = None
    waiting_refunds: dict[str, WaitingRefund] | None = None
    deals: dict[str, Deal] = msgspec.field(default_factory=dict)
    loyalty: Dated | None = None
    rfm_now: str | None = None
    rfm_before: str | None = None
    tickets: int = 0
    reopened: int = 0
    ticket_states: dict[str, Ticket] = msgspec.field(default_factory=dict)
    last_contact_at: Micros | None = None
    csat_satisfied: int = 0
    csat_answers: int = 0
    nps: Dated | None = None
    leaving: Dated | None = None
    staying: Dated | None = None
    consents: dict[str, Consent] = msgspec.field(default_factory=dict)
    blocked: Dated | None = None
    applied: dict[str, int] = msgspec.field(default_factory=dict)
    recent: bytes = b""
    recent_older: bytes = b""
    recent_since: int = 0
    merged_into: str | None = None
    """Key of the profile that has taken this one in: it holds nothing else then that anybody looks at."""
    parts: dict[str, Part] | None = None
    """Every customer in this profile by key, itself included; None where nobody was joined."""
    claimed: dict[str, str] = msgspec.field(default_factory=dict)
    """Kind of each identifier that this customer claims, by its key."""
    aliases: dict[str, str] | None = None
    """Kind of each profile that went into this one, by its key."""
    claimants: list[str] | None = None
    """Which customers claim this identifier, the first one first; one more than are allowed where it has stopped joining."""
    apart: dict[str, Micros] | None = None
    """Pairs of keys that are two persons, and since when that is known."""

    @property
    def is_blocked(self) -> bool:
        """Whether processing is blocked: what comes is dropped, and nothing is said."""
        return self.blocked is not None and self.blocked.value == "blocked"

    @property
    def is_left_alone(self) -> bool:
        """Whether neither time nor newer rules change this profile: it went into another, or processing is blocked."""
        return self.merged_into is not None or self.is_blocked


KEPT_ENTRIES: Final = 1_000
"""Tickets and deals that a profile remembers one by one, for words that arrive late."""
_DUE: Final = b'"due":'
_FORMAT_1: Final = b',"format":1,'
_HEAD_BYTES: Final = 160
"""In so many bytes at the beginning of a value stand its first four fields."""
_encoder = msgspec.json.Encoder(decimal_format="string")
_decoder = msgspec.json.Decoder(State)


def new(judged_by: str = "") -> State:
    """Return the profile of somebody nobody has seen yet."""
    return State(seq=0, format=FORMAT, judged_by=judged_by)


def encode(state: State) -> bytes:
    """Return the changelog value of `state`."""
    return _encoder.encode(state)


def decode(value: bytes) -> State:
    """Return the profile in a changelog value, brought to the present format."""
    if _FORMAT_1 in value[:48]:
        return _upcast(value)
    return _decoder.decode(value)


def _upcast(value: bytes) -> State:
    """Return a profile of format 1, in which held points do not tell their score."""
    document = msgspec.json.decode(value)
    document["format"] = FORMAT
    document["trait_rules"] = {id_: ["", points] for id_, points in document.get("trait_rules", {}).items()}
    return msgspec.convert(document, State, strict=False)


def seq_of(value: bytes) -> int:
    """Return the `seq` of an encoded profile without decoding it: it begins with `{"seq":N,`."""
    return int(value[7 : value.index(b",", 7)])


def due_of(value: bytes) -> Micros | None:
    """Return `due` of an encoded profile without decoding it: it begins with `{"seq":N,"format":N,"due":N,`."""
    start = value.find(b",", value.index(b",") + 1) + 1
    if not start or not value.startswith(_DUE, start):
        return None
    start += len(_DUE)
    stop = value.find(b",", start)
    return int(value[start : stop if stop > 0 else -1])


def is_judged_by(value: bytes, judgement: bytes) -> bool:
    """Tell whether an encoded profile was judged by `judgement`, without decoding it."""
    return value.find(b'"judged_by":"%b"' % judgement, 0, _HEAD_BYTES) > 0


def forget_oldest(entries: dict[str, Any], ended: Callable[[Any], bool]) -> None:
    """Forget the oldest entry that has ended, where there are more than `KEPT_ENTRIES`; entries have an instant `at`."""
    if len(entries) > KEPT_ENTRIES:
        done = [(entry.at, name) for name, entry in entries.items() if ended(entry)]
        if done:
            del entries[min(done)[1]]


def later_trait(old: Trait | None, new: Trait) -> Trait:
    """Return the write that wins; of two at the same instant the one with the greater text."""
    return new if old is None or (new.at, str(new.value)) > (old.at, str(old.value)) else old


def latest(old: Dated | None, value: Any, at: Micros) -> Dated:
    """Return the winner of `old` and (`value`, `at`), whichever of them arrived first."""
    if old is None or at > old.at or (at == old.at and str(value) > str(old.value)):
        return Dated(value, at)
    return old
