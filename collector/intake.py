"""From messages to events: each gets a verdict, and none of them costs another one its place. Pure."""

from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from collector.bodies import Limits, is_deeper, write, write_anyhow
from collector.sources.fields import Mapped, Unusable
from core.gate import Gate, Leaving, Refused, refused
from core.outcomes import Rejected
from core.times import Micros
from schemas.reasons import ReasonCode, Stage

_NOWHERE: Final = "site-interaction"
"""Takes what is no event of any topic; the scorer makes a dead letter of it."""
_ID_CHARACTERS: Final = 100
_IDS: Final = ("messageId", "event_id", "eid")
_TIMES: Final = (
    "timestamp", "originalTimestamp", "occurred_at", "dtm", "freshdesk_webhook", "ticket_updated_at", "updated_at",
)  # fmt: skip
"""Fields that tell one message from another that says the same."""


class Verdict(NamedTuple):
    """What became of a message: accepted, or a dead letter with a reason; `detail` names fields, never values."""

    message_id: str
    reason: str = ""
    detail: str = ""


class Taken(NamedTuple):
    """A message that was looked at: what goes on of it, and what became of it."""

    leaving: Leaving | Refused
    verdict: Verdict


Mapper = Callable[[Any, str], Mapped | Unusable]
"""Takes a message and its id; returns the event that it is."""


class Intake:
    """Makes events of messages, and judges them as the scorer will.

    Args:
        gate: Judges events.
        limits: How much is looked into.
    """

    def __init__(self, gate: Gate, limits: Limits) -> None:
        self._gate = gate
        self._limits = limits

    def take(self, messages: Iterable[Any], received_at: Micros, map_message: Mapper) -> list[Taken]:
        """Return what becomes of each message.

        Args:
            messages: As decoded from JSON.
            received_at: When they came.
            map_message: What their wire format means.
        """
        return [self._take(message, received_at, map_message) for message in messages]

    def _take(self, message: Any, received_at: Micros, map_message: Mapper) -> Taken:
        written = write(message)
        if written is None:
            return _refused("", ReasonCode.MALFORMED_JSON, "the message is no JSON by the letter", write_anyhow(message))
        message_id = _id_of(message, written, received_at)
        if len(written) > self._limits.event_bytes:
            detail = f"{len(written)} bytes, at most {self._limits.event_bytes}"
            return _refused(message_id, ReasonCode.TOO_LARGE, detail, written)
        if is_deeper(message, written, self._limits.depth):
            return _refused(message_id, ReasonCode.TOO_DEEP, "arrays or objects are nested too deep", written)
        mapped = map_message(message, message_id)
        if isinstance(mapped, Unusable):
            return _refused(message_id, ReasonCode.INVALID_FIELD, mapped.detail, written)
        leaving = self._gate.judge(mapped.topic, mapped.event, received_at)
        if mapped.omitted:
            leaving = leaving._replace(omitted=leaving.omitted + mapped.omitted)
        if isinstance(leaving, Refused):
            return Taken(leaving, Verdict(message_id, leaving.rejected.reason, leaving.rejected.detail))
        return Taken(leaving, Verdict(message_id))


def _refused(message_id: str, reason: ReasonCode, detail: str, written: bytes) -> Taken:
    """Return a message that is no event of any topic."""
    return Taken(refused(_NOWHERE, Rejected(Stage.ADMIT, reason, detail), written), Verdict(message_id, reason, detail))


def _id_of(message: Any, written: bytes, received_at: int) -> str:
    """Return the id of a message; one without an id gets the same one whenever it is sent again, if it tells its time."""
    fields = message if isinstance(message, dict) else {}
    said = next((fields[name] for name in _IDS if fields.get(name)), None)
    if isinstance(said, str):
        return said if len(said) <= _ID_CHARACTERS else blake2b(said.encode(), digest_size=16).hexdigest()
    is_timed = any(map(fields.get, _TIMES))
    return blake2b(written, digest_size=16, salt=b"" if is_timed else received_at.to_bytes(8, "big")).hexdigest()
