"""Caps: a rule, or a group of rules, gives so many points a day or for ever, to the earliest events first.

What an event is granted follows from the set of events. So one that comes late, before others of its bucket, takes its
share, and they lose theirs: the differences are contributions at the times of the events that they concern.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from datetime import tzinfo
from math import copysign
from typing import Final, NamedTuple

from core.calendar import day_end, day_of
from core.state import Contribution, Grant, State
from core.times import Micros

_LEAST: Final = 1e-9
"""What is less than this is rounding."""


class Limit(NamedTuple):
    """So many points, a day or for ever."""

    points: float
    daily: bool


class Family(NamedTuple):
    """Rules whose points are granted together: those of a group, or one rule that has a cap of its own.

    `daily` where each day is a bucket of its own; no rule's own limit lasts longer than that of its group.
    """

    name: str
    score: str
    shared: Limit
    own: Mapping[str, Limit]
    zone: tzinfo
    daily: bool


def grant(state: State, family: Family, entry: Grant, lateness: Micros) -> list[Contribution]:
    """Return what `entry` gets of its points, and what later ones lose to it.

    Args:
        state: The profile; its buckets are changed.
        family: What limits the rule.
        entry: Event time, rule and points, nothing granted yet.
        lateness: A day is open for late events until the customer's latest event is this much past its end.
    """
    name = family.name + ":"
    if family.daily or family.own.get(entry.rule, family.shared).daily:
        latest, day = max(entry.at, state.last_seen_at or entry.at), day_of(family.zone, entry.at)
        if day.end + lateness < latest:
            return []
        if family.daily:
            name += str(day.number)
            if state.caps and name not in state.caps:
                state.caps = _without_closed(state.caps, family.zone, latest - lateness)
    caps = state.caps or {}
    entries = caps.get(name, [])
    if entries and (entry.at, entry.rule) < (entries[-1].at, entries[-1].rule):
        given = _put_between(entries, entry, family)
        caps[name] = [one for one in entries if one.granted]
        return given
    entry.granted = _share(entries, entry, family)
    if not entry.granted:
        return []
    state.caps = caps
    caps[name] = [*entries, entry]
    return [Contribution(entry.rule, family.score, copysign(entry.granted, entry.points), entry.at)]


def unite(state: State, other: State, families: Mapping[str, Family]) -> list[Contribution]:
    """Put what `other` was granted into the buckets of `state`, and return what each of them loses to the other.

    Args:
        state: The profile that is added to.
        other: The other one, whose granted points are added to the scores of the first as they are.
        families: What limits rules, by name; points of a family that is no more stay as they are.
    """
    caps = state.caps or {}
    given: list[Contribution] = []
    for name, granted in (other.caps or {}).items():
        entries = sorted([*caps.get(name, []), *granted], key=_order)
        family = families.get(name.rpartition(":")[0])
        if family is not None and name in caps:
            given += _granted_anew(entries, family)
        caps[name] = [one for one in entries if one.granted]
    state.caps = caps or None
    return given


def _granted_anew(entries: list[Grant], family: Family) -> Iterator[Contribution]:
    """Grant to the earliest first, and yield what that takes: nobody can get more than before others came."""
    for number, one in enumerate(entries):
        granted = min(_share(entries[:number], one, family), one.granted)
        if granted < one.granted:
            lost = one.granted - granted
            yield Contribution(one.rule, family.score, copysign(lost, -one.points), one.at)
            one.granted = granted


def _order(entry: Grant) -> tuple[Micros, str]:
    return entry.at, entry.rule


def _share(before: list[Grant], entry: Grant, family: Family) -> float:
    """Return how much of its points `entry` gets after all of `before`."""
    left, limit = family.shared.points, family.own.get(entry.rule)
    for other in before:
        left -= other.granted
    if limit is not None:
        same = [other for other in before if other.rule == entry.rule]
        if limit.daily and not family.daily:
            today = day_of(family.zone, entry.at)
            same = [other for other in same if day_of(family.zone, other.at) == today]
        left = min(left, limit.points - sum(other.granted for other in same))
    granted = min(abs(entry.points), left)
    return granted if granted > _LEAST else 0.0


def _put_between(entries: list[Grant], entry: Grant, family: Family) -> list[Contribution]:
    """Put a late `entry` into its place, and return what it gets and what those after it lose.

    Nobody else can gain: each of the others had at least as much before it came.
    """
    place = bisect_right(entries, (entry.at, entry.rule), key=lambda other: (other.at, other.rule))
    entries.insert(place, entry)
    given: list[Contribution] = []
    for number in range(place, len(entries)):
        one = entries[number]
        granted = _share(entries[:number], one, family)
        gain = granted - one.granted if number == place else min(0.0, granted - one.granted)
        if not gain:
            continue
        one.granted += gain
        given.append(Contribution(one.rule, family.score, gain if one.points > 0 else -gain, one.at))
    return given


def _without_closed(caps: Mapping[str, list[Grant]], zone: tzinfo, earliest: Micros) -> dict[str, list[Grant]]:
    """Return the buckets that late events can still change: those of days that end at `earliest` or later."""
    numbers = {name: name.rpartition(":")[2] for name in caps}
    return {
        name: entries for name, entries in caps.items() if not numbers[name] or day_end(zone, int(numbers[name])) >= earliest
    }
