"""Egress `score-change` and `segment-change`: a customer crossed a band or a segment's border."""

from enum import StrEnum
from typing import Literal

from schemas.fields import Code, Contract, Count, Id, Instant, Key, PersonalData, Purpose, Sequence, field

_OUT = (Purpose.ADVERTISING, Purpose.ANALYTICS, Purpose.SERVICE)


class Origin(StrEnum):
    """Why a change is said: only `live` changes should start campaigns."""

    LIVE = "live"
    BACKFILL = "backfill"
    RECONCILE = "reconcile"


class Contribution(Contract):
    """Points that one rule gave for the causing event."""

    rule: Code = field("Id of the rule.", purposes=_OUT)
    points: float = field("Points, before any decay.", purposes=_OUT, unit="points")


class Cause(Contract):
    """What made the change."""

    event_id: Id | None = field("Event that made it; absent where no event did.", None, purposes=_OUT)
    type: Code = field("Type of the event, `tick` where only time passed, `rules` for a new rule version.", purposes=_OUT)


class Change(Contract):
    """What every change carries."""

    id: Code = field("Stable over replays: topic, incarnation, partition, offset and ordinal of the origin.", purposes=_OUT)
    customer_key: Key = field("Key of the profile.", purposes=_OUT, personal=PersonalData.ATTRIBUTE)
    customer_id: Id | None = field("Id of the customer, where known.", purposes=_OUT, personal=PersonalData.ATTRIBUTE)
    occurred_at: Instant = field("Event time of the change.", purposes=_OUT)
    emitted_at: Instant = field("When the scorer said it.", purposes=_OUT)
    seq: Sequence = field("Grows with each change of the profile.", purposes=_OUT)
    origin: Origin = field("Live, or said again by a rebuild or a new rule version.", purposes=_OUT)
    cause: Cause = field("What made the change.", purposes=_OUT)


class ScoreChange(Change):
    """A score of a customer crossed into another band."""

    score: Code = field("Name of the score.", purposes=_OUT)
    old_band: Code = field("Band before.", purposes=_OUT)
    new_band: Code = field("Band after.", purposes=_OUT)
    old_value: float = field("Shown value before, at the same instant.", purposes=_OUT, unit="points")
    value: float = field("Shown value after.", purposes=_OUT, unit="points")
    grade: Code | None = field("Fit and engagement together, such as A2.", purposes=_OUT)
    contributions: list[Contribution] = field("Rules that moved this score.", purposes=_OUT)
    rules_version: Count = field("Version of the rules that scored.", purposes=_OUT)


class SegmentChange(Change):
    """A customer entered or left a segment."""

    segment: Code = field("Name of the segment.", purposes=_OUT)
    change: Literal["entered", "left"] = field("Which way.", purposes=_OUT)
    why: list[Code] = field("Conditions that decided it.", purposes=_OUT)
    rules_version: Count | None = field("Version of the rules that decided it.", None, purposes=_OUT)


class Audience(Contract):
    """Membership of one customer in one segment; the topic is compacted by `segment:customer_key`."""

    member: bool = field("Whether the customer is in the audience.", purposes=_OUT)
    seq: Sequence = field("Grows with each change of the profile.", purposes=_OUT)
    customer_id: Id | None = field("Id of the customer, where known.", None, purposes=_OUT, personal=PersonalData.ATTRIBUTE)
