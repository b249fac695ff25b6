"""What a fact is, and what facts may be asked about."""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Final, NamedTuple

from core.scores import Scale
from core.state import State
from core.times import Micros
from core.value import ValueModel
from core.windows import WindowScale
from schemas.registry import REGISTRY

Value = str | float | int | bool | None
Turn = Callable[[State, Micros, float], Micros | None]
"""Tells when passing time alone will take a fact to a bound, after an instant; None where it never will."""
SCORES: Final = "scores"
"""Stands for events that give points, whatever their type."""
EVERY: Final = "every"
"""Stands for every event."""


class Fact(NamedTuple):
    """A named value of a profile.

    `value` is its value at an instant; `moved_by` names event types, `SCORES`, `EVERY` or `segment:NAME`. `falls_at` is when
    passing time alone will take a number below a bound, `rises_at` when it will lift it to one: None where it never will. A
    number does one of both only. `changes_at` is when time will make anything else of the fact, whatever the bound.
    `field` is the field of the profile that it is, where it is just that, a number and always there.
    """

    value: Callable[[State, Micros], Value]
    moved_by: frozenset[str]
    falls_at: Turn | None = None
    rises_at: Turn | None = None
    changes_at: Turn | None = None
    texts: frozenset[str] | None = None
    """All texts that it can be, where these are known."""
    is_number: bool = False
    """Whether it is a number wherever it is known."""
    field: str = ""


class Known(NamedTuple):
    """What facts may be asked about, beside those that every profile has."""

    scales: Mapping[str, Scale]
    windows: Mapping[str, WindowScale]
    window_types: Mapping[str, frozenset[str]]
    segments: frozenset[str]
    value_model: ValueModel | None = None


def field_of(name: str, moved_by: frozenset[str]) -> Fact:
    """Return the fact that a number in a field of the profile is."""
    read = attrgetter(name)
    return Fact(lambda state, _: read(state), moved_by, is_number=True, field=name)


def types_of(*topics: str) -> frozenset[str]:
    """Return the types of all events of some topics."""
    return frozenset(entry.type for entry in REGISTRY.values() if entry.topic in topics)


ALL: Final = frozenset({EVERY})
