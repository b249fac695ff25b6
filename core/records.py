"""Records, where they were first appended, and how they are sent on to the profile that they belong to."""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

import msgspec

from core.outcomes import Coordinate, Forwarded, Rejected
from core.times import Micros
from schemas.reasons import ReasonCode, Stage

ORIGIN_HEADER: Final = "origin"
RECEIVED_HEADER: Final = "received_at"
HOP_HEADER: Final = "hop"
KEY_HEADER: Final = "profile"
OWNER_HEADER: Final = "owner"
OMITTED_HEADER: Final = "omitted"
"""Says how many fields the edge has left out, since no contract names them."""
REPLAYED_HEADER: Final = "replayed_from"
OWN_HEADERS: Final = frozenset(
    {ORIGIN_HEADER, RECEIVED_HEADER, HOP_HEADER, KEY_HEADER, OWNER_HEADER, REPLAYED_HEADER, OMITTED_HEADER}
)
"""What we write into headers ourselves: places, times and keys of profiles."""
MOST_HOPS: Final = 64
"""So often a record is sent on: profiles that just went into others know only the next one."""
_COUNT: Final = re.compile(rb"\d{1,6}").fullmatch
_FORWARDED: Final = re.compile(rb"([^ ]+):(\d{1,9}):(\d{1,18}) (\d{13}) (\d{1,2})")
"""Origin and reception as a forwarder of ours writes them; other headers of these names make an ordinary record."""


class Record(Protocol):
    """What Kafka holds, as far as the journey looks at it; `timestamp` in milliseconds."""

    @property
    def offset(self) -> int: ...  # noqa: D102
    @property
    def key(self) -> bytes | None: ...  # noqa: D102
    @property
    def value(self) -> bytes | None: ...  # noqa: D102
    @property
    def timestamp(self) -> int: ...  # noqa: D102
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...  # noqa: D102


class Source(NamedTuple):
    """Where a slice of records comes from."""

    topic: str
    incarnation: str
    partition: int


class Origin(msgspec.Struct, frozen=True, gc=False):
    """Where a record was first appended and when; how often it was sent on since, and to which profile the last time.

    `omitted` counts the fields that the edge has left out of it.
    """

    at: Coordinate
    broker_time: Micros
    hop: int = 0
    key: str = ""
    owner: str = ""
    omitted: int = 0


def forward_headers(at: Coordinate, forwarded: Forwarded) -> list[tuple[str, bytes]]:
    """Return the headers of a record that is sent on: its origin, its time, how often that happened, and to whom."""
    millis = str(forwarded.received_at // 1000).encode()
    return [
        (ORIGIN_HEADER, at.id.encode()),
        (RECEIVED_HEADER, millis),
        (HOP_HEADER, b"%d" % forwarded.hop),
        (KEY_HEADER, forwarded.key.encode()),
        (OWNER_HEADER, forwarded.owner.encode()),
        *([(OMITTED_HEADER, b"%d" % forwarded.omitted)] if forwarded.omitted else []),
    ]


def origin_of(source: Source, record: Record) -> Origin:
    """Return where a record was first appended, when, and what became of it since."""
    omitted = 0
    if record.headers:
        headers = dict(record.headers)
        said = headers.get(OMITTED_HEADER) or b""
        omitted = int(said) if _COUNT(said) else 0
        told = [headers.get(name) or b"" for name in (ORIGIN_HEADER, RECEIVED_HEADER, HOP_HEADER)]
        forwarded = _FORWARDED.fullmatch(b" ".join(told))
        if forwarded and forwarded[1] == f"{source.topic}:{source.incarnation}".encode():
            at = Coordinate(source.topic, source.incarnation, int(forwarded[2]), int(forwarded[3]))
            key, owner = ((headers.get(name) or b"").decode(errors="replace") for name in (KEY_HEADER, OWNER_HEADER))
            return Origin(at, int(forwarded[4]) * 1000, int(forwarded[5]), key, owner, omitted)
    topic, incarnation, partition = source
    return Origin(Coordinate(topic, incarnation, partition, record.offset), record.timestamp * 1000, omitted=omitted)


def sent_on(key: str, partition: int, origin: Origin, owner: str = "") -> Forwarded | Rejected:
    """Return the outcome of a record that belongs to the profile of `key`, unless it was sent on too often."""
    if origin.hop >= MOST_HOPS:
        return Rejected(Stage.RESOLVE, ReasonCode.TOO_MANY_HOPS, "key: sent on again and again; replay it later")
    return Forwarded(key, partition, origin.broker_time, origin.hop + 1, owner, origin.omitted)
