"""Segments: who meets a combination of conditions now, and when passing time alone will change that."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from core.facts import EVERY, SCORES, Known
from core.profile_conditions import Holds, Leaf, Turns, compile_condition
from core.state import Membership, State
from core.times import DAY, Micros

_OUTSIDE: Final = False
FORGOTTEN_AFTER: Final[Micros] = DAY
"""Who left a segment is named in its audience for so long, as one who is out; then not at all."""


class SegmentSpec(BaseModel):
    """A segment as its file says it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = ""
    where: dict[str, Any] = Field(min_length=1)


class Segment(NamedTuple):
    """A segment ready to run: while its `gate` does not hold, passing time alone lets nobody in.

    `entering` tells when time may let somebody in, and `leaving` when it may put them out.
    """

    name: str
    holds: Holds
    leaves: tuple[Leaf, ...]
    uses: frozenset[str]
    gate: Holds | None
    entering: Turns
    leaving: Turns


class Segments(NamedTuple):
    """All segments, those that others use first; `on` names the ones that events of a type may move."""

    ordered: tuple[Segment, ...]
    on: Mapping[str, tuple[Segment, ...]]
    on_scored: Mapping[str, tuple[Segment, ...]]
    """The same for events that gave points, or with which a band was crossed."""
    timed: tuple[Segment, ...]
    dependents: Mapping[str, tuple[str, ...]]

    def concerned(self, event_type: str, *, scored: bool) -> tuple[Segment, ...]:
        """Return the segments that an event may move; `scored` tells whether it gave points or a band was crossed."""
        if scored:
            return self.on_scored.get(event_type, self.on_scored[EVERY])
        return self.on.get(event_type, self.on[EVERY])

    def next_change(self, state: State, now: Micros, inside: Container[str]) -> Micros | None:
        """Return when passing time may move somebody in or out at the earliest; `inside` has the names they are in."""
        soonest: Micros | None = None
        for segment in self.timed:
            if segment.name in inside:
                turns = segment.leaving
            elif segment.entering and (segment.gate is None or segment.gate(state, now, _OUTSIDE)):
                turns = segment.entering
            else:
                continue
            for turn, bound in turns:
                at = turn(state, now, bound)
                if at is not None and (soonest is None or at < soonest):
                    soonest = at
        return soonest


class Move(NamedTuple):
    """A customer entered or left a segment; `forgotten` where the audience need not name who left any longer."""

    segment: str
    change: Literal["entered", "left", "forgotten"]
    why: list[str]


def move(state: State, segments: Iterable[Segment], now: Micros) -> list[Move]:
    """Bring the memberships of a profile up to date at `now`, and return what changed."""
    moves: list[Move] = []
    for segment in segments:
        known = None if state.memberships is None else state.memberships.get(segment.name)
        member = known is not None and known.member
        if segment.holds(state, now, member) == member:
            continue
        if state.memberships is None:
            state.memberships = {}
        state.memberships[segment.name] = Membership(not member, now)
        why = [leaf.text for leaf in segment.leaves if leaf.holds(state, now, not member) != member]
        moves.append(Move(segment.name, "left" if member else "entered", why))
    return moves


def forget(state: State, now: Micros) -> list[Move]:
    """Forget who has been out of a segment for long enough."""
    if not state.memberships:
        return []
    gone = [name for name, known in state.memberships.items() if not known.member and known.at + FORGOTTEN_AFTER <= now]
    for name in gone:
        del state.memberships[name]
    return [Move(name, "forgotten", []) for name in gone]


def next_forgotten(state: State) -> Micros | None:
    """Return when the next membership is to be forgotten."""
    return min(
        (known.at + FORGOTTEN_AFTER for known in (state.memberships or {}).values() if not known.member), default=None
    )


def members(state: State) -> list[str]:
    """Return the segments that a customer is in, by name."""
    return sorted(name for name, known in (state.memberships or {}).items() if known.member)


def leave_gone(state: State, segments: Segments, now: Micros) -> list[Move]:
    """Let a customer leave the segments that are no more."""
    gone = set(members(state)) - segments.dependents.keys()
    for name in gone:
        state.memberships[name] = Membership(member=False, at=now)  # type: ignore[index]  # who is in one has memberships
    return [Move(name, "left", ["the segment was removed"]) for name in sorted(gone)]


def compile_segments(specs: Mapping[str, SegmentSpec], known: Known) -> Segments:
    """Return segments ready to run.

    Raises:
        ValueError: A condition names no fact, can not be read, or segments use each other in a circle.
    """
    made = {}
    for name, spec in specs.items():
        try:
            holds, leaves, gate = compile_condition(spec.where, known)
        except ValueError as error:
            raise ValueError(f"segment {name}: {error}") from None
        uses = frozenset(moved[8:] for leaf in leaves for moved in leaf.fact.moved_by if moved.startswith("segment:"))
        entering, leaving = (
            tuple(dict.fromkeys(turn for turns in of_leaves for turn in turns))
            for of_leaves in zip(*((leaf.entering, leaf.leaving) for leaf in leaves), strict=True)
        )
        made[name] = Segment(name, holds, leaves, uses, gate, entering, leaving)
    ordered = tuple(_in_order(made))
    types = {moved for segment in ordered for leaf in segment.leaves for moved in leaf.fact.moved_by}
    types = {moved for moved in types if not moved.startswith("segment:")} | {EVERY}
    on = {type_: _touched(ordered, {type_, EVERY}) for type_ in types}
    on_scored = {type_: _touched(ordered, {type_, EVERY, SCORES}) for type_ in types}
    timed = tuple(segment for segment in ordered if segment.entering or segment.leaving)
    dependents = {name: tuple(s.name for s in ordered if name in s.uses) for name in made}
    return Segments(ordered, on, on_scored, timed, dependents)


def _touched(ordered: Sequence[Segment], moved: set[str]) -> tuple[Segment, ...]:
    """Return the segments that any of `moved` concerns, directly or by way of another segment."""
    touched: list[Segment] = []
    for segment in ordered:
        if any(leaf.fact.moved_by & moved for leaf in segment.leaves):
            touched.append(segment)
            moved = moved | {f"segment:{segment.name}"}
    return tuple(touched)


def _in_order(made: Mapping[str, Segment]) -> Iterator[Segment]:
    """Yield segments after those that they use."""
    waiting = dict(made)
    while waiting:
        ready = [segment for segment in waiting.values() if not segment.uses & waiting.keys()]
        if not ready:
            raise ValueError(f"segments use each other in a circle: {', '.join(sorted(waiting))}")
        for segment in ready:
            del waiting[segment.name]
            yield segment
