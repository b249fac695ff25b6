"""Segments that can not be compiled, and segments that are named and not there."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from core.checks import Finding, Numbered
from core.names import nearest
from core.rules import Frame, known_of
from core.segments import compile_segments

_FAMILY: Final = "segments."
_User = tuple[str, int | None, tuple[str | int, ...]]
"""What names a segment, the number of the rule where it is one, and the place."""


def segment_findings(frame: Frame, rules: Numbered) -> Iterator[Finding]:
    """Yield what is wrong with each segment for itself, and each missing one at the place of its first user."""
    users = _users(frame, rules)
    yield from _broken(frame, users)
    for name in sorted(users.keys() - frame.segments.keys()):
        _, first, place = users[name][0]
        names = ", ".join(dict.fromkeys(user for user, _, _ in users[name]))
        use = "use" if "," in names else "uses"
        hint = nearest(name, frame.segments) or "; put it back, or change them"
        yield Finding(first, place, f"no segment is called {name!r}, which {names} {use}{hint}")


def _broken(frame: Frame, named: Iterable[str]) -> Iterator[Finding]:
    try:
        known = known_of(frame)
    except ValueError as error:  # a condition asks for more than its window can count
        about, _, message = str(error).partition(": ")
        yield Finding(None, ("windows", about.removeprefix("window ")), message)
        return
    known = known._replace(segments=known.segments.union(named))
    for name, spec in frame.segments.items():
        try:
            compile_segments({name: spec}, known)
        except ValueError as error:
            yield Finding(None, ("segments", name), str(error).removeprefix(f"segment {name}: "))


def _users(frame: Frame, rules: Numbered) -> dict[str, list[_User]]:
    """Return who names each segment, and where."""
    users: dict[str, list[_User]] = {}
    for user, spec in frame.segments.items():
        for place in _places(spec.where, ("segments", user, "where")):
            users.setdefault(_named(place), []).append((user, None, place))
    for number, rule in rules:
        for place in _places(rule.when, ("when",)):
            users.setdefault(_named(place), []).append((f"rule {rule.id}", number, place))
    return users


def _places(where: Any, place: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    """Yield the places of conditions that look at a segment."""
    if isinstance(where, dict):
        for name, inner in where.items():
            if str(name).startswith(_FAMILY):
                yield (*place, name)
            yield from _places(inner, (*place, name))
    elif isinstance(where, list):
        for number, inner in enumerate(where):
            yield from _places(inner, (*place, number))


def _named(place: tuple[str | int, ...]) -> str:
    return str(place[-1]).removeprefix(_FAMILY)
