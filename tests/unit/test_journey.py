"""One record, front to back: every way that it can end, and that only an accepted one changes anything."""

import copy
from hashlib import blake2b
from typing import Any

import orjson
import pytest
from hypothesis import given, strategies as st

from core.moment import Moment
from core.outcomes import Accepted, Coordinate, Dropped, Forwarded, Outcome, Rejected, Replayed
from core.records import (
    HOP_HEADER,
    KEY_HEADER,
    MOST_HOPS,
    OMITTED_HEADER,
    ORIGIN_HEADER,
    OWNER_HEADER,
    RECEIVED_HEADER,
    forward_headers,
)
from core.state import new
from core.times import DAY, SECOND, iso
from schemas.reasons import DropCode, ReasonCode, Stage
from tests import factories as make
from tests.factories import Event
from tests.unit.pipeline import BROKER_TIME, HERE, NOW, T0, ARecord, Pipeline, at

HOP = forward_headers(HERE, Forwarded("c-1", 3, BROKER_TIME))


def elsewhere() -> Pipeline:
    """Return a pipeline whose customers belong into partition 3; it holds partition 0."""
    return Pipeline(partition_of=lambda _: 3)


def bytes_of(event: Event) -> bytes:
    return orjson.dumps(event)


PIPELINES = {
    ReasonCode.WRONG_PARTITION: elsewhere,
    ReasonCode.PLAIN_IDENTIFYING_FIELD: lambda: Pipeline(guarded=True),
}
REJECTED: dict[ReasonCode, tuple[Pipeline, str, ARecord]] = {
    reason: (PIPELINES.get(reason, Pipeline)(), topic, ARecord(0, value, headers=headers))
    for reason, topic, value, headers in [
        (ReasonCode.EMPTY, "purchase", None, ()),
        (ReasonCode.TOO_LARGE, "purchase", b" " * 10_001, ()),
        (ReasonCode.INVALID_UTF8, "purchase", b'"\xff"', ()),
        (ReasonCode.MALFORMED_JSON, "purchase", b'{"total": NaN}', ()),
        (ReasonCode.TOO_DEEP, "purchase", b"[" * 10_000, ()),
        (ReasonCode.NOT_AN_OBJECT, "purchase", b"[]", ()),
        (ReasonCode.UNKNOWN_TYPE, "purchase", bytes_of(make.an_event("ordered")), ()),
        (ReasonCode.UNKNOWN_VERSION, "purchase", bytes_of(make.a_receipt(schema_version=9)), ()),
        (ReasonCode.WRONG_TOPIC, "consent", bytes_of(make.a_receipt()), ()),
        (ReasonCode.INVALID_FIELD, "purchase", bytes_of(make.a_receipt(type=["receipt_issued"])), ()),
        (ReasonCode.MISSING_IDENTITY, "purchase", bytes_of(make.a_receipt(customer_id=None)), ()),
        (ReasonCode.RESERVED_IDENTITY, "purchase", bytes_of(make.a_receipt(customer_id="card:1")), ()),
        (ReasonCode.ABSURD_TIME, "purchase", bytes_of(make.a_receipt(occurred_at="1970-01-01T00:00:00Z")), ()),
        (ReasonCode.WRONG_PARTITION, "purchase", bytes_of(make.a_receipt()), HOP),
        (ReasonCode.PLAIN_IDENTIFYING_FIELD, "support-ticket", bytes_of(make.a_ticket_opened(text="My name is")), ()),
        (ReasonCode.BLOCKED_IDENTITY, "purchase", bytes_of(make.a_receipt(customer_id="000")), ()),
    ]
}
"""A record for each reason of a dead letter; a reason without one fails below."""
ELSEWHERE = {ReasonCode.REFUSED_ROW, ReasonCode.TOO_MANY_HOPS}
"""The loader says the one, the other takes a circle of profiles."""


@pytest.mark.parametrize("reason", sorted(set(ReasonCode) - ELSEWHERE))
def test_each_reason_ends_its_record_as_a_dead_letter_and_changes_nothing(reason: ReasonCode) -> None:
    pipeline, topic, record = REJECTED[reason]
    outcome, _ = pipeline.advance(topic, record)
    assert isinstance(outcome, Rejected)
    assert outcome.reason is reason
    assert outcome.detail
    assert pipeline.profiles == {}


def a_duplicate() -> tuple[Pipeline, Event]:
    pipeline, event = Pipeline(), make.a_receipt()
    pipeline.feed(event)
    return pipeline, event


def a_blocked_customer() -> tuple[Pipeline, Event]:
    pipeline = Pipeline()
    pipeline.feed(make.a_processing_blocked())
    return pipeline, make.a_receipt()


def a_purchase_again() -> tuple[Pipeline, Event]:
    pipeline = Pipeline()
    pipeline.feed(make.a_receipt(receipt=make.a_receipt_number()))
    return pipeline, make.a_receipt(receipt=make.a_receipt_number())


def a_refund_again() -> tuple[Pipeline, Event]:
    pipeline = Pipeline()
    pipeline.feed(make.an_order_refunded(refund_id="r"))
    return pipeline, make.an_order_refunded(refund_id="r")


DROPPED = {
    DropCode.DUPLICATE_EVENT: a_duplicate,
    DropCode.PROCESSING_BLOCKED: a_blocked_customer,
    DropCode.DUPLICATE_PURCHASE: a_purchase_again,
    DropCode.DUPLICATE_REFUND: a_refund_again,
}


@pytest.mark.parametrize("reason", DropCode)
def test_each_reason_drops_its_event_and_changes_nothing(reason: DropCode) -> None:
    pipeline, event = DROPPED[reason]()
    before = copy.deepcopy(pipeline.profiles)
    assert pipeline.feed(event) == Dropped(reason)
    assert pipeline.profiles == before


def test_an_accepted_event_is_folded_scored_and_said() -> None:
    pipeline = Pipeline()
    outcome = pipeline.feed(make.a_product_added(anonymous_id="a-7", stray=1), offset=5)
    assert isinstance(outcome, Accepted)
    assert (outcome.key, outcome.omitted) == ("c-1", 1)
    assert (outcome.row["seq"], outcome.row["loaded_at"]) == (1, pipeline.moment.batch)
    (change,) = outcome.changes
    assert (change["score"], change["new_band"], change["grade"]) == ("engagement", "warm", "B2")
    assert (change["id"], change["rules_version"], change["emitted_at"]) == ("site-interaction:i1:0:5:0", 3, iso(NOW))
    state = pipeline.profiles["c-1"]
    assert (state.customer_id, state.anonymous_ids, state.applied) == ("c-1", ["a-7"], {"site-interaction:i1:0": 5})
    assert (state.first_seen_at, state.last_seen_at) == (T0, T0)


def test_an_event_that_crosses_nothing_says_no_change() -> None:
    outcome = Pipeline().feed(make.an_order_cancelled())
    assert isinstance(outcome, Accepted)
    assert outcome.changes == []


@given(st.lists(st.integers(-30, 30), min_size=1, max_size=8))
def test_first_and_last_seen_are_the_least_and_greatest_event_time(days: list[int]) -> None:
    state = Pipeline().feed_all(make.a_cart_viewed(**at(day * DAY)) for day in days)
    assert (state.first_seen_at, state.last_seen_at) == (T0 + min(days) * DAY, T0 + max(days) * DAY)


def test_the_first_hundred_visitors_are_remembered_once_and_sorted() -> None:
    names = [f"a-{number:03}" for number in range(120)]
    pipeline = Pipeline()
    state = pipeline.feed_all(make.a_cart_viewed(anonymous_id=name) for name in [*reversed(names), *names])
    assert state.anonymous_ids == names[20:]


def test_a_visitor_is_no_visitor_of_itself() -> None:
    pipeline = Pipeline()
    state = pipeline.feed_all([make.a_cart_viewed(customer_id=None, anonymous_id="a-7") for _ in range(2)], "a:a-7")
    assert (state.anonymous_ids, state.customer_id, state.seq) == ([], None, 2)


KINDS = st.sampled_from(sorted(make.FACTORIES))


@given(st.lists(KINDS, min_size=1, max_size=4))
def test_the_same_record_twice_is_replayed_and_changes_nothing(kinds: list[str]) -> None:
    pipeline = Pipeline()
    events = [(offset, make.a_full_event(kind)) for offset, kind in enumerate(kinds)]
    for offset, event in events:
        pipeline.feed(event, offset=offset)
    before = copy.deepcopy(pipeline.profiles)
    outcomes = [pipeline.feed(event, offset=offset) for offset, event in events]
    blocked = [kind for kind in kinds if kind == "processing_blocked"]
    assert all(isinstance(outcome, Replayed) or (blocked and isinstance(outcome, Dropped)) for outcome in outcomes)
    assert pipeline.profiles == before


@given(KINDS)
def test_the_same_event_under_another_offset_is_a_duplicate(kind: str) -> None:
    pipeline, event = Pipeline(), make.a_full_event(kind)
    pipeline.feed(event)
    before = copy.deepcopy(pipeline.profiles)
    assert pipeline.feed(event) == Dropped(DropCode.DUPLICATE_EVENT)
    assert pipeline.profiles == before


def test_offsets_are_watched_by_topic_partition_and_incarnation() -> None:
    pipeline = Pipeline()
    assert isinstance(pipeline.feed(make.a_cart_viewed(), offset=9), Accepted)
    assert isinstance(pipeline.feed(make.a_cart_viewed(), offset=8), Replayed)
    assert isinstance(pipeline.feed(make.a_receipt(), offset=8), Accepted)
    record = ARecord(8, bytes_of(make.a_cart_viewed()))
    assert isinstance(pipeline.advance("site-interaction", record, partition=1)[0], Accepted)


def fill(pipeline: Pipeline, first: int, count: int, day: int = 0) -> None:
    for number in range(first, first + count):
        pipeline.feed(make.a_cart_viewed(event_id=f"e-{number}", **at(day * DAY)))


def again(pipeline: Pipeline, number: int, day: int = 0) -> Outcome:
    return pipeline.feed(make.a_cart_viewed(event_id=f"e-{number}", **at(day * DAY)))


def test_at_least_the_last_128_ids_of_a_day_are_known_and_at_most_256() -> None:
    pipeline = Pipeline()
    fill(pipeline, 0, 256)
    assert all(again(pipeline, number) == Dropped(DropCode.DUPLICATE_EVENT) for number in (0, 127, 128, 255))
    fill(pipeline, 256, 1)
    assert all(again(pipeline, number) == Dropped(DropCode.DUPLICATE_EVENT) for number in (128, 255, 256))
    assert isinstance(again(pipeline, 127), Accepted)


def test_ids_are_known_the_day_after_and_forgotten_then() -> None:
    pipeline = Pipeline()
    fill(pipeline, 0, 2)
    fill(pipeline, 2, 1, day=1)
    assert again(pipeline, 0, day=1) == Dropped(DropCode.DUPLICATE_EVENT)
    fill(pipeline, 3, 1, day=2)
    assert isinstance(again(pipeline, 0, day=2), Accepted)
    assert again(pipeline, 2, day=2) == Dropped(DropCode.DUPLICATE_EVENT)


def test_a_day_between_forgets_all_and_an_earlier_day_joins_the_current_one() -> None:
    pipeline = Pipeline()
    fill(pipeline, 0, 1)
    fill(pipeline, 1, 1, day=2)
    assert isinstance(again(pipeline, 0, day=2), Accepted)
    fill(pipeline, 2, 1, day=1)
    assert again(pipeline, 2, day=2) == Dropped(DropCode.DUPLICATE_EVENT)


def test_digests_are_compared_where_they_begin() -> None:
    digest = blake2b(b"e-0", digest_size=8).digest()
    pipeline, state = Pipeline(), new()
    state.recent, state.recent_since = b"1234" + digest + b"5678", T0 // DAY
    pipeline.profiles["c-1"] = state
    assert isinstance(again(pipeline, 0), Accepted)
    state.recent = b"1234" + digest + b"5678" + digest
    assert again(pipeline, 0) == Dropped(DropCode.DUPLICATE_EVENT)


def test_a_blocked_customer_is_heard_on_consent_only() -> None:
    pipeline = Pipeline()
    pipeline.feed(make.a_processing_blocked(**at(DAY)))
    blocked = [make.a_cart_viewed(), make.a_receipt(), make.a_ticket_opened(), make.a_traits_changed(**at(2 * DAY))]
    assert [pipeline.feed(event) for event in blocked] == [Dropped(DropCode.PROCESSING_BLOCKED)] * 4
    assert isinstance(pipeline.feed(make.a_consent_withdrawn()), Accepted)
    assert isinstance(pipeline.feed(make.a_processing_unblocked(**at(0))), Accepted)
    assert pipeline.feed(make.a_receipt()) == Dropped(DropCode.PROCESSING_BLOCKED)
    pipeline.feed(make.a_processing_unblocked(**at(2 * DAY)))
    assert isinstance(pipeline.feed(make.a_receipt()), Accepted)


def test_a_duplicate_of_a_blocked_customer_is_a_duplicate() -> None:
    pipeline, event = a_duplicate()
    pipeline.feed(make.a_processing_blocked())
    assert pipeline.feed(event) == Dropped(DropCode.DUPLICATE_EVENT)


@given(st.lists(st.sampled_from([make.a_receipt, make.a_processing_blocked, make.a_processing_unblocked]), max_size=8))
def test_seq_grows_with_each_accepted_event_and_with_nothing_else(makers: list[Any]) -> None:
    pipeline, accepted = Pipeline(), 0
    for maker in makers:
        accepted += isinstance(pipeline.feed(maker()), Accepted)
        assert pipeline.profiles["c-1"].seq == accepted


def test_what_the_edge_left_out_is_counted_wherever_the_record_is_sent_on_to() -> None:
    event, headers = make.a_receipt(coffee="x"), [(OMITTED_HEADER, b"3")]
    accepted = Pipeline().feed(event, headers=headers)
    assert isinstance(accepted, Accepted)
    assert accepted.omitted == 4
    forwarded = elsewhere().feed(event, headers=headers)
    assert isinstance(forwarded, Forwarded)
    assert (OMITTED_HEADER, b"3") in forward_headers(HERE, forwarded)
    for nonsense in (b"", b"-1", b"x", b"9" * 99):
        plain = Pipeline().feed(make.a_receipt(), headers=[(OMITTED_HEADER, nonsense)])
        assert isinstance(plain, Accepted)
        assert plain.omitted == 0


def test_a_new_owner_counts_on_from_its_floor() -> None:
    pipeline = Pipeline()
    pipeline.feed(make.a_receipt())
    for floor, seq in [(5 << 32, 5 << 32), (5 << 32, (5 << 32) + 1), (4 << 32, (5 << 32) + 2)]:
        pipeline.moment = Moment(NOW, 1, floor)
        pipeline.feed(make.a_receipt())
        assert pipeline.profiles["c-1"].seq == seq


def test_a_record_in_another_partition_is_forwarded_with_its_origin_and_time() -> None:
    pipeline = elsewhere()
    event = bytes_of(make.a_receipt())
    outcome, origin = pipeline.advance("purchase", ARecord(9, event))
    assert (outcome, origin) == (Forwarded("c-1", 3, BROKER_TIME), Coordinate("purchase", "i1", 0, 9))
    headers = forward_headers(origin, outcome)
    millis = str(BROKER_TIME // 1000).encode()
    expected = {ORIGIN_HEADER: b"purchase:i1:0:9", RECEIVED_HEADER: millis, HOP_HEADER: b"1", KEY_HEADER: b"c-1"}
    assert dict(headers) == {**expected, OWNER_HEADER: b""}
    later = ARecord(700, event, timestamp=BROKER_TIME // 1000 + 60_000, headers=headers)
    accepted, said = pipeline.advance("purchase", later, partition=3)
    assert isinstance(accepted, Accepted)
    assert said == origin
    assert accepted.row["received_at"] == iso(BROKER_TIME)
    assert (accepted.row["_partition"], accepted.row["_offset"]) == (0, 9)
    assert isinstance(pipeline.advance("purchase", later, partition=3)[0], Replayed)


def test_a_second_hop_is_a_dead_letter() -> None:
    outcome, origin = elsewhere().advance("purchase", ARecord(1, bytes_of(make.a_receipt()), headers=HOP))
    assert isinstance(outcome, Rejected)
    assert (outcome.stage, outcome.reason) == (Stage.RESOLVE, ReasonCode.WRONG_PARTITION)
    assert origin == HERE


def test_a_record_is_sent_on_only_so_often() -> None:
    pipeline = elsewhere()
    pipeline.profiles["c-1"] = new()
    pipeline.profiles["c-1"].merged_into = "c-2"
    value = bytes_of(make.a_receipt())
    headers = forward_headers(HERE, Forwarded("c-1", 0, BROKER_TIME, MOST_HOPS - 1))
    outcome, origin = pipeline.advance("purchase", ARecord(1, value, headers=headers))
    assert (outcome, origin) == (Forwarded("c-2", 3, BROKER_TIME, MOST_HOPS, "c-1"), HERE)
    outcome, _ = pipeline.advance("purchase", ARecord(2, value, headers=forward_headers(HERE, outcome._replace(key="c-1"))))
    assert isinstance(outcome, Rejected)
    assert outcome.reason is ReasonCode.TOO_MANY_HOPS


def test_whom_the_partition_knows_it_keeps() -> None:
    pipeline = elsewhere()
    pipeline.profiles["c-1"] = new()
    assert isinstance(pipeline.feed(make.a_receipt()), Accepted)


STRANGE_HEADERS = [
    [("trace", b"1")],
    HOP[:2],
    HOP[1:],
    [(ORIGIN_HEADER, b"purchase:i1:7"), *HOP[1:]],
    [(ORIGIN_HEADER, b"purchase:i1:seven:42"), *HOP[1:]],
    [(ORIGIN_HEADER, b"purchase:i1:7:42:1"), *HOP[1:]],
    [(ORIGIN_HEADER, b"\xff"), *HOP[1:]],
    [HOP[0], (RECEIVED_HEADER, b"soon"), HOP[2]],
    pytest.param(
        [(ORIGIN_HEADER, None), *HOP[1:]],
    ),
    pytest.param(
        [HOP[0], (RECEIVED_HEADER, None), HOP[2]],
    ),
    pytest.param(
        [(ORIGIN_HEADER, b"purchase:i1:7:-1"), *HOP[1:]],
    ),
]


@pytest.mark.parametrize("headers", STRANGE_HEADERS)
def test_headers_that_no_forwarder_wrote_are_those_of_an_ordinary_record(headers: Any) -> None:
    outcome, origin = Pipeline().advance("purchase", ARecord(1, bytes_of(make.a_receipt()), headers=headers))
    assert isinstance(outcome, Accepted)
    assert origin == Coordinate("purchase", "i1", 0, 1)


def test_a_record_of_an_older_event_time_is_accepted_and_said_with_the_instant_looked_at() -> None:
    pipeline = Pipeline()
    pipeline.feed(make.a_cart_viewed(**at(DAY)))
    outcome = pipeline.feed(make.a_product_added(**at(SECOND)))
    assert isinstance(outcome, Accepted)
    assert outcome.row["occurred_at"] == iso(T0 + SECOND)
    assert [change["occurred_at"] for change in outcome.changes] == [iso(T0 + DAY)]
