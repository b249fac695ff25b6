"""Scoring rules: validated from what `rules/*.yaml` say, compiled once, applied to every event."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.scores import Scale
from core.times import DAY
from schemas.registry import TYPES

Condition = Callable[[Mapping[str, Any]], bool]
TRAITS: Final = "traits"
"""`event: traits` makes a rule that holds while the profile's traits match, instead of scoring an event."""
_NESTED: Final = (list, dict)


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Test(_Spec):
    """What a field must be; all that is named must hold."""

    equals: str | float | bool | None = None
    one_of: list[str | float] | None = None
    prefix: str | list[str] | None = None
    at_least: float | None = None
    below: float | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "Test":
        if not self.model_fields_set:
            raise ValueError("an empty condition holds always; leave the field out")
        return self


class Rule(_Spec):
    """Points for an event or a trait."""

    id: str = Field(pattern="^[a-z][a-z0-9_]*$")
    score: str
    event: str | list[str]
    when: dict[str, Test | str | float | bool | list[str | float]] = {}
    points: float = Field(ge=-1000, le=1000)
    why: str = ""

    @property
    def events(self) -> list[str]:
        """Event types, or `traits`, that the rule looks at."""
        return [self.event] if isinstance(self.event, str) else self.event


class Band(_Spec):
    """A named part of a score's range."""

    name: str
    floor: float = Field(alias="from")


class ScoreSpec(_Spec):
    """How a score behaves."""

    half_life_days: float | None = Field(default=None, ge=0.001)
    shown_from: float = 0.0
    shown_to: float = 100.0
    hysteresis: float = Field(default=0.0, ge=0)
    bands: list[Band] = Field(min_length=1)

    @model_validator(mode="after")
    def _ascending(self) -> "ScoreSpec":
        floors = [band.floor for band in self.bands]
        if floors != sorted(set(floors)):
            raise ValueError("bands must rise: each `from` greater than the one before")
        if len({band.name for band in self.bands}) != len(self.bands):
            raise ValueError("bands must have names of their own")
        return self


class Grade(_Spec):
    """Which score gives the letter of the grade, which the digit."""

    letter: str
    digit: str


class RuleSet(_Spec):
    """All rules of one version."""

    version: int = Field(ge=1)
    scores: dict[str, ScoreSpec]
    grade: Grade | None = None
    rules: list[Rule]

    @model_validator(mode="after")
    def _known_names(self) -> "RuleSet":
        ids = [rule.id for rule in self.rules]
        if repeated := {id_ for id_ in ids if ids.count(id_) > 1}:
            raise ValueError(f"rule ids stand twice: {', '.join(sorted(repeated))}")
        for rule in self.rules:
            if rule.score not in self.scores:
                raise ValueError(f"rule {rule.id}: no score is called {rule.score!r}")
            for event in rule.events:
                if event != TRAITS and event not in TYPES:
                    raise ValueError(f"rule {rule.id}: no event type is called {event!r}")
        grade = self.grade
        if grade and not {grade.letter, grade.digit} <= self.scores.keys():
            raise ValueError("grade: names a score that is not there")
        return self


class CompiledRule(NamedTuple):
    """A rule ready to run."""

    id: str
    score: str
    points: float
    holds: Condition


class CompiledRules(NamedTuple):
    """What the journey needs of a rule set."""

    version: int
    scales: dict[str, Scale]
    by_event: dict[str, tuple[CompiledRule, ...]]
    on_traits: tuple[CompiledRule, ...]
    grade_scores: tuple[str, str] | None

    def grade(self, bands: Mapping[str, str]) -> str | None:
        """Return the grade, such as A1 for the best, from the band of each score."""
        if self.grade_scores is None:
            return None
        letter, digit = (self.scales[name] for name in self.grade_scores)
        ranks = [_rank(scale, bands.get(scale.name)) for scale in (letter, digit)]
        return f"{chr(ord('A') + ranks[0])}{ranks[1] + 1}"


def _rank(scale: Scale, band: str | None) -> int:
    """Return 0 for the highest band; an unknown one ranks as the lowest."""
    index = scale.bands.index(band) if band in scale.bands else 0
    return len(scale.bands) - 1 - index


def compile_rules(rule_set: RuleSet) -> CompiledRules:
    """Return `rule_set` with every condition turned into a function."""
    by_event: dict[str, list[CompiledRule]] = {}
    for rule in rule_set.rules:
        compiled = CompiledRule(rule.id, rule.score, rule.points, _all_of([*_conditions(rule)]))
        for event in rule.events:
            by_event.setdefault(event, []).append(compiled)
    on_traits = tuple(by_event.pop(TRAITS, ()))
    grade = rule_set.grade
    return CompiledRules(
        rule_set.version,
        {name: _scale(name, spec) for name, spec in rule_set.scores.items()},
        {event: tuple(rules) for event, rules in by_event.items()},
        on_traits,
        (grade.letter, grade.digit) if grade else None,
    )


def _scale(name: str, spec: ScoreSpec) -> Scale:
    half_life = None if spec.half_life_days is None else round(spec.half_life_days * DAY)
    bands, floors = zip(*((band.name, band.floor) for band in spec.bands), strict=True)
    return Scale(name, half_life, spec.shown_from, spec.shown_to, spec.hysteresis, bands, floors)


def _conditions(rule: Rule) -> Iterator[Condition]:
    for path, wanted in rule.when.items():
        test = (
            wanted if isinstance(wanted, Test) else Test(one_of=wanted) if isinstance(wanted, list) else Test(equals=wanted)
        )
        yield from _tests(tuple(path.split(".")), test)


def _tests(path: tuple[str, ...], test: Test) -> Iterator[Condition]:
    look = _look(path)
    if test.equals is not None:
        equals = test.equals
        yield lambda event: look(event) == equals
    if test.one_of is not None:
        allowed = frozenset(test.one_of)
        yield lambda event: look(event) in allowed
    if test.prefix is not None:
        prefixes = (test.prefix,) if isinstance(test.prefix, str) else tuple(test.prefix)
        yield lambda event: (value := look(event)) is not None and str(value).startswith(prefixes)
    if test.at_least is not None or test.below is not None:
        low = float("-inf") if test.at_least is None else test.at_least
        high = float("inf") if test.below is None else test.below
        yield lambda event: (value := _number(look(event))) is not None and low <= value < high


def _all_of(conditions: list[Condition]) -> Condition:
    if not conditions:
        return lambda _: True
    if len(conditions) == 1:
        return conditions[0]
    return lambda event: all(condition(event) for condition in conditions)


def _look(path: tuple[str, ...]) -> Callable[[Mapping[str, Any]], Any]:
    """Return what finds the plain value at `path`; None where there is none."""
    *parents, name = path

    def look(event: Mapping[str, Any]) -> Any:
        place: Any = event
        for parent in parents:
            place = place.get(parent)
            if type(place) is not dict:
                return None
        value = place.get(name)
        return None if type(value) in _NESTED else value

    return look


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)  # type: ignore[arg-type]  # money may be a string; anything else is no number
    except (TypeError, ValueError):
        return None
