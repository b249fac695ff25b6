"""Step `emit`: what leaves the scorer, as JSON documents of the public contract."""

import base64
import hashlib
from functools import cache
from typing import Any, Final

import orjson

from core.admission import Admitted
from core.outcomes import Accepted, Coordinate, Dropped, Forwarded, Outcome, Rejected
from core.scoring import Crossing, Verdict
from core.state import State
from core.times import Micros, iso
from schemas.registry import REGISTRY
from schemas.score_change import Origin

_COLUMNS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("page_path", ("page", "path")),
    ("page_category", ("page", "category")),
    ("product_id", ("product", "id")),
    ("product_category", ("product", "category")),
    ("search_query", ("query",)),
    ("content_id", ("content_id",)),
    ("rating", ("rating",)),
    ("list", ("list",)),
    ("channel", ("channel",)),
    ("store_id", ("receipt", "store_id")),
    ("receipt_number", ("receipt", "number")),
    ("order_id", ("order_id",)),
    ("deal_id", ("deal_id",)),
    ("script_id", ("script_id",)),
    ("amount", ("total",)),
    ("amount", ("amount",)),
    ("currency", ("currency",)),
    ("ticket_id", ("ticket_id",)),
    ("nps_score", ("score",)),
    ("reason", ("reason",)),
)
"""Columns of table `events` that analysts filter on, and where an event has them."""


@cache
def _columns(event_type: str) -> tuple[tuple[str, str, str | None], ...]:
    """Return (column, field, sub-field) of the columns that events of one type fill."""
    fields = {
        name
        for (known, _), entry in REGISTRY.items()
        if known == event_type
        for m in entry.models
        for name in m.model_fields
    }
    return tuple((column, path[0], path[1] if path[1:] else None) for column, path in _COLUMNS if path[0] in fields)


def event_row(admitted: Admitted, key: str, state: State, verdict: Verdict, at: Coordinate, batch: int) -> dict[str, Any]:
    """Return the row of table `events` for an accepted event."""
    event, kept = admitted.event, admitted.kept
    rules, scores, points = [], [], []
    for contribution in verdict.contributions:
        rules.append(contribution.rule)
        scores.append(contribution.score)
        points.append(contribution.points)
    row: dict[str, Any] = {
        "event_id": event.event_id,
        "type": admitted.type,
        "source": admitted.source,
        "customer_key": key,
        "customer_id": state.customer_id,
        "anonymous_id": event.anonymous_id,
        "occurred_at": iso(admitted.occurred_at),
        "received_at": iso(admitted.received_at),
        "loaded_at": batch,
        "time_clamped": int(admitted.clamped),
        "seq": state.seq,
        "properties": kept,
        "scores": verdict.shown,
        "contributions.rule": rules,
        "contributions.score": scores,
        "contributions.points": points,
        "_topic": at.topic,
        "_incarnation": at.incarnation,
        "_partition": at.partition,
        "_offset": at.offset,
    }
    for column, field, sub_field in _columns(admitted.type):
        value = kept.get(field)
        if value is not None and sub_field is not None:
            value = value.get(sub_field)
        if value is not None:
            row[column] = value
    if "context" in kept:
        _context_columns(row, kept["context"])
    return row


def _context_columns(row: dict[str, Any], context: dict[str, Any]) -> None:
    if "device" in context and "type" in context["device"]:
        row["device_type"] = context["device"]["type"]
    for part, value in context.get("campaign", {}).items():
        row[f"campaign_{part}"] = value


def score_changes(
    admitted: Admitted, key: str, state: State, verdict: Verdict, grade: str | None, context: tuple[str, Micros, int]
) -> list[dict[str, Any]]:
    """Return one `score-change` for each crossing.

    Args:
        admitted: The causing event.
        key: Key of the profile.
        state: The profile after the event.
        verdict: What the event did.
        grade: Grade after the event.
        context: Stem of the ids, instant of emission, version of the rules.
    """
    stem, emitted_at, rules_version = context
    return [
        {
            "id": f"{stem}:{ordinal}",
            "customer_key": key,
            "customer_id": state.customer_id,
            "score": crossing.score,
            "old_band": crossing.old_band,
            "new_band": crossing.new_band,
            "old_value": crossing.old_value,
            "value": crossing.value,
            "grade": grade,
            "occurred_at": iso(verdict.at),
            "emitted_at": iso(emitted_at),
            "seq": state.seq,
            "origin": str(Origin.LIVE),
            "cause": {"event_id": admitted.event.event_id, "type": admitted.type},
            "contributions": _of_score(verdict, crossing),
            "rules_version": rules_version,
        }
        for ordinal, crossing in enumerate(verdict.crossings)
    ]


def _of_score(verdict: Verdict, crossing: Crossing) -> list[dict[str, Any]]:
    return [{"rule": c.rule, "points": c.points} for c in verdict.contributions if c.score == crossing.score]


LETTER_MAX_BYTES: Final = 5 * 1024 * 1024
"""Key, value and headers of a record that a dead letter can carry: in base64 they stay below what its topic takes."""
_NAMES: Final[dict[type, str]] = {Accepted: "accepted", Rejected: "rejected", Dropped: "dropped", Forwarded: "forwarded"}


def enriched(outcome: Outcome, at: Coordinate, batch: int) -> bytes:
    """Return the `enriched-event` record of one outcome."""
    reason = outcome.reason if isinstance(outcome, (Rejected, Dropped)) else ""
    document: dict[str, Any] = {
        "batch": batch,
        "outcome": {
            "topic": at.topic,
            "incarnation": at.incarnation,
            "partition": at.partition,
            "offset": at.offset,
            "outcome": _NAMES[type(outcome)],
            "reason": reason,
            "omitted_fields": outcome.omitted if isinstance(outcome, Accepted) else 0,
            "loaded_at": batch,
        },
    }
    if isinstance(outcome, Accepted):
        document["event"] = outcome.row
        if outcome.changes:
            document["score_changes"] = outcome.changes
    return orjson.dumps(document)


def dumps(document: dict[str, Any]) -> bytes:
    """Return a document of the public contract as JSON."""
    return orjson.dumps(document)


def closing_marker(batch: int) -> bytes:
    """Return the `enriched-event` record that says: what has a lower batch number is complete."""
    return orjson.dumps({"batch": batch})


def dead_letter(rejected: Rejected, at: Coordinate, record: Any, received_at: Micros, rejected_at: Micros) -> bytes:
    """Return the `dead-letter` record of a rejected `record`, with its original bytes where the topic can take them."""
    key, value, headers, detail = record.key, record.value, record.headers or (), rejected.detail
    size = sum(len(part or b"") for part in (key, value, *(header for _, header in headers)))
    if size > LETTER_MAX_BYTES:
        digest = hashlib.blake2b(value or b"", digest_size=16).hexdigest()
        detail = f"{detail}; the original ({size} bytes, BLAKE2b of its value {digest}) stays in its topic: it is too large"
        key, value, headers = None, None, ()
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
        }
    )


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()
