"""What the help desk's facts come to: numbers that the profile shows, and that segments and churn look at."""

from core.state import State, Ticket
from core.times import SECOND, Micros


def open_tickets(state: State) -> int:
    """Return how many tickets are open."""
    return sum(ticket.value == "open" for ticket in state.ticket_states.values())


def urgent_open(state: State) -> int:
    """Return how many of the open tickets are urgent."""
    return sum(ticket.value == "open" and ticket.priority == "urgent" for ticket in state.ticket_states.values())


def response_time(ticket: Ticket) -> Micros | None:
    """Return the time from the opening to the first reply of an agent; None where either is not known yet."""
    if ticket.opened_at is None or not ticket.replies or ticket.replies[-1] < ticket.opened_at:
        return None
    return ticket.replies[-1] - ticket.opened_at


def first_response_secs(state: State) -> float | None:
    """Return the mean of the first responses; None before the first one."""
    times = [time for ticket in state.ticket_states.values() if (time := response_time(ticket)) is not None]
    return sum(times) / len(times) / SECOND if times else None


def csat_share(state: State) -> float | None:
    """Return the share of satisfied answers in [0, 1]; None before the first answer."""
    return state.csat_satisfied / state.csat_answers if state.csat_answers else None


def nps_group(state: State) -> str | None:
    """Return `promoter` (9, 10), `passive` (7, 8) or `detractor` by the latest answer; None before the first."""
    if state.nps is None:
        return None
    return "promoter" if state.nps.value >= 9 else "passive" if state.nps.value >= 7 else "detractor"
