"""The front door: what real clients post is in its topic, scored, and in ClickHouse, exactly once."""

import base64
import gzip
import json
import os
import signal
import socket
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
import pytest
from rudderstack.analytics.client import Client as RudderClient
from segment.analytics.client import Client
from snowplow_tracker import Emitter, PagePing, PageView, StructuredEvent, Subject, Tracker

from tests.support.clients import query
from tests.support.fleet import free_port
from tests.support.stack import WARMTH, Stack

pytestmark = pytest.mark.embedded
CAPTURES = sorted((Path(__file__).parents[1] / "data" / "captures").glob("*.json"))
KEY = "a-write-key"
FLAT_BYTES = 60 * 1024 * 1024


def now() -> str:
    return datetime.now(UTC).isoformat()


def post(stack: Stack, path: str, body: object, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.post(f"{stack.collector}{path}", content=content, headers={"X-Write-Key": KEY, **headers})


def rows(stack: Stack, columns: str = "event_id, type, customer_key", where: str = "1") -> list[tuple]:
    stack.wait_until_read()
    return sorted(query(stack.clickhouse, f"SELECT {columns} FROM events WHERE {where}"))


def test_requests_of_two_clients_byte_for_byte_and_again(shared: Stack) -> None:
    ids = set()
    for capture in CAPTURES:
        (request,) = json.loads(capture.read_text())["requests"]
        ids |= {message["messageId"] for message in request["body_json"]["batch"]}
        for _ in range(2):
            body, headers = base64.b64decode(request["body_b64"]), dict(request["headers"])
            answer = httpx.post(shared.collector + request["target"], content=body, headers=headers)
            assert (answer.status_code, answer.json()) == (200, {"success": True})
    stored = [id_ for (id_,) in rows(shared, "event_id") if id_ in ids]
    assert stored == sorted(ids)


def test_python_clients_unmodified(shared: Stack) -> None:
    segment = Client(KEY, host=shared.collector, gzip=True, on_error=lambda error, _items: pytest.fail(str(error)))
    segment.identify("u-1", {"email": "a@b.ru", "city": "Kazan"})
    segment.track("u-1", "Product Viewed", {"product_id": "p-1", "price": 5})
    segment.page("u-1", "Catalogue", "Tea", {"url": "https://shop.ru/tea"})
    segment.flush()
    segment.join()
    rudder = RudderClient(KEY, host=shared.collector, gzip=True)
    rudder.track("u-2", "Order Completed", {"order_id": "o-1", "total": 99.5, "currency": "RUB"})
    rudder.flush()
    rudder.join()
    emitter = Emitter(shared.collector.removeprefix("http://"), protocol="http", batch_size=10)
    tracker = Tracker("shop", emitter, app_id=KEY, subject=Subject().set_user_id("u-3"))
    for event in (PageView("https://shop.ru/"), PagePing("https://shop.ru/"), StructuredEvent("video", "play")):
        tracker.track(event)
    tracker.flush()
    assert rows(shared, "customer_key, type", "customer_key IN ('u-1', 'u-2', 'u-3')") == [
        ("u-1", "customer_identified"), ("u-1", "page_viewed"), ("u-1", "product_viewed"), ("u-2", "order_completed"),
        ("u-3", "custom_tracked"), ("u-3", "page_pinged"), ("u-3", "page_viewed"),
    ]  # fmt: skip


def test_every_way_to_send_one_event(shared: Stack) -> None:
    page = {"userId": "u", "name": "Tea", "timestamp": now(), "properties": {"url": "https://shop.ru/"}}
    receipt = {"store_id": 1, "till_id": 1, "number": 1, "total": 5, "currency": "RUB", "card": "40001"}
    ways = dict.fromkeys(("/v1/page", "/v1/p", "/v1/screen", "/v1/s"), page)
    batches = ("/v1/batch", "/v1/b", "/beacon/v1/batch", "/v1/import/")
    ways |= {path: {"batch": [{**page, "type": "page"}]} for path in batches}
    ways |= {
        "/v1/receipts": {**receipt, "occurred_at": now()},
        "/v1/events": {"type": "subscribed", "list": "offers", "customer_id": "u", "occurred_at": now()},
        "/v1/freshdesk": {"ticket_id": 1, "status": 2, "requester_email": "a@b.ru"},
        "/com.snowplowanalytics.snowplow/tp2": {"data": [{"e": "pv", "url": "https://shop.ru/", "uid": "u", "eid": "snow"}]},
    }  # fmt: skip
    for path, body in ways.items():
        message = f"m{path}"
        said = body["batch"][0] if "batch" in body else body
        said["messageId"] = message
        packed = gzip.compress(json.dumps(body).encode())
        assert post(shared, path, packed, **{"Content-Type": "text/plain"}).json() == {"success": True}, path
    data = base64.urlsafe_b64encode(json.dumps({**page, "messageId": "pixel-1"}).encode()).decode().rstrip("=")
    for path, query_ in {
        "/v1/pixel/page": {"data": data},
        "/pixel/v1/track": {"messageId": "pixel-2", "userId": "u", "event": "Product Viewed", "properties.product_id": "p"},
        "/i": {"eid": "snow-2", "e": "pp", "url": "https://shop.ru/", "uid": "u"},
    }.items():
        answer = httpx.get(shared.collector + path, params={**query_, "writeKey": KEY})
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/gif"), path
    sent = [f"m{path}" for path in ways if "snowplow" not in path] + ["pixel-1", "pixel-2", "snow", "snow-2"]
    assert [id_ for (id_,) in rows(shared, "event_id") if id_ in sent] == sorted(sent)


def test_one_bad_event_does_not_lose_the_others(shared: Stack) -> None:
    good = [{"type": "page", "messageId": f"m-{number}", "userId": "beside", "name": "x"} for number in range(11)]
    bad = {"type": "track", "messageId": "bad", "userId": "beside", "event": "Order Completed"}
    answer = post(shared, "/v1/batch", {"batch": [*good[:5], bad, *good[5:]]})
    assert answer.status_code == 200
    said = answer.json()
    assert (said["accepted"], [(one["index"], one["message_id"], one["reason"]) for one in said["rejected"]]) == (
        11,
        [(5, "bad", "invalid_field")],
    )
    assert len(rows(shared, where="customer_key = 'beside'")) == 11
    letters = query(shared.clickhouse, "SELECT detail FROM dead_letters_now WHERE reason = 'invalid_field'")
    assert letters.count((said["rejected"][0]["detail"],)) == 1
    alone = post(shared, "/v1/track", bad)
    assert alone.status_code == 400
    assert alone.json()["code"] == "invalid_event"


def test_hostile_bodies_get_the_right_answer_and_memory_stays_flat(shared: Stack) -> None:
    process = psutil.Process(shared.pid("collector"))
    page = b'{"type": "page", "userId": "odd", "name": "x", "messageId": "%s"}'
    assert post(shared, "/v1/batch", b'{"batch": [%s]}' % (page % b"first")).status_code == 200
    before = process.memory_info().rss
    bomb = gzip.compress(b"0" * 200_000_000)
    answers = {
        "bomb": (post(shared, "/v1/batch", bomb), 413),
        "2 MB": (post(shared, "/v1/batch", b" " * 2_000_000), 413),
        "deep": (post(shared, "/v1/batch", b"[" * 10_000 + b"]" * 10_000), 400),
        "deep object": (post(shared, "/v1/batch", b'{"batch":' * 10_000 + b"1" + b"}" * 10_000), 400),
        "cut": (post(shared, "/v1/batch", gzip.compress(b"{}")[:-5]), 400),
        "no JSON": (post(shared, "/v1/track", b"userId=u"), 400),
        "no batch": (post(shared, "/v1/batch", {}), 400),
        "list": (post(shared, "/v1/track", []), 400),
        "unknown path": (post(shared, "/v1/nothing", {}), 404),
        "method": (httpx.get(f"{shared.collector}/v1/batch"), 405),
        "no key": (httpx.post(f"{shared.collector}/v1/batch", content=b'{"batch": []}'), 401),
    }
    for name, (answer, status) in answers.items():
        assert answer.status_code == status, (name, answer.text)
        assert answer.json().keys() == {"code", "message"}, name
    odd = [
        b'{"a": NaN}',
        b'{"a": "\\ud800"}',
        b'{"a": 9%s}' % (b"0" * 40),
        page % b"nul\\u0000",
        b"null",
        b'"' + b"x" * 40_000 + b'"',
    ]
    parts = [part for pair in zip(odd, [page % b"n%d" % number for number in range(6)], strict=True) for part in pair]
    answer = post(shared, "/v1/batch", b'{"batch": [%s]}' % b",".join(parts))
    assert answer.status_code == 200
    huge = [b'{"type": "page", "userId": "odd", "name": "%s"}' % (b"x" * 4_800_000), page % b"beside the huge one"]
    answer = post(shared, "/v1/batch", gzip.compress(b'{"batch": [%s]}' % b",".join(huge)))
    assert (answer.status_code, answer.json()["rejected"][0]["reason"]) == (200, "too_large")
    stored = {row[0] for row in rows(shared, "event_id", "customer_key = 'odd'")}
    assert stored == {"first", "beside the huge one", "nul\x00", *(f"n{number}" for number in range(6))}
    assert process.memory_info().rss - before < FLAT_BYTES


def test_browsers_may_ask_first_and_get_their_settings(shared: Stack) -> None:
    asked = {
        "Origin": "https://shop.ru",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    preflight = httpx.request("OPTIONS", f"{shared.collector}/v1/t", headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "https://shop.ru"
    said = post(shared, "/v1/t", {"event": "x", "userId": "u"}, Origin="https://shop.ru")
    assert said.headers["access-control-allow-origin"] == "https://shop.ru"
    settings = httpx.get(f"{shared.collector}/v1/projects/{KEY}/settings").json()
    assert settings["integrations"]["Segment.io"]["apiHost"] == f"{shared.collector.removeprefix('http://')}/v1"
    config = httpx.get(f"{shared.collector}/sourceConfig", params={"writeKey": KEY}).json()
    assert config["source"]["writeKey"] == KEY
    described = httpx.get(f"{shared.collector}/openapi.json").json()
    schemes = set(described["components"]["securitySchemes"])
    said = [way for path in described["paths"].values() for call in path.values() for way in call.get("security", [])]
    assert said
    assert {name for way in said for name in way} <= schemes
    assert {"/v1/batch", "/v1/receipts", "/v1/freshdesk", "/i"} <= described["paths"].keys()


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[tuple[Stack, Path]]:
    """A stack that lets nobody in without a key of its file."""
    keys = tmp_path / "keys.yaml"
    keys.write_text("keys: []\n")
    running = Stack(tmp_path / "stack", environment={"WARMTH_COLLECTOR_KEYS_FILE": str(keys)})
    yield running, keys
    assert running.stop() == 0


def test_keys_are_made_used_limited_and_revoked(guarded: tuple[Stack, Path]) -> None:
    stack, file = guarded

    def keys(*said: str) -> str:
        return stack.run_alone("keys", *said, "--file", str(file)).stdout.strip()

    def answer(key: str, path: str = "/v1/track", events: int = 1) -> httpx.Response:
        one = {"type": "track", "event": "x", "userId": "u", "messageId": str(uuid.uuid4())}
        body = {"batch": [{**one, "messageId": str(uuid.uuid4())} for _ in range(events)]} if events > 1 else one
        return httpx.post(f"{stack.collector}{path}", json=body, auth=(key, ""))

    key, slow = keys("create", "shop", "--source", "web-shop"), keys("create", "slow", "--events-per-sec", "5")
    stack.until(lambda: answer(key).status_code == 200)
    assert answer("guess").status_code == 401
    stack.until(lambda: answer(slow, "/v1/batch", 100).status_code == 200)
    refused = answer(slow)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_events")
    assert int(refused.headers["retry-after"]) >= 1
    assert answer(key).status_code == 200
    assert "shop" in keys("list")
    assert key not in file.read_text() + keys("list")
    keys("revoke", "shop")
    stack.until(lambda: answer(key).status_code == 401)
    assert {row[0] for row in rows(stack, "source")} == {"web-shop", "web"}


def test_with_another_partition_count_it_says_so_and_takes_nothing(shared: Stack) -> None:
    """A collector that was told another partition count refuses everything: it would mix customers."""
    with running_alone(shared, WARMTH_PARTITIONS="7") as address:
        shared.until(lambda: "partition counts" in httpx.get(f"{address}/readyz").text)
        refused = httpx.post(f"{address}/v1/track", json={"event": "x", "userId": "u"}, auth=(KEY, ""))
        assert refused.status_code == 503
        assert httpx.get(f"{address}/healthz").status_code == 200
    with running_alone(shared) as address:
        shared.until(lambda: httpx.get(f"{address}/readyz").status_code == 200)


@contextmanager
def running_alone(stack: Stack, **settings: str) -> Iterator[str]:
    """A second collector before the same broker, as on a server."""
    port = free_port()
    environment = {
        **os.environ,
        "WARMTH_KAFKA_BOOTSTRAP": stack.kafka,
        "WARMTH_PARTITIONS": "4",
        "WARMTH_COLLECTOR_PORT": str(port),
        **settings,
    }
    process = subprocess.Popen([*WARMTH, "collector"], env=environment)
    try:
        address = f"http://127.0.0.1:{port}"
        stack.until(lambda: listens(port))
        yield address
    finally:
        process.terminate()
        assert process.wait(20) in (0, -signal.SIGTERM)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
