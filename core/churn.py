"""The risk that a customer leaves: independent parts, each of which may do alone (noisy-or), with their reasons."""

from math import ceil, log2, prod
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


class _Part(NamedTuple):
    risk: float
    reason: str


def churn(state: State, now: Micros, model: ValueModel | None = None) -> Churn:
    """Return the risk that the customer leaves.

    Args:
        state: The profile.
        now: Instant that it is told for.
        model: The value model, which knows the silence of who bought on several days better.
    """
    silence, said = _silence(state, now, model), _service(state)
    named = sorted((part for part in (silence, *said) if part.risk >= NAMED_FROM), key=lambda part: -part.risk)
    return Churn(_joined(silence, _calm(said)), [part.reason for part in named])


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
    calm = _calm(_service(state))
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


def _calm(parts: list[_Part]) -> float:
    """Return the probability that none of the parts holds."""
    return prod(1 - part.risk for part in parts)


def _joined(silence: _Part, calm: float) -> float:
    return 1 - (1 - silence.risk) * calm


def _silence(state: State, now: Micros, model: ValueModel | None) -> _Part:
    """Return what the time without a purchase tells, by the value model, or else the time without any event."""
    facts = _regular(state, model)
    alive = None if facts is None else p_alive(facts, model, now)
    if facts is not None and alive is not None:
        return _Part(1 - alive, f"{alive:.0%} likely to buy again, last purchase {_days(now - facts.last_at)} ago")
    quiet = max(now - (state.last_seen_at or now), 0)
    lost: float = 1 - 0.5 ** (quiet / QUIET_HALF_LIFE)
    return _Part(lost, f"quiet for {_days(quiet)}")


def _regular(state: State, model: ValueModel | None) -> Facts | None:
    """Return the purchases of who has a rhythm: the value model takes whoever bought on one day only for alive for ever."""
    facts = None if model is None else facts_of(state)
    return facts if facts is not None and facts.repeats else None


def _service(state: State) -> list[_Part]:
    """Return what the help desk and the customer's own words tell; time alone changes none of it."""
    parts = []
    share = csat_share(state)
    if share is not None:
        bad = state.csat_answers - state.csat_satisfied
        parts.append(_Part(UNSATISFIED * (1 - share), f"{bad} of {_counted(state.csat_answers, 'answer')} unsatisfied"))
    tickets, urgent = open_tickets(state), urgent_open(state)
    if tickets:
        risk = min(TICKET * (tickets - urgent) + URGENT_TICKET * urgent, TICKETS_AT_MOST)
        parts.append(_Part(risk, f"{_counted(tickets, 'ticket')} open" + (f", {urgent} of them urgent" if urgent else "")))
    if state.leaving is not None and (state.staying is None or state.staying.at < state.leaving.at):
        parts.append(_Part(LEAVING, f"said: {state.leaving.value.replace('_', ' ')}"))
    if nps_group(state) == "detractor":
        parts.append(_Part(DETRACTOR, "would not recommend us"))
    return parts


def _days(span: Micros) -> str:
    return _counted(max(span, 0) // DAY, "day")


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
