"""Two profiles of one person made one: sets are united, and nothing that both of them hold counts twice.

What comes out is what folding the events of both into one profile would have made, as far as profiles remember. Points that
both hold for the same are taken out once, as contributions of their own: the ledger still adds up.
"""

from collections.abc import Callable, Mapping
from typing import Final

from core import caps, purchases, sessions, windows
from core.caps import Family
from core.contributions import keep
from core.folds.consents import later_consent
from core.folds.purchases import later_deal
from core.folds.tickets import united_ticket
from core.rules import CompiledRules
from core.scores import add, value_at
from core.scoring import Verdict, judge_whole
from core.state import Contribution, Dated, Score, State, later_trait, latest
from core.times import Micros
from core.value import present_cell, remember_cell

_SUMS: Final = ("page_views", "active_secs", "tickets", "reopened", "csat_satisfied", "csat_answers")
_LATEST: Final = ("loyalty", "nps", "leaving", "staying", "blocked")


def unite(state: State, other: State, rules: CompiledRules, lateness: Micros) -> Verdict:
    """Take `other` into `state`, judge that anew, and say what changed for whoever `state` was.

    Args:
        state: The profile that survives, changed in place and judged by `rules` already.
        other: The profile that goes into it; what it holds may be shared with `state` afterwards.
        rules: Rules.
        lateness: By how much events may be late.
    """
    before = None if rules.value_model is None else present_cell(state, rules.value_model, _now(state))
    _seen(state, other)
    now = _now(state)
    values = {name: value_at(state.scores.get(name) or scale.start(), now, scale) for name, scale in rules.scales.items()}
    given = _facts(state, other, rules, lateness)
    given += _held(state, other, now)
    _scores(state, other, rules)
    verdict = judge_whole(state, rules, now, given)
    verdict.crossings = [crossing._replace(old_value=values[crossing.score]) for crossing in verdict.crossings]
    if rules.value_model is not None:
        remember_cell(state, before, present_cell(state, rules.value_model, now))
    return verdict


def _now(state: State) -> Micros:
    """Return the person's latest instant: like events, joining does not let time pass."""
    return max(state.last_seen_at or 0, state.told_at)


def _seen(state: State, other: State) -> None:
    """Unite when the person was seen, under which names, and which records and event ids are known."""
    times = (state.first_seen_at, other.first_seen_at)
    state.first_seen_at = min((at for at in times if at is not None), default=None)
    times = (state.last_seen_at, other.last_seen_at)
    state.last_seen_at = max((at for at in times if at is not None), default=None)
    state.told_at, state.looked_at = max(state.told_at, other.told_at), min(state.looked_at, other.looked_at)
    state.anonymous_ids = sorted({*state.anonymous_ids, *other.anonymous_ids})
    state.claimed = {**other.claimed, **state.claimed}
    state.links = _united(state.links, other.links, min)
    state.applied = _united(state.applied, other.applied, max)
    if other.aliases:
        state.aliases = {**other.aliases, **(state.aliases or {})}
    if other.apart:
        state.apart = _united(state.apart or {}, other.apart, max)
    _event_ids(state, other)


def _event_ids(state: State, other: State) -> None:
    """Unite the event ids of the last two generations: the older ones of either are forgotten together."""
    older, newer = sorted((state, other), key=lambda one: one.recent_since)
    since = newer.recent_since
    recent, before = newer.recent, newer.recent_older
    if older.recent_since == since:
        recent, before = recent + older.recent, before + older.recent_older
    elif older.recent_since == since - 1:
        before += older.recent
    state.recent, state.recent_older, state.recent_since = recent, before, since


def _facts(state: State, other: State, rules: CompiledRules, lateness: Micros) -> list[Contribution]:
    """Unite all that was folded, and return the points that go with what both of them had."""
    for name in _SUMS:
        setattr(state, name, getattr(state, name) + getattr(other, name))
    for name in _LATEST:
        setattr(state, name, _later(getattr(state, name), getattr(other, name)))
    for name, trait in other.traits.items():
        state.traits[name] = later_trait(state.traits.get(name), trait)
    for purpose, consent in other.consents.items():
        state.consents[purpose] = later_consent(state.consents.get(purpose), consent)
    for deal_id, deal in other.deals.items():
        state.deals[deal_id] = later_deal(state.deals.get(deal_id), deal)
    for ticket_id, ticket in other.ticket_states.items():
        mine = state.ticket_states.get(ticket_id)
        state.tickets -= mine is not None and mine.opened_at is not None and ticket.opened_at is not None
        state.ticket_states[ticket_id] = ticket if mine is None else united_ticket(mine, ticket)
    state.last_contact_at = max(filter(None, (state.last_contact_at, other.last_contact_at)), default=None)
    sessions.unite(state, other, lateness)
    for name, window in (other.windows or {}).items():
        scale = rules.windows.get(name)
        if scale is not None:
            state.windows = {
                **(state.windows or {}),
                name: windows.unite((state.windows or {}).get(name), window, scale.kept),
            }
    keep(state, other.contributions)
    return [*purchases.unite(state, other), *caps.unite(state, other, _families(rules))]


def _held(state: State, other: State, now: Micros) -> list[Contribution]:
    """Hold the points that rules give to either, once."""
    twice = [
        Contribution(id_, held.score, -held.points, now)
        for id_, held in other.trait_rules.items()
        if id_ in state.trait_rules
    ]
    state.trait_rules = {**other.trait_rules, **state.trait_rules}
    return twice


def _scores(state: State, other: State, rules: CompiledRules) -> None:
    """Add what `other` has to each score, both decayed to the later of their instants."""
    for name, score in other.scores.items():
        scale, mine = rules.scales.get(name), state.scores.get(name)
        if mine is None:
            state.scores[name] = score if scale is None else Score(score.value, score.as_of, scale.start().band)
        elif scale is not None:
            add(mine, score.value, score.as_of, scale)


def _families(rules: CompiledRules) -> dict[str, Family]:
    return {rule.family.name: rule.family for of_event in rules.by_event.values() for rule in of_event if rule.family}


def _later(one: Dated | None, other: Dated | None) -> Dated | None:
    return one if other is None else latest(one, other.value, other.at)


def _united(one: Mapping[str, int], other: Mapping[str, int], choose: Callable[[int, int], int]) -> dict[str, int]:
    return {**one, **{name: choose(value, one.get(name, value)) for name, value in other.items()}}
