"""The envelope that every input event shares."""

from typing import ClassVar, Literal

from schemas.fields import Code, Contract, Edge, Flag, Id, Instant, Name, PersonalData, Purpose, Url, field

IdentifierType = Literal["card", "phone", "email", "device"]

_TECHNICAL = (Purpose.ANALYTICS, Purpose.OPERATIONS)


class Identifier(Contract):
    """One identifier of a person other than the customer id and the anonymous id."""

    id_type: IdentifierType = field("Kind of identifier.")
    id_value: Name = field("The identifier, as its source writes it.", personal=PersonalData.IDENTIFYING, edge=Edge.HASHED)


class Device(Contract):
    """What the visitor holds in hand."""

    type: Code | None = field("Kind of device, such as desktop or mobile.", None)


class Campaign(Contract):
    """The advertising campaign that brought the visitor."""

    source: Name | None = field("Where the visitor came from, such as yandex.", None, purposes=(Purpose.ANALYTICS,))
    medium: Name | None = field("Kind of traffic, such as cpc.", None, purposes=(Purpose.ANALYTICS,))
    name: Name | None = field("Name of the campaign.", None, purposes=(Purpose.ANALYTICS,))


class StatedConsent(Contract):
    """What the visitor had agreed to when the event was made, as the source states it."""

    marketing: Flag | None = field("Agreement to marketing.", None, purposes=(Purpose.LEGAL,))


class Context(Contract):
    """Circumstances of an event."""

    ip: Code | None = field("Client address.", None, purposes=_TECHNICAL, personal=PersonalData.IDENTIFYING, edge=Edge.CUT)
    user_agent: Url | None = field("Client software.", None, purposes=_TECHNICAL)
    locale: Code | None = field("Language and region of the client.", None, purposes=_TECHNICAL)
    timezone: Code | None = field("IANA time zone of the client.", None, purposes=_TECHNICAL)
    device: Device | None = field("Device of the visitor.", None, purposes=_TECHNICAL)
    campaign: Campaign | None = field("Campaign that led here.", None, purposes=(Purpose.ANALYTICS,))
    consent: StatedConsent | None = field("Consent as the source states it.", None, purposes=(Purpose.LEGAL,))


class Envelope(Contract):
    """Fields of every event; the event types add theirs."""

    topic: ClassVar[str]
    contract_version: ClassVar[int] = 1
    default_source: ClassVar[str]

    event_id: Id = field("Unique id of the event, chosen by its source.")
    type: str = field("Event type, `object_verbed`.")
    schema_version: int = field("Version of the type's schema.", 1, purposes=(Purpose.OPERATIONS,), ge=1, strict=True)
    occurred_at: Instant = field("When it happened, by the client's clock.")
    sent_at: Instant | None = field("When the client sent it, by the same clock.", None, purposes=_TECHNICAL)
    received_at: Instant | None = field("When the edge received it; the broker's time if absent.", None, purposes=_TECHNICAL)
    customer_id: Id | None = field("Id of the customer, where known.", None, personal=PersonalData.ATTRIBUTE)
    anonymous_id: Id | None = field("Id of the visitor's browser or device.", None, personal=PersonalData.ATTRIBUTE)
    identifiers: list[Identifier] | None = field(
        "Further identifiers of the person.", None, personal=PersonalData.IDENTIFYING, max_length=20
    )
    source: Code | None = field("System that made the event; the topic's usual one if absent.", None)
    context: Context | None = field("Circumstances of the event.", None, purposes=_TECHNICAL)
