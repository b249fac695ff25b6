"""One record, front to back: admit, resolve, permit, fold, decide, emit."""

import re
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Final, NamedTuple, Protocol

from core import rows
from core.admission import Admission, Admitted
from core.folds import FOLDS
from core.identity import VISITOR, resolve
from core.outcomes import Accepted, Coordinate, Dropped, Forwarded, Outcome, Rejected, Replayed
from core.rules import CompiledRules
from core.scoring import score_event
from core.state import State, new
from core.times import DAY, Micros
from schemas.reasons import DropCode, ReasonCode, Stage

ORIGIN_HEADER: Final = "origin"
RECEIVED_HEADER: Final = "received_at"
HOP_HEADER: Final = "hop"
_FORWARDED: Final = re.compile(rb"([^ ]+):(\d{1,9}):(\d{1,18}) (\d{13})")
"""Origin and reception as a forwarder of ours writes them; other headers of these names make an ordinary record."""
_RECENT_BYTES: Final = 128 * 8
"""Ids remembered in each of two generations: at least 128, at most 256 in all."""


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


class Profiles(Protocol):
    """The profiles of one partition."""

    def get(self, key: str) -> State | None:
        """Return the profile of `key`, to be changed in place, or None."""

    def put(self, key: str, state: State) -> None:
        """Keep `state`, which has changed."""


class Source(NamedTuple):
    """Where a slice of records comes from."""

    topic: str
    incarnation: str
    partition: int


class Moment(NamedTuple):
    """What the shell tells of now: the clock, the batch number, the lowest `seq` of this owner."""

    now: Micros
    batch: int
    seq_floor: int


class Settings(NamedTuple):
    """What the journey needs to know of this installation."""

    max_bytes: int
    hash_key: bytes
    plan: dict[str, frozenset[str]]
    partition_of: Callable[[bytes], int]


class Journey:
    """The way of every record of one topic."""

    def __init__(self, topic: str, rules: CompiledRules, settings: Settings) -> None:
        self._admission = Admission(topic, settings.max_bytes, settings.plan)
        self._rules = rules
        self._settings = settings
        self._consents = topic == "consent"

    def advance(self, source: Source, record: Record, profiles: Profiles, moment: Moment) -> tuple[Outcome, Coordinate]:
        """Fold `record` into its profile and return how it ended, with the coordinate of its origin.

        Nothing is changed unless the outcome is `Accepted`.
        """
        at, broker_time, hopped = _origin(source, record)
        admitted = self._admission.admit(record.value, broker_time)
        if isinstance(admitted, Rejected):
            return admitted, at
        key = resolve(admitted.event, self._settings.hash_key)
        if isinstance(key, Rejected):
            return key, at
        state = profiles.get(key)
        if state is None:
            partition = self._settings.partition_of(key.encode())
            if partition != source.partition:
                if hopped:
                    return Rejected(Stage.RESOLVE, ReasonCode.WRONG_PARTITION, "key: forwarded once, still misplaced"), at
                return Forwarded(key, partition, broker_time), at
            state = new()
        stem, digest = _stem(at), _digest(admitted)
        refusal = self._permit(state, stem, at.offset, digest)
        if refusal is not None:
            return refusal, at
        state.applied[stem] = at.offset
        _remember(state, digest, admitted.received_at // DAY)
        accepted = self._fold(state, key, admitted, at, moment)
        profiles.put(key, state)
        return accepted, at

    def _permit(self, state: State, stem: str, offset: int, digest: bytes) -> Dropped | Replayed | None:
        if offset <= state.applied.get(stem, -1):
            return Replayed()
        if _seen(state.recent, digest) or _seen(state.recent_older, digest):
            return Dropped(DropCode.DUPLICATE_EVENT)
        if state.blocked is not None and state.blocked.value == "blocked" and not self._consents:
            return Dropped(DropCode.PROCESSING_BLOCKED)
        return None

    def _fold(self, state: State, key: str, admitted: Admitted, at: Coordinate, moment: Moment) -> Accepted:
        state.seq = max(state.seq + 1, moment.seq_floor)
        _see(state, key, admitted)
        fold = FOLDS.get(admitted.type)
        if fold is not None:
            fold(state, admitted.event, admitted.occurred_at)
        verdict = score_event(state, admitted, self._rules)
        row = rows.event_row(admitted, key, state, verdict, at, moment.batch)
        if not verdict.crossings:
            return Accepted(key, row, [], admitted.omitted)
        grade = self._rules.grade({name: score.band for name, score in state.scores.items()})
        context = (at.id, moment.now, self._rules.version)
        return Accepted(key, row, rows.score_changes(admitted, key, state, verdict, grade, context), admitted.omitted)


def forward_headers(at: Coordinate, received_at: Micros) -> list[tuple[str, bytes]]:
    """Return the headers of a record that is forwarded: its origin, its time, and that it hopped."""
    millis = str(received_at // 1000).encode()
    return [(ORIGIN_HEADER, at.id.encode()), (RECEIVED_HEADER, millis), (HOP_HEADER, b"1")]


def _origin(source: Source, record: Record) -> tuple[Coordinate, Micros, bool]:
    """Return where a record was first appended, when, and whether it was forwarded since."""
    if record.headers:
        headers = dict(record.headers)
        origin, millis = headers.get(ORIGIN_HEADER), headers.get(RECEIVED_HEADER)
        forwarded = _FORWARDED.fullmatch(b"%b %b" % (origin or b"", millis or b""))
        if HOP_HEADER in headers and forwarded and forwarded[1] == f"{source.topic}:{source.incarnation}".encode():
            at = Coordinate(source.topic, source.incarnation, int(forwarded[2]), int(forwarded[3]))
            return at, int(forwarded[4]) * 1000, True
    topic, incarnation, partition = source
    return Coordinate(topic, incarnation, partition, record.offset), record.timestamp * 1000, False


def _stem(at: Coordinate) -> str:
    return f"{at.topic}:{at.incarnation}:{at.partition}"


def _digest(admitted: Admitted) -> bytes:
    return blake2b(admitted.event.event_id.encode(), digest_size=8).digest()


def _seen(digests: bytes, digest: bytes) -> bool:
    """Tell whether `digest` stands at a multiple of 8 in `digests`."""
    index = digests.find(digest)
    while index >= 0 and index % 8:
        index = digests.find(digest, index + 1)
    return index >= 0


def _remember(state: State, digest: bytes, day: int) -> None:
    """Remember the event id in two generations: of today and the day before, or of the last 128 and those before."""
    if day > state.recent_since:
        state.recent_older = state.recent if day == state.recent_since + 1 else b""
        state.recent, state.recent_since = b"", day
    elif len(state.recent) >= _RECENT_BYTES:
        state.recent_older, state.recent = state.recent, b""
    state.recent += digest


def _see(state: State, key: str, admitted: Admitted) -> None:
    """Note what every event tells: who, and when."""
    at, event = admitted.occurred_at, admitted.event
    first, last = state.first_seen_at, state.last_seen_at
    state.first_seen_at = at if first is None or at < first else first
    state.last_seen_at = at if last is None or at > last else last
    if state.customer_id is None:
        state.customer_id = event.customer_id
    visitor = event.anonymous_id
    if visitor is not None and visitor not in state.anonymous_ids and key != VISITOR + visitor:
        state.anonymous_ids = sorted([*state.anonymous_ids, visitor])[:100]
