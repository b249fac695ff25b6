"""Scoring rules: validated from what `rules/*.yaml` say, compiled once, applied to every event."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, tzinfo
from hashlib import blake2b
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import BeforeValidator, Field, field_validator, model_validator

from core.caps import Family, Limit
from core.conditions import Condition, Spec, Test, compile_conditions, spelt_out
from core.facts import Known
from core.names import nearest
from core.scores import Scale
from core.segments import Segments, SegmentSpec, compile_segments
from core.state import Held
from core.times import DAY
from core.value import ValueModel
from core.window_rules import WindowSpec, compile_recorders, compile_windows
from core.windows import Recorder, WindowScale
from schemas.registry import TYPES

TRAITS: Final = "traits"
"""`event: traits` makes a rule that holds while the profile's traits match, instead of scoring an event."""
PROFILE: Final = "profile"
"""`event: profile` makes a rule that holds while facts of the profile match: windows, traits, value, service."""
PURCHASES: Final = frozenset({"receipt_issued", "order_completed"})
"""Events whose points a refund reverses: no cap limits them."""
RESERVED: Final = frozenset({"refund", "merge"})
"""Names of contributions that are no rule's."""
_OF_RULES: Final = frozenset({"scores", "bands", "segments"})
"""Families of facts that rules make."""
_NAME: Final = "^[a-z][a-z0-9_]*$"


class Cap(Spec):
    """So many points, without their sign, a calendar day or for ever."""

    points: float = Field(gt=0, le=1000)
    per: Literal["day", "ever"]


class Group(Spec):
    """Rules that share a cap."""

    cap: Cap


class Rule(Spec):
    """Points for an event or a trait."""

    id: str = Field(pattern=_NAME)
    score: str
    event: str | list[str]
    when: dict[str, Annotated[Test, BeforeValidator(spelt_out)]] = Field({})
    points: float = Field(ge=-1000, le=1000)
    cap: Cap | None = None
    once: bool = False
    group: str | None = None
    why: str = ""

    @field_validator("id")
    @classmethod
    def _is_free(cls, id_: str) -> str:
        if id_ in RESERVED:
            raise ValueError(f"{id_!r} names points that no rule gives; take another")
        return id_

    @model_validator(mode="after")
    def _can_be_capped(self) -> "Rule":
        if self.once and self.cap is not None:
            raise ValueError("once: is a cap itself; leave `cap` out")
        if self.limited and not PURCHASES.isdisjoint(self.events):
            raise ValueError("cap, once, group: a refund reverses the points of a purchase, so nothing limits them")
        if self.limited and not {TRAITS, PROFILE}.isdisjoint(self.events):
            raise ValueError(
                "cap, once, group: a rule on traits or the profile gives its points while it holds, so nothing limits them"
            )
        return self

    @property
    def limited(self) -> bool:
        """Whether a cap limits the points."""
        return self.once or self.cap is not None or self.group is not None

    @property
    def limit(self) -> Cap | None:
        """The cap of its own; `once` is one of a single grant."""
        return Cap(points=abs(self.points) or 1, per="ever") if self.once else self.cap

    @property
    def events(self) -> list[str]:
        """Event types, or `traits`, that the rule looks at."""
        return [self.event] if isinstance(self.event, str) else self.event


class Band(Spec):
    """A named part of a score's range."""

    name: str
    floor: float = Field(alias="from")


class ScoreSpec(Spec):
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


class Grade(Spec):
    """Which score gives the letter of the grade, which the digit."""

    letter: str
    digit: str


class Frame(Spec):
    """What the rules of one version give points to."""

    version: int = Field(ge=1)
    scores: dict[str, ScoreSpec]
    grade: Grade | None = None
    groups: dict[Annotated[str, Field(pattern=_NAME)], Group] = Field({})
    windows: dict[Annotated[str, Field(pattern=_NAME)], WindowSpec] = Field({})
    segments: dict[Annotated[str, Field(pattern=_NAME)], SegmentSpec] = Field({})

    @model_validator(mode="after")
    def _graded_by_scores(self) -> "Frame":
        grade = self.grade
        if grade and not {grade.letter, grade.digit} <= self.scores.keys():
            raise ValueError("grade: names a score that is not there")
        return self


class RuleSet(Frame):
    """All rules of one version."""

    rules: list[Rule]

    @model_validator(mode="after")
    def _known_names(self) -> "RuleSet":
        ids = [rule.id for rule in self.rules]
        if repeated := {id_ for id_ in ids if ids.count(id_) > 1}:
            raise ValueError(f"rule ids stand twice: {', '.join(sorted(repeated))}")
        for rule in self.rules:
            for _, message in unknown_names(rule, self.scores, self.groups):
                raise ValueError(f"rule {rule.id}: {message}")
            if PROFILE in rule.events and self.scores[rule.score].half_life_days is not None:
                raise ValueError(f"rule {rule.id}: score: one with a half-life takes no points that are held; use another")
            looked = [path for path in rule.when if path.partition(".")[0] in _OF_RULES] if PROFILE in rule.events else []
            if looked:
                what = "a rule on the profile can not look at scores, bands or segments"
                raise ValueError(f"rule {rule.id}: when.{looked[0]}: {what}; make it a segment")
        return self


def unknown_names(rule: Rule, scores: Iterable[str], groups: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the field and what is wrong with it, for each name in `rule` that nothing has."""
    if rule.score not in scores:
        yield "score", f"no score is called {rule.score!r}{nearest(rule.score, scores)}"
    for event in rule.events:
        if event not in (TRAITS, PROFILE) and event not in TYPES:
            yield "event", f"no event type is called {event!r}{nearest(event, [*TYPES, TRAITS, PROFILE])}"
    if rule.group is not None and rule.group not in groups:
        yield "group", f"no group is called {rule.group!r}{nearest(rule.group, groups)}; name it under `groups:` with a cap"


class CompiledRule(NamedTuple):
    """A rule ready to run."""

    id: str
    score: str
    points: float
    holds: Condition
    family: Family | None = None


class CompiledRules(NamedTuple):
    """What the journey needs of a rule set."""

    version: int
    scales: Mapping[str, Scale]
    by_event: dict[str, tuple[CompiledRule, ...]]
    on_traits: tuple[CompiledRule, ...]
    grade_scores: tuple[str, str] | None
    recorders: Mapping[str, tuple[Recorder, ...]]
    windows: Mapping[str, WindowScale]
    held: Segments
    held_points: Mapping[str, Held]
    """Points of each rule on traits or the profile."""
    segments: Segments
    value_model: ValueModel | None
    judgement: str
    """What tells these rules and parameters from all others: a profile knows which ones it was judged by."""

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


def compile_rules(rule_set: RuleSet, zone: tzinfo = UTC, model: ValueModel | None = None) -> CompiledRules:
    """Return `rule_set` with every condition turned into a function.

    Args:
        rule_set: The rules.
        zone: Time zone of the days that caps count by.
        model: Parameters that customers are valued by.
    """
    families = {
        name: _family(f"@{name}", group.cap, [rule for rule in rule_set.rules if rule.group == name], zone)
        for name, group in rule_set.groups.items()
    }
    by_event: dict[str, list[CompiledRule]] = {}
    for rule in rule_set.rules:
        family = families[rule.group] if rule.group else _family(rule.id, rule.limit, [rule], zone) if rule.limit else None
        compiled = CompiledRule(rule.id, rule.score, rule.points, compile_conditions(rule.when), family)
        for event in rule.events:
            by_event.setdefault(event, []).append(compiled)
    on_traits = tuple(by_event.pop(TRAITS, ()))
    on_profile = {rule.id: rule for rule in rule_set.rules if PROFILE in rule.events}
    by_event.pop(PROFILE, None)
    grade = rule_set.grade
    held = {
        id_: SegmentSpec(where={path: test.model_dump(exclude_none=True) for path, test in rule.when.items()})
        for id_, rule in on_profile.items()
    }
    known = known_of(rule_set, [spec.where for spec in held.values()], model)
    return CompiledRules(
        rule_set.version,
        known.scales,
        {event: tuple(rules) for event, rules in by_event.items()},
        on_traits,
        (grade.letter, grade.digit) if grade else None,
        compile_recorders(rule_set.windows),
        known.windows,
        compile_segments(held, known._replace(scales={}, segments=frozenset())),
        {rule.id: Held(rule.score, rule.points) for rule in rule_set.rules if {TRAITS, PROFILE} & set(rule.events)},
        compile_segments(rule_set.segments, known),
        model,
        _judgement(rule_set, zone, model),
    )


def known_of(frame: Frame, wheres: Iterable[Any] = (), model: ValueModel | None = None) -> Known:
    """Return what conditions on profiles may ask about.

    Args:
        frame: Scores, windows and segments.
        wheres: Conditions besides those of segments: windows count as far as any condition asks.
        model: Parameters that customers are valued by.
    """
    asking = [*(spec.where for spec in frame.segments.values()), *wheres]
    return Known(
        {name: _scale(name, spec) for name, spec in frame.scores.items()},
        compile_windows(frame.windows, asking),
        {name: spec.types for name, spec in frame.windows.items()},
        frozenset(frame.segments),
        model,
    )


def _judgement(rule_set: RuleSet, zone: tzinfo, model: ValueModel | None) -> str:
    numbers = None if model is None else model._replace(version=0)
    said = f"{rule_set.model_dump_json(exclude={'version'})} {zone} {numbers}"
    return blake2b(said.encode(), digest_size=6).hexdigest()


def _family(name: str, shared: Cap, rules: list[Rule], zone: tzinfo) -> Family:
    own = {rule.id: _limit(rule.limit) for rule in rules if rule.group and rule.limit}
    return Family(name, rules[0].score if rules else "", _limit(shared), own, zone, shared.per == "day")


def _limit(cap: Cap) -> Limit:
    return Limit(cap.points, cap.per == "day")


def _scale(name: str, spec: ScoreSpec) -> Scale:
    half_life = None if spec.half_life_days is None else round(spec.half_life_days * DAY)
    bands, floors = zip(*((band.name, band.floor) for band in spec.bands), strict=True)
    return Scale(name, half_life, spec.shown_from, spec.shown_to, spec.hysteresis, bands, floors)
