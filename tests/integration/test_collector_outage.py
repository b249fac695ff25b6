"""While Kafka is away the collector says so, and what clients send again until it is taken is stored exactly once."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from segment.analytics.client import Client

from tests.support.clients import query
from tests.support.stack import Stack

pytestmark = [pytest.mark.kafka, pytest.mark.parametrize("broker", ["kafka"])]
KEY = "a-write-key"
ROUNDS = 3


@contextmanager
def stopped(stack: Stack) -> Iterator[None]:
    """Let the broker answer nobody within the block, as behind a network that is gone."""
    pid = stack.pid("broker")
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def track(stack: Stack, message: str) -> httpx.Response:
    said = {"event": "Product Viewed", "userId": "u", "messageId": message, "properties": {"product_id": "p"}}
    return httpx.post(f"{stack.collector}/v1/track", json=said, auth=(KEY, ""), timeout=30)


def test_kafka_away_is_503_and_every_message_is_stored_once(stack: Stack) -> None:
    assert track(stack, "before").status_code == 200
    client = Client(KEY, host=stack.collector, max_retries=10, timeout=30, sync_mode=False)
    for number in range(ROUNDS):
        with stopped(stack):
            for part in range(10):
                client.track("u", "Product Viewed", {"product_id": "p"}, message_id=f"sdk-{number}-{part}")
            sending = threading.Thread(target=client.flush)
            sending.start()
            refused = track(stack, f"own-{number}")
            assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
            assert int(refused.headers["retry-after"]) >= 1
            told = httpx.get(f"{stack.collector}/readyz")
            assert told.status_code == 503
            assert "kafka" in told.json()["reasons"][0]
        sending.join(120)
        stack.until(lambda number=number: track(stack, f"own-{number}").status_code == 200, 60)
    client.join()
    stack.wait_until_read()
    sent = {"before", *(f"own-{number}" for number in range(ROUNDS))}
    sent |= {f"sdk-{number}-{part}" for number in range(ROUNDS) for part in range(10)}
    stored = [row[0] for row in query(stack.clickhouse, "SELECT event_id FROM events WHERE customer_key = 'u'")]
    assert sorted(stored) == sorted(sent)
