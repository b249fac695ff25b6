"""The profile as people and programs read it: `warmth profile`, `warmth score`, `GET /v1/profiles/{id}`."""

from typing import Literal

from schemas.envelope import IdentifierType
from schemas.fields import Code, Contract, Count, Id, Instant, Key, PersonalData, Purpose, Sequence, field

_KNOWN = (Purpose.SCORING, Purpose.ANALYTICS, Purpose.SERVICE)
Amounts = dict[str, str]
"""Decimal strings by currency."""


class Link(Contract):
    """A card, phone, e-mail or device that belongs to the customer; its value stays out of the profile."""

    id_type: IdentifierType = field("Kind of identifier.", purposes=_KNOWN)
    linked_at: Instant = field("Event time of the link.", purposes=_KNOWN)


class Identities(Contract):
    """All that names the customer."""

    customer_id: Id | None = field("Id of the customer.", purposes=_KNOWN, personal=PersonalData.ATTRIBUTE)
    anonymous_ids: list[Id] = field("Visitors that turned out to be the customer.", purposes=_KNOWN)
    links: list[Link] = field("Further identifiers.", purposes=_KNOWN)
    customer_ids: list[Id] = field(
        "All customers who are one person in here; empty where there is but one.",
        [],
        purposes=_KNOWN,
        personal=PersonalData.ATTRIBUTE,
    )


class Activity(Contract):
    """What the customer did on the site."""

    first_seen_at: Instant | None = field("Earliest event.", purposes=_KNOWN)
    last_seen_at: Instant | None = field("Latest event.", purposes=_KNOWN)
    sessions: Count | None = field("Sessions, where they are counted.", purposes=_KNOWN)
    page_views: Count = field("Pages opened.", purposes=_KNOWN)
    active_secs: Sequence = field("Time on site.", purposes=_KNOWN, unit="seconds")


class NextChange(Contract):
    """What passing time alone will do to a score."""

    at: Instant = field("When the band is left.", purposes=_KNOWN)
    band: Code = field("Band that follows.", purposes=_KNOWN)


class ScoreView(Contract):
    """One score at one instant."""

    value: float = field("Shown value.", purposes=_KNOWN, unit="points")
    band: Code = field("Band of the value.", purposes=_KNOWN)
    next_change: NextChange | None = field("Next change by time alone.", None, purposes=_KNOWN)


class ContributionView(Contract):
    """Points that one rule gave for one event."""

    rule: Code = field("Id of the rule.", purposes=_KNOWN)
    score: Code = field("Score that it moved.", purposes=_KNOWN)
    points: float = field("Points, before any decay.", purposes=_KNOWN, unit="points")
    occurred_at: Instant = field("Event time.", purposes=_KNOWN)


class Deals(Contract):
    """Deals by how they stand."""

    open: Count = field("Under way.", purposes=_KNOWN)
    won: Count = field("Won.", purposes=_KNOWN)
    lost: Count = field("Lost.", purposes=_KNOWN)
    won_amount: Amounts = field("Value of the won ones.", purposes=_KNOWN)


class Rfm(Contract):
    """Recency, frequency and monetary quintiles."""

    recency: int = field("1 to 5, 5 is latest.", purposes=_KNOWN)
    frequency: int = field("1 to 5, 5 is most often.", purposes=_KNOWN)
    monetary: int = field("1 to 5, 5 is most.", purposes=_KNOWN)
    cell: Code = field("The three digits.", purposes=_KNOWN)
    previous_cell: Code | None = field("The three digits before the last change.", purposes=_KNOWN)


class Loyalty(Contract):
    """The loyalty account."""

    balance: float = field("Points on the account.", purposes=_KNOWN, unit="points")
    tier: Code | None = field("Tier.", purposes=_KNOWN)


class Value(Contract):
    """What the customer bought and is worth."""

    orders: Count = field("Receipts and orders with a positive total.", purposes=_KNOWN)
    revenue: Amounts = field("Sum of their totals, gross of refunds.", purposes=_KNOWN)
    refunded: Amounts = field("Sum of refunds.", purposes=_KNOWN)
    average_order: Amounts = field("Net revenue per order.", purposes=_KNOWN)
    first_purchase_at: Instant | None = field("Earliest order.", purposes=_KNOWN)
    last_purchase_at: Instant | None = field("Latest order.", purposes=_KNOWN)
    deals: Deals = field("Deals.", purposes=_KNOWN)
    rfm: Rfm | None = field("Quintiles.", purposes=_KNOWN)
    lifecycle: Code | None = field("Place in the customer's life cycle.", purposes=_KNOWN)
    p_alive: float | None = field("Probability that the customer still buys.", purposes=_KNOWN)
    expected_purchases: float | None = field("Expected number of orders.", purposes=_KNOWN)
    lifetime_value: Amounts | None = field("Expected value.", purposes=_KNOWN)
    loyalty: Loyalty | None = field("Loyalty account.", purposes=_KNOWN)


class Csat(Contract):
    """Customer satisfaction."""

    satisfied: Count = field("Satisfied answers.", purposes=_KNOWN)
    answers: Count = field("All answers.", purposes=_KNOWN)


class Nps(Contract):
    """Latest answer to "would you recommend us?"."""

    score: int = field("0 to 10.", purposes=_KNOWN)
    group: Literal["promoter", "passive", "detractor"] = field("Group of the score.", purposes=_KNOWN)


class Service(Contract):
    """What the help desk knows."""

    tickets: Count = field("Tickets opened.", purposes=_KNOWN)
    open_tickets: Count = field("Tickets open now.", purposes=_KNOWN)
    reopened: Count = field("Times that a ticket was opened again.", purposes=_KNOWN)
    first_response_secs: float | None = field(
        "Mean time from a ticket's opening to the first reply of an agent.", None, purposes=_KNOWN, unit="seconds"
    )
    last_contact_at: Instant | None = field("Latest ticket event or survey answer.", purposes=_KNOWN)
    csat: Csat | None = field("Satisfaction; null before the first answer.", purposes=_KNOWN)
    nps: Nps | None = field("Recommendation; null before the first answer.", purposes=_KNOWN)
    leaving_reason: Code | None = field("Latest reason to leave.", purposes=_KNOWN)
    staying_reason: Code | None = field("Latest reason to stay.", purposes=_KNOWN)


class Churn(Contract):
    """Risk that the customer leaves."""

    risk: float = field("From 0 to 1.", purposes=_KNOWN)
    reasons: list[str] = field("What makes it, strongest first.", purposes=_KNOWN)


class ConsentView(Contract):
    """What the customer said to one purpose."""

    state: Literal["given", "withdrawn"] = field("Latest word by event time.", purposes=(Purpose.LEGAL,))
    channels: list[Code] = field("Channels it holds for; empty for all.", purposes=(Purpose.LEGAL,))
    valid_until: Instant | None = field("End of it.", purposes=(Purpose.LEGAL,))


class WindowView(Contract):
    """How often something happened lately."""

    count: Count = field("Events that count now, as far as the window remembers them.", purposes=_KNOWN)
    next_drop: Instant | None = field("When one of them leaves the window, if nothing happens.", None, purposes=_KNOWN)


class MembershipView(Contract):
    """A segment that the customer is in."""

    segment: Code = field("Name of the segment.", purposes=_KNOWN)
    since: Instant = field("When the customer entered it.", purposes=_KNOWN)


class TraitSource(Contract):
    """Who said a trait, and when."""

    source: str = field("System that said it; empty where that was not kept.", purposes=_KNOWN)
    at: Instant = field("Event time of the write that won.", purposes=_KNOWN)


class NextLook(Contract):
    """When passing time alone is expected to change the profile."""

    at: Instant = field("Instant that the scorer will look at the profile for.", purposes=_KNOWN)


class Profile(Contract):
    """One customer; parts that are not known yet are null or empty, never absent."""

    customer_key: Key = field("Key of the profile.", purposes=_KNOWN, personal=PersonalData.ATTRIBUTE)
    seq: Sequence = field("Grows with each change.", purposes=_KNOWN)
    as_of: Instant = field("Instant that the scores are shown for.", purposes=_KNOWN)
    identities: Identities = field("Names.", purposes=_KNOWN)
    activity: Activity = field("Site.", purposes=_KNOWN)
    scores: dict[str, ScoreView] = field("Scores by name.", purposes=_KNOWN)
    grade: Code | None = field("Fit and engagement together.", purposes=_KNOWN)
    contributions: list[ContributionView] = field("The last 20, latest last.", purposes=_KNOWN)
    value: Value = field("Purchases.", purposes=_KNOWN)
    service: Service = field("Help desk.", purposes=_KNOWN)
    churn: Churn | None = field("Risk.", purposes=_KNOWN)
    segments: list[Code] = field("Segments.", purposes=_KNOWN)
    traits: dict[str, object] = field("Plain fields and attributes.", purposes=_KNOWN, personal=PersonalData.ATTRIBUTE)
    consents: dict[str, ConsentView] = field("By purpose.", purposes=(Purpose.LEGAL,))
    blocked: bool = field("Whether processing is blocked.", purposes=(Purpose.LEGAL,))
    windows: dict[str, WindowView] = field("Windows of the rules.", {}, purposes=_KNOWN)
    memberships: list[MembershipView] = field("Segments, each since when.", [], purposes=_KNOWN)
    next_change: NextLook | None = field("When time alone changes something next.", None, purposes=_KNOWN)
    trait_sources: dict[str, TraitSource] = field("Where each trait comes from.", {}, purposes=_KNOWN)
