"""The main job against the reference: profiles, score changes and rows, on the embedded broker and on Apache Kafka."""

import json
import os

import pytest

from tests.integration.conftest import BROKERS
from tests.reference.generator import generate
from tests.support.clients import produce, query
from tests.support.stack import Stack
from tests.support.verify import verify

EVENTS = int(os.environ.get("JOURNEY_EVENTS", "20000"))


@pytest.mark.parametrize("broker", BROKERS)
async def test_everything_concluded_is_what_the_reference_concludes(stack: Stack) -> None:
    messages = [(topic, key, value) for topic, key, value in generate(seed=7, events=EVENTS, customers=EVENTS // 25)]
    sent = await produce(stack.kafka, messages)
    stack.wait_until_read(240 + EVENTS / 100)
    judge = await verify(stack, sent)
    assert len(judge.changes) > 100, "the workload crosses too few bands to prove anything"


@pytest.mark.parametrize("broker", BROKERS)
async def test_sending_a_file_and_reading_a_profile(stack: Stack, tmp_path) -> None:
    receipt = {
        "event_id": "r-1",
        "type": "receipt_issued",
        "occurred_at": "2026-11-20T10:00:00+03:00",
        "customer_id": "c-1001",
        "receipt": {"store_id": "s", "till_id": "1", "number": "17"},
        "total": "1250.50",
        "currency": "RUB",
        "coffee": "unplanned",
    }
    file = tmp_path / "receipts.jsonl"
    name = receipt["receipt"]
    numbered = [{**receipt, "event_id": f"r-{n}", "receipt": {**name, "number": str(17 + n)}} for n in range(1, 4)]
    file.write_text("\n".join(map(json.dumps, [*numbered, numbered[0], {**numbered[0], "event_id": "r-again"}])))
    stack.run("send", "purchase", str(file))
    status = stack.wait_until_read()
    assert status["rows"]["events"] == 3
    profile = json.loads(stack.run("profile", "c-1001", "--json").stdout)
    assert profile["value"]["orders"] == 3
    assert profile["value"]["revenue"] == {"RUB": "3751.50"}
    assert profile["scores"]["engagement"]["band"] == "warm"
    assert query(
        stack.clickhouse,
        "SELECT outcome, reason, sum(omitted_fields), count() FROM outcomes WHERE outcome != 'ticked'"
        " GROUP BY ALL ORDER BY 1, 2",
    ) == [
        ("accepted", "", 3, 3),
        ("dropped", "duplicate_event", 0, 1),
        ("dropped", "duplicate_purchase", 0, 1),
    ]
    assert "nobody is known by 'nobody'" in stack.run("profile", "nobody", check=False).stderr
