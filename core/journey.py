"""One record, front to back: admit, resolve, permit, fold, decide, emit."""

from collections.abc import Callable
from hashlib import blake2b
from typing import Any, Final, NamedTuple, Protocol

from msgspec import Struct, structs

from core import rows
from core.admission import Admission, Admitted
from core.adopting import adopt
from core.commands import Cause, Command
from core.folds import FOLDS
from core.identifiers import ANONYMOUS, VISITOR, Identifiers, IdentitySpec, Kind
from core.identity import LINKED, claims, is_customer, misnamed, resolve
from core.moment import Moment
from core.outcomes import Accepted, Coordinate, Dropped, Forwarded, Outcome, Rejected, Replayed
from core.parts import Course, is_known_as, owner_of, part_for_good, part_from, part_of, who_leaves
from core.purchases import repeated
from core.records import Origin, Record, Source, origin_of, sent_on
from core.rules import CompiledRules
from core.scoring import Verdict, score_event
from core.sessions import visit
from core.state import State, new
from core.times import DAY, Micros
from core.traffic import Traffic
from core.value import present_cell, remember_cell
from schemas.reasons import DropCode, ReasonCode, Stage

_RECENT_BYTES: Final = 128 * 8
"""Ids remembered in each of two generations: at least 128, at most 256 in all."""
_MERGED: Final = "customers_merged"
_UNMERGED: Final = "customers_unmerged"
_OF_IDS: Final = frozenset({LINKED, _MERGED, _UNMERGED})
"""Types that say who is who, besides naming a customer."""

_NOTHING_CLAIMED: Final[tuple[list[Command], int]] = ([], 0)


class Profiles(Protocol):
    """The profiles of one partition."""

    def get(self, key: str) -> State | None:
        """Return the profile of `key`, to be changed in place, or None."""

    def put(self, key: str, state: State) -> None:
        """Keep `state`, which has changed."""


class Settings(NamedTuple):
    """What the journey needs to know of this installation."""

    max_bytes: int
    hash_key: bytes
    plan: dict[str, frozenset[str]]
    partition_of: Callable[[bytes], int]
    lateness: Micros = DAY
    traffic: Traffic = Traffic((), ())
    identity: IdentitySpec = IdentitySpec()
    guarded: bool = False
    """Whether identifying values that anybody could read are refused."""


class _Found(Struct, frozen=True, gc=False):
    """The profile that an event belongs to, and the key that its own ids name."""

    key: str
    state: State
    original: str
    owner: str
    """Which customer in the profile the event is of."""


class Journey:
    """The way of every record of one topic."""

    def __init__(self, topic: str, rules: CompiledRules, settings: Settings) -> None:
        self._admission = Admission(topic, settings.max_bytes, settings.plan, guarded=settings.guarded)
        self._rules = rules
        self._settings = settings
        self._consents = topic == "consent"
        self._visits = topic == "site-interaction"
        self._customers = topic == "customer"
        self._purchases = topic == "purchase"
        self._traffic = settings.traffic if self._visits else Traffic((), ())
        self._ids = Identifiers(settings.identity, settings.hash_key)

    def advance(self, source: Source, record: Record, profiles: Profiles, moment: Moment) -> tuple[Outcome, Coordinate]:
        """Fold `record` into its profile and return how it ended, with the coordinate of its origin.

        Nothing is changed unless the outcome is `Accepted`; but what is dropped of a joined profile may count for one in it.
        """
        origin = origin_of(source, record)
        at = origin.at
        admitted = self._admission.admit(record.value, origin.broker_time)
        if isinstance(admitted, Rejected):
            return admitted, at
        if origin.omitted:
            admitted = structs.replace(admitted, omitted=admitted.omitted + origin.omitted)
        original = resolve(admitted.event, self._ids)
        if self._customers and isinstance(original, str):
            original = misnamed(admitted.event, self._ids) or original
        if isinstance(original, Rejected):
            return original, at
        digest = _digest(admitted)
        known = profiles.get(origin.key or original)
        if known is not None and known.parts is None and known.merged_into is None and not origin.hop:
            found = _Found(original, known, original, original)
        else:
            sought = self._find(original, known, origin, source.partition, profiles, digest)
            if not isinstance(sought, _Found):
                return sought, at
            found = sought
        key, state, owner = found.key, found.state, found.owner
        joined = state.parts is not None or owner != key
        stem = f"{source.topic}:{source.incarnation}:{source.partition}"
        refusal = self._permit(state, stem, record.offset, digest, admitted)
        if refusal is not None:
            if joined and not isinstance(refusal, Replayed):
                self._fold_apart(found, stem, record.offset, digest, admitted)
                profiles.put(key, state)
            return refusal, at
        adopted = None if state.judged_by == self._rules.judgement else adopt(key, state, self._rules, moment)
        state.applied[stem] = record.offset
        _remember(state, digest, admitted.received_at // DAY)
        if joined:
            self._fold_apart(found, stem, record.offset, digest, admitted)
        accepted = self._fold(found, admitted, at, moment)
        profiles.put(key, state)
        return (accepted if adopted is None else structs.replace(accepted, adopted=adopted)), at

    def _find(
        self, original: str, state: State | None, origin: Origin, partition: int, profiles: Profiles, digest: bytes
    ) -> _Found | Forwarded | Dropped | Rejected:
        """Return the profile that `original` leads to, or where the record is to be sent; `state` is that of the first."""
        key, owner = origin.key or original, origin.owner
        passed = {key}
        while state is not None and state.merged_into is not None:
            if _is_known(state, digest):
                return Dropped(DropCode.DUPLICATE_EVENT)
            owner = owner or (key if is_customer(key) else "")
            key = state.merged_into
            there = self._settings.partition_of(key.encode())
            if there != partition or key in passed:  # profiles that just went round in a circle go on by themselves
                return sent_on(key, there, origin, owner)
            passed.add(key)
            state = profiles.get(key)
        if state is None:
            there = self._settings.partition_of(key.encode())
            if there != partition:
                if origin.hop and origin.key in ("", key):
                    return Rejected(Stage.RESOLVE, ReasonCode.WRONG_PARTITION, "key: forwarded once, still misplaced")
                return sent_on(key, there, origin)
            state = new(self._rules.judgement)
        if owner and state.apart and not is_known_as(state, key, owner):  # it has left meanwhile
            return sent_on(original, self._settings.partition_of(original.encode()), origin)
        return _Found(key, state, original, owner if owner and is_customer(key) else owner_of(state, key, original))

    def _fold_apart(self, found: _Found, stem: str, offset: int, digest: bytes, admitted: Admitted) -> None:
        """Fold an event into its customer's own profile, as if that had never been joined; nothing is said of it."""
        key, state, owner = found.key, found.state, found.owner
        own = part_of(state, key, owner).state
        if self._permit(own, stem, offset, digest, admitted) is not None:
            return
        if own.judged_by != self._rules.judgement:
            own.judged_by = ""  # judged anew when it leaves
        own.applied[stem] = offset
        _remember(own, digest, admitted.received_at // DAY)
        own.seq += 1
        if not self._traffic.of(admitted.event):
            self.take_in(own, owner, admitted)
            own.claimed |= {claim.key: claim.kind for claim in claims(admitted.event, owner, self._ids)}

    def _permit(self, state: State, stem: str, offset: int, digest: bytes, admitted: Admitted) -> Dropped | Replayed | None:
        if offset <= state.applied.get(stem, -1):
            return Replayed()
        if _is_known(state, digest):
            return Dropped(DropCode.DUPLICATE_EVENT)
        if state.blocked is not None and state.is_blocked and not self._consents:
            return Dropped(DropCode.PROCESSING_BLOCKED)
        code = repeated(state, admitted) if self._purchases else None
        return None if code is None else Dropped(code)

    def _fold(self, found: _Found, admitted: Admitted, at: Coordinate, moment: Moment) -> Accepted:
        key, state, original = found.key, found.state, found.original
        state.seq = max(state.seq + 1, moment.seq_floor)
        traffic = self._traffic.of(admitted.event)
        if traffic:
            row = rows.event_row(admitted, original, state, Verdict(admitted.occurred_at, {}, [], []), at, moment.batch)
            row |= {"traffic": traffic, "customer_id": admitted.event.customer_id, "rules_version": self._rules.version}
            return Accepted(key, row, omitted=admitted.omitted)
        commands, refused = self._claims(found, admitted)
        verdict, session = self.take_in(state, key, admitted)
        if admitted.type == _UNMERGED:
            verdict = self._part(found, admitted, moment, commands) or verdict
        row = rows.event_row(admitted, original, state, verdict, at, moment.batch)
        row["rules_version"] = self._rules.version
        if session is not None:
            row["session_id"] = str(session // 1000)
        late = self._visits and session is None
        if not (verdict.crossings or verdict.moves):
            return Accepted(key, row, omitted=admitted.omitted, late=late, commands=commands, refused_ids=refused)
        cause = {"event_id": admitted.event.event_id, "type": admitted.type}
        context = rows.Context(at.id, cause, moment.now, self._rules)
        return Accepted(
            key,
            row,
            rows.score_changes(context, key, state, verdict),
            rows.segment_changes(context, key, state, verdict),
            rows.audience(key, state, verdict),
            omitted=admitted.omitted,
            late=late,
            commands=commands,
            refused_ids=refused,
        )

    def _claims(self, found: _Found, admitted: Admitted) -> tuple[list[Command], int]:
        """Return what the event asks of the profiles of its other ids, each once, and how many there is no room for."""
        event: Any = admitted.event
        if event.identifiers is None and admitted.type not in _OF_IDS:
            visitor = event.anonymous_id
            if visitor is None or event.customer_id is None or visitor in found.state.anonymous_ids:
                return _NOTHING_CLAIMED
        visitor, state, original, owner = event.anonymous_id, found.state, found.original, found.owner
        asked: list[Command] = []
        refused = 0
        for kind, claimed in claims(event, owner, self._ids):
            known = claimed in state.claimed or (kind == ANONYMOUS and visitor in state.anonymous_ids)
            if kind != ANONYMOUS:
                state.links[kind] = min(admitted.occurred_at, state.links.get(kind, admitted.occurred_at))
            if known:
                continue
            if self._has_enough(state, kind):
                refused += 1
                continue
            if kind != ANONYMOUS:
                state.claimed[claimed] = kind
            cause = Cause(event.event_id, admitted.type, admitted.occurred_at, owner, claimed)
            asked.append(Command("claim", claimed, owner, cause, kind))
        if admitted.type == _MERGED:
            cause = Cause(event.event_id, admitted.type, admitted.occurred_at, original, event.merged_id)
            asked.append(Command("meet", event.merged_id, original, cause, directed=True))
        return asked, refused

    def _part(self, found: _Found, admitted: Admitted, moment: Moment, commands: list[Command]) -> Verdict | None:
        """Let one of two customers leave the profile, and note that they are two; nothing leaves what it is not in."""
        key, state, original = found.key, found.state, found.original
        event: Any = admitted.event
        cause = Cause(event.event_id, admitted.type, admitted.occurred_at, original, event.merged_id)
        part_for_good(state, cause)
        leaving = who_leaves(state, key, original, event.merged_id)
        course = Course(self._rules, self._settings.lateness, moment.passed)
        parted = part_from(key, state, leaving, course)
        if parted is None:
            return None
        commands.append(Command("restore", leaving, key, cause, profile=parted.left))
        for root, parts in ((key, state.parts), (leaving, parted.left.parts)):  # they may know each other by who has left
            commands += [Command("lead", name, root, cause) for name in parts or () if name != root]
        return parted.verdict

    def _has_enough(self, state: State, kind: Kind) -> bool:
        count = len(state.anonymous_ids) if kind == ANONYMOUS else sum(other == kind for other in state.claimed.values())
        return count >= self._ids.most_ids(kind)

    def take_in(self, state: State, key: str, admitted: Admitted) -> tuple[Verdict, Micros | None]:
        """Fold an event that counts into the profile of `key`; return what it did, and the start of its session."""
        _see(state, key, admitted, self._ids)
        model = self._rules.value_model if self._purchases else None
        cell = None if model is None else present_cell(state, model, _latest(state, admitted))
        fold = FOLDS.get(admitted.type)
        if fold is not None:
            fold(state, admitted.event, admitted.occurred_at)
        session = visit(state, admitted.occurred_at, self._settings.lateness) if self._visits else None
        verdict = score_event(state, admitted, self._rules, self._settings.lateness)
        if model is not None:
            remember_cell(state, cell, present_cell(state, model, _latest(state, admitted)))
        return verdict, session


def _digest(admitted: Admitted) -> bytes:
    return blake2b(admitted.event.event_id.encode(), digest_size=8).digest()


def _is_known(state: State, digest: bytes) -> bool:
    """Tell whether a profile remembers an event id; one that went into another may arrive there after its next event."""
    recent, older = state.recent, state.recent_older
    return (digest in recent and _stands_in(recent, digest)) or (digest in older and _stands_in(older, digest))


def _stands_in(digests: bytes, digest: bytes) -> bool:
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


def _latest(state: State, admitted: Admitted) -> Micros:
    """Return the customer's latest instant, of this event or before."""
    return max(state.last_seen_at or 0, state.told_at, admitted.occurred_at)


def _see(state: State, key: str, admitted: Admitted, ids: Identifiers) -> None:
    """Note what every event tells: who, and when."""
    at, event = admitted.occurred_at, admitted.event
    first, last = state.first_seen_at, state.last_seen_at
    state.first_seen_at = at if first is None or at < first else first
    state.last_seen_at = at if last is None or at > last else last
    if state.customer_id is None:
        state.customer_id = event.customer_id
    visitor = event.anonymous_id
    if visitor is None or visitor in state.anonymous_ids or key == VISITOR + visitor:
        return
    if len(state.anonymous_ids) < ids.most_ids(ANONYMOUS) and not ids.is_blocked(visitor):
        state.anonymous_ids = sorted([*state.anonymous_ids, visitor])
