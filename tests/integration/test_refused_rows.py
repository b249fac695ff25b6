"""Rows that ClickHouse cannot take stand alone as dead letters; the rest of their block gets in, once."""

import asyncio
import json

import pytest

from tests.integration.conftest import BROKERS
from tests.support.clients import consume, produce, query
from tests.support.stack import Stack

NARROW = "ALTER TABLE events MODIFY COLUMN amount Nullable(Decimal(9, 4))"
WIDE = "ALTER TABLE events MODIFY COLUMN amount Nullable(Decimal(18, 4))"


def an_order(number: int, total: str) -> tuple[str, bytes, bytes]:
    event = {
        "event_id": f"e-{number}",
        "type": "order_completed",
        "occurred_at": "2026-11-21T10:00:00Z",
        "customer_id": f"c-{number % 7}",
        "order_id": f"o-{number}",
        "total": total,
        "currency": "EUR",
    }
    return "purchase", event["customer_id"].encode(), json.dumps(event).encode()


@pytest.mark.parametrize("broker", BROKERS)
async def test_refused_rows_stand_alone_as_dead_letters(stack: Stack) -> None:
    query(stack.clickhouse, NARROW)
    orders = [an_order(number, "1000000.5" if number % 40 == 3 else "12.5") for number in range(400)]
    await produce(stack.kafka, orders)
    await asyncio.to_thread(stack.wait_until_read)

    refused = {f"e-{number}" for number in range(400) if number % 40 == 3}
    ((rows, distinct),) = query(stack.clickhouse, "SELECT count(), uniqExact(event_id) FROM events")
    assert rows == distinct == 400 - len(refused)
    outcomes = dict(query(stack.clickhouse, "SELECT outcome || reason, count() FROM outcomes GROUP BY 1"))
    assert outcomes == {"accepted": 390, "rejectedrefused_row": 10}
    letters = [json.loads(record.value) for record in await consume(stack.kafka, "dead-letter")]
    assert {(letter["stage"], letter["detail"]) for letter in letters} == {
        ("load", "amount: its column cannot take the value")
    }
    assert len({letter["id"] for letter in letters}) == 10
    ((stored,),) = query(stack.clickhouse, "SELECT count() FROM dead_letters_now WHERE stage = 'load'")
    assert stored == 10

    query(stack.clickhouse, WIDE)
    stack.run("replay", "--reason", "refused_row", "--yes")
    await asyncio.to_thread(stack.wait_until_read)
    ((rows, distinct),) = query(stack.clickhouse, "SELECT count(), uniqExact(event_id) FROM events")
    assert rows == distinct == 400
