"""Step `decide`: which rules an event meets, what the scores become, and which bands were crossed."""

from typing import Any, NamedTuple

import msgspec

from core.admission import Admitted
from core.rules import CompiledRules
from core.scores import add, band_after, value_at
from core.state import Contribution, State
from core.times import Micros

KEPT_CONTRIBUTIONS = 20


class Crossing(NamedTuple):
    """A score left its band."""

    score: str
    old_band: str
    new_band: str
    old_value: float
    value: float


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What one event did to the scores of a profile, all of it shown for the instant `at`."""

    at: Micros
    shown: dict[str, float]
    crossings: list[Crossing]
    contributions: list[Contribution]


def score_event(state: State, admitted: Admitted, rules: CompiledRules) -> Verdict:
    """Add the points of an event to `state`, whose facts are folded already, and say what they did.

    Bands are judged at the customer's latest event time, so a late event can cross one, too.
    """
    at, kept = admitted.occurred_at, admitted.kept
    now = max(at, state.last_seen_at or at)
    given = [
        Contribution(rule.id, rule.score, rule.points, at)
        for rule in rules.by_event.get(admitted.type, ())
        if rule.holds(kept)
    ]
    if "traits" in kept:
        given += _trait_points(state, rules, at)
    if given:
        state.contributions = [*state.contributions, *given][-KEPT_CONTRIBUTIONS:]
    shown: dict[str, float] = {}
    crossings: list[Crossing] = []
    scores = state.scores
    for name, scale in rules.scales.items():
        score = scores.get(name)
        if score is None:
            score = scores[name] = scale.start(at)
        before = value = value_at(score, now, scale)
        for contribution in given:
            if contribution.score == name:
                add(score, contribution.points, at, scale)
                value = value_at(score, now, scale)
        shown[name] = value
        band = band_after(score.band, value, scale)
        if band != score.band:
            crossings.append(Crossing(name, score.band, band, before, value))
            score.band = band
    return Verdict(now, shown, crossings, given)


def _trait_points(state: State, rules: CompiledRules, at: Micros) -> list[Contribution]:
    """Return the difference between the trait rules that hold now and those that held before."""
    traits: dict[str, Any] = {name: dated.value for name, dated in state.traits.items()}
    held, holding = state.trait_rules, {rule.id: rule for rule in rules.on_traits if rule.holds(traits)}
    scores = {rule.id: rule.score for rule in rules.on_traits}
    gone = [
        Contribution(id_, scores[id_], -points, at) for id_, points in held.items() if id_ not in holding and id_ in scores
    ]
    come = [Contribution(rule.id, rule.score, rule.points, at) for rule in holding.values() if rule.id not in held]
    state.trait_rules = {rule.id: held.get(rule.id, rule.points) for rule in holding.values()}
    return gone + come
