"""Topic `enriched-event`: what the scorer concluded of every source record, ready to be loaded.

The rows are written as ClickHouse's JSONEachRow reads them, so that the loader never builds a row: it checks the batch
number, cuts ranges, and joins bytes.
"""

from typing import Literal

from schemas.fields import Code, Contract, Id, Key, PersonalData, Purpose, Sequence, field

_OPS = (Purpose.ANALYTICS, Purpose.OPERATIONS)


class OutcomeRow(Contract):
    """Row of table `outcomes`: how one source record ended."""

    topic: Code = field("Topic of the record's origin.", purposes=_OPS)
    incarnation: Code = field("Incarnation of the topic.", purposes=_OPS)
    partition: Sequence = field("Partition of the origin.", purposes=_OPS)
    offset: Sequence = field("Offset of the origin.", purposes=_OPS)
    outcome: Literal["accepted", "rejected", "dropped", "forwarded", "applied", "ticked", "adopted"] = field(
        "How it ended; `applied` is a command that made no row, `ticked` and `adopted` are of time and newer rules.",
        purposes=_OPS,
    )
    reason: str = field("Reason code; empty for accepted ones.", purposes=_OPS)
    omitted_fields: Sequence = field("Fields left out because no contract names them.", purposes=_OPS)
    loaded_at: Sequence = field("Batch number of the range.", purposes=_OPS, unit="epoch seconds")


class EventRow(Contract):
    """Row of table `events`: an accepted event with the scores after it. Further columns are of the event's type."""

    event_id: Id = field("Id of the event.", purposes=_OPS)
    type: Code = field("Type of the event.", purposes=_OPS)
    source: Code = field("System that made it.", purposes=_OPS)
    customer_key: Key = field("Key of the profile.", purposes=_OPS, personal=PersonalData.ATTRIBUTE)
    occurred_at: Code = field("Event time, corrected and clamped.", purposes=_OPS)
    received_at: Code = field("When the edge or broker received it.", purposes=_OPS)
    loaded_at: Sequence = field("Batch number of the range.", purposes=_OPS, unit="epoch seconds")
    scores: dict[str, float] = field("Shown values after the event.", purposes=_OPS, unit="points")


class IdentityLink(Contract):
    """Row of table `identity_links`: a name that became another profile's."""

    alias: Key = field("Key that was a profile's own, or stands for an id.", purposes=_OPS, personal=PersonalData.ATTRIBUTE)
    kind: str = field("Kind of the id; empty for the key of a profile.", purposes=_OPS)
    customer_key: Key = field("Key of the profile that has it now.", purposes=_OPS, personal=PersonalData.ATTRIBUTE)
    seq: Sequence = field("Of that profile: the highest one tells.", purposes=_OPS)
    occurred_at: Code = field("Instant that the profile was judged for.", purposes=_OPS)


class EnrichedEvent(Contract):
    """One record: an outcome, or a closing marker that only says that lower batch numbers are complete."""

    batch: Sequence = field("Batch number: never falls within a partition.", purposes=_OPS, unit="epoch seconds")
    outcome: OutcomeRow | None = field("How the source record ended; absent in a closing marker.", None, purposes=_OPS)
    event: EventRow | None = field("The accepted event.", None, purposes=_OPS)
    score_changes: list[dict[str, object]] = field("Changes that the event made.", [], purposes=_OPS)
    segment_changes: list[dict[str, object]] = field("Changes that the event made.", [], purposes=_OPS)
    identity_links: list[IdentityLink] = field("Names that the profile took over.", [], purposes=_OPS)
