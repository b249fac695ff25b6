"""Tickets, replies and ratings: what the help desk's events come to."""

import random
from typing import Any

import pytest
from hypothesis import given, strategies as st

from core.churn import churn
from core.outcomes import Accepted, Rejected
from core.service import csat_share, first_response_secs, nps_group, open_tickets, response_time, urgent_open
from core.state import Ticket, new
from schemas.reasons import ReasonCode
from schemas.support_ticket import RATINGS
from tests import factories as make
from tests.factories import Event
from tests.unit.pipeline import Pipeline
from tests.unit.test_folds import folded, instant, on

DAY_SECS = 86_400.0


def test_a_ticket_is_counted_once_however_often_it_is_opened() -> None:
    again = [make.a_ticket_opened(**on(day)) for day in (2, 0, 1)]
    state = folded(*again, make.a_ticket_reopened(**on(3)), make.a_ticket_opened(ticket_id="ticket-2"))
    assert (state.tickets, state.reopened, open_tickets(state)) == (2, 1, 2)
    assert state.ticket_states["ticket-1"].opened_at == instant(0)


@pytest.mark.parametrize("word", [make.a_ticket_reopened, make.a_ticket_solved, make.a_ticket_closed, make.a_ticket_replied])
def test_a_ticket_that_was_heard_of_is_counted_when_it_is_opened(word: Any) -> None:
    state = folded(word(**on(1)))
    assert state.tickets == 0
    assert folded(make.a_ticket_opened(**on(0)), into=state).tickets == 1


def replies(*days: int) -> list[Event]:
    return [make.a_ticket_replied(by="agent", **on(day)) for day in days]


def test_the_first_response_is_the_earliest_reply_of_an_agent_after_the_opening() -> None:
    opened = make.a_ticket_opened(**on(1))
    assert first_response_secs(folded(opened)) is None
    assert first_response_secs(folded(*replies(2))) is None
    assert first_response_secs(folded(opened, make.a_ticket_replied(by="customer", **on(2)))) is None
    assert first_response_secs(folded(opened, *replies(0))) is None
    assert first_response_secs(folded(opened, *replies(5, 3, 4, 0))) == 2 * DAY_SECS
    assert first_response_secs(folded(*replies(5, 3, 0, 4), opened)) == 2 * DAY_SECS
    assert first_response_secs(folded(opened, *replies(1))) == 0


def test_an_earlier_opening_that_arrives_late_makes_an_earlier_reply_the_first() -> None:
    state = folded(make.a_ticket_opened(**on(3)), *replies(2, 5))
    assert first_response_secs(state) == 2 * DAY_SECS
    assert first_response_secs(folded(make.a_ticket_opened(**on(1)), into=state)) == DAY_SECS


def test_the_mean_is_over_the_answered_tickets() -> None:
    answered = [make.a_ticket_opened(ticket_id="ticket-2", **on(0)), make.a_ticket_opened(**on(1))]
    second = make.a_ticket_replied(ticket_id="ticket-2", by="agent", **on(3))
    state = folded(*answered, *replies(2), second, make.a_ticket_opened(ticket_id="ticket-3"))
    assert first_response_secs(state) == 2 * DAY_SECS


def test_replies_are_remembered_as_long_as_they_may_be_the_first() -> None:
    state = folded(make.a_ticket_opened(**on(2)), *replies(4, 3, 5, 1))
    assert state.ticket_states["ticket-1"].replies == [instant(1), instant(3)]
    unknown = folded(*replies(*range(14, 2, -1)))
    assert unknown.ticket_states["ticket-1"].replies == [instant(day) for day in range(3, 13)]
    assert first_response_secs(folded(make.a_ticket_opened(**on(12)), into=unknown)) == 0
    too_late = folded(*replies(*range(3, 15)), make.a_ticket_opened(**on(13)))
    assert first_response_secs(too_late) is None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=30), st.randoms(use_true_random=False))
def test_replies_and_openings_may_arrive_in_any_order(words: list[tuple[bool, int]], order: random.Random) -> None:
    events = [replies(day)[0] if reply else make.a_ticket_opened(**on(day)) for reply, day in words]
    ticket = folded(*order.sample(events, len(events))).ticket_states.get("ticket-1", Ticket())
    opened = min((instant(day) for reply, day in words if not reply), default=None)
    told = sorted(instant(day) for reply, day in words if reply)[:10]
    first = [] if opened is None else [time - opened for time in told if time >= opened]
    assert response_time(ticket) == (first[0] if first else None)


def test_the_highest_priority_that_was_named_counts_while_the_ticket_is_open() -> None:
    named = [make.a_ticket_opened(priority=name) for name in ("low", "urgent", None, "high")]
    state = folded(*named, make.a_ticket_opened(ticket_id="ticket-2", priority="high"))
    assert (open_tickets(state), urgent_open(state)) == (2, 1)
    assert (open_tickets(folded(make.a_ticket_solved(**on(28)), into=state)), urgent_open(state)) == (1, 0)


def test_of_more_than_a_thousand_tickets_those_are_forgotten_of_which_only_a_reply_is_known() -> None:
    opened = [make.a_ticket_opened(ticket_id=f"open-{n}") for n in range(999)]
    state = folded(*replies(0), *opened, make.a_ticket_replied(ticket_id="other", by="agent"))
    assert "ticket-1" in state.ticket_states
    assert len(state.ticket_states) == 1_000
    assert "other" not in state.ticket_states


def test_shares_and_groups_are_unknown_before_the_first_answer() -> None:
    assert (csat_share(new()), nps_group(new())) == (None, None)
    assert nps_group(folded(make.an_nps_answer(score=9))) == "promoter"
    answers = [make.a_ticket_rated(rating=rating) for rating in (103, 100, -101, 102)]
    assert csat_share(folded(*answers)) == 0.5
    assert churn(folded(*answers), 0).reasons == ["2 of 4 answers unsatisfied"]


ANSWERS = [(make.a_ticket_rated, "rating", scale, ratings) for scale, ratings in RATINGS.items()]
ANSWERS += [(make.an_nps_answer, "score", None, range(11)), (make.a_content_rated, "rating", None, range(1, 6))]


@pytest.mark.parametrize(("maker", "field", "scale", "ratings"), ANSWERS)
def test_an_answer_is_taken_if_it_is_on_its_scale_and_else_a_dead_letter(
    maker: Any, field: str, scale: str | None, ratings: Any
) -> None:
    pipeline = Pipeline()
    for value in (*range(-110, 111), 1.5, "3", True, None):
        outcome = pipeline.feed(maker(**{field: value}, **({"scale": scale} if scale else {})))
        if type(value) is int and value in ratings:
            assert isinstance(outcome, Accepted)
        else:
            assert isinstance(outcome, Rejected)
            assert outcome.reason is ReasonCode.INVALID_FIELD
