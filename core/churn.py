"""The risk that a customer leaves: independent parts, each of which may do alone (noisy-or), with their reasons."""

from math import ceil, log2
from typing import Final, NamedTuple

from core.service import csat_share, nps_group, open_tickets, urgent_open
from core.state import State
from core.times import DAY, SECOND, Micros
from core.value import Facts, ValueModel, facts_of, p_alive, when_p_alive_falls_below

QUIET_HALF_LIFE: Final[Micros] = 90 * DAY
"""Silence after which half of the customers are taken to be gone, where no value model knows better."""
UNSATISFIED: Final = 0.4
TICKET: Final = 0.1
URGENT_TICKET: Final = 0.2
TICKETS_AT_MOST: Final = 0.3
LEAVING: Final = 0.5
DETRACTOR: Final = 0.15
NAMED_FROM: Final = 0.05
"""A smaller part is no reason worth a line."""
_FORESEEN_SECS: Final = 5 * 365 * DAY // SECOND


class Churn(NamedTuple):
    """Risk in [0, 1], and its reasons, strongest first."""

    risk: float
    reasons: list[str]


def churn(state: State, now: Micros, model: ValueModel | None = None) -> Churn:
    """Return the risk that the customer leaves, and why.

    Args:
        state: The profile.
        now: Instant that it is told for.
        model: The value model, which knows the silence of who bought on several days better.
    """
    lost = _lost(state, now, model)
    parts = [(lost, _silence(state, now, model)), *((part(state), reason(state)) for part, reason in _SERVICE)]
    named = sorted((part for part in parts if part[0] >= NAMED_FROM), key=lambda part: -part[0])
    return Churn(_joined(lost, _calm(state)), [reason for _, reason in named])


def risk(state: State, now: Micros, model: ValueModel | None = None) -> float:
    """Return the risk of `churn` alone: it is asked for with every event."""
    return _joined(_lost(state, now, model), _calm(state))


def when_risk_reaches(state: State, threshold: float, now: Micros, model: ValueModel | None = None) -> Micros | None:
    """Return the first second from `now` on at which the risk is `threshold` or more, if nothing happens meanwhile.

    Args:
        state: The profile.
        threshold: Risk in [0, 1].
        now: Where to begin; returned as it is where the risk is reached already.
        model: The value model, which knows the silence of who bought on several days better.

    Returns:
        An instant, or None where it is not reached within five years.
    """
    calm = _calm(state)
    if calm <= 1 - threshold:
        return now
    if threshold >= 1:
        return None
    left = (1 - threshold) / calm
    facts = _regular(state, model)
    if facts is None:
        reached = (state.last_seen_at or now) + ceil(QUIET_HALF_LIFE * log2(1 / left))
    else:
        falls = when_p_alive_falls_below(facts, model, left)
        if falls is None:
            return None
        reached = falls
    secs = max(-((now - reached) // SECOND), 0)
    return now + secs * SECOND if secs <= _FORESEEN_SECS else None


def _joined(lost: float, calm: float) -> float:
    return 1 - (1 - lost) * calm


def _regular(state: State, model: ValueModel | None) -> Facts | None:
    """Return the purchases of who has a rhythm: the value model takes whoever bought on one day only for alive for ever."""
    return facts_of(state) if model is not None and state.purchase_days > 1 else None


def _lost(state: State, now: Micros, model: ValueModel | None) -> float:
    """Return what the time without a purchase tells, by the value model, or else the time without any event."""
    facts = _regular(state, model)
    alive = None if facts is None else p_alive(facts, model, now)
    if alive is not None:
        return 1 - alive
    quiet = _quiet(state, now)
    return 1.0 - 0.5 ** (quiet / QUIET_HALF_LIFE) if quiet else 0.0


def _silence(state: State, now: Micros, model: ValueModel | None) -> str:
    facts = _regular(state, model)
    if facts is None:
        return f"quiet for {_days(_quiet(state, now))}"
    return f"{p_alive(facts, model, now):.0%} likely to buy again, last purchase {_days(now - facts.last_at)} ago"


def _quiet(state: State, now: Micros) -> Micros:
    return max(now - (state.last_seen_at or now), 0)


def _calm(state: State) -> float:
    """Return the probability that no part holds of those that the help desk and the customer tell; time changes none."""
    return (1 - _unsatisfied(state)) * (1 - _troubled(state)) * (1 - _leaving(state)) * (1 - _detracting(state))


def _unsatisfied(state: State) -> float:
    share = csat_share(state)
    return 0.0 if share is None else UNSATISFIED * (1 - share)


def _answered(state: State) -> str:
    bad = state.csat_answers - state.csat_satisfied
    return f"{bad} of {_counted(state.csat_answers, 'answer')} unsatisfied"


def _troubled(state: State) -> float:
    if not state.ticket_states:
        return 0.0
    tickets, urgent = open_tickets(state), urgent_open(state)
    return min(TICKET * (tickets - urgent) + URGENT_TICKET * urgent, TICKETS_AT_MOST)


def _asked(state: State) -> str:
    urgent = urgent_open(state)
    return f"{_counted(open_tickets(state), 'ticket')} open" + (f", {urgent} of them urgent" if urgent else "")


def _leaving(state: State) -> float:
    leaving, staying = state.leaving, state.staying
    return LEAVING if leaving is not None and (staying is None or staying.at < leaving.at) else 0.0


def _said(state: State) -> str:
    return "" if state.leaving is None else f"said: {state.leaving.value.replace('_', ' ')}"


def _detracting(state: State) -> float:
    return DETRACTOR if nps_group(state) == "detractor" else 0.0


def _rated(_state: State) -> str:
    return "would not recommend us"


def _days(span: Micros) -> str:
    return _counted(max(span, 0) // DAY, "day")


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


_SERVICE: Final = ((_unsatisfied, _answered), (_troubled, _asked), (_leaving, _said), (_detracting, _rated))
"""What the help desk and the customer's own words tell: each part's risk, and its reason."""
