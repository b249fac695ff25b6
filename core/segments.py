"""Segments: who meets a combination of conditions now, and when passing time alone will change that."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import inf
from typing import Any, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.facts import EVERY, SCORES, Fact, Known, Turn, Value, fact
from core.state import Membership, State
from core.times import DAY, Micros

_JOINS: Final = frozenset({"all", "any", "not"})
_DEAR: Final = ("churn.risk", "value.p_alive", "value.expected_purchases", "value.lifetime_value.")
_NUMBER: Final = (int, float)
FORGOTTEN_AFTER: Final[Micros] = DAY
"""Who left a segment is named in its audience for so long, as one who is out; then not at all."""


class Bounds(BaseModel):
    """What a fact must be; all that is named must hold.

    `leave_below` is the lower bound for those who are in already: a value that wavers around a bound moves nobody twice.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    equals: str | float | bool | None = None
    one_of: list[str | float] | None = None
    at_least: float | None = None
    below: float | None = None
    leave_below: float | None = None
    present: bool | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "Bounds":
        if not self.model_fields_set:
            raise ValueError("an empty condition holds always; leave it out")
        if self.leave_below is not None and (self.at_least is None or self.leave_below > self.at_least):
            raise ValueError("leave_below needs an at_least that is not below it")
        return self


class SegmentSpec(BaseModel):
    """A segment as its file says it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = ""
    where: dict[str, Any] = Field(min_length=1)


Holds = Callable[[State, Micros, bool], bool]
"""Takes a profile, an instant, and whether the customer is in already."""


class _Leaf(NamedTuple):
    """One condition on one fact."""

    text: str
    fact: Fact
    holds: Holds
    turns: tuple[tuple[Turn, float], ...]
    """What tells when passing time takes the fact to a bound, and that bound; empty where time changes nothing."""


class Segment(NamedTuple):
    """A segment ready to run; while one of its `gates` does not hold, passing time alone moves nobody."""

    name: str
    holds: Holds
    leaves: tuple[_Leaf, ...]
    uses: frozenset[str]
    gates: tuple[Holds, ...]
    turns: tuple[tuple[Turn, float], ...]

    def next_change(self, state: State, now: Micros) -> Micros | None:
        """Return when passing time may change who is in, at the earliest."""
        known = None if state.memberships is None else state.memberships.get(self.name)
        member = known is not None and known.member
        for gate in self.gates:
            if not gate(state, now, member):
                return None
        soonest = None
        for turn, bound in self.turns:
            at = turn(state, now, bound)
            if at is not None and (soonest is None or at < soonest):
                soonest = at
        return soonest


class Segments(NamedTuple):
    """All segments, those that others use first; `on` names the ones that events of a type may move."""

    ordered: tuple[Segment, ...]
    on: Mapping[str, tuple[Segment, ...]]
    timed: tuple[Segment, ...]
    dependents: Mapping[str, tuple[str, ...]]

    def concerned(self, event_type: str, *, scored: bool) -> tuple[Segment, ...]:
        """Return the segments that an event may move; `scored` tells whether it gave points or a band was crossed."""
        if scored:
            return self.on.get(f"{event_type}+", self.on[SCORES])
        return self.on.get(event_type, self.on[EVERY])

    def next_change(self, state: State, now: Micros) -> Micros | None:
        """Return when passing time may move somebody in or out, or a membership is to be forgotten."""
        times = [at for segment in self.timed if (at := segment.next_change(state, now)) is not None]
        if state.memberships:
            times += [known.at + FORGOTTEN_AFTER for known in state.memberships.values() if not known.member]
        return min(times, default=None)


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


def leave_gone(state: State, segments: Segments, now: Micros) -> list[Move]:
    """Let a customer leave the segments that are no more."""
    gone = {name for name, known in (state.memberships or {}).items() if known.member} - segments.dependents.keys()
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
        leaves: list[_Leaf] = []
        try:
            holds = _node(spec.where, known, leaves)
        except ValueError as error:
            raise ValueError(f"segment {name}: {error}") from None
        uses = frozenset(moved[8:] for leaf in leaves for moved in leaf.fact.moved_by if moved.startswith("segment:"))
        gates = () if _JOINS & spec.where.keys() else tuple(leaf.holds for leaf in leaves if _is_gate(leaf))
        turns = tuple(dict.fromkeys(turn for leaf in leaves for turn in leaf.turns))
        made[name] = Segment(name, holds, tuple(leaves), uses, gates, turns)
    ordered = tuple(_in_order(made))
    types = {moved for segment in ordered for leaf in segment.leaves for moved in leaf.fact.moved_by}
    on: dict[str, tuple[Segment, ...]] = {}
    for type_ in {moved for moved in types if not moved.startswith("segment:")} | {EVERY, SCORES}:
        on[type_] = _touched(ordered, {type_, EVERY})
        on[f"{type_}+"] = _touched(ordered, {type_, EVERY, SCORES})
    on[SCORES] = _touched(ordered, {EVERY, SCORES})
    timed = tuple(segment for segment in ordered if segment.turns)
    dependents = {name: tuple(s.name for s in ordered if name in s.uses) for name in made}
    return Segments(ordered, on, timed, dependents)


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


def _node(where: Any, known: Known, leaves: list[_Leaf], *, negated: bool = False) -> Holds:
    """Return a condition: `all` or `any` of a list, `not` of one, or facts that must all hold; `negated` below a `not`."""
    if not isinstance(where, dict) or not where:
        raise ValueError("a condition is a mapping, such as `bands.engagement: hot`")
    parts: list[Holds] = []
    for name, wanted in sorted(where.items(), key=_cost):
        if name in ("all", "any"):
            if not isinstance(wanted, list) or not wanted:
                raise ValueError(f"{name}: needs a list of conditions")
            inner = tuple(_node(one, known, leaves, negated=negated) for one in wanted)
            parts.append(_all(inner) if name == "all" else _any(inner))
        elif name == "not":
            parts.append(_not(_node(wanted, known, leaves, negated=True)))
        else:
            leaf = _leaf(str(name), wanted, known, negated=negated)
            leaves.append(leaf)
            parts.append(leaf.holds)
    return parts[0] if len(parts) == 1 else _all(tuple(parts))


def _leaf(path: str, wanted: Any, known: Known, *, negated: bool) -> _Leaf:
    said = wanted if isinstance(wanted, dict) else {"one_of" if isinstance(wanted, list) else "equals": wanted}
    try:
        bounds = Bounds.model_validate(said)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"][:1]))
        raise ValueError(f"{path}: {field + ': ' if field else ''}{first['msg'].removeprefix('Value error, ')}") from None
    if negated and bounds.leave_below is not None:
        raise ValueError(f"{path}: leave_below can not stand below `not`; give that its own segment, and name it there")
    text = ", ".join(f"{name} {value}" for name, value in said.items())
    found = fact(path, known)
    for one in bounds.one_of or ([] if bounds.equals is None else [bounds.equals]):
        if found.texts is not None and one not in found.texts:
            raise ValueError(f"{path}: is never {one!r}; it is {_some(sorted(found.texts))}, in quotes where it is a number")
    asked = [bound for bound in (bounds.at_least, bounds.below, bounds.leave_below) if bound is not None]
    asked += [float(bounds.equals)] if isinstance(bounds.equals, int | float) else []
    turns = tuple((turn, bound) for turn in (found.falls_at, found.rises_at) if turn for bound in asked or [0.0])
    return _Leaf(f"{path} {text}"[:100], found, _test(found.value, bounds), turns)


def _some(texts: Sequence[str]) -> str:
    return ", ".join(texts) if len(texts) < 9 else f"one such as {texts[len(texts) // 2]!r}"


def _cost(condition: tuple[str, Any]) -> int:
    """Rank what is cheap to look at before what is dear."""
    return 2 if str(condition[0]).startswith(_DEAR) else condition[0] in _JOINS


def _is_gate(leaf: _Leaf) -> bool:
    return not leaf.turns and not any(moved.startswith("segment:") for moved in leaf.fact.moved_by)


def _test(value: Callable[[State, Micros], Value], bounds: Bounds) -> Holds:
    """Return what tells whether a value is within bounds; the usual kinds of bounds cost one comparison."""
    said = bounds.model_fields_set
    texts = bounds.one_of if said == {"one_of"} else [bounds.equals] if said == {"equals"} else [0]
    if all(isinstance(text, str) for text in texts or ()):
        wanted = frozenset(texts or ())
        return lambda state, now, _: value(state, now) in wanted
    within, others = _within(value, bounds), _others(bounds)
    if said <= {"at_least", "leave_below", "below"}:
        return within
    if said.isdisjoint({"at_least", "below"}):
        return lambda state, now, _: others(value(state, now))
    return _all((within, lambda state, now, _: others(value(state, now))))


def _within(value: Callable[[State, Micros], Value], bounds: Bounds) -> Holds:
    """Return what tells whether a value is a number between the bounds."""
    low = -inf if bounds.at_least is None else bounds.at_least
    stays = low if bounds.leave_below is None else bounds.leave_below
    below = inf if bounds.below is None else bounds.below

    def holds(state: State, now: Micros, member: bool) -> bool:  # noqa: FBT001  # a Holds
        found = value(state, now)
        return isinstance(found, _NUMBER) and (stays if member else low) <= found < below

    return holds


def _others(bounds: Bounds) -> Callable[[Value], bool]:
    """Return what tells whether a value meets all but the bounds of numbers."""

    def meets(value: Value) -> bool:
        if bounds.present is not None and bounds.present == (value is None):
            return False
        if bounds.equals is not None and not _equal(value, bounds.equals):
            return False
        return bounds.one_of is None or any(_equal(value, one) for one in bounds.one_of)

    return meets


def _all(parts: tuple[Holds, ...]) -> Holds:
    """Return what asks all of `parts`; most conditions have two."""
    if len(parts) == 2:
        one, other = parts
        return lambda state, now, member: one(state, now, member) and other(state, now, member)
    return lambda state, now, member: all(part(state, now, member) for part in parts)


def _any(parts: tuple[Holds, ...]) -> Holds:
    return lambda state, now, member: any(part(state, now, member) for part in parts)


def _not(part: Holds) -> Holds:
    return lambda state, now, member: not part(state, now, member)


def _equal(value: Value, wanted: str | float | bool) -> bool:  # noqa: FBT001  # any value
    """Tell whether two values are the same and of a kind: true is not 1."""
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)
