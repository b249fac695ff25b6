"""Churn: each part alone, all of them together, and when a risk will be reached."""

from typing import Any

import pytest
from hypothesis import given, strategies as st

from core.churn import Churn, churn, when_risk_reaches
from core.state import Dated, State, Ticket, new
from core.times import DAY, SECOND, Micros
from core.value import Facts, ValueModel, facts_of, p_alive
from tests.unit.pipeline import T0
from tests.unit.test_value_model import a_model

YEARS = 5 * 365 * DAY


def a_state(**facts: Any) -> State:
    """Return a profile that was last seen at `T0`."""
    return State(seq=1, format=1, **{"last_seen_at": T0, **facts})


def tickets(*priorities: str | None) -> dict[str, Ticket]:
    return {f"t-{n}": Ticket("open", T0, T0, None, priority) for n, priority in enumerate(priorities)}


def test_of_whom_nothing_is_known_no_risk_is_known() -> None:
    assert churn(new(), T0) == Churn(0, [])


@pytest.mark.parametrize(("days", "risk", "reasons"), [(0, 0, []), (6, 0.0452, []), (7, 0.0525, ["quiet for 7 days"])])
def test_a_short_silence_is_a_small_risk(days: int, risk: float, reasons: list[str]) -> None:
    found = churn(a_state(), T0 + days * DAY)
    assert (round(found.risk, 4), found.reasons) == (risk, reasons)


def test_half_of_the_quiet_ones_are_gone_after_ninety_days() -> None:
    assert churn(a_state(), T0 + 90 * DAY) == Churn(0.5, ["quiet for 90 days"])
    assert churn(a_state(), T0 + 180 * DAY).risk == 0.75
    assert churn(a_state(), T0 - DAY).risk == 0


def a_buyer(days: int = 2, **facts: Any) -> State:
    """Return a profile that bought on `days` days, the last of them at `T0`."""
    bought = {"first_purchase_at": T0 - 30 * DAY, "last_purchase_at": T0, "purchase_days": days}
    return a_state(**{**bought, **facts})


def test_a_value_model_knows_the_silence_of_a_buyer_better() -> None:
    now, model = T0 + 100 * DAY, a_model()
    alive = p_alive(some(a_buyer()), model, now)
    assert alive is not None
    said = f"{alive:.0%} likely to buy again, last purchase 100 days ago"
    assert churn(a_buyer(), now, model) == Churn(pytest.approx(1 - alive), [said])
    assert churn(a_buyer(), now) == churn(a_state(), now, model), "nothing else tells of who bought nothing, or without one"


def test_who_bought_on_one_day_only_has_no_rhythm_that_could_tell() -> None:
    assert churn(a_buyer(1), T0 + 90 * DAY, a_model()) == Churn(0.5, ["quiet for 90 days"])


def some(state: State) -> Facts:
    facts = facts_of(state)
    assert facts is not None
    return facts


@pytest.mark.parametrize(
    ("facts", "risk", "reasons"),
    [
        ({"csat_answers": 3, "csat_satisfied": 1}, 0.4 * 2 / 3, ["2 of 3 answers unsatisfied"]),
        ({"csat_answers": 1}, 0.4, ["1 of 1 answer unsatisfied"]),
        ({"csat_answers": 9, "csat_satisfied": 8}, 0.4 / 9, []),
        ({"csat_answers": 2, "csat_satisfied": 2}, 0, []),
        ({"ticket_states": tickets("low")}, 0.1, ["1 ticket open"]),
        ({"ticket_states": tickets("urgent", None)}, 0.3, ["2 tickets open, 1 of them urgent"]),
        ({"ticket_states": tickets(*"abcde")}, 0.3, ["5 tickets open"]),
        ({"ticket_states": {"t-1": Ticket("closed", T0)}}, 0, []),
        ({"nps": Dated(6, T0)}, 0.15, ["would not recommend us"]),
        ({"nps": Dated(7, T0)}, 0, []),
        ({"leaving": Dated("moved_to_competitor", T0)}, 0.5, ["said: moved to competitor"]),
        ({"leaving": Dated("expensive", T0), "staying": Dated("price", T0 - 1)}, 0.5, ["said: expensive"]),
        ({"leaving": Dated("expensive", T0), "staying": Dated("price", T0)}, 0, []),
        ({"staying": Dated("price", T0)}, 0, []),
    ],
)
def test_what_was_said_is_a_risk_of_its_own(facts: dict[str, Any], risk: float, reasons: list[str]) -> None:
    found = churn(a_state(**facts), T0)
    assert found.risk == pytest.approx(risk)
    assert found.reasons == reasons


def test_parts_join_and_are_named_the_strongest_first() -> None:
    state = a_state(nps=Dated(0, T0), leaving=Dated("expensive", T0), ticket_states=tickets("low"))
    found = churn(state, T0 + 40 * DAY)
    assert found.risk == pytest.approx(1 - 0.5 ** (40 / 90) * 0.9 * 0.5 * 0.85)
    assert found.reasons == ["said: expensive", "quiet for 40 days", "would not recommend us", "1 ticket open"]


FACTS = st.fixed_dictionaries(
    {
        "csat_answers": st.integers(4, 9),
        "csat_satisfied": st.integers(0, 4),
        "ticket_states": st.lists(st.sampled_from([None, "low", "urgent"]), max_size=4).map(lambda named: tickets(*named)),
        "nps": st.none() | st.builds(Dated, st.integers(0, 10), st.just(T0)),
        "leaving": st.none() | st.builds(Dated, st.just("expensive"), st.just(T0)),
        "purchase_days": st.integers(1, 5),
        "last_purchase_at": st.none() | st.just(T0),
        "first_purchase_at": st.just(T0 - 200 * DAY),
    }
)
SPANS = st.integers(0, 400 * DAY)


MODELS = st.sampled_from([None, a_model(), a_model(bgnbd={"r": 2.0, "alpha": 1.0, "a": 0.5, "b": 9.0})])


@given(FACTS, SPANS, SPANS, MODELS)
def test_the_risk_is_a_probability_that_silence_alone_never_lowers(
    facts: dict[str, Any], quiet: Micros, more: Micros, model: ValueModel | None
) -> None:
    state = a_state(**facts)
    risk = churn(state, T0 + quiet, model).risk
    assert 0 <= risk <= 1
    assert churn(state, T0 + quiet + more, model).risk >= risk


@given(FACTS, st.floats(0, 1), SPANS, MODELS)
def test_the_second_is_found_at_which_a_risk_is_reached(
    facts: dict[str, Any], threshold: float, quiet: Micros, model: ValueModel | None
) -> None:
    state, now = a_state(**facts), T0 + quiet

    def risk(at: Micros) -> float:
        return churn(state, at, model).risk

    due = when_risk_reaches(state, threshold, now, model)
    if due is None:
        assert risk(now + YEARS) < threshold + 1e-9
    else:
        assert risk(due) >= threshold - 1e-9
        assert due == now or risk(due - SECOND) < threshold + 1e-9
        assert (due - now) % SECOND == 0


def test_when_a_risk_is_reached_by_hand() -> None:
    assert when_risk_reaches(a_state(), 0.5, T0) == T0 + 90 * DAY
    assert when_risk_reaches(a_state(), 0.5, T0 + DAY) == T0 + 90 * DAY
    assert when_risk_reaches(a_state(), 0.5, T0 + 200 * DAY) == T0 + 200 * DAY
    assert when_risk_reaches(a_state(leaving=Dated("expensive", T0)), 0.75, T0) == T0 + 90 * DAY
    assert when_risk_reaches(a_state(), 1.0, T0) is None
    assert when_risk_reaches(a_buyer(1), 0.5, T0, a_model()) == T0 + 90 * DAY
    assert when_risk_reaches(a_buyer(), 1.0, T0, a_model()) is None
    assert when_risk_reaches(a_buyer(), 1 - 1e-12, T0, a_model()) is None, "not before 2100"
    due = when_risk_reaches(a_buyer(), 0.75, T0, a_model())
    assert due is not None
    assert churn(a_buyer(), due, a_model()).risk == pytest.approx(0.75, abs=1e-6)
