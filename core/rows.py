"""Step `emit`: what leaves the scorer, as JSON documents of the public contract."""

from functools import cache
from typing import Any, Final, NamedTuple

import orjson

from core.admission import Admitted
from core.commands import Command
from core.moment import Moment
from core.outcomes import (
    RULES,
    Coordinate,
    Unprompted,
)
from core.rules import CompiledRules
from core.scoring import Crossing, Verdict
from core.segments import members
from core.state import State
from core.times import Micros, iso
from schemas.registry import REGISTRY
from schemas.score_change import Origin

JOINED: Final = "profile_joined"
GONE: Final = "profile_gone"
PARTED: Final = "profile_parted"
"""Types of rows that commands make."""
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
        **_ledger(verdict),
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
    if "lines" in kept:
        row["lines"] = kept["lines"]
        row["properties"] = {name: value for name, value in kept.items() if name != "lines"}
    if verdict.refund_state:
        row["refund_state"] = verdict.refund_state
    if verdict.refunded is not None:
        row["currency"], row["refunded"] = verdict.refunded[0], str(verdict.refunded[1])
    if "context" in kept:
        _context_columns(row, kept["context"])
    if state.memberships:
        row["segments"] = members(state)
    return row


def _ledger(verdict: Verdict) -> dict[str, list[Any]]:
    """Return the columns of what was given, and for when."""
    given = verdict.contributions
    return {
        "contributions.rule": [contribution.rule for contribution in given],
        "contributions.score": [contribution.score for contribution in given],
        "contributions.points": [contribution.points for contribution in given],
        "contributions.occurred_at": [iso(contribution.occurred_at) for contribution in given],
    }


def _context_columns(row: dict[str, Any], context: dict[str, Any]) -> None:
    if "device" in context and "type" in context["device"]:
        row["device_type"] = context["device"]["type"]
    for part, value in context.get("campaign", {}).items():
        row[f"campaign_{part}"] = value


class Context(NamedTuple):
    """What all messages about one change have in common: `stem` of their ids, and the rules that judged it."""

    stem: str
    cause: dict[str, Any]
    emitted_at: Micros
    rules: CompiledRules
    origin: Origin = Origin.LIVE


def unprompted(
    cause: tuple[str, Micros], key: str, state: State, verdict: Verdict, rules: CompiledRules, moment: Moment
) -> Unprompted:
    """Return what is said where no record is the cause.

    Args:
        cause: What stands for a topic, and the instant that stands for an offset.
        key: Key of the profile.
        state: The profile, changed already.
        verdict: What changed.
        rules: Rules that it was judged by.
        moment: Now.
    """
    topic, instant = cause
    origin = Origin.RECONCILE if topic == RULES else Origin.LIVE
    context = Context(f"{topic}:{key}:{instant}", {"type": topic}, moment.now, rules, origin)
    at = iso(verdict.at)
    row = {
        "event_id": context.stem,
        "type": topic,
        "source": "warmth",
        "customer_key": key,
        "customer_id": state.customer_id,
        "occurred_at": at,
        "received_at": at,
        "loaded_at": moment.batch,
        "seq": state.seq,
        "rules_version": rules.version,
        "scores": verdict.shown,
        **_ledger(verdict),
        "segments": members(state),
        "_topic": topic,
        "_incarnation": "-",
        "_partition": 0,
        "_offset": instant,
    }
    return Unprompted(
        key,
        row,
        score_changes(context, key, state, verdict),
        segment_changes(context, key, state, verdict),
        audience(key, state, verdict),
        topic=topic,
        instant=instant,
    )


def joined(context: Context, command: Command, state: State, verdict: Verdict, at: Coordinate, batch: int) -> dict[str, Any]:
    """Return the row of table `events` for a profile that took one in, went into another, or was restored."""
    instant = iso(verdict.at)
    return {
        "event_id": at.id,
        "type": JOINED if command.do == "absorb" else PARTED if command.do == "restore" else GONE,
        "source": "warmth",
        "customer_key": command.key,
        "customer_id": state.customer_id,
        "occurred_at": instant,
        "received_at": instant,
        "loaded_at": batch,
        "seq": state.seq,
        "rules_version": context.rules.version,
        "properties": {"peer": command.peer, "via": command.via, "event_id": command.cause.event_id},
        "scores": verdict.shown,
        **_ledger(verdict),
        "segments": members(state),
        "_topic": at.topic,
        "_incarnation": at.incarnation,
        "_partition": at.partition,
        "_offset": at.offset,
    }


def score_changes(context: Context, key: str, state: State, verdict: Verdict) -> list[dict[str, Any]]:
    """Return one `score-change` for each crossing; the grade is that after all of them."""
    if not verdict.crossings:
        return []
    grade = context.rules.grade({name: score.band for name, score in state.scores.items()})
    return [
        {
            "id": f"{context.stem}:{ordinal}",
            "customer_key": key,
            "customer_id": state.customer_id,
            "score": crossing.score,
            "old_band": crossing.old_band,
            "new_band": crossing.new_band,
            "old_value": crossing.old_value,
            "value": crossing.value,
            "grade": grade,
            **_circumstances(context, state, verdict),
            "contributions": _of_score(verdict, crossing),
        }
        for ordinal, crossing in enumerate(verdict.crossings)
    ]


def _of_score(verdict: Verdict, crossing: Crossing) -> list[dict[str, Any]]:
    return [{"rule": c.rule, "points": c.points} for c in verdict.contributions if c.score == crossing.score]


def _circumstances(context: Context, state: State, verdict: Verdict) -> dict[str, Any]:
    return {
        "occurred_at": iso(verdict.at),
        "emitted_at": iso(context.emitted_at),
        "seq": state.seq,
        "origin": str(context.origin),
        "cause": context.cause,
        "rules_version": context.rules.version,
    }


def segment_changes(context: Context, key: str, state: State, verdict: Verdict) -> list[dict[str, Any]]:
    """Return one `segment-change` for each segment that was entered or left."""
    return [
        {
            "id": f"{context.stem}:{ordinal}",
            "customer_key": key,
            "customer_id": state.customer_id,
            "segment": move.segment,
            "change": move.change,
            "why": move.why,
            **_circumstances(context, state, verdict),
        }
        for ordinal, move in enumerate(move for move in verdict.moves if move.change != "forgotten")
    ]


def audience(key: str, state: State, verdict: Verdict) -> list[tuple[bytes, bytes | None]]:
    """Return the `audience` records of each segment that was entered or left; a tombstone once that is to be forgotten."""
    return [
        (
            f"{move.segment}:{key}".encode(),
            None
            if move.change == "forgotten"
            else orjson.dumps({"member": move.change == "entered", "seq": state.seq, "customer_id": state.customer_id}),
        )
        for move in verdict.moves
    ]
