"""Step `emit`, its last part: what leaves the scorer, as bytes."""

import base64
import hashlib
from typing import Any, Final, Protocol

import orjson

from core.outcomes import RULES, TICK, Accepted, Applied, Coordinate, Dropped, Forwarded, Outcome, Rejected, Said, Unprompted
from core.records import OWN_HEADERS
from core.times import Micros, iso
from schemas.sealed import bytes_of

LETTER_MAX_BYTES: Final = 5 * 1024 * 1024
"""Key, value and headers of a record that a dead letter can carry: in base64 they stay below what its topic takes."""
_NAMES: Final[dict[type, str]] = {
    Applied: "applied",
    Rejected: "rejected",
    Dropped: "dropped",
    Forwarded: "forwarded",
}
_UNPROMPTED: Final = {TICK: "ticked", RULES: "adopted"}


def enriched(outcome: Outcome | Said, at: Coordinate, batch: int) -> bytes:
    """Return the `enriched-event` record of one outcome."""
    accepted = isinstance(outcome, Accepted)
    reason = outcome.reason if not accepted and isinstance(outcome, (Rejected, Dropped, Applied)) else ""
    document: dict[str, Any] = {
        "batch": batch,
        "outcome": {
            "topic": at.topic,
            "incarnation": at.incarnation,
            "partition": at.partition,
            "offset": at.offset,
            "outcome": "accepted" if accepted else _name(outcome),
            "reason": reason,
            "omitted_fields": outcome.omitted if isinstance(outcome, Accepted) else 0,
            "loaded_at": batch,
        },
    }
    if isinstance(outcome, Said):
        if outcome.row:
            document["event"] = outcome.row
        if outcome.changes:
            document["score_changes"] = outcome.changes
        if outcome.segment_changes:
            document["segment_changes"] = outcome.segment_changes
    if not accepted and isinstance(outcome, Applied) and outcome.links:
        row = outcome.row
        document["identity_links"] = [
            {
                "alias": alias,
                "kind": kind,
                "customer_key": outcome.key,
                "seq": row["seq"],
                "occurred_at": row["occurred_at"],
            }
            for alias, kind in outcome.links
        ]
    return orjson.dumps(document)


def _name(outcome: Outcome | Said) -> str:
    """Return how a record ended: a command that made a row was accepted like any record that made one."""
    if isinstance(outcome, Unprompted):
        return _UNPROMPTED[outcome.topic]
    return "accepted" if isinstance(outcome, Applied) and outcome.row else _NAMES[type(outcome)]


def dumps(document: dict[str, Any]) -> bytes:
    """Return a document of the public contract as JSON."""
    return orjson.dumps(document)


def closing_marker(batch: int) -> bytes:
    """Return the `enriched-event` record that says: what has a lower batch number is complete."""
    return orjson.dumps({"batch": batch})


class Sealer(Protocol):
    """Encrypts bytes that only those may read who hold the keys."""

    def seal(self, plain: bytes) -> bytes:
        """Return the bytes, encrypted."""


def dead_letter(
    rejected: Rejected, at: Coordinate, record: Any, received_at: Micros, rejected_at: Micros, sealer: Sealer | None = None
) -> bytes:
    """Return the `dead-letter` record of a rejected `record`, with its original bytes where the topic can take them.

    Args:
        rejected: Why.
        at: Where the record was first appended.
        record: The record.
        received_at: Broker time of the record.
        rejected_at: Now.
        sealer: Encrypts the bytes; without one they stand readable.
    """
    key, value, headers, detail = record.key, record.value, record.headers or (), rejected.detail
    size = sum(len(part or b"") for part in (key, value, *(header for _, header in headers)))
    if size > LETTER_MAX_BYTES:
        digest = hashlib.blake2b(value or b"", digest_size=16).hexdigest()
        detail = f"{detail}; the original ({size} bytes, BLAKE2b of its value {digest}) stays in its topic: it is too large"
        key, value, headers = None, None, ()
    if sealer is not None:
        key = None if key is None else sealer.seal(key)
        headers = [(name, header if name in OWN_HEADERS else sealer.seal(header or b"")) for name, header in headers]
    if rejected.sealed:
        value = bytes_of(rejected.sealed)
    elif sealer is not None and value is not None:
        value = sealer.seal(value)
    return orjson.dumps(
        {
            "id": at.id,
            "topic": at.topic,
            "incarnation": at.incarnation,
            "partition": at.partition,
            "offset": at.offset,
            "stage": rejected.stage,
            "reason": rejected.reason,
            "detail": detail,
            "received_at": iso(received_at),
            "rejected_at": iso(rejected_at),
            "key_base64": _base64(key),
            "value_base64": _base64(value),
            "headers": [{"key": name, "value_base64": _base64(header)} for name, header in headers],
            "is_sealed": sealer is not None,
        }
    )


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()
