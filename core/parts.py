"""The customers in one profile: each is kept as if it had never been joined, so that a mistaken merge can be undone."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from core.commands import Cause
from core.identifiers import VISITOR
from core.identity import is_customer
from core.rules import CompiledRules
from core.scoring import Verdict, judge_whole, let_pass, next_due, rejudge
from core.state import Part, State, decode, encode, new
from core.times import Micros
from core.uniting import unite


class Course(NamedTuple):
    """What profiles are joined and parted by: rules, by how much events may be late, and how far time has passed."""

    rules: CompiledRules
    lateness: Micros
    passed: Micros


class Parting(NamedTuple):
    """Two names that are two persons, and since when that is known."""

    one: str
    other: str
    since: Micros


class Parted(NamedTuple):
    """What is left of a profile with what changed in it, and the profile that has left."""

    verdict: Verdict
    left: State


class Tie(NamedTuple):
    """Whom a word says to be one: a customer who is here, and one in the profile that comes."""

    here: str
    there: str


def join(key: str, state: State, other_key: str, other: State, tie: Tie, course: Course) -> Verdict:
    """Take another profile into that of `key`, and say what changed.

    Args:
        key: Key of the profile that survives.
        state: That profile.
        other_key: Key of the profile that goes into it; `key` where that gets something back.
        other: That profile; nothing else may hold it.
        tie: What makes them one.
        course: Rules and time.
    """
    if other.parts is not None or (other_key != key and is_customer(other_key) and is_customer(key)):
        coming = other.parts or {other_key: Part(_alone(other), "")}
        _hang_on(coming, tie.there)
        for name, part in coming.items():
            mine = part_of(state, key, name)
            unite(mine.state, part.state, course.rules, course.lateness)
            if name != key:
                mine.via = part.via or tie.here
    elif state.parts is not None or (tie.here != key and is_customer(key)):
        unite(part_of(state, key, tie.here).state, _alone(other), course.rules, course.lateness)
    verdict = unite(state, _alone(other), course.rules, course.lateness)
    state.seq = max(state.seq, other.seq)
    return verdict


def part_of(state: State, key: str, owner: str) -> Part:
    """Return the part of a customer in the profile of `key`; a new one where its events overtook what it held before."""
    if state.parts is None:
        state.parts = {key: Part(_alone(state), "")}
    if owner not in state.parts:
        state.parts[owner] = Part(new(state.judged_by), key)
    return state.parts[owner]


def owner_of(state: State, key: str, original: str) -> str:
    """Return which customer in the profile of `key` an event is of whose ids name `original`."""
    parts = state.parts
    if parts is None:
        return key
    if original in parts:
        return original
    visitor = original.removeprefix(VISITOR)
    for name, part in parts.items():
        if original in part.state.claimed or (visitor != original and visitor in part.state.anonymous_ids):
            return name
    return key


def is_known_as(state: State, key: str, original: str) -> bool:
    """Tell whether the profile of `key` has a name: its own, that of a customer who is in it, or of an id of theirs."""
    if original == key or original in state.claimed or original in (state.parts or {}):
        return True
    return original.removeprefix(VISITOR) in state.anonymous_ids


def who_leaves(state: State, key: str, one: str, other: str) -> str:
    """Return which of two customers leaves the profile of `key` when they are parted: who was joined to the other."""
    joined = (state.parts or {}).get(one)
    return one if other == key or (joined is not None and joined.via == other) else other


def part_from(key: str, state: State, leaving: str, course: Course) -> Parted | None:
    """Let a customer, with all who were joined to it, leave the profile of `key`; None where it is not in there."""
    parts = state.parts or {}
    if leaving not in parts or leaving == key:
        return None
    going = {name: parts.pop(name) for name in _with_its_own(parts, leaving)}
    going[leaving].via = ""
    left = _rejoined(leaving, going, course)
    left.seq = state.seq
    rest = _rejoined(key, parts, course)
    for name, score in rest.scores.items():
        if name in state.scores:
            score.band = state.scores[name].band
    rest.memberships, rest.told_at, rest.seq = state.memberships, max(state.told_at, rest.told_at), state.seq
    rest.applied, rest.apart, rest.due = state.applied, state.apart, state.due
    for name in State.__struct_fields__:
        setattr(state, name, getattr(rest, name))
    return Parted(judge_whole(state, course.rules, max(course.passed, state.last_seen_at or 0, state.told_at), []), left)


def part_for_good(state: State, cause: Cause) -> None:
    """Note that two keys are two persons, whatever ids say."""
    apart = state.apart or {}
    state.apart = {**apart, cause.pair: max(cause.at, apart.get(cause.pair, cause.at))}


def parting(
    apart: Mapping[str, Micros] | None, here: Callable[[str], bool], there: Callable[[str], bool], said_at: Micros | None
) -> Parting | None:
    """Return two of `apart` of whom one is `here` and one `there`, unless a later word says that they are one.

    Args:
        apart: Pairs of names that are two persons.
        here: Tells whether a name is that of one profile.
        there: Tells it of the other.
        said_at: When somebody said that they are one; None for ids, which overrule nothing.
    """
    for pair, since in (apart or {}).items():
        one, _, other = pair.partition("\n")
        if ((here(one) and there(other)) or (here(other) and there(one))) and (said_at is None or said_at <= since):
            return Parting(one, other, since)
    return None


def bring_up_to_date(state: State, course: Course) -> None:
    """Let time pass in a customer's own profile, about which nothing was said since it was joined."""
    if state.judged_by != course.rules.judgement:
        rejudge(state, course.rules, max(course.passed, state.last_seen_at or 0))
    while (due := next_due(state, course.rules)) is not None and due <= course.passed:
        let_pass(state, course.rules, due)


def _hang_on(parts: dict[str, Part], name: str) -> None:
    """Let everybody be joined to `name`, directly or not: who was joined to whom stays, seen from there."""
    below = ""
    while name in parts:
        above, parts[name].via = parts[name].via, below
        name, below = above, name


def _with_its_own(parts: dict[str, Part], leaving: str) -> list[str]:
    """Return a customer and all who were joined to it, directly or not."""
    names = [leaving]
    for name in names:
        names += [other for other, part in parts.items() if part.via == name and other not in names]
    return names


def _rejoined(key: str, parts: dict[str, Part], course: Course) -> State:
    """Return the profile that the customers in `parts` make."""
    for part in parts.values():
        bring_up_to_date(part.state, course)
    if len(parts) == 1:
        return parts[key].state
    state = _alone(parts[key].state)
    for name in sorted(parts.keys() - {key}):
        unite(state, _alone(parts[name].state), course.rules, course.lateness)
    state.parts = parts
    return state


def _alone(state: State) -> State:
    """Return a copy of a profile without those who were joined to it."""
    parts, state.parts = state.parts, None
    copy = decode(encode(state))
    state.parts = parts
    return copy
