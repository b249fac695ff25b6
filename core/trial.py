"""A set of rules tried on one customer after another, as if it had always held."""

from typing import Final, NamedTuple

import msgspec

from core.admission import Admitted
from core.journey import Journey, Settings
from core.purchases import repeated
from core.rules import CompiledRules
from core.scores import add, decayed, value_at
from core.scoring import Verdict, let_pass, next_due
from core.segments import members
from core.state import Score, State, new
from core.times import Micros
from schemas.projection import compile_projection
from schemas.registry import INPUT_TOPICS, REGISTRY

_CUSTOM: Final = "custom_tracked"


class Messages(NamedTuple):
    """How many changes were said."""

    score_changes: int
    segment_changes: int

    def __add__(self, other: "Messages") -> "Messages":  # type: ignore[override]  # sums, not one tuple after another
        """Return the sums."""
        return Messages(*map(sum, zip(self, other, strict=True)))


class Standing(NamedTuple):
    """How a customer stands now: `points` are those of each score and rule, faded as the score is."""

    state: State
    values: dict[str, float]
    bands: dict[str, str]
    members: frozenset[str]
    points: dict[tuple[str, str], float]
    said: Messages
    """What was said in the days that are looked at."""


class Trial:
    """Folds the events of customers by one set of rules, from an empty profile each, and lets time pass between them.

    Args:
        rules: The rules.
        settings: What the journey knows of this installation; its plan is that of the rules.
        now: Until when time passes.
        since: From when on what is said is counted.
    """

    def __init__(self, rules: CompiledRules, settings: Settings, now: Micros, since: Micros) -> None:
        self.plan = settings.plan
        self._rules, self._now, self._since = rules, now, since
        self._journeys = {topic: Journey(topic, rules, settings) for topic in INPUT_TOPICS}
        self._project = compile_projection(REGISTRY[_CUSTOM, 1].models, settings.plan)
        self.begin("")

    @property
    def bands(self) -> list[tuple[str, str]]:
        """Every score with each of its bands, from the lowest one up."""
        return [(name, band) for name, scale in self._rules.scales.items() for band in scale.bands]

    @property
    def segments(self) -> list[str]:
        """The names of all segments."""
        return [segment.name for segment in self._rules.segments.ordered]

    def begin(self, key: str) -> None:
        """Begin with a customer nobody has seen yet."""
        self._key, self._state, self._clock = key, new(self._rules.judgement), 0
        self._points: dict[tuple[str, str], Score] = {}
        self._said = Messages(0, 0)

    def fold(self, topic: str, admitted: Admitted) -> None:
        """Let time pass until the customer's next event was received, and fold it."""
        if self._clock:
            self._pass(admitted.received_at)
        self._clock = max(self._clock, admitted.received_at)
        if admitted.type == _CUSTOM:
            admitted = msgspec.structs.replace(admitted, kept=self._project(admitted.kept)[0])
        if topic == "purchase" and repeated(self._state, admitted) is not None:
            return  # two names of one person told of it
        self._state.seq += 1
        verdict, _ = self._journeys[topic].take_in(self._state, self._key, admitted)
        self._note(verdict, self._clock)

    def end(self) -> Standing:
        """Let time pass until now, and return how the customer stands."""
        now, scales, state = self._now, self._rules.scales, self._state
        self._pass(now)
        return Standing(
            state,
            {name: value_at(score, now, scales[name]) for name, score in state.scores.items()},
            {name: score.band for name, score in state.scores.items()},
            frozenset(members(state)),
            {place: _faded(points, now, scales[place[0]].half_life) for place, points in self._points.items()},
            self._said,
        )

    def _pass(self, until: Micros) -> None:
        while (due := next_due(self._state, self._rules)) is not None and due <= until:
            self._note(let_pass(self._state, self._rules, due), due)

    def _note(self, verdict: Verdict, at: Micros) -> None:
        """Note who gave the points, and how much was said."""
        for given in verdict.contributions:
            place = given.score, given.rule
            points = self._points.setdefault(place, Score(0.0, given.occurred_at, ""))
            add(points, given.points, given.occurred_at, self._rules.scales[given.score])
        if at >= self._since:
            moves = sum(move.change != "forgotten" for move in verdict.moves)
            self._said += Messages(len(verdict.crossings), moves)


def _faded(points: Score, now: Micros, half_life: Micros | None) -> float:
    return decayed(points.value, max(now - points.as_of, 0), half_life)
