"""Events of topic `consent`: what a customer allows, blocks, and wants erased."""

from typing import ClassVar, Literal

from schemas.envelope import Envelope
from schemas.fields import Code, Contract, Edge, Id, Instant, Name, PersonalData, Purpose, Url, field

_LEGAL = (Purpose.LEGAL,)


class Consent(Envelope):
    """Base of the events that rule what may be done with a customer's data."""

    topic: ClassVar[str] = "consent"
    default_source: ClassVar[str] = "consent"


class Evidence(Contract):
    """Proof of a consent."""

    url: Url | None = field("Page on which it was given.", None, purposes=_LEGAL)
    wording_version: Code | None = field("Version of the wording.", None, purposes=_LEGAL)
    ip: Code | None = field("Client address.", None, purposes=_LEGAL, personal=PersonalData.IDENTIFYING, edge=Edge.CUT)


class _ConsentChanged(Consent):
    purpose: Code = field("Purpose, such as marketing.", purposes=_LEGAL)
    channels: list[Code] | None = field("Channels; all if absent.", None, purposes=_LEGAL, max_length=20)
    valid_until: Instant | None = field("End of the consent.", None, purposes=_LEGAL)
    evidence: Evidence | None = field("Proof of it.", None, purposes=_LEGAL)


class ConsentGiven(_ConsentChanged):
    """A customer agreed to a purpose."""

    type: Literal["consent_given"]


class ConsentWithdrawn(_ConsentChanged):
    """A customer took an agreement back."""

    type: Literal["consent_withdrawn"]


class _ProcessingChanged(Consent):
    reason: Name | None = field("Why.", None, purposes=_LEGAL)


class ProcessingBlocked(_ProcessingChanged):
    """Processing of a customer's data must stop."""

    type: Literal["processing_blocked"]


class ProcessingUnblocked(_ProcessingChanged):
    """Processing of a customer's data may go on."""

    type: Literal["processing_unblocked"]


class ErasureRequested(Consent):
    """A customer wants to be forgotten."""

    type: Literal["erasure_requested"]
    request_id: Id | None = field("Id of the request.", None, purposes=_LEGAL)
    due_at: Instant | None = field("By when it must be done.", None, purposes=_LEGAL)


EVENTS = (ConsentGiven, ConsentWithdrawn, ProcessingBlocked, ProcessingUnblocked, ErasureRequested)
