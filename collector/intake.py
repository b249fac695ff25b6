"""From messages to records: each gets a verdict, and none of them costs another one its place. Pure."""

from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import orjson

from collector.bodies import Limits, is_deeper, write, write_anyhow
from collector.sources.fields import Mapped, Unusable
from core.admission import Admission
from core.identifiers import Identifiers
from core.identity import resolve
from core.outcomes import Rejected
from schemas.projection import Plan, compile_allow_list
from schemas.reasons import ReasonCode
from schemas.registry import INPUT_TOPICS

_NOWHERE: Final = "site-interaction"
"""Takes what is no event of any topic; the scorer makes a dead letter of it."""
_ID_CHARACTERS: Final = 100
_KEPT_BYTES: Final = 1_000_000
"""A larger message would be refused by its topic, and take its neighbours with it; of it a digest is kept."""
_IDS: Final = ("messageId", "event_id", "eid")
_TIMES: Final = (
    "timestamp", "originalTimestamp", "occurred_at", "dtm", "freshdesk_webhook", "ticket_updated_at", "updated_at",
)  # fmt: skip
"""Fields that tell one message from another that says the same."""


class Record(NamedTuple):
    """What goes to Kafka."""

    topic: str
    key: bytes | None
    value: bytes


class Verdict(NamedTuple):
    """What became of a message: accepted, or a dead letter with a reason; `detail` names fields, never values."""

    message_id: str
    reason: str = ""
    detail: str = ""


class Taken(NamedTuple):
    """A message that was looked at."""

    record: Record
    verdict: Verdict
    omitted: int = 0


Mapper = Callable[[Any, str], Mapped | Unusable]
"""Takes a message and its id; returns the event that it is."""


class Intake:
    """Makes records of messages, and judges them as the scorer will.

    Args:
        ids: What spells ids.
        limits: How much is looked into.
        plan: Tracking plan: declared properties of each custom event.
        max_bytes: Largest record that a scorer looks into.
    """

    def __init__(self, ids: Identifiers, limits: Limits, plan: Plan, max_bytes: int) -> None:
        self._ids = ids
        self._limits = limits
        self._admissions = {topic: Admission(topic, max_bytes, plan, compile_allow_list) for topic in INPUT_TOPICS}

    def take(self, messages: Iterable[Any], received_at: int, map_message: Mapper) -> list[Taken]:
        """Return what becomes of each message.

        Args:
            messages: As decoded from JSON.
            received_at: When they came, epoch microseconds.
            map_message: What their wire format means.
        """
        return [self._take(message, received_at, map_message) for message in messages]

    def _take(self, message: Any, received_at: int, map_message: Mapper) -> Taken:
        written = write(message)
        if written is None:
            said = write_anyhow(message)
            return _dead(said, Verdict("", ReasonCode.MALFORMED_JSON, "the message is no JSON by the letter"))
        message_id = _id_of(message, written, received_at)
        if len(written) > self._limits.event_bytes:
            detail = f"{len(written)} bytes, at most {self._limits.event_bytes}"
            return _dead(written, Verdict(message_id, ReasonCode.TOO_LARGE, detail))
        if is_deeper(message, written, self._limits.depth):
            return _dead(written, Verdict(message_id, ReasonCode.TOO_DEEP, "arrays or objects are nested too deep"))
        mapped = map_message(message, message_id)
        if isinstance(mapped, Unusable):
            return _dead(written, Verdict(message_id, ReasonCode.INVALID_FIELD, mapped.detail))
        return self._judge(mapped, message_id, received_at)

    def _judge(self, mapped: Mapped, message_id: str, received_at: int) -> Taken:
        admitted = self._admissions[mapped.topic].judge(mapped.event, received_at)
        if isinstance(admitted, Rejected):
            return Taken(Record(mapped.topic, None, orjson.dumps(mapped.event)), _refused(message_id, admitted))
        key, value, omitted = (
            resolve(admitted.event, self._ids),
            orjson.dumps(admitted.kept),
            admitted.omitted + mapped.omitted,
        )
        if isinstance(key, Rejected):
            return Taken(Record(mapped.topic, None, value), _refused(message_id, key), omitted)
        return Taken(Record(mapped.topic, key.encode(), value), Verdict(message_id), omitted)


def _refused(message_id: str, rejected: Rejected) -> Verdict:
    return Verdict(message_id, rejected.reason, rejected.detail)


def _dead(written: bytes, verdict: Verdict) -> Taken:
    """Wrap a message so that no scorer can take it for an event; its dead letter holds all of it, unless it is huge."""
    if len(written) > _KEPT_BYTES:
        digest = blake2b(written, digest_size=16).hexdigest()
        written = orjson.dumps({"bytes": len(written), "blake2b": digest})
    return Taken(Record(_NOWHERE, None, b'{"unusable":' + written + b"}"), verdict)


def _id_of(message: Any, written: bytes, received_at: int) -> str:
    """Return the id of a message; one without an id gets the same one whenever it is sent again, if it tells its time."""
    fields = message if isinstance(message, dict) else {}
    said = next((fields[name] for name in _IDS if fields.get(name)), None)
    if isinstance(said, str):
        return said if len(said) <= _ID_CHARACTERS else blake2b(said.encode(), digest_size=16).hexdigest()
    is_timed = any(map(fields.get, _TIMES))
    return blake2b(written, digest_size=16, salt=b"" if is_timed else received_at.to_bytes(8, "big")).hexdigest()
