"""Step `decide`: which rules an event meets, what the scores become, and which bands were crossed."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec

from core.admission import Admitted
from core.caps import grant
from core.contributions import keep
from core.purchases import SETTLED, Settled, settle
from core.rules import CompiledRules
from core.scores import add, band_after, next_fall, value_at
from core.segments import Move, Segment, forget, leave_gone, members, move, next_forgotten
from core.state import Contribution, Grant, Held, State
from core.times import MILLISECOND, Micros
from core.windows import record

_UNCONCERNED: Final = Settled([], "")


class Crossing(NamedTuple):
    """A score left its band."""

    score: str
    old_band: str
    new_band: str
    old_value: float
    value: float


class Verdict(msgspec.Struct, gc=False):
    """What an event, or passing time, did to the scores of a profile, all of it shown for the instant `at`."""

    at: Micros
    shown: dict[str, float]
    crossings: list[Crossing]
    contributions: list[Contribution]
    moves: list[Move] = []
    refund_state: str = ""
    refunded: tuple[str, Decimal] | None = None

    @property
    def says_something(self) -> bool:
        """Whether time that made this verdict has changed anything."""
        return bool(self.crossings or self.moves or self.contributions)


def score_event(state: State, admitted: Admitted, rules: CompiledRules, lateness: Micros) -> Verdict:
    """Add the points of an event to `state`, whose facts are folded already, and say what they did.

    Bands are judged at the latest instant that the customer is known at, so a late event can cross one, too. Days that
    ended more than `lateness` before that are closed to it.
    """
    at, kept = admitted.occurred_at, admitted.kept
    now = max(at, state.last_seen_at or at, state.told_at)
    state.looked_at = min(state.looked_at, now)  # what time changes after this event is to be looked at again
    given = _event_points(state, admitted, rules, lateness)
    settled = settle(state, admitted, given) if admitted.type in SETTLED else _UNCONCERNED
    given += settled.taken
    if "traits" in kept:
        given += _trait_points(state, rules, at)
    for recorder in rules.recorders.get(admitted.type, ()):
        if recorder.holds(kept):
            if state.windows is None:
                state.windows = {}
            record(state.windows, recorder, at, rules.windows[recorder.window])
    given += _held_points(state, rules, rules.held.concerned(admitted.type, scored=False), now)
    if given:
        keep(state, given)
    is_new = not state.scores  # without points, too, its scores are known from now on
    verdict = _judge(state, rules, now, given)
    verdict.refund_state, verdict.refunded = settled.refund_state, settled.refunded
    scored = bool(given or verdict.crossings or is_new)
    verdict.moves = move(state, rules.segments.concerned(admitted.type, scored=scored), now)
    return verdict


def let_pass(state: State, rules: CompiledRules, until: Micros) -> Verdict:
    """Carry time on to `until` without an event, and say which bands were left by it."""
    now = state.looked_at = max(until, state.last_seen_at or until, state.told_at)
    given = _held_points(state, rules, rules.held.timed, now)
    if given:
        keep(state, given)
    verdict = _judge(state, rules, now, given)
    verdict.moves = [*move(state, rules.segments.ordered, now), *forget(state, now)]
    if verdict.says_something:
        state.told_at = now
    return verdict


def rejudge(state: State, rules: CompiledRules, now: Micros, taken: Iterable[Contribution] = ()) -> Verdict:
    """Judge a whole profile anew: what rules hold to, its bands, its segments; what events gave stays, but for `taken`."""
    given = [*taken, *_given_up(state, rules, now)]
    if state.traits:
        given += _trait_points(state, rules, now)
    given += _held_points(state, rules, rules.held.ordered, now)
    if given:
        keep(state, given)
    verdict = _judge(state, rules, now, given)
    verdict.moves = [*leave_gone(state, rules.segments, now), *move(state, rules.segments.ordered, now), *forget(state, now)]
    state.judged_by, state.looked_at = rules.judgement, now
    if verdict.says_something:
        state.told_at = now
    return verdict


def judge_whole(state: State, rules: CompiledRules, now: Micros, taken: list[Contribution]) -> Verdict:
    """Judge a profile that was joined or parted; where processing is blocked, its scores only, and the rest in time."""
    if not state.is_blocked:
        return rejudge(state, rules, now, taken)
    keep(state, taken)
    bands = {name: score.band for name, score in state.scores.items()}
    verdict = _judge(state, rules, now, taken)
    for name, band in bands.items():
        state.scores[name].band = band
    verdict.crossings.clear()
    state.judged_by = ""
    return verdict


def next_due(state: State, rules: CompiledRules) -> Micros | None:
    """Return when passing time alone will change something, or None where it never will.

    An event looks only at what it may have moved; so whatever came due since time was carried on last counts, too.
    """
    if state.is_left_alone:
        return None
    known_at = max(state.last_seen_at or 0, state.looked_at)
    times = [
        fall[0]
        for name, score in state.scores.items()
        if (scale := rules.scales.get(name)) is not None and (fall := next_fall(score, scale)) is not None
    ]
    changes = (
        rules.held.next_change(state, state.looked_at, state.trait_rules),
        rules.segments.next_change(state, state.looked_at, members(state)),
        next_forgotten(state),
    )
    times += [at for at in changes if at is not None]
    return max(min(times), known_at + MILLISECOND) if times else None


def _given_up(state: State, rules: CompiledRules, now: Micros) -> list[Contribution]:
    """Take back the held points of rules that are gone, or give others now."""
    known = rules.held_points
    for id_, held in list(state.trait_rules.items()):
        if held.score:
            continue
        if id_ in known:
            held.score = known[id_].score
        else:
            del state.trait_rules[id_]  # of format 1, and nobody knows any more of which score
    return _hold(state, {id_: held for id_, held in state.trait_rules.items() if known.get(id_) == held}, now)


def _held_points(state: State, rules: CompiledRules, concerned: Iterable[Segment], now: Micros) -> list[Contribution]:
    """Return the points of rules on the profile that begin to hold, and less those of rules that cease to."""
    given: list[Contribution] = []
    for rule in concerned:
        held = state.trait_rules.get(rule.name)
        if rule.holds(state, now, held is not None) == (held is not None):
            continue
        if held is None:
            held = state.trait_rules[rule.name] = rules.held_points[rule.name]
            given.append(Contribution(rule.name, held.score, held.points, now))
        else:
            del state.trait_rules[rule.name]
            given.append(Contribution(rule.name, held.score, -held.points, now))
    return given


def _judge(state: State, rules: CompiledRules, now: Micros, given: list[Contribution]) -> Verdict:
    """Add what was given, and move every band to where its score stands at `now`."""
    shown: dict[str, float] = {}
    crossings: list[Crossing] = []
    scores = state.scores
    for name, scale in rules.scales.items():
        score = scores.get(name)
        if score is None:
            score = scores[name] = scale.start()
        before = value = value_at(score, now, scale)
        for contribution in given:
            if contribution.score == name:
                add(score, contribution.points, contribution.occurred_at, scale)
                value = value_at(score, now, scale)
        shown[name] = value
        band = band_after(score.band, value, scale)
        if band != score.band:
            crossings.append(Crossing(name, score.band, band, before, value))
            score.band = band
    return Verdict(now, shown, crossings, given)


def _event_points(state: State, admitted: Admitted, rules: CompiledRules, lateness: Micros) -> list[Contribution]:
    """Return the points of the event's rules that hold, and what a cap makes of them."""
    at, kept = admitted.occurred_at, admitted.kept
    given: list[Contribution] = []
    for rule in rules.by_event.get(admitted.type, ()):
        if rule.holds(kept):
            if rule.family is None:
                given.append(Contribution(rule.id, rule.score, rule.points, at))
            else:
                given += grant(state, rule.family, Grant(at, rule.id, rule.points), lateness)
    return given


def _trait_points(state: State, rules: CompiledRules, at: Micros) -> list[Contribution]:
    """Return the difference between the trait rules that hold now and those that held before."""
    traits: dict[str, Any] = {name: dated.value for name, dated in state.traits.items()}
    on_traits = {rule.id for rule in rules.on_traits}
    others = {id_: held for id_, held in state.trait_rules.items() if id_ not in on_traits}
    return _hold(state, {rule.id: rules.held_points[rule.id] for rule in rules.on_traits if rule.holds(traits)} | others, at)


def _hold(state: State, holding: dict[str, Held], at: Micros) -> list[Contribution]:
    """Let a profile have exactly the held points `holding`; return what that gives and takes."""
    before, state.trait_rules = state.trait_rules, holding
    gone = [Contribution(id_, held.score, -held.points, at) for id_, held in before.items() if id_ not in holding]
    return gone + [Contribution(id_, held.score, held.points, at) for id_, held in holding.items() if id_ not in before]
