"""What Freshdesk's automation rules and satisfaction surveys post, as events of topic `support-ticket`.

A simple webhook has an object `freshdesk_webhook`; an advanced one is whatever its author made of Freshdesk's placeholders,
mostly with the same names. Status and priority come as numbers or words, ids as numbers or texts.

Sources: Freshdesk's articles on webhooks in automation rules, and "Satisfaction ratings" of its API.
"""

import re
from typing import Any, Final, NamedTuple

from collector.sources.fields import Fields, Mapped, Unusable, compact, instant

TOPIC: Final = "support-ticket"
_STATUSES: Final = {
    "2": "open", "open": "open", "new": "open", "being processed": "open",
    "3": "pending", "pending": "pending", "awaiting your reply": "pending",
    "4": "solved", "resolved": "solved", "solved": "solved", "this ticket has been resolved": "solved",
    "5": "closed", "closed": "closed", "this ticket has been closed": "closed",
}  # fmt: skip
_PRIORITIES: Final = {"1": "low", "2": "medium", "3": "high", "4": "urgent"}
_CHANNELS: Final = {"1": "email", "2": "portal", "3": "phone", "7": "chat", "9": "feedback_widget", "10": "outbound_email"}
_RATINGS: Final = {
    "extremely happy": 103, "very happy": 102, "happy": 101, "satisfied": 101, "neutral": 100,
    "unhappy": -101, "very unhappy": -102, "extremely unhappy": -103,
}  # fmt: skip
_RATING_NAMES: Final = ("rating", "survey_rating", "satisfaction_rating", "ticket_survey_rating", "csat_rating", "ratings")
_ENDED: Final = ("solved", "closed")
_CHANGE: Final = re.compile(r"(?P<what>\w+)\s*:\s*(?:\{\s*from\s*:\s*(?P<before>[^,{}]*),\s*to\s*:)?\s*(?P<after>[^,{}]*)")
_TIMES: Final = ("occurred_at", "ticket_updated_at", "updated_at", "ticket_created_at", "created_at")


class _Change(NamedTuple):
    """What set the rule off: a field, its value before and after in plain words."""

    what: str
    before: str
    after: str


def map_ticket(raw: Any, message_id: str, received_at: str, source: str | None = None) -> Mapped | Unusable:
    """Return the event that a webhook tells of.

    Args:
        raw: The webhook's body, as decoded from JSON.
        message_id: An id that the same webhook always gets.
        received_at: When it came, RFC 3339.
        source: Source of the key that brought it.
    """
    body = Fields(raw)
    simple = body.value("freshdesk_webhook")
    ticket = body if simple is None else Fields(simple)
    number = ticket.text("ticket_id", "ticket_id_numeric", "id", "ticket_public_id")
    if number is None:
        return Unusable("ticket_id: missing")
    said = _said(ticket)
    if isinstance(said, Unusable):
        return said
    type_, fields = said
    event = {
        "event_id": message_id,
        "type": type_,
        "occurred_at": _time(ticket) or received_at,
        "received_at": received_at,
        **compact(source=source, customer_id=_customer(ticket), identifiers=_identifiers(ticket) or None),
        "ticket_id": number.lstrip("#"),
        **fields,
    }
    return Mapped(TOPIC, event, ticket.unread)


def _said(ticket: Fields) -> tuple[str, dict[str, Any]] | Unusable:
    """Return type and own fields of the event."""
    rating = ticket.value(*_RATING_NAMES)
    if rating is not None:
        comment = ticket.text("feedback", "survey_comment", "comment")
        return "ticket_rated", {"rating": _rating(rating), "scale": "freshdesk", **compact(comment=comment)}
    status = _plain(ticket.text("ticket_status", "status"))
    change = _change(ticket)
    if change.what == "status":
        status = _STATUSES.get(change.after, change.after)
        if status == "open" and change.before and _STATUSES.get(change.before) in _ENDED:
            return "ticket_reopened", {}
    reply = ticket.text("reply", "reply_text")
    if change.what.startswith(("reply", "note", "comment")) or (not change.what and reply):
        return "ticket_replied", _reply(ticket, change, reply)
    status = _STATUSES.get(status, status)
    if status in _ENDED and change.what != "ticket_action":
        return f"ticket_{status}", {}
    if (
        change.what in ("ticket_action", "")
        and change.after in ("created", "")
        and status in ("open", "pending", "", *_ENDED)
    ):
        return "ticket_opened", _opened(ticket)
    return Unusable("triggered_event, status: tell of nothing that is kept; ratings, replies and new statuses are")


def _opened(ticket: Fields) -> dict[str, Any]:
    priority = _plain(ticket.text("ticket_priority", "priority"))
    priority = _PRIORITIES.get(priority, priority)
    channel = _plain(ticket.text("ticket_source", "source", "channel"))
    return compact(
        subject=ticket.text("ticket_subject", "subject"),
        text=ticket.text("ticket_description", "ticket_description_text", "description", "description_text"),
        channel=_CHANNELS.get(channel, channel).replace(" ", "_") or None,
        priority=priority if priority in _PRIORITIES.values() else None,
        category=ticket.text("ticket_type", "type", "ticket_category", "category"),
    )


def _reply(ticket: Fields, change: _Change, reply: str | None) -> dict[str, Any]:
    by = _plain(ticket.text("by", "replied_by", "performed_by", "ticket_performer_type"))
    by_customer = by in ("customer", "requester") or change.after in ("customer", "requester")
    written = reply or ticket.text("ticket_latest_public_comment", "latest_public_comment")
    return {"by": "customer" if by_customer else "agent", **compact(text=written)}


def _change(ticket: Fields) -> _Change:
    """Read `triggered_event`, which Freshdesk writes like `{status:{from:2,to:4}}` or `{ticket_action:created}`."""
    said = _CHANGE.search(ticket.text("triggered_event", "event") or "")
    if said is None:
        return _Change("", "", "")
    return _Change(said["what"].casefold(), _plain(said["before"]), _plain(said["after"]))


def _plain(value: str | None) -> str:
    return (value or "").strip().strip("\"'").casefold()


def _rating(value: Any) -> Any:
    if isinstance(value, dict):
        value = value.get("default_question")
    if isinstance(value, str):
        return _RATINGS.get(_plain(value)) or Fields({"rating": value}).whole("rating")
    return value


def _time(ticket: Fields) -> str | None:
    """Return when it happened; Freshdesk also writes `2026-11-21 10:15:00 +0300`."""
    for name in _TIMES:
        value = ticket.value(name)
        told = instant(re.sub(r"\s+([+-]\d\d:?\d\d)$", r"\1", value) if isinstance(value, str) else value)
        if told is not None:
            return told
    return None


def _customer(ticket: Fields) -> str | None:
    return ticket.text("customer_id", "ticket_requester_unique_external_id", "requester_unique_external_id")


def _identifiers(ticket: Fields) -> list[dict[str, str]]:
    said = {
        "email": ticket.text("ticket_requester_email", "requester_email", "ticket_contact_email", "email"),
        "phone": ticket.text("ticket_requester_phone", "requester_phone", "ticket_contact_phone", "phone"),
    }
    return [{"id_type": kind, "id_value": value} for kind, value in said.items() if value]
