"""Egress `dead-letter`: a record that was rejected, with its original bytes and why."""

from schemas.fields import Code, Contract, Flag, Instant, PersonalData, Purpose, Sequence, Text, field
from schemas.reasons import ReasonCode, Stage

_OPS = (Purpose.OPERATIONS,)


class RecordHeader(Contract):
    """A header of the rejected record."""

    key: Text = field("Key of the header.", purposes=_OPS)
    value_base64: str | None = field("Its bytes.", purposes=_OPS, personal=PersonalData.IDENTIFYING)


class DeadLetter(Contract):
    """A rejected record; `warmth replay` sends it again once the cause is mended."""

    id: Code = field("Topic, incarnation, partition and offset of the record's origin.", purposes=_OPS)
    topic: Code = field("Topic of the record.", purposes=_OPS)
    incarnation: Code = field("Incarnation of the topic.", purposes=_OPS)
    partition: Sequence = field("Partition of the record.", purposes=_OPS)
    offset: Sequence = field("Offset of the record.", purposes=_OPS)
    stage: Stage = field("Step of the journey that rejected it.", purposes=_OPS)
    reason: ReasonCode = field("Why.", purposes=_OPS)
    detail: Text = field("Which fields, never their values.", purposes=_OPS)
    received_at: Instant = field("Broker time of the record.", purposes=_OPS)
    rejected_at: Instant = field("When the scorer rejected it.", purposes=_OPS)
    key_base64: str | None = field("Original key.", purposes=_OPS, personal=PersonalData.IDENTIFYING)
    value_base64: str | None = field("Original bytes.", purposes=_OPS, personal=PersonalData.IDENTIFYING)
    headers: list[RecordHeader] = field("Original headers.", purposes=_OPS)
    is_sealed: Flag = field("Whether key, bytes and foreign headers are encrypted.", default=False, purposes=_OPS)
