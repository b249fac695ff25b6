"""Service and churn risk for the reference, from docs/scoring.md: all of it from a list of events."""

from typing import Any

from tests.reference.events import Event

DAY = 24 * 60 * 60 * 1000
SATISFIED = {"freshdesk": (101, 102, 103), "stars5": (4, 5), "thumbs": (1,)}
OPEN = ("ticket_opened", "ticket_reopened")
DONE = ("ticket_solved", "ticket_closed")
PRIORITIES = ("low", "medium", "high", "urgent")


def service(events: list[Event]) -> dict:
    contacts = [event for event in events if event.topic == "support-ticket"]
    by_ticket = tickets(contacts)
    responses = [secs for events in by_ticket.values() if (secs := first_response(events)) is not None]
    rated = [event.fields for event in contacts if event.type == "ticket_rated"]
    return {
        "tickets": sum(any(event.type == "ticket_opened" for event in events) for events in by_ticket.values()),
        "open_tickets": sum(is_open(events) for events in by_ticket.values()),
        "urgent_open": sum(is_open(events) and priority(events) == "urgent" for events in by_ticket.values()),
        "reopened": sum(event.type == "ticket_reopened" for event in contacts),
        "first_response_secs": sum(responses) / len(responses) if responses else None,
        "last_contact_at": max((event.at for event in contacts), default=None),
        "csat": (sum(answer["rating"] in SATISFIED[answer["scale"]] for answer in rated), len(rated)),
        "nps": latest_answer(contacts, "nps", "score"),
        "leaving_reason": latest_answer(contacts, "leaving", "reason"),
        "staying_reason": latest_answer(contacts, "staying", "reason"),
    }


def tickets(contacts: list[Event]) -> dict[str, list[Event]]:
    by_ticket: dict[str, list[Event]] = {}
    for event in contacts:
        if "ticket_id" in event.fields:
            by_ticket.setdefault(event.fields["ticket_id"], []).append(event)
    return by_ticket


def is_open(ticket: list[Event]) -> bool:
    words = [(event.at, event.type in OPEN) for event in ticket if event.type in OPEN + DONE]
    return max(words, default=(0, False))[1]


def priority(ticket: list[Event]) -> str | None:
    named = [event.fields["priority"] for event in ticket if "priority" in event.fields]
    return max(named, key=PRIORITIES.index, default=None)


def first_response(ticket: list[Event]) -> float | None:
    """Seconds from the earliest opening to the first of the ten earliest replies of agents that is not before it."""
    opened = [event.at for event in ticket if event.type == "ticket_opened"]
    replies = sorted(event.at for event in ticket if event.type == "ticket_replied" and event.fields["by"] == "agent")
    after = [at for at in replies[:10] if opened and at >= min(opened)]
    return (after[0] - min(opened)) / 1000 if after else None


def answers(events: list[Event], survey: str) -> list[Event]:
    return [event for event in events if event.type == "survey_answered" and event.fields["survey"] == survey]


def latest_answer(events: list[Event], survey: str, name: str) -> Any:
    """The latest answer by event time; at the same instant, the greater."""
    return max(((event.at, event.fields[name]) for event in answers(events, survey)), default=(0, None))[1]


def churn(events: list[Event], instant: int, alive: tuple[float, int] | None = None) -> dict:
    """Risk and reasons; `alive` is P(alive) and the latest purchase, where there are both."""
    parts = [silence(events, instant, alive), *spoken(events)]
    left = 1.0
    for part, _ in parts:
        left *= 1 - part
    named = sorted(((part, reason) for part, reason in parts if part >= 0.05), key=lambda named: named[0], reverse=True)
    return {"risk": 1 - left, "reasons": [reason for _, reason in named]}


def silence(events: list[Event], instant: int, alive: tuple[float, int] | None) -> tuple[float, str]:
    if alive is not None:
        p_alive, bought = alive
        ago = counted((instant - bought) // DAY, "day")
        return 1 - p_alive, f"{100 * p_alive:.0f}% likely to buy again, last purchase {ago} ago"
    quiet = instant - max(event.at for event in events)
    return 1 - 2 ** (-quiet / DAY / 90), f"quiet for {counted(quiet // DAY, 'day')}"


def spoken(events: list[Event]) -> list[tuple[float, str]]:
    known, parts = service(events), []
    satisfied, asked = known["csat"]
    if asked:
        parts.append((0.4 * (asked - satisfied) / asked, f"{asked - satisfied} of {counted(asked, 'answer')} unsatisfied"))
    opened, urgent = known["open_tickets"], known["urgent_open"]
    urgency = f", {urgent} of them urgent" if urgent else ""
    parts.append((min(0.3, 0.1 * opened + 0.1 * urgent), f"{counted(opened, 'ticket')} open{urgency}"))
    left, stayed = (max((event.at for event in answers(events, survey)), default=0) for survey in ("leaving", "staying"))
    if left > stayed:
        parts.append((0.5, "said: " + known["leaving_reason"].replace("_", " ")))
    if known["nps"] is not None and known["nps"] <= 6:
        parts.append((0.15, "would not recommend us"))
    return parts


def counted(number: int, thing: str) -> str:
    return f"{number} {thing}" + ("" if number == 1 else "s")
