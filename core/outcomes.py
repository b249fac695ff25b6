"""How one source record can end: a closed union, so that no record is ever silently dropped."""

from typing import Any, NamedTuple

import msgspec

from core.times import Micros
from schemas.reasons import DropCode, ReasonCode, Stage


class Coordinate(msgspec.Struct, frozen=True, gc=False):
    """Where a record came from; offsets mean nothing without the topic's incarnation."""

    topic: str
    incarnation: str
    partition: int
    offset: int

    @property
    def id(self) -> str:
        """`topic:incarnation:partition:offset`, the stem of every output id."""
        return f"{self.topic}:{self.incarnation}:{self.partition}:{self.offset}"


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """The event was folded into the profile of `key`."""

    key: str
    row: dict[str, Any]
    changes: list[dict[str, Any]]
    omitted: int


class Rejected(NamedTuple):
    """The record is no valid event: it becomes a dead letter. `detail` names fields, never values."""

    stage: Stage
    reason: ReasonCode
    detail: str


class Dropped(NamedTuple):
    """The event is valid, but must change nothing."""

    reason: DropCode


class Forwarded(NamedTuple):
    """The record belongs into another partition."""

    key: str
    partition: int
    received_at: Micros


class Replayed(NamedTuple):
    """The profile has folded this record before: its outcome was said then."""


Outcome = Accepted | Rejected | Dropped | Forwarded | Replayed
