"""Facts from topic `support-ticket`: tickets, satisfaction, recommendation, reasons to leave or stay."""

from typing import Any, Final

from core.state import State, forget_oldest, latest
from core.times import Micros
from schemas.support_ticket import (
    LeavingAnswer,
    NpsAnswer,
    StayingAnswer,
    SupportTicket,
    TicketClosed,
    TicketOpened,
    TicketRated,
    TicketReopened,
    TicketSolved,
)

_SATISFIED: Final = {"freshdesk": frozenset({101, 102, 103}), "stars5": frozenset({4, 5}), "thumbs": frozenset({1})}
"""Answers that count as satisfied. Source: the public contract of events."""


def contacted(state: State, _event: SupportTicket, at: Micros) -> None:
    """Note the latest contact."""
    last = state.last_contact_at
    state.last_contact_at = at if last is None or at > last else last


def _ticket(state: State, event: TicketOpened | TicketReopened | TicketSolved | TicketClosed, at: Micros, word: str) -> None:
    tickets = state.ticket_states
    tickets[event.ticket_id] = latest(tickets.get(event.ticket_id), word, at)
    forget_oldest(tickets, lambda dated: dated.value == "closed")


def ticket_opened(state: State, event: TicketOpened, at: Micros) -> None:
    """Count a ticket and hold it open."""
    contacted(state, event, at)
    state.tickets += 1
    _ticket(state, event, at, "open")


def ticket_reopened(state: State, event: TicketReopened, at: Micros) -> None:
    """Count a reopening, not a ticket, and hold it open."""
    contacted(state, event, at)
    state.reopened += 1
    _ticket(state, event, at, "open")


def ticket_done(state: State, event: TicketSolved | TicketClosed, at: Micros) -> None:
    """Hold a ticket open no longer."""
    contacted(state, event, at)
    _ticket(state, event, at, "closed")


def ticket_rated(state: State, event: TicketRated, at: Micros) -> None:
    """Count an answer, and whether it was satisfied."""
    contacted(state, event, at)
    state.csat_answers += 1
    state.csat_satisfied += event.rating in _SATISFIED[event.scale]


def survey_answered(state: State, event: NpsAnswer | LeavingAnswer | StayingAnswer, at: Micros) -> None:
    """Keep the latest answer to each survey."""
    contacted(state, event, at)
    if event.survey == "nps":
        state.nps = latest(state.nps, event.score, at)
    elif event.survey == "leaving":
        state.leaving = latest(state.leaving, event.reason, at)
    else:
        state.staying = latest(state.staying, event.reason, at)


FOLDS: Final[dict[str, Any]] = {
    "ticket_opened": ticket_opened,
    "ticket_replied": contacted,
    "ticket_solved": ticket_done,
    "ticket_closed": ticket_done,
    "ticket_reopened": ticket_reopened,
    "ticket_rated": ticket_rated,
    "survey_answered": survey_answered,
}
