"""Every bad input has an answer: a dead letter with its reason, or a forward; the partition goes on."""

import base64
import json

import pytest
from aiokafka import AIOKafkaProducer

from tests.factories import a_page_viewed
from tests.integration.conftest import BROKERS
from tests.support.clients import LARGE, consume, produce, query
from tests.support.stack import Stack

TOPIC = "site-interaction"
DEEP = b'{"a":' * 10_000 + b"1" + b"}" * 10_000
BAD = {
    "malformed_json": b'{"event_id": "e", "type": "page_viewed"',
    "invalid_utf8": b'{"event_id": "\xff"}',
    "nan": json.dumps(a_page_viewed() | {"x": float("nan")}).encode(),
    "too_deep": DEEP,
    "too_large": json.dumps(a_page_viewed() | {"pad": "x" * 2_000_000}).encode(),
    "not_an_object": b"[1, 2]",
    "unknown_type": json.dumps(a_page_viewed() | {"type": "page_vanished"}).encode(),
    "unknown_version": json.dumps(a_page_viewed() | {"schema_version": 9}).encode(),
    "wrong_topic": json.dumps(a_page_viewed() | {"type": "ticket_closed", "ticket_id": "t"}).encode(),
    "missing_identity": json.dumps(
        {name: value for name, value in a_page_viewed().items() if name not in ("customer_id", "anonymous_id")}
    ).encode(),
    "reserved_identity": json.dumps(a_page_viewed() | {"customer_id": "a:someone"}).encode(),
    "absurd_time": json.dumps(a_page_viewed() | {"occurred_at": "1970-01-01T00:00:00Z"}).encode(),
    "invalid_field": json.dumps(a_page_viewed() | {"page": {}}).encode(),
}
REASONS = {**{name: name for name in BAD}, "nan": "malformed_json"}


def a_good_event(event_id: str) -> bytes:
    return json.dumps(a_page_viewed() | {"event_id": event_id, "customer_id": "c-good"}).encode()


@pytest.mark.parametrize("broker", BROKERS)
async def test_bad_records_become_dead_letters_and_the_partition_goes_on(stack: Stack) -> None:
    messages = [(TOPIC, b"k", a_good_event("before")), *((TOPIC, b"k", value) for value in BAD.values())]
    sent = await produce(stack.kafka, [*messages, (TOPIC, b"k", a_good_event("after"))], partition=1)
    stack.wait_until_read()
    letters = query(stack.clickhouse, "SELECT reason, value_base64, detail FROM dead_letters_now ORDER BY offset")
    vault = stack.vault()
    assert [(reason, vault.open(base64.b64decode(value))) for reason, value, _ in letters] == [
        (REASONS[name], value) for name, value in BAD.items()
    ]
    assert all(detail for _, _, detail in letters)
    events = [row[0] for row in query(stack.clickhouse, "SELECT event_id FROM events ORDER BY _offset")]
    assert events == ["before", "after"]
    outcomes = dict(query(stack.clickhouse, "SELECT outcome, count() FROM outcomes GROUP BY outcome"))
    forwarded = outcomes.pop("forwarded", 0)
    assert outcomes == {"accepted": 2, "rejected": len(BAD)}
    assert sent == 2 + len(BAD)
    assert forwarded in (0, 2)  # partition 1 may be the right one of customer c-good


@pytest.mark.parametrize("broker", BROKERS)
async def test_a_record_in_the_wrong_partition_is_forwarded_once_and_keeps_its_origin(stack: Stack) -> None:
    events = [json.dumps(a_page_viewed() | {"event_id": f"e-{n}", "customer_id": f"c-{n}"}).encode() for n in range(40)]
    await produce(stack.kafka, [(TOPIC, None, value) for value in events], partition=2)
    stack.wait_until_read()
    rows = query(stack.clickhouse, "SELECT event_id, _partition, _offset FROM events ORDER BY _offset")
    assert rows == [(f"e-{n}", 2, n) for n in range(40)]
    forwards = query(stack.clickhouse, "SELECT count() FROM outcomes WHERE outcome = 'forwarded'")[0][0]
    assert 20 <= forwards < 40, "about three in four belong elsewhere"
    moved = [record for record in await consume(stack.kafka, TOPIC) if record.partition != 2]
    assert len(moved) == forwards
    assert all(record.key == json.loads(record.value)["customer_id"].encode() for record in moved)


@pytest.mark.parametrize("broker", BROKERS)
async def test_a_second_hop_is_a_dead_letter(stack: Stack) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=stack.kafka, max_request_size=LARGE)
    await producer.start()
    incarnation = json.loads(stack.run("topics", "check", "--json").stdout)[TOPIC]
    origin = f"{TOPIC}:{incarnation}:9:17".encode()
    headers = [("origin", origin), ("received_at", b"1795000000000"), ("hop", b"1")]
    for partition in range(4):
        await producer.send_and_wait(TOPIC, a_good_event(f"p-{partition}"), partition=partition, headers=headers)
    await producer.stop()
    stack.wait_until_read()
    letters = query(stack.clickhouse, "SELECT reason, topic, partition, offset FROM dead_letters_now")
    assert letters == [("wrong_partition", TOPIC, 9, 17)]
