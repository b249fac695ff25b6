"""What help desks, Snowplow's trackers and tills post becomes events of ours, valid by their contracts."""

import base64
import json

import pytest

from collector.sources.fields import Mapped, Unusable
from collector.sources.freshdesk import map_ticket
from collector.sources.segment import Received
from collector.sources.snowplow import map_payload
from collector.sources.till import map_event, map_receipt
from core.admission import Admission, Admitted

AT = "2026-11-22T10:00:00.000Z"
ENVELOPE = {"event_id", "occurred_at", "received_at", "customer_id", "identifiers", "source"}


def valid(found: Mapped | Unusable) -> dict:
    """The event, of which the contract has nothing to complain."""
    assert isinstance(found, Mapped), found
    admitted = Admission(found.topic, 1_000_000, {}).judge(found.event, 1_800_000_000_000_000)
    assert isinstance(admitted, Admitted), admitted
    return found.event


def ticket(said: dict) -> dict:
    event = valid(map_ticket({"ticket_id": 6, "requester_email": "a@b.ru", **said}, "m", AT))
    return {name: value for name, value in event.items() if name not in ENVELOPE}


SIMPLE = {
    "ticket_id": "6", "ticket_subject": "No tea", "ticket_description": "None at all", "ticket_status": "Open",
    "ticket_priority": "Urgent", "ticket_source": "Feedback Widget", "ticket_type": "Complaint",
    "ticket_requester_email": "a@b.ru", "ticket_requester_phone": "+7 999 123-45-67",
    "triggered_event": "{ticket_action:created}",
}  # fmt: skip


def test_a_simple_webhook_opens_a_ticket() -> None:
    event = valid(map_ticket({"freshdesk_webhook": SIMPLE}, "m", AT, "desk"))
    assert event == {
        "event_id": "m", "type": "ticket_opened", "occurred_at": AT, "received_at": AT, "source": "desk", "ticket_id": "6",
        "identifiers": [{"id_type": "email", "id_value": "a@b.ru"}, {"id_type": "phone", "id_value": "+7 999 123-45-67"}],
        "subject": "No tea", "text": "None at all", "channel": "feedback_widget", "priority": "urgent",
        "category": "Complaint",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"status": 2, "priority": 1, "source": 2}, {"type": "ticket_opened", "channel": "portal", "priority": "low"}),
        ({"ticket_status": "Open", "ticket_priority": "high"}, {"type": "ticket_opened", "priority": "high"}),
        ({"triggered_event": "{status:{from:2,to:4}}"}, {"type": "ticket_solved"}),
        ({"triggered_event": "{status:{from:Open,to:Closed}}"}, {"type": "ticket_closed"}),
        ({"triggered_event": "{status:{from:4,to:2}}"}, {"type": "ticket_reopened"}),
        ({"triggered_event": "{status:{from:Closed,to:Open}}"}, {"type": "ticket_reopened"}),
        ({"status": "Resolved"}, {"type": "ticket_solved"}),
        ({"ticket_status": "5"}, {"type": "ticket_closed"}),
        (
            {"triggered_event": "{reply_sent:sent}", "reply": "Sorry"},
            {"type": "ticket_replied", "by": "agent", "text": "Sorry"},
        ),
        ({"event": "{reply:customer}"}, {"type": "ticket_replied", "by": "customer"}),
        ({"rating": 103}, {"type": "ticket_rated", "rating": 103, "scale": "freshdesk"}),
        ({"survey_rating": "-101"}, {"type": "ticket_rated", "rating": -101, "scale": "freshdesk"}),
        (
            {"satisfaction_rating": "Extremely Happy", "feedback": "!"},
            {"type": "ticket_rated", "rating": 103, "scale": "freshdesk", "comment": "!"},
        ),
        ({"ratings": {"default_question": 100}}, {"type": "ticket_rated", "rating": 100, "scale": "freshdesk"}),
    ],
)
def test_numbers_and_words_mean_the_same(said: dict, expected: dict) -> None:
    assert ticket(said) == {"ticket_id": "6", **expected}


def test_a_ticket_tells_its_time_and_its_customer_in_freshdesks_ways() -> None:
    said = {"ticket_id": "#6", "requester_unique_external_id": "c-1", "ticket_updated_at": "2026-11-21 10:15:00 +0300"}
    event = valid(map_ticket({**said, "status": "open"}, "m", AT))
    assert (event["customer_id"], event["ticket_id"]) == ("c-1", "6")
    assert event["occurred_at"] == "2026-11-21T10:15:00+03:00"


@pytest.mark.parametrize(
    "said", [{}, {"ticket_id": None}, {"ticket_id": 6, "triggered_event": "{priority:{from:1,to:3}}"}, 5]
)
def test_a_webhook_that_tells_of_nothing_is_said_to(said: object) -> None:
    assert isinstance(map_ticket(said, "m", AT), Unusable)


def test_a_rating_off_its_scale_is_refused_by_the_contract() -> None:
    found = map_ticket({"ticket_id": 6, "rating": 99, "email": "a@b.ru"}, "m", AT)
    assert "scale" in Admission(found.topic, 1_000, {}).judge(found.event, 1_800_000_000_000_000).detail


def snowplow(**said: object) -> dict:
    payload = {"eid": "e-1", "duid": "d-1", "aid": "site", "p": "web", "tv": "js-3", "dtm": "1763805600000", **said}
    return valid(map_payload(payload, "e-1", Received(AT, plan={"play": frozenset({"label"})})))


def test_page_views_and_pings_of_snowplow() -> None:
    page = {
        "url": "https://shop.ru/tea?utm_source=ya&utm_medium=cpc&utm_campaign=autumn",
        "page": "Tea",
        "refr": "https://r/",
    }
    viewed = snowplow(e="pv", ip="203.0.113.9", ua="UA", lang="ru", tz="Europe/Moscow", stm="1763805601000", **page)
    assert viewed == {
        "event_id": "e-1", "type": "page_viewed", "occurred_at": "2025-11-22T10:00:00+00:00", "received_at": AT,
        "sent_at": "2025-11-22T10:00:01+00:00", "anonymous_id": "d-1",
        "page": {"url": page["url"], "title": "Tea", "referrer": "https://r/"},
        "context": {
            "ip": "203.0.113.0", "user_agent": "UA", "locale": "ru", "timezone": "Europe/Moscow",
            "device": {"type": "desktop"}, "campaign": {"source": "ya", "medium": "cpc", "name": "autumn"},
        },
    }  # fmt: skip
    pinged = snowplow(e="pp", uid="u-1", **page)
    assert (pinged["type"], pinged["active_secs"], pinged["customer_id"]) == ("page_pinged", 10, "u-1")


def test_structured_and_self_describing_events_of_snowplow() -> None:
    assert snowplow(e="se", se_ca="video", se_ac="play", se_la="intro", se_va="3")["properties"] == {"label": "intro"}
    inner = {"schema": "iglu:com.shop/product_viewed/jsonschema/1-0-0", "data": {"product_id": "p"}}
    said = {"schema": "iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0", "data": inner}
    packed = base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")
    for form in ({"ue_pr": json.dumps(said)}, {"ue_px": packed}):
        assert snowplow(e="ue", **form)["product"] == {"id": "p"}


@pytest.mark.parametrize(
    "said", [{"e": "xx"}, {"e": "ue", "ue_px": "%%%"}, {"e": "ue", "ue_pr": "5"}, {"duid": "", "e": "pv"}, 5]
)
def test_what_is_no_payload_is_said_to_be_none(said: object) -> None:
    assert isinstance(map_payload(said, "m", Received(AT)), Unusable)


def test_a_receipt_may_be_short_and_a_return_is_one_with_a_refund_id() -> None:
    short = {"store_id": 1, "till_id": "2", "number": 77, "total": "10.50", "currency": "RUB", "card": 40001}
    issued = valid(map_receipt({**short, "occurred_at": "2026-11-22T09:00:00"}, "m", AT, "till-7"))
    assert issued == {
        "event_id": "m", "type": "receipt_issued", "occurred_at": "2026-11-22T09:00:00+00:00", "received_at": AT,
        "source": "till-7", "receipt": {"store_id": "1", "till_id": "2", "number": "77"}, "total": "10.50",
        "currency": "RUB", "identifiers": [{"id_type": "card", "id_value": "40001"}],
    }  # fmt: skip
    returned = valid(map_receipt({**issued, "type": None, "refund_id": "r"}, "m", AT))
    assert returned["type"] == "receipt_refunded"
    assert isinstance(map_receipt({**short, "type": "order_completed"}, "m", AT), Unusable)
    assert isinstance(map_receipt("x", "m", AT), Unusable)


def test_own_events_go_to_the_topic_of_their_type() -> None:
    said = {"type": "deal_won", "deal_id": "d", "customer_id": "c", "occurred_at": "2026-11-22T09:00:00Z", "source": "crm"}
    found = map_event(said, "m", AT, "key's source")
    assert found.topic == "purchase"
    assert valid(found)["source"] == "crm"
    assert isinstance(map_event({"type": "nothing"}, "m", AT), Unusable)
    assert isinstance(map_event({"type": []}, "m", AT), Unusable)
