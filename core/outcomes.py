"""How one source record can end: a closed union, so that no record is ever silently dropped."""

from typing import Any, Final, NamedTuple

import msgspec

from core.commands import Command
from core.times import Micros
from schemas.reasons import DropCode, ReasonCode, Stage

TICK: Final = "tick"
RULES: Final = "rules"
UNPROMPTED: Final = frozenset({TICK, RULES})
"""Stand for topics where no record is the cause, but time or newer rules; the offset is the instant then."""


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


class Said(msgspec.Struct, frozen=True, gc=False):
    """What is said of a profile that has changed: a row, changes of scores and segments, entries of audiences."""

    key: str
    row: dict[str, Any] = {}
    changes: list[dict[str, Any]] = []
    segment_changes: list[dict[str, Any]] = []
    audience: list[tuple[bytes, bytes | None]] = []


class Link(NamedTuple):
    """A name of the person whose profile said it, and its kind; empty for what was the key of a profile."""

    alias: str
    kind: str


class Applied(Said, frozen=True, gc=False):
    """A command was done: what that asks of other profiles, and whose names the profile has now.

    `reason` tells why a command that was understood joined nobody.
    """

    commands: list[Command] = []
    links: list[Link] = []
    reason: str = ""
    adopted: "Unprompted | None" = None


class Unprompted(Said, frozen=True, gc=False, kw_only=True):
    """No record was the cause, but time or newer rules, as `topic` says: what changed in the profile at an instant."""

    topic: str
    instant: Micros

    def at(self, partition: int) -> Coordinate:
        """Return what stands for its origin."""
        return Coordinate(self.topic, "-", partition, self.instant)


class Accepted(Said, frozen=True, gc=False):
    """The event was folded into the profile of `key`.

    `late` is one that came too late to open a session. `adopted` is what newer rules did to the profile before it.
    `refused_ids` counts the ids that it claims, and whose kind the customer has enough of.
    """

    omitted: int = 0
    late: bool = False
    adopted: Unprompted | None = None
    commands: list[Command] = []
    refused_ids: int = 0


class Rejected(NamedTuple):
    """The record is no valid event: it becomes a dead letter. `detail` names fields, never values.

    `sealed` are the bytes that the edge has refused and encrypted, where it was the edge.
    """

    stage: Stage
    reason: ReasonCode
    detail: str
    sealed: str = ""


class Dropped(NamedTuple):
    """The event is valid, but must change nothing."""

    reason: DropCode


class Forwarded(NamedTuple):
    """The record belongs to the profile of `key`, in another partition.

    `hop` counts how often it was sent on, `owner` is the first customer whose profile it came to on its way,
    and `omitted` counts the fields that the edge has left out of it.
    """

    key: str
    partition: int
    received_at: Micros
    hop: int = 1
    owner: str = ""
    omitted: int = 0


class Replayed(NamedTuple):
    """The profile has folded this record before: its outcome was said then."""


Outcome = Accepted | Applied | Rejected | Dropped | Forwarded | Replayed
