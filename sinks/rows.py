"""From the entries of a range to the JSON rows of each table, and to dead letters where a row is refused."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from core import documents
from core.outcomes import Coordinate, Rejected
from core.times import SECOND
from schemas.reasons import ReasonCode, Stage
from sinks.ranges import Enriched, Entry, Outcome

EVENTS: Final = "events"
SCORE_CHANGES: Final = "score_changes"
SEGMENT_CHANGES: Final = "segment_changes"
IDENTITY_LINKS: Final = "identity_links"
OUTCOMES: Final = "outcomes"


class Place(NamedTuple):
    """A partition of the log, by the incarnation of its topic."""

    incarnation: str
    partition: int


class _OutcomeRow(Outcome):
    log_incarnation: str
    log_partition: int
    log_offset: int


_encode = msgspec.json.Encoder().encode


def events(entries: Sequence[Entry]) -> list[bytes]:
    """Return the rows of accepted events."""
    return [bytes(entry.enriched.event) for entry in entries if entry.enriched.has_event]


def score_changes(entries: Sequence[Entry], batch: int) -> list[bytes]:
    """Return the rows of score changes, which bear the batch number of their range."""
    return [
        b'%b,"loaded_at":%d}' % (bytes(change)[:-1], batch) for entry in entries for change in entry.enriched.score_changes
    ]


def segment_changes(entries: Sequence[Entry], batch: int) -> list[bytes]:
    """Return the rows of segment changes, likewise."""
    return [
        b'%b,"loaded_at":%d}' % (bytes(change)[:-1], batch) for entry in entries for change in entry.enriched.segment_changes
    ]


def identity_links(entries: Sequence[Entry], batch: int) -> list[bytes]:
    """Return the rows of names that became other profiles', likewise."""
    return [b'%b,"loaded_at":%d}' % (bytes(link)[:-1], batch) for entry in entries for link in entry.enriched.identity_links]


def outcomes(entries: Sequence[Entry], place: Place) -> list[bytes]:
    """Return how each record ended, with its place in the log: the loader's only memory."""
    return [_encode(_outcome_row(entry.outcome, place, entry.record.offset)) for entry in entries]


def _outcome_row(outcome: Outcome, place: Place, offset: int) -> _OutcomeRow:
    return _OutcomeRow(
        outcome.topic,
        outcome.incarnation,
        outcome.partition,
        outcome.offset,
        outcome.outcome,
        outcome.reason,
        outcome.omitted_fields,
        outcome.loaded_at,
        *place,
        offset,
    )


def refused(entry: Entry) -> Entry:
    """Return `entry` without its event, which ClickHouse cannot take; its score changes have been said and stay."""
    outcome = msgspec.structs.replace(entry.outcome, outcome="rejected", reason=str(ReasonCode.REFUSED_ROW))
    enriched = Enriched(
        entry.enriched.batch,
        outcome,
        score_changes=entry.enriched.score_changes,
        segment_changes=entry.enriched.segment_changes,
        identity_links=entry.enriched.identity_links,
    )
    return Entry(entry.record, enriched, outcome)


def dead_letter(entry: Entry, field: str, batch: int, sealer: documents.Sealer) -> tuple[bytes | None, bytes]:
    """Return key and value of the `dead-letter` record for a refused event; its original is the enriched record.

    Args:
        entry: Whose event was refused.
        field: Field to blame, empty where it is not known.
        batch: Batch number of the range: a loader that comes to it again says the same.
        sealer: Seals the original.
    """
    outcome, record = entry.outcome, entry.record
    rejected = Rejected(Stage.LOAD, ReasonCode.REFUSED_ROW, f"{field or 'a field'}: its column cannot take the value")
    at = Coordinate(outcome.topic, outcome.incarnation, outcome.partition, outcome.offset)
    return record.key, documents.dead_letter(rejected, at, record, record.timestamp * 1000, batch * SECOND, sealer)
