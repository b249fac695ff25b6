"""What is wrong with rules that can be read: names that nothing has, rules that never hold or contradict, useless caps."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations
from math import inf
from typing import NamedTuple

from core.rules import TRAITS, Cap, Frame, Group, Rule, ScoreSpec, unknown_names
from core.satisfiable import troubles
from schemas.registry import TYPES


class Finding(NamedTuple):
    """What is wrong, and where: the number of a rule and the path within it, or the path within the whole."""

    rule: int | None
    path: tuple[str | int, ...]
    message: str
    warning: bool = False


class Names(NamedTuple):
    """What rules may name besides events: scores, groups, and custom properties of the tracking plan."""

    scores: Collection[str]
    groups: Collection[str]
    properties: frozenset[str]


Numbered = Sequence[tuple[int, Rule]]


def rule_findings(rules: Numbered, names: Names) -> Iterator[Finding]:
    """Yield what is wrong with single rules, and between two of them."""
    first: dict[str, int] = {}
    for number, rule in rules:
        if first.setdefault(rule.id, number) != number:
            yield Finding(number, ("id",), f"rule ids stand twice: {rule.id}; give each rule an id of its own")
        yield from (Finding(number, (field,), message) for field, message in unknown_names(rule, names.scores, names.groups))
        yield from _unreachable(number, rule, names)
        yield from _useless(number, rule)
    for (_, one), (number, other) in combinations(rules, 2):
        if one.score == other.score and one.when == other.when and not set(one.events).isdisjoint(other.events):
            yield from _beside(one, number, other)


def group_findings(rules: Numbered, groups: Mapping[str, Group]) -> Iterator[Finding]:
    """Yield what is wrong with the rules of a group: they share one score, one sign, and a cap that outlasts theirs."""
    for name, group in groups.items():
        members = [(number, rule) for number, rule in rules if rule.group == name]
        if not members:
            yield Finding(None, ("groups", name), "no rule names this group; remove it", warning=True)
        for number, rule in members:
            yield from _member(number, rule, group, members[0][1])


def score_findings(frame: Frame, rules: Numbered) -> Iterator[Finding]:
    """Yield what is odd about scores: bands that nobody reaches."""
    for name, spec in frame.scores.items():
        for message in _odd(spec, [rule for _, rule in rules if rule.score == name], frame.groups):
            yield Finding(None, ("scores", name, "bands"), message, warning=True)


def window_findings(frame: Frame, properties: frozenset[str]) -> Iterator[Finding]:
    """Yield what never counts in a window: conditions that no event of its types can meet."""
    for name, spec in frame.windows.items():
        for event in spec.events:
            for path, message in troubles(event, spec.when, properties):
                yield Finding(None, ("windows", name, "when", *path), message)


def _unreachable(number: int, rule: Rule, names: Names) -> Iterator[Finding]:
    for event in rule.events:
        if event == TRAITS or event in TYPES:  # facts of the profile are looked at when they are compiled
            for path, message in troubles(event, rule.when, names.properties):
                yield Finding(number, ("when", *path), message)


def _useless(number: int, rule: Rule) -> Iterator[Finding]:
    if not rule.points:
        yield Finding(number, ("points",), "gives no points; remove the rule", warning=True)
    if rule.cap is not None and rule.cap.points < abs(rule.points):
        message = f"is smaller than one grant of {rule.points:g}: no event gets all of its points"
        yield Finding(number, ("cap", "points"), message, warning=True)


def _beside(one: Rule, number: int, other: Rule) -> Iterator[Finding]:
    if one.points * other.points < 0:
        message = f"contradicts rule {one.id}: same event and conditions, opposite points; keep one of them"
        yield Finding(number, ("points",), message)
    elif one.limit == other.limit and one.group == other.group:
        yield Finding(number, ("when",), f"asks the same as rule {one.id}; join their points in one rule", warning=True)


def _member(number: int, rule: Rule, group: Group, first: Rule) -> Iterator[Finding]:
    if rule.score != first.score:
        yield Finding(number, ("group",), f"a group shares one score; rule {first.id} gives to {first.score!r}")
    if rule.points * first.points < 0:
        yield Finding(number, ("group",), f"a group either gives or takes points; rule {first.id} does the opposite")
    if rule.limit is not None and rule.limit.per == "ever" and group.cap.per == "day":
        message = "a cap for ever, or once, can not stand in a group that is capped by the day; leave the group"
        yield Finding(number, ("once",) if rule.once else ("cap", "per"), message)
    if group.cap.points < abs(rule.points):
        message = f"the group's cap is smaller than one grant of {rule.points:g}"
        yield Finding(number, ("group",), message, warning=True)


def _odd(spec: ScoreSpec, rules: list[Rule], groups: Mapping[str, Group]) -> Iterator[str]:
    if len(spec.bands) == 1:
        yield "one band only: the score never changes it; add another"
        return
    for band in spec.bands[1:]:
        if band.floor > spec.shown_to:
            yield f"band {band.name} is never reached: it begins above shown_to {spec.shown_to:g}"
    most = _reach([rule for rule in rules if rule.points > 0], groups)
    least = -_reach([rule for rule in rules if rule.points < 0], groups)
    above = min((band.floor for band in spec.bands[1:] if band.floor > 0), default=inf)
    start = max((band.floor for band in spec.bands[1:] if band.floor <= 0), default=-inf)
    if most < above and least >= start - spec.hysteresis:
        yield f"no rule moves the score out of its band: together they give {least:g} to {most:+g}; see points and caps"


def _reach(rules: list[Rule], groups: Mapping[str, Group]) -> float:
    """Return the size of all points that rules of one sign can give."""
    shared = {name: group.cap for name, group in groups.items() if any(rule.group == name for rule in rules)}
    alone = [abs(rule.points) if TRAITS in rule.events else _for_ever(rule.limit) for rule in rules if not rule.group]
    return sum(alone) + sum(_for_ever(cap) for cap in shared.values())


def _for_ever(cap: Cap | None) -> float:
    return cap.points if cap is not None and cap.per == "ever" else inf
