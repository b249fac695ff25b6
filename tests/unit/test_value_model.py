"""BG/NBD and gamma-gamma of one customer: the published example, an independent integration, and what must always hold."""

from datetime import UTC, datetime
from decimal import Decimal
from math import isfinite

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st
from scipy.special import hyp2f1

from core.state import FirstDay, State, new
from core.times import DAY, LATEST, Micros, micros
from core.value import (
    Facts,
    ValueModel,
    compile_parameters,
    expected_purchases,
    facts_of,
    lifetime_value,
    outlook,
    p_alive,
    when_p_alive_falls_below,
)
from core.value.bgnbd import History, age_at_p_alive, expected_purchases as expected, p_alive as alive
from core.value.model import Amounts, Purchases
from schemas.parameters import Parameters

CDNOW = Purchases(0.243, 4.414, 0.793, 2.426)
"""Fader, Hardie, Lee 2005, table 2; weeks."""
CDNOW_AMOUNTS = {"p": 6.25, "q": 3.74, "v": 15.44, "currency": "USD"}
"""Fader, Hardie 2013, section 4."""
START: Micros = micros(datetime(1997, 1, 1, tzinfo=UTC))
SHAPES = st.floats(0.001, 1000)
PURCHASES = st.builds(Purchases, SHAPES, SHAPES, SHAPES, SHAPES)
THRESHOLDS = st.floats(0.01, 0.99)


@st.composite
def histories(draw: st.DrawFn) -> History:
    x = draw(st.integers(0, 100_000) | st.integers(0, 5))
    t = draw(st.floats(0, 20_000))
    return History(x, t * draw(st.floats(0, 1)) if x else 0.0, t)


def a_document(**changes: object) -> dict[str, object]:
    return {
        "version": 1,
        "fitted_at": "2026-11-21T12:00:00Z",
        "unit": "weeks",
        "bgnbd": CDNOW._asdict(),
        "gamma_gamma": CDNOW_AMOUNTS,
        "rfm": {
            "recency_days": [10, 30, 60.5, 120],
            "frequency": [1, 1, 2, 5],
            "monetary": [10, 20.5, 40, 80],
            "currency": "USD",
        },
        "log_likelihood": -9582.4,
        "customers": 2357,
        "transactions": 4814,
        **changes,
    }


def a_model(**changes: object) -> ValueModel:
    return compile_parameters(Parameters.model_validate(a_document(**changes)))


def some_facts(days: int = 3, span_days: int = 213, **changes: object) -> Facts:
    dollars = {"USD": Decimal("82.30")}
    facts = Facts(days, days, START, START + span_days * DAY, dollars, {"USD": Decimal("37.60")})
    return facts._replace(**changes)


def after(days: float) -> Micros:
    return START + round(days * DAY)


def integrated(model: Purchases, history: History, horizon: float) -> tuple[float, float]:
    """P(alive) and the expectation by a double integral over the customer's rate and chance to leave.

    Substituting rate ** r and chance ** a takes the poles of both densities away.
    """
    roots, weights = np.polynomial.legendre.leggauss(400)
    places, weights = (roots + 1) / 2, weights / 2
    longest = 60 / model.alpha
    rate = (places[:, None] * longest**model.r) ** (1 / model.r)
    chance = places[None, :] ** (1 / model.a)
    mass = weights[:, None] * weights[None, :] * np.exp(-model.alpha * rate) * (1 - chance) ** (model.b - 1)
    here = mass * ((1 - chance) * rate) ** history.x * np.exp(-rate * history.t)
    gone = mass * chance * (1 - chance) ** (history.x - 1) * rate**history.x * np.exp(-rate * history.t_x)
    either = here.sum() + (gone.sum() if history.x else 0)
    later = here * -np.expm1(-rate * chance * horizon) / chance
    return float(here.sum() / either), float(later.sum() / either)


def published(model: Purchases, history: History, horizon: float) -> float:
    """Equation 10 of the paper, its 2F1 after Euler's transformation, which takes the large powers away."""
    r, alpha, a, b = model
    x, _, t = history
    z = horizon / (alpha + t + horizon)
    series = hyp2f1(a - 1, a + b - 1 - r, a + b + x - 1, z)
    return alive(model, history) * (a + b + x - 1) / (a - 1) * (1 - (1 - z) ** (a - 1) * series)


def test_the_worked_example_of_the_paper() -> None:
    assert expected(CDNOW, History(2, 30.43, 38.86), 39) == pytest.approx(1.226, abs=1e-3)


@pytest.mark.parametrize("history", [(0, 0, 38.86), (1, 1.71, 38.86), (2, 30.43, 38.86), (7, 29.43, 38.86), (26, 37, 38.9)])
def test_single_customers_are_those_of_an_independent_integration(history: tuple[int, float, float]) -> None:
    probability, purchases = integrated(CDNOW, History(*history), 39)
    assert alive(CDNOW, History(*history)) == pytest.approx(probability, abs=1e-3)
    assert expected(CDNOW, History(*history), 39) == pytest.approx(purchases, abs=1e-3, rel=1e-3)


@pytest.mark.parametrize("a", [0.05, 0.5, 0.793, 1.3, 4, 30])
@pytest.mark.parametrize("b", [0.1, 1, 2.426, 40])
@pytest.mark.parametrize("r", [0.05, 0.243, 2, 15])
def test_the_expectation_is_the_published_formula(r: float, a: float, b: float) -> None:
    for x in (0, 1, 3, 20, 200):
        for t in (0.5, 38.86, 1000):
            history = History(x, 0.7 * t if x else 0, t)
            for horizon in (0.1, 39, 400):
                truth = published(Purchases(r, 4.414, a, b), history, horizon)
                if isfinite(truth) and truth > 1e-6:
                    assert expected(Purchases(r, 4.414, a, b), history, horizon) == pytest.approx(truth, rel=1e-7)


def test_the_expectation_goes_smoothly_through_the_pole_of_the_formula() -> None:
    below, at, above = (expected(CDNOW._replace(a=a), History(2, 30, 39), 39) for a in (1 - 1e-4, 1, 1 + 1e-4))
    assert at == pytest.approx((below + above) / 2, rel=1e-7)
    assert above < at < below


@pytest.mark.parametrize("a", [1e-6, 1, 1e6])
@pytest.mark.parametrize("b", [1e-6, 1, 1e6])
@pytest.mark.parametrize("history", [(0, 0, 0), (0, 0, 1e5), (1, 0, 0), (10**9, 0, 1e5), (10**9, 1e5, 1e5)])
def test_the_ends_of_what_is_allowed_give_numbers(a: float, b: float, history: tuple[int, float, float]) -> None:
    for r, alpha in ((1e-6, 1e-12), (1e6, 1e-12), (1e-6, 1e12), (1e6, 1e12)):
        model = Purchases(r, alpha, a, b)
        assert 0 <= alive(model, History(*history)) <= 1
        assert 0 <= expected(model, History(*history), 365) < float("inf")


@given(PURCHASES, histories(), st.floats(0, 20_000))
def test_silence_lowers_the_probability(model: Purchases, history: History, longer: float) -> None:
    assert 0 <= alive(model, history._replace(t=history.t + longer)) <= alive(model, history) <= 1


@settings(max_examples=50)
@given(PURCHASES, histories(), st.floats(0, 4000), st.floats(0, 4000))
def test_expectations_rise_with_the_horizon(model: Purchases, history: History, one: float, other: float) -> None:
    sooner, later = sorted((one, other))
    assert 0 <= expected(model, history, sooner) <= expected(model, history, later)


@settings(max_examples=50)
@given(PURCHASES, histories(), st.floats(0, 4000))
def test_nobody_buys_more_than_at_their_rate(model: Purchases, history: History, horizon: float) -> None:
    bound = alive(model, history) * (model.r + history.x) / (model.alpha + history.t) * horizon
    assert expected(model, history, horizon) <= bound * (1 + 1e-7)


@given(PURCHASES, histories(), THRESHOLDS)
def test_the_age_at_a_probability_is_where_it_is(model: Purchases, history: History, threshold: float) -> None:
    age = age_at_p_alive(model, history.x, history.t_x, threshold)
    assert age >= history.t_x
    if history.t_x < age < 1e12:
        assert alive(model, history._replace(t=age)) == pytest.approx(threshold, abs=1e-6)
    elif age == history.t_x:
        assert alive(model, history._replace(t=age)) <= threshold + 1e-6
    else:
        assert alive(model, history._replace(t=1e12)) >= threshold - 1e-6


@given(st.integers(1, 500), st.integers(0, 2000), THRESHOLDS)
def test_the_instant_of_falling_below_is_exact_to_a_millisecond(repeats: int, span_days: int, threshold: float) -> None:
    assume(span_days >= repeats)
    facts, model = some_facts(repeats + 1, span_days), a_model()
    instant = when_p_alive_falls_below(facts, model, threshold)
    if instant is None:
        assert (p_alive(facts, model, LATEST) or 0) >= threshold
        return
    assert (p_alive(facts, model, instant) or 0) < threshold
    if instant > facts.last_at + 2_000:
        assert (p_alive(facts, model, instant - 2_000) or 0) >= threshold


def test_who_bought_once_never_falls_below_and_without_parameters_nobody_does() -> None:
    assert when_p_alive_falls_below(some_facts(1, 0), a_model(), 0.5) is None
    assert when_p_alive_falls_below(some_facts(), None, 0.5) is None
    assert p_alive(some_facts(1, 0), a_model(), after(5000)) == 1


def test_who_is_likely_gone_at_once_falls_below_with_the_purchase_and_later_ones_not_before_2100() -> None:
    leaving = a_model(bgnbd={"r": 1, "alpha": 1, "a": 50, "b": 1})
    assert when_p_alive_falls_below(some_facts(), leaving, 0.5) == some_facts().last_at + 1000
    staying = a_model(bgnbd={"r": 1e-6, "alpha": 1e6, "a": 1e-6, "b": 1e6})
    assert when_p_alive_falls_below(some_facts(2, 1), staying, 0.01) is None
    late = some_facts(2, 1, first_at=LATEST - 2 * DAY, last_at=LATEST - DAY)
    assert when_p_alive_falls_below(late, a_model(), 0.5) is None


def test_the_customer_of_the_paper_from_whole_days_and_parameters_in_weeks() -> None:
    facts, now = some_facts(), after(272)  # t_x = 30.43 weeks, T = 38.86 weeks
    assert expected_purchases(facts, a_model(), now, 39 * 7) == pytest.approx(1.226, abs=2e-3)
    days = a_model(unit="days", bgnbd={**CDNOW._asdict(), "alpha": CDNOW.alpha * 7})
    assert expected_purchases(facts, days, now) == expected_purchases(facts, a_model(), now)
    mean = 6.25 * (15.44 + 44.70) / (6.25 * 2 + 3.74 - 1)
    assert lifetime_value(facts, a_model(), now) == {
        "USD": pytest.approx(mean * (expected_purchases(facts, a_model(), now) or 0))
    }


def test_without_parameters_nothing_is_expected() -> None:
    assert p_alive(some_facts(), None, after(272)) is None
    assert expected_purchases(some_facts(), None, after(272)) is None
    assert lifetime_value(some_facts(), None, after(272)) is None


def test_a_new_customer_is_worth_the_mean_of_all_and_nobody_less_than_nothing() -> None:
    amounts = Amounts(6.25, 3.74, 15.44, "USD")
    mean = 6.25 * 15.44 / 2.74
    assert outlook.expected_mean(some_facts(1, 0), amounts, "USD") == pytest.approx(mean)
    paid_back = some_facts(net={"USD": Decimal(-5), "EUR": Decimal(-5)})
    assert outlook.expected_mean(paid_back, amounts, "USD") == pytest.approx(6.25 * 15.44 / (12.5 + 2.74))
    assert outlook.expected_mean(paid_back, amounts, "EUR") == 0
    assert outlook.expected_mean(some_facts(net={"EUR": Decimal(90)}), amounts, "EUR") == 30
    assert outlook.expected_mean(some_facts(net={"USD": Decimal(90)}), None, "USD") == 30


@given(st.integers(1, 10_000), st.decimals(0, 10**14, places=4))
def test_the_expected_mean_lies_between_the_own_and_that_of_all(repeats: int, total: Decimal) -> None:
    facts = some_facts(repeats + 1, net={"USD": total}, first_day={})
    shrunk = outlook.expected_mean(facts, Amounts(6.25, 3.74, 15.44, "USD"), "USD")
    low, high = sorted((float(total) / repeats, 6.25 * 15.44 / 2.74))
    assert low * (1 - 1e-12) <= shrunk <= high * (1 + 1e-12)


def test_times_of_day_never_make_the_age_less_than_the_span() -> None:
    facts = some_facts(2, 0, first_at=START + DAY - 1, last_at=START + DAY + 1)
    assert (facts.span_days, facts.age_days(START + DAY + 2)) == (1.0, 1.0)
    assert facts.age_days(START + 3 * DAY - 1) == 2.0


def test_facts_come_from_the_profile() -> None:
    assert facts_of(new()) is None
    state = State(1, 1, orders=3, revenue={"USD": Decimal(9)}, refunded={"USD": Decimal(2), "EUR": Decimal(1)})
    state.first_purchase_at, state.last_purchase_at = START, START + DAY
    assert facts_of(state) == Facts(1, 3, START, START + DAY, {"USD": Decimal(7)}, {})
    state.purchase_days, state.first_day = 2, FirstDay(START // DAY, {"USD": Decimal(4)})
    assert facts_of(state) == Facts(2, 3, START, START + DAY, {"USD": Decimal(7)}, {"USD": Decimal(4)})


def test_odds_beyond_all_floats_are_no_error() -> None:
    assert alive(Purchases(1e6, 1e-12, 1, 1), History(10**9, 1, 1e5)) == 0
    assert age_at_p_alive(Purchases(1e-6, 1, 1e-6, 1e6), 1, 1, 1e-300) == float("inf")
