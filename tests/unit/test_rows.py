"""What leaves the scorer, as documents of the public contract."""

import base64
from typing import Any

import orjson
import pytest

from core import documents
from core.outcomes import TICK, Accepted, Applied, Dropped, Forwarded, Outcome, Rejected, Unprompted
from core.records import REPLAYED_HEADER, forward_headers
from core.times import DAY, iso
from schemas.dead_letter import DeadLetter
from schemas.enriched_event import EnrichedEvent
from schemas.reasons import DropCode, ReasonCode, Stage
from schemas.score_change import ScoreChange
from schemas.sealed import text_of
from tests import factories as make
from tests.factories import Event
from tests.unit.pipeline import BATCH, BROKER_TIME, HERE, NOW, T0, ARecord, Backwards, Pipeline, at

REJECTED = Rejected(Stage.ADMIT, ReasonCode.INVALID_FIELD, "total: Field required")


def accepted(event: Event, pipeline: Pipeline | None = None) -> Accepted:
    outcome = (pipeline or Pipeline()).feed(event)
    assert isinstance(outcome, Accepted), outcome
    return outcome


def test_a_row_holds_who_when_where_and_the_scores() -> None:
    row = accepted(make.a_product_added(anonymous_id="a-7", product=make.a_product(category="shoes"))).row
    assert row == {
        "event_id": row["event_id"],
        "type": "product_added",
        "source": "web",
        "customer_key": "c-1",
        "customer_id": "c-1",
        "anonymous_id": "a-7",
        "occurred_at": iso(T0),
        "received_at": iso(BROKER_TIME),
        "loaded_at": BATCH,
        "time_clamped": 0,
        "seq": 1,
        "rules_version": 3,
        "session_id": str(T0 // 1000),
        "product_id": "sku-1",
        "product_category": "shoes",
        "properties": {"product": {"id": "sku-1", "category": "shoes"}},
        "scores": {"engagement": 25.0, "fit": 1.0},
        "contributions.rule": ["added", "came_close"],
        "contributions.score": ["engagement", "fit"],
        "contributions.points": [25.0, 1.0],
        "contributions.occurred_at": [iso(T0), iso(T0)],
        "_topic": "site-interaction",
        "_incarnation": "i1",
        "_partition": 0,
        "_offset": 0,
    }


def test_a_row_says_that_its_time_was_clamped() -> None:
    row = accepted(make.a_cart_viewed(occurred_at=iso(T0 + DAY))).row
    assert (row["time_clamped"], row["occurred_at"]) == (1, iso(BROKER_TIME + 300_000_000))


FILLED: list[tuple[Event, dict[str, Any]]] = [
    (make.a_full_event("page_viewed", context=None), {"page_path": "/shoes", "page_category": "shoes"}),
    (make.a_search_performed(), {"search_query": "running shoes"}),
    (make.a_content_rated(), {"content_id": "content-1", "rating": 5}),
    (make.a_ticket_rated(), {"ticket_id": "ticket-1", "rating": 103}),
    (make.a_subscribed(channel="sms"), {"list": "offers", "channel": "sms"}),
    (
        make.a_receipt(receipt=make.a_receipt_number()),
        {"store_id": "store-1", "receipt_number": "1001", "amount": "99.90", "currency": "RUB"},
    ),
    (
        make.an_order_refunded(total=5),
        {"order_id": "order-1", "amount": 5, "currency": "RUB", "refund_state": "waiting"},
    ),
    (make.an_order_completed(order_id="order-1", total=5), {"order_id": "order-1", "amount": 5, "currency": "RUB"}),
    (make.a_deal_won(amount=5.5, currency="RUB"), {"deal_id": "deal-1", "amount": 5.5, "currency": "RUB"}),
    (make.a_deal_lost(script_id="s-1", reason="price"), {"deal_id": "deal-1", "script_id": "s-1", "reason": "price"}),
    (make.an_nps_answer(score=0), {"nps_score": 0}),
    (make.a_leaving_answer(), {"reason": "expensive"}),
    (make.a_cart_viewed(total=None), {}),
    (make.a_cart_viewed(context={"device": {"type": "phone"}}), {"device_type": "phone"}),
    (make.a_cart_viewed(context={"device": {}}), {}),
    (make.a_cart_viewed(context={"campaign": {"source": "mail"}}), {"campaign_source": "mail"}),
    (make.a_cart_viewed(context={"locale": "ru-RU"}), {}),
]
ALWAYS = accepted(make.a_cart_viewed()).row.keys()


@pytest.mark.parametrize(("event", "columns"), FILLED)
def test_columns_are_filled_from_the_fields_of_the_type(event: Event, columns: dict[str, Any]) -> None:
    row = accepted(event).row
    assert {name: row[name] for name in row.keys() - ALWAYS} == columns


@pytest.mark.parametrize("kind", make.FACTORIES)
def test_no_row_holds_what_identifies_a_person(kind: str) -> None:
    text = orjson.dumps(accepted(make.a_full_event(kind)).row)
    for secret in (b"203.0.113.0", b"ann@example.org", b"2200-0001", b"Ann Example", b"+7 900", b"1990-01-31", b"It broke"):
        assert secret not in text


@pytest.mark.parametrize("kind", make.FACTORIES)
def test_an_accepted_event_is_an_enriched_event_of_the_contract(kind: str) -> None:
    outcome = accepted(make.a_full_event(kind, stray=1))
    document = EnrichedEvent.model_validate_json(documents.enriched(outcome, HERE, BATCH))
    assert document.batch == BATCH
    assert document.event is not None
    assert document.outcome is not None
    assert document.outcome.model_dump() == {
        **said(documents.enriched(outcome, HERE, BATCH)),
        "omitted_fields": outcome.omitted,
    }


def said(value: bytes) -> dict[str, Any]:
    outcome: dict[str, Any] = orjson.loads(value)["outcome"]
    return outcome


OUTCOMES: list[tuple[Outcome, str, str]] = [
    (REJECTED, "rejected", "invalid_field"),
    (Dropped(DropCode.DUPLICATE_EVENT), "dropped", "duplicate_event"),
    (Forwarded("c-1", 3, BROKER_TIME), "forwarded", ""),
    (Applied("c-1"), "applied", ""),
    (Unprompted("c-1", topic=TICK, instant=BROKER_TIME), "ticked", ""),
    (Applied("c-1", reason="over_limit"), "applied", "over_limit"),
]


@pytest.mark.parametrize(("outcome", "name", "reason"), OUTCOMES)
def test_every_other_outcome_is_one_without_an_event(outcome: Outcome, name: str, reason: str) -> None:
    value = documents.enriched(outcome, HERE, BATCH)
    EnrichedEvent.model_validate_json(value)
    assert orjson.loads(value) == {
        "batch": BATCH,
        "outcome": {
            "topic": "purchase",
            "incarnation": "i1",
            "partition": 7,
            "offset": 42,
            "outcome": name,
            "reason": reason,
            "omitted_fields": 0,
            "loaded_at": BATCH,
        },
    }


def test_changes_travel_with_their_event_and_only_if_there_are_some() -> None:
    crossed, quiet = accepted(make.a_product_added()), accepted(make.a_cart_viewed())
    assert orjson.loads(documents.enriched(crossed, HERE, BATCH))["score_changes"] == crossed.changes
    assert "score_changes" not in orjson.loads(documents.enriched(quiet, HERE, BATCH))


def test_each_crossing_is_a_score_change_of_the_contract() -> None:
    pipeline = Pipeline()
    pipeline.feed(make.a_traits_changed(traits={"role": "student"}))
    event = make.a_traits_changed(traits={"role": "owner"}, **at(DAY))
    (change,) = accepted(event, pipeline).changes
    assert ScoreChange.model_validate_json(documents.dumps(change)).model_dump(mode="json") == {
        **change,
        "occurred_at": "2026-11-22T10:15:00+00:00",
        "emitted_at": "2026-11-21T10:16:00+00:00",
    }
    assert change == {
        "id": "customer:i1:0:1:0",
        "customer_key": "c-1",
        "customer_id": "c-1",
        "score": "fit",
        "old_band": "poor",
        "new_band": "good",
        "old_value": -10.0,
        "value": 20.0,
        "grade": "A3",
        "occurred_at": iso(T0 + DAY),
        "emitted_at": iso(NOW),
        "seq": 2,
        "origin": "live",
        "cause": {"event_id": event["event_id"], "type": "traits_changed"},
        "contributions": [{"rule": "no_say", "points": 10.0}, {"rule": "decides", "points": 20.0}],
        "rules_version": 3,
    }


def test_crossings_of_one_event_have_ids_of_their_own_and_their_own_contributions() -> None:
    pipeline = Pipeline()
    state = pipeline.feed_all([make.a_cart_viewed()])
    state.scores["fit"].value = 19.0
    changes = accepted(make.a_product_added(), pipeline).changes
    assert [change["id"][-2:] for change in changes] == [":0", ":1"]
    assert [[c["rule"] for c in change["contributions"]] for change in changes] == [["added"], ["came_close"]]


def test_a_closing_marker_is_only_a_batch_number() -> None:
    value = documents.closing_marker(BATCH)
    assert orjson.loads(value) == {"batch": BATCH}
    assert EnrichedEvent.model_validate_json(value).outcome is None


@pytest.mark.parametrize("key", [None, b"", b"c-1", b"\xff\x00"])
@pytest.mark.parametrize("value", [None, b"", b"{", bytes(range(256))])
def test_a_dead_letter_holds_the_original_bytes(key: bytes | None, value: bytes | None) -> None:
    headers = [*forward_headers(HERE, Forwarded("c-1", 3, BROKER_TIME)), ("none", None), ("binary", b"\xff")]
    record = ARecord(42, value, key=key, headers=headers)
    letter = DeadLetter.model_validate_json(documents.dead_letter(REJECTED, HERE, record, BROKER_TIME, NOW))
    assert (letter.id, letter.offset, letter.reason) == ("purchase:i1:7:42", 42, ReasonCode.INVALID_FIELD)
    assert (unpacked(letter.key_base64), unpacked(letter.value_base64)) == (key, value)
    assert [(header.key, unpacked(header.value_base64)) for header in letter.headers] == headers
    assert iso(NOW).startswith(letter.rejected_at.isoformat()[:19])


def unpacked(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text, validate=True)


def test_a_dead_letter_seals_whatever_its_sender_wrote_and_keeps_what_we_wrote_readable() -> None:
    record = ARecord(1, b"value", key=b"key", headers=[("trace", b"anna"), (REPLAYED_HEADER, b"id")])
    letter = DeadLetter.model_validate_json(documents.dead_letter(REJECTED, HERE, record, BROKER_TIME, NOW, Backwards()))
    assert letter.is_sealed
    assert (unpacked(letter.key_base64), unpacked(letter.value_base64)) == (b"yek", b"eulav")
    assert [unpacked(header.value_base64) for header in letter.headers] == [b"anna"[::-1], b"id"]
    at_edge = REJECTED._replace(sealed=text_of(b"sealed at the edge, long enough to be taken for it, surely"))
    letter = DeadLetter.model_validate_json(documents.dead_letter(at_edge, HERE, record, BROKER_TIME, NOW, Backwards()))
    assert unpacked(letter.value_base64).startswith(b"sealed at the edge"), "what the edge has sealed is not sealed again"


def test_a_record_without_headers_has_none_in_its_dead_letter() -> None:
    record = ARecord(42, b"{")._replace(headers=())
    assert orjson.loads(documents.dead_letter(REJECTED, HERE, record, BROKER_TIME, NOW))["headers"] == []


@pytest.mark.parametrize("part", ["key", "value"])
def test_an_original_that_no_dead_letter_can_carry_is_named_by_size_and_hash(part: str) -> None:
    large = b"x" * (documents.LETTER_MAX_BYTES + 1)
    record = ARecord(1, large) if part == "value" else ARecord(1, b"v", key=large)
    letter = DeadLetter.model_validate_json(documents.dead_letter(REJECTED, HERE, record, BROKER_TIME, NOW))
    assert (letter.key_base64, letter.value_base64, letter.headers) == (None, None, [])
    assert "stays in its topic" in letter.detail
    assert str(len(large)) in letter.detail or str(len(large) + 1) in letter.detail
