"""Facts from topic `support-ticket`: tickets, satisfaction, recommendation, reasons to leave or stay."""

from bisect import bisect_left
from typing import Any, Final

from core.state import State, Ticket, forget_oldest, latest
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
    TicketReplied,
    TicketSolved,
)

_SATISFIED: Final = {"freshdesk": frozenset({101, 102, 103}), "stars5": frozenset({4, 5}), "thumbs": frozenset({1})}
"""Answers that count as satisfied. Source: the public contract of events."""

_PRIORITIES: Final = (None, "low", "medium", "high", "urgent")
_KEPT_REPLIES: Final = 10
"""Replies of agents that a profile remembers of a ticket whose opening it does not know, or knows as a later one."""


def contacted(state: State, _event: SupportTicket, at: Micros) -> None:
    """Note the latest contact."""
    last = state.last_contact_at
    state.last_contact_at = at if last is None or at > last else last


def _ticket(state: State, ticket_id: str) -> Ticket:
    """Return what is known of a ticket, to be changed in place."""
    ticket = state.ticket_states.get(ticket_id)
    if ticket is None:
        ticket = state.ticket_states[ticket_id] = Ticket()
    return ticket


def _said(state: State, ticket_id: str, at: Micros, word: str) -> Ticket:
    """Let the latest word on a ticket win; at the same instant, open."""
    ticket = _ticket(state, ticket_id)
    if (at, word) > (ticket.at, ticket.value):
        ticket.value, ticket.at = word, at
    forget_oldest(state.ticket_states, _ended)
    return ticket


def _ended(ticket: Ticket) -> bool:
    return ticket.value != "open"


def ticket_opened(state: State, event: TicketOpened, at: Micros) -> None:
    """Count a ticket, once, and hold it open."""
    contacted(state, event, at)
    ticket = _said(state, event.ticket_id, at, "open")
    state.tickets += ticket.opened_at is None
    ticket.opened_at = at if ticket.opened_at is None else min(at, ticket.opened_at)
    ticket.priority = max(ticket.priority, event.priority, key=_PRIORITIES.index)
    _forget_replies(ticket)


def ticket_replied(state: State, event: TicketReplied, at: Micros) -> None:
    """Note the reply of an agent: it may be the first one after the opening, which may arrive later."""
    contacted(state, event, at)
    if event.by == "agent":
        ticket = _ticket(state, event.ticket_id)
        ticket.replies = sorted([*(ticket.replies or ()), at])
        _forget_replies(ticket)
        forget_oldest(state.ticket_states, _ended)


def united_ticket(one: Ticket, other: Ticket) -> Ticket:
    """Return what the words of both profiles make of a ticket."""
    opened_at = min(filter(None, (one.opened_at, other.opened_at)), default=None)
    replies = sorted({*(one.replies or ()), *(other.replies or ())}) or None
    priority = max(one.priority, other.priority, key=_PRIORITIES.index)
    ticket = Ticket(
        *max((one.value, one.at), (other.value, other.at), key=lambda word: (word[1], word[0])), opened_at, replies, priority
    )
    _forget_replies(ticket)
    return ticket


def _forget_replies(ticket: Ticket) -> None:
    """Keep the replies up to the first one after the opening, since an earlier opening may still arrive."""
    replies, opened_at = ticket.replies, ticket.opened_at
    if replies is not None:
        behind = _KEPT_REPLIES if opened_at is None else bisect_left(replies, opened_at) + 1
        del replies[min(behind, _KEPT_REPLIES) :]


def ticket_reopened(state: State, event: TicketReopened, at: Micros) -> None:
    """Count a reopening, not a ticket, and hold it open."""
    contacted(state, event, at)
    state.reopened += 1
    _said(state, event.ticket_id, at, "open")


def ticket_done(state: State, event: TicketSolved | TicketClosed, at: Micros) -> None:
    """Hold a ticket open no longer."""
    contacted(state, event, at)
    _said(state, event.ticket_id, at, "closed")


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
    "ticket_replied": ticket_replied,
    "ticket_solved": ticket_done,
    "ticket_closed": ticket_done,
    "ticket_reopened": ticket_reopened,
    "ticket_rated": ticket_rated,
    "survey_answered": survey_answered,
}
