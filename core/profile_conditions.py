"""Conditions on the profile: read from what files say, and written as one Python function each, for every event asks dozens.

A function that is written costs a third of one that is put together from closures, one for each value, bound and join.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from core.facts import Fact, Known, Turn, Value, fact
from core.state import State
from core.times import Micros

_JOINS: Final = frozenset({"all", "any", "not"})
_DEAR: Final = ("churn.risk", "value.p_alive", "value.expected_purchases", "value.lifetime_value.")
_NUMBER: Final = (int, float)
_BOUNDS: Final = frozenset({"at_least", "leave_below", "below"})

Holds = Callable[[State, Micros, bool], bool]
"""Takes a profile, an instant, and whether the customer is in already."""


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


Turns = tuple[tuple[Turn, float], ...]
"""What tells when passing time takes a fact to a bound, and that bound."""


class Leaf(NamedTuple):
    """One condition on one fact: what time may do to let somebody in by it, and what to put them out."""

    text: str
    fact: Fact
    holds: Holds
    entering: Turns
    leaving: Turns

    @property
    def is_gate(self) -> bool:
        """Whether passing time never changes it, nor another segment."""
        return not (self.entering or self.leaving or any(moved.startswith("segment:") for moved in self.fact.moved_by))


class Condition(NamedTuple):
    """A condition ready to run; while its `gate` does not hold, passing time alone lets nobody in."""

    holds: Holds
    leaves: tuple[Leaf, ...]
    gate: Holds | None


def compile_condition(where: Any, known: Known) -> Condition:
    """Return what a file says.

    Args:
        where: `all` or `any` of a list, `not` of one, or facts that must all hold.
        known: What facts may be asked about.

    Raises:
        ValueError: It names no fact, or can not be read.
    """
    writer = _Writer(known)
    holds = writer.function(writer.node(where))
    leaves = tuple(leaf for leaf, _ in writer.leaves)
    gates = [] if _JOINS & where.keys() else [code for leaf, code in writer.leaves if leaf.is_gate]
    return Condition(holds, leaves, writer.function(_joined(" and ", gates)) if gates else None)


class _Writer:
    """Writes expressions over `state`, `now` and `member`. What a file says stands in them by made-up names."""

    def __init__(self, known: Known) -> None:
        self.leaves: list[tuple[Leaf, str]] = []
        self._known = known
        self._objects: dict[str, object] = {}

    def function(self, code: str) -> Holds:
        """Return an expression as a function."""
        try:
            holds: Holds = eval(f"lambda state, now, member: {code}", self._objects)  # noqa: S307  # all of it is ours
        except SyntaxError:
            raise ValueError("conditions are nested too deep; give a part of them a segment of its own") from None
        return holds

    def node(self, where: Any, nots: int = 0) -> str:
        """Return the expression of a condition that stands below so many `not`."""
        if not isinstance(where, dict) or not where:
            raise ValueError("a condition is a mapping, such as `bands.engagement: hot`")
        parts: list[str] = []
        for name, wanted in sorted(where.items(), key=_cost):
            if name in ("all", "any"):
                if not isinstance(wanted, list) or not wanted:
                    raise ValueError(f"{name}: needs a list of conditions")
                inner = [self.node(one, nots) for one in wanted]
                parts.append(_joined(" and " if name == "all" else " or ", inner))
            elif name == "not":
                parts.append(f"(not {self.node(wanted, nots + 1)})")
            else:
                parts.append(self._leaf(str(name), wanted, nots))
        return _joined(" and ", parts)

    def _leaf(self, path: str, wanted: Any, nots: int) -> str:
        said = wanted if isinstance(wanted, dict) else {"one_of" if isinstance(wanted, list) else "equals": wanted}
        bounds = _read(path, said)
        if nots and bounds.leave_below is not None:
            raise ValueError(f"{path}: leave_below can not stand below `not`; give that its own segment, and name it there")
        found = fact(path, self._known)
        for one in bounds.one_of or ([] if bounds.equals is None else [bounds.equals]):
            if found.texts is not None and one not in found.texts:
                there_are = f"it is {_some(sorted(found.texts))}, in quotes where it is a number"
                raise ValueError(f"{path}: is never {one!r}; {there_are}")
        text = ", ".join(f"{name} {value}" for name, value in said.items())
        code = self._test(found, bounds)
        entering, leaving = _turns(found, bounds)
        if nots % 2:
            entering, leaving = leaving, entering
        self.leaves.append((Leaf(f"{path} {text}"[:100], found, self.function(code), entering, leaving), code))
        return code

    def _test(self, found: Fact, bounds: Bounds) -> str:
        """Return what tells whether a fact is within bounds; the usual kinds of bounds cost one comparison."""
        value = f"state.{found.field}" if found.field else f"{self._name(found.value)}(state, now)"
        said = bounds.model_fields_set
        texts = bounds.one_of if said == {"one_of"} else [bounds.equals] if said == {"equals"} else [0]
        if texts is not None and all(isinstance(text, str) for text in texts):
            return f"({value} in {self._name(frozenset(texts))})"
        if said == {"equals"} and (isinstance(bounds.equals, bool) or found.is_number):
            return f"({value} {'is' if isinstance(bounds.equals, bool) else '=='} {self._name(bounds.equals)})"
        parts = [self._within(found, value, bounds)] if said & {"at_least", "below"} else []
        if not said <= _BOUNDS:
            parts.append(f"{self._name(_others(bounds))}({value})")
        return _joined(" and ", parts)

    def _within(self, found: Fact, value: str, bounds: Bounds) -> str:
        """Return what tells whether a value is a number between the bounds."""
        known, size = "", value
        if not found.field:
            size = f"v{len(self._objects)}"
            there = f"({size} := {value})"
            known = f"{there} is not None and " if found.is_number else f"{self._name(_is_number)}({there}) and "
        low = "" if bounds.at_least is None else f"{self._name(bounds.at_least)} <= "
        if bounds.leave_below is not None:
            low = f"({self._name(bounds.leave_below)} if member else {low.removesuffix(' <= ')}) <= "
        below = "" if bounds.below is None else f" < {self._name(bounds.below)}"
        return f"({known}{low}{size}{below})"

    def _name(self, thing: object) -> str:
        name = f"x{len(self._objects)}"
        self._objects[name] = thing
        return name


def _joined(how: str, parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"({how.join(parts)})"


def _read(path: str, said: dict[str, Any]) -> Bounds:
    try:
        return Bounds.model_validate(said)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"][:1]))
        raise ValueError(f"{path}: {field + ': ' if field else ''}{first['msg'].removeprefix('Value error, ')}") from None


def _turns(found: Fact, bounds: Bounds) -> tuple[Turns, Turns]:
    """Return what time may do to let a fact meet its bounds, and what to let it meet them no longer.

    A number that falls comes below `below` and leaves what it was at least; one that rises does the opposite.
    """
    low = bounds.at_least
    stays = low if bounds.leave_below is None else bounds.leave_below
    exact = _exact(bounds)
    falls, rises, changes = found.falls_at, found.rises_at, found.changes_at
    entering = [(falls, bounds.below), (rises, low)]
    leaving = [(falls, stays), (rises, bounds.below)]
    both = [(changes, 0.0), *((turn, bound) for turn in (falls, rises) for bound in exact)]
    return _there([*entering, *both]), _there([*leaving, *both])


def _exact(bounds: Bounds) -> list[float]:
    """Return the values beside which no other will do."""
    said = [bounds.equals, *(bounds.one_of or ())]
    return [float(value) for value in said if isinstance(value, int | float)]


def _there(turns: Iterable[tuple[Turn | None, float | None]]) -> Turns:
    return tuple((turn, bound) for turn, bound in turns if turn is not None and bound is not None)


def _some(texts: Sequence[str]) -> str:
    return ", ".join(texts) if len(texts) < 9 else f"one such as {texts[len(texts) // 2]!r}"


def _cost(condition: tuple[str, Any]) -> int:
    """Rank what is cheap to look at before what is dear."""
    return 2 if str(condition[0]).startswith(_DEAR) else condition[0] in _JOINS


def _is_number(value: Value) -> bool:
    return isinstance(value, _NUMBER)


def _others(bounds: Bounds) -> Callable[[Value], bool]:
    """Return what tells whether a value meets all but the bounds of numbers."""

    def meets(value: Value) -> bool:
        if bounds.present is not None and bounds.present == (value is None):
            return False
        if bounds.equals is not None and not _equal(value, bounds.equals):
            return False
        return bounds.one_of is None or any(_equal(value, one) for one in bounds.one_of)

    return meets


def _equal(value: Value, wanted: str | float | bool) -> bool:  # noqa: FBT001  # any value
    """Tell whether two values are the same and of a kind: true is not 1."""
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)
