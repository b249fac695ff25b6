"""What to expect of one customer from now on; None where no parameters are known."""

from typing import Final

from core.times import DAY, LATEST, Micros
from core.value import bgnbd
from core.value.facts import Facts
from core.value.model import YEAR_DAYS, Amounts, ValueModel

_MARGIN: Final = 1_000
"""Added to a solved instant, in microseconds: float times of centuries in days are exact to less than that."""


def p_alive(facts: Facts, model: ValueModel | None, now: Micros) -> float | None:
    """Return the probability that the customer still buys, in [0, 1]; it falls with silence."""
    return None if model is None else bgnbd.p_alive(model.purchases, _history(facts, now))


def when_p_alive_falls_below(facts: Facts, model: ValueModel | None, threshold: float) -> Micros | None:
    """Return the first instant, to the millisecond, since the last purchase at which `p_alive` is below `threshold`.

    Args:
        facts: The customer, who is expected to stay silent.
        model: Parameters.
        threshold: Above 0 and below 1.

    Returns:
        None where there are no parameters or that is not before 2100.
    """
    if model is None:
        return None
    age = bgnbd.age_at_p_alive(model.purchases, facts.repeats, facts.span_days, threshold)
    if age * DAY > LATEST:
        return None
    instant = max(facts.first_at + int(age * DAY) + _MARGIN, facts.last_at)
    return instant if instant < LATEST else None


def expected_purchases(facts: Facts, model: ValueModel | None, now: Micros, days: float = YEAR_DAYS) -> float | None:
    """Return how many purchase days to expect within `days` from `now`, 0 or more."""
    return None if model is None else bgnbd.expected_purchases(model.purchases, _history(facts, now), days)


def lifetime_value(facts: Facts, model: ValueModel | None, now: Micros) -> dict[str, float] | None:
    """Return the value to expect within a year, not discounted, for each currency that the customer bought in."""
    purchases = expected_purchases(facts, model, now)
    if model is None or purchases is None:
        return None
    return {currency: purchases * expected_mean(facts, model.amounts, currency) for currency in sorted(facts.net)}


def expected_mean(facts: Facts, amounts: Amounts | None, currency: str) -> float:
    """Return what a purchase day of the customer is worth in `currency`, 0 or more.

    Gamma-gamma (Fader, Hardie, "The Gamma-Gamma Model of Monetary Value", 2013): between the mean of all customers and
    the customer's own mean over the days after the first. In a currency without parameters, the own mean over all days.
    """
    net = facts.net[currency]
    if amounts is None or amounts.currency != currency:
        return max(float(net) / facts.days, 0.0)
    p, q, v, _ = amounts
    repeats = max(float(net - facts.first_day.get(currency, 0)), 0.0) if facts.repeats else 0.0
    return p * (v + repeats) / (p * facts.repeats + q - 1)


def _history(facts: Facts, now: Micros) -> bgnbd.History:
    return bgnbd.History(facts.repeats, facts.span_days, facts.age_days(now))
