"""The profile as the table keeps it: compact, JSON in the changelog, a format number for later upcasts."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import msgspec

from core.times import Micros

FORMAT: Final = 1
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


class Deal(msgspec.Struct, array_like=True, gc=False):
    """How a deal stands."""

    stage: str
    at: Micros
    amount: Decimal | None
    currency: str | None


class Consent(msgspec.Struct, array_like=True, gc=False):
    """Latest word to one purpose."""

    given: bool
    at: Micros
    channels: list[str]
    valid_until: Micros | None


class State(msgspec.Struct, omit_defaults=True, gc=False):
    """One customer. `seq` stands first, so that it can be read without decoding the rest."""

    seq: int
    format: int
    customer_id: str | None = None
    anonymous_ids: list[str] = msgspec.field(default_factory=list)
    links: dict[str, Micros] = msgspec.field(default_factory=dict)
    first_seen_at: Micros | None = None
    last_seen_at: Micros | None = None
    page_views: int = 0
    active_secs: int = 0
    scores: dict[str, Score] = msgspec.field(default_factory=dict)
    traits: dict[str, Dated] = msgspec.field(default_factory=dict)
    trait_rules: dict[str, float] = msgspec.field(default_factory=dict)
    contributions: list[Contribution] = msgspec.field(default_factory=list)
    orders: int = 0
    revenue: dict[str, Decimal] = msgspec.field(default_factory=dict)
    refunded: dict[str, Decimal] = msgspec.field(default_factory=dict)
    first_purchase_at: Micros | None = None
    last_purchase_at: Micros | None = None
    deals: dict[str, Deal] = msgspec.field(default_factory=dict)
    loyalty: Dated | None = None
    tickets: int = 0
    reopened: int = 0
    ticket_states: dict[str, Dated] = msgspec.field(default_factory=dict)
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


KEPT_ENTRIES: Final = 1_000
"""Tickets and deals that a profile remembers one by one, for words that arrive late."""
_encoder = msgspec.json.Encoder(decimal_format="string")
_decoder = msgspec.json.Decoder(State)


def new() -> State:
    """Return the profile of somebody nobody has seen yet."""
    return State(seq=0, format=FORMAT)


def encode(state: State) -> bytes:
    """Return the changelog value of `state`."""
    return _encoder.encode(state)


def decode(value: bytes) -> State:
    """Return the profile in a changelog value."""
    return _decoder.decode(value)


def seq_of(value: bytes) -> int:
    """Return the `seq` of an encoded profile without decoding it: it begins with `{"seq":N,`."""
    return int(value[7 : value.index(b",", 7)])


def forget_oldest(entries: dict[str, Any], ended: Callable[[Any], bool]) -> None:
    """Forget the oldest entry that has ended, where there are more than `KEPT_ENTRIES`; entries have an instant `at`."""
    if len(entries) > KEPT_ENTRIES:
        done = [(entry.at, name) for name, entry in entries.items() if ended(entry)]
        if done:
            del entries[min(done)[1]]


def latest(old: Dated | None, value: Any, at: Micros) -> Dated:
    """Return the winner of `old` and (`value`, `at`), whichever of them arrived first."""
    if old is None or at > old.at or (at == old.at and str(value) > str(old.value)):
        return Dated(value, at)
    return old
