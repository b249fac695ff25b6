"""Step `admit`: bytes in, a validated event or a rejection out."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import orjson
from pydantic import ValidationError

from core.outcomes import Rejected
from core.refusals import refusal_of
from core.times import EARLIEST, LATEST, MINUTE, Micros, micros
from schemas.compiled import compile_decoder
from schemas.envelope import Envelope
from schemas.identifying import compile_guard
from schemas.projection import Plan, Projection, compile_projection
from schemas.reasons import ReasonCode, Stage
from schemas.registry import REGISTRY, TYPES

FUTURE_TOLERANCE: Final[Micros] = 5 * MINUTE
"""An event may lead its reception by this much; what is later is clamped to it."""


Narrowing = Callable[[tuple[type[Envelope], ...], Plan], Projection]


class Admitted(msgspec.Struct, frozen=True, gc=False):
    """A valid event with its times settled and its fields reduced to the contract."""

    event: Envelope
    type: str
    source: str
    occurred_at: Micros
    received_at: Micros
    clamped: bool
    kept: dict[str, Any]
    omitted: int


class Admission:
    """Validator of one topic's records.

    Args:
        topic: Input topic that the records come from.
        max_bytes: Largest record that is looked into.
        plan: Tracking plan: declared properties of each custom event.
        narrow: Makes what says which fields of an event are kept: those that may leave the scorer, or all that have a name.
        guarded: Whether identifying values that anybody could read are refused, as behind the edge.
    """

    def __init__(
        self, topic: str, max_bytes: int, plan: Plan, narrow: Narrowing = compile_projection, *, guarded: bool = False
    ) -> None:
        self._max_bytes = max_bytes
        self._topic = topic
        self._contracts = {
            (entry.type, entry.version): (
                compile_decoder(entry),
                narrow(entry.models, plan),
                entry.default_source,
                compile_guard(entry.models) if guarded else _unguarded,
            )
            for entry in REGISTRY.values()
            if entry.topic == topic
        }

    def admit(self, value: bytes | None, broker_time: Micros) -> Admitted | Rejected:
        """Return the event in `value`, or why it is none.

        Args:
            value: The record's bytes; None in a tombstone.
            broker_time: When the broker appended the record.
        """
        raw = self.read(value)
        return raw if isinstance(raw, Rejected) else self.judge(raw, broker_time)

    def judge(self, raw: Any, broker_time: Micros) -> Admitted | Rejected:
        """Return the event that was decoded from JSON, or why it is none; the edge asks this before anything is sent."""
        if type(raw) is not dict:
            return _rejected(ReasonCode.NOT_AN_OBJECT, "the record is no JSON object")
        try:
            contract = self._contracts.get((raw.get("type", ""), raw.get("schema_version") or 1))
        except TypeError:  # a list or an object where a name should be
            contract = None
        if contract is None:
            return self._unknown(raw)
        decode, project, default_source, guard = contract
        try:
            event: Envelope = decode(raw)
        except ValidationError as error:
            return _rejected(ReasonCode.INVALID_FIELD, _where(error))
        readable = guard(raw)
        if readable:
            return _rejected(
                ReasonCode.PLAIN_IDENTIFYING_FIELD, f"{readable}: is readable; send it by the collector or `warmth send`"
            )
        return _settled(event, raw, project, default_source, broker_time)

    def read(self, value: bytes | None) -> Any:
        """Return what JSON bytes hold, or why they hold nothing."""
        if not value:
            return _rejected(ReasonCode.EMPTY, "the record has no value")
        if len(value) > self._max_bytes:
            return _rejected(ReasonCode.TOO_LARGE, f"{len(value)} bytes, at most {self._max_bytes}")
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError as error:
            return _unreadable(value, str(error))

    def _unknown(self, raw: dict[str, Any]) -> Rejected:
        refused_at_edge = refusal_of(raw)
        if refused_at_edge is not None:
            return refused_at_edge
        kind = raw.get("type")
        if not isinstance(kind, str):
            return _rejected(ReasonCode.INVALID_FIELD, "type: missing or no string")
        if kind not in TYPES:
            return _rejected(ReasonCode.UNKNOWN_TYPE, "type: no contract has this name")
        if not any(known == kind for known, _ in self._contracts):
            return _rejected(ReasonCode.WRONG_TOPIC, f"type: does not belong into {self._topic}")
        return _rejected(ReasonCode.UNKNOWN_VERSION, "schema_version: no contract of this type has it")


def _unguarded(_document: dict[str, Any]) -> str:
    return ""


def _settled(
    event: Envelope, raw: dict[str, Any], project: Projection, default_source: str, broker_time: Micros
) -> Admitted | Rejected:
    """Settle the event's times: correct a skewed clock, clamp the future, refuse the absurd."""
    received_at = broker_time if event.received_at is None else micros(event.received_at)
    occurred_at = micros(event.occurred_at)
    if event.sent_at is not None:
        occurred_at += received_at - micros(event.sent_at)
    if not (EARLIEST <= occurred_at < LATEST and EARLIEST <= received_at < LATEST):
        return _rejected(ReasonCode.ABSURD_TIME, "occurred_at, sent_at, received_at: outside the years 2000 to 2099")
    latest = received_at + FUTURE_TOLERANCE
    clamped = occurred_at > latest
    kept, omitted = project(raw)
    page = kept.get("page")
    if page is not None and "path" not in page:
        kept["page"] = {**page, "path": _path(page["url"])}
    return Admitted(
        event,
        event.type,
        event.source or default_source,
        latest if clamped else occurred_at,
        received_at,
        clamped,
        kept,
        omitted,
    )


@lru_cache(maxsize=4096)
def _path(url: str) -> str:
    """Return the path of a URL; `/` where it has none or is no URL."""
    try:
        return urlsplit(url).path or "/"
    except ValueError:
        return "/"


def _rejected(reason: ReasonCode, detail: str) -> Rejected:
    return Rejected(Stage.ADMIT, reason, detail)


def _unreadable(value: bytes, message: str) -> Rejected:
    try:
        value.decode()
    except UnicodeDecodeError as error:
        return _rejected(ReasonCode.INVALID_UTF8, f"byte {error.start} is no UTF-8")
    if "depth limit" in message:
        return _rejected(ReasonCode.TOO_DEEP, "arrays or objects are nested too deep")
    return _rejected(ReasonCode.MALFORMED_JSON, message.partition(":")[0])


def _where(error: ValidationError) -> str:
    """Name the first wrong field by its JSON path, without its value."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    variants = ("nps", "leaving", "staying")  # a survey's path begins with the variant that was tried
    parts = [str(part) for part in first["loc"] if part != "constrained-str"]
    if parts[:1] == ["properties"]:  # names of custom properties are the producer's own text
        parts = parts[:1]
    path = ".".join(parts[1:] if parts and parts[0] in variants else parts) or "event"
    return f"{path}: {first['msg']}"[:1000]
