"""Those who subscribe: an audience kept from the compacted topic alone, and a web address that is told of every change."""

import hashlib
import hmac
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import orjson
import pytest

from streams.kafka.topics import AUDIENCE, SCORE_CHANGES, SEGMENT_CHANGES
from tests.factories import a_consent_given, a_consent_withdrawn, a_receipt
from tests.support.clients import consume, produce
from tests.support.stack import WARMTH, Stack

pytestmark = pytest.mark.embedded
EXAMPLE = Path(__file__).parents[2] / "deploy" / "examples" / "audience_subscriber.py"
SECRET = "between-us"


def at_once(event: dict, **changes: object) -> dict:
    plain = {name: value for name, value in event.items() if name not in ("sent_at", "received_at", "anonymous_id")}
    return {**plain, "occurred_at": datetime.now(UTC).isoformat(), **changes}


async def buy(stack: Stack, first: int, count: int) -> None:
    """Make regulars of some customers who allow marketing."""
    messages = []
    for number in range(first, first + count):
        name = f"c-{number}"
        consent = at_once(a_consent_given(), event_id=f"{name}-yes", customer_id=name, purpose="marketing")
        messages.append(("consent", name.encode(), json.dumps(consent).encode()))
        for round_ in range(6):
            receipt = {"store_id": "s", "till_id": str(number), "number": str(round_)}
            event = at_once(a_receipt("10.00"), event_id=f"{name}-{round_}", customer_id=name, receipt=receipt)
            messages.append(("purchase", name.encode(), json.dumps(event).encode()))
    await produce(stack.kafka, messages)
    stack.wait_until_quiet()


async def audience(stack: Stack) -> set[tuple[str, str]]:
    """Return the members that the topic tells of, read from its start."""
    last = {record.key.decode(): record.value for record in await consume(stack.kafka, AUDIENCE)}
    members = [key.split(":", 1) for key, value in last.items() if value and orjson.loads(value)["member"]]
    return {(segment, customer) for segment, customer in members}


def subscribe(stack: Stack, state: Path) -> list[dict]:
    command = [sys.executable, str(EXAMPLE), "--bootstrap", stack.kafka, "--state", str(state), "--once"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def members(state: Path) -> set[tuple[str, str]]:
    database = sqlite3.connect(state)
    rows = set(database.execute("SELECT segment, customer FROM members WHERE is_member"))
    database.close()
    return rows


def read_up_to(state: Path, topic: str) -> dict[int, int]:
    database = sqlite3.connect(state)
    rows = dict(database.execute("SELECT number, next FROM offsets WHERE topic = ?", [topic]))
    database.close()
    return rows


async def test_an_audience_is_kept_from_its_topic_through_kills_and_nothing_is_said_twice(
    shared: Stack, tmp_path: Path
) -> None:
    state = tmp_path / "audiences.sqlite"
    await buy(shared, 0, 12)
    said = subscribe(shared, state)
    assert members(state) == await audience(shared) != set()
    assert subscribe(shared, state) == [], "nothing new was said, and nothing is"
    entries = await consume(shared.kafka, AUDIENCE)
    assert read_up_to(state, AUDIENCE) == {one.partition: one.offset + 1 for one in entries}, "nor is it read again"
    command = [sys.executable, str(EXAMPLE), "--bootstrap", shared.kafka, "--state", str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:  # noqa: ASYNC220  # it is to be killed
        await buy(shared, 12, 12)
        said.append(json.loads(running.stdout.readline()))
        running.send_signal(signal.SIGKILL)
        said += [json.loads(line) for line in running.stdout if line.endswith("\n")]
    consent = at_once(a_consent_withdrawn(), event_id="no", customer_id="c-0", purpose="marketing")
    await produce(shared.kafka, [("consent", b"c-0", json.dumps(consent).encode())])
    shared.wait_until_quiet()
    said += subscribe(shared, state)
    assert members(state) == await audience(shared)
    reachable = {customer for segment, customer in members(state) if segment == "reachable_regulars"}
    assert "c-1" in reachable, "regulars who allow marketing"
    assert "c-0" not in reachable, "she withdrew her consent"
    changes = [change["id"] for change in said if "id" in change]
    assert len(changes) == len(set(changes))
    known = {orjson.loads(record.value)["id"] for record in await consume(shared.kafka, SEGMENT_CHANGES)}
    assert set(changes) <= known


@contextmanager
def webhook(faults: list[str]) -> Iterator[tuple[str, list[dict]]]:
    """Take what is posted; each fault happens to one request before."""
    taken: list[dict] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            fields = dict(part.split("=") for part in self.headers["Warmth-Signature"].split(","))
            expected = hmac.new(SECRET.encode(), f"{fields['t']}.".encode() + body, hashlib.sha256).hexdigest()
            assert hmac.compare_digest(expected, fields["v1"])
            fault = faults.pop(0) if faults else "200"
            if fault == "reset":
                self.connection.close()
                return
            if fault == "200":
                taken.append(json.loads(body))
            self.send_response(int(fault))
            if fault == "429":
                self.send_header("Retry-After", "1")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", taken
    server.shutdown()
    server.server_close()


@contextmanager
def egress(stack: Stack, url: str) -> Iterator[subprocess.Popen]:
    command = [*WARMTH, "egress", url, "--batch", "5", "--data", str(stack.folder)]
    with subprocess.Popen(command, env={**os.environ, "WARMTH_EGRESS_SECRET": SECRET}) as running:
        try:
            yield running
            running.terminate()
            assert running.wait(30) in (0, -signal.SIGKILL)
        finally:
            running.kill()


async def said_by(stack: Stack) -> dict[tuple[str, int], list[str]]:
    """Return the ids of all changes in the order of their partitions."""
    ids: dict[tuple[str, int], list[str]] = {}
    for topic in (SCORE_CHANGES, SEGMENT_CHANGES):
        for record in await consume(stack.kafka, topic):
            ids.setdefault((topic, record.partition), []).append(orjson.loads(record.value)["id"])
    return ids


async def test_a_web_address_is_told_of_every_change_in_order_whatever_it_answers(shared: Stack) -> None:
    await buy(shared, 100, 10)
    number = sum(map(len, (await said_by(shared)).values()))
    assert number > 20

    def told() -> dict[tuple[str, str], None]:
        return dict.fromkeys((post["topic"], message["id"]) for post in taken for message in post["messages"])

    with webhook(["500", "429", "reset", "404"]) as (url, taken):
        with egress(shared, url) as first:
            shared.until(lambda: len(told()) > number // 3, 60)
            first.kill()
        await buy(shared, 110, 2)
        everything = await said_by(shared)
        number = sum(map(len, everything.values()))
        with egress(shared, url):
            shared.until(lambda: len(told()) == number, 60)
    order = list(told())
    for (topic, _), ids in everything.items():
        assert [id_ for of, id_ in order if of == topic and id_ in set(ids)] == ids
    assert {post["topic"] for post in taken} == {SCORE_CHANGES, SEGMENT_CHANGES}


@pytest.mark.parametrize(
    ("arguments", "environment", "says"),
    [
        (["ftp://x"], {"WARMTH_EGRESS_SECRET": "s"}, "must begin with http"),
        (["http://x"], {}, "WARMTH_EGRESS_SECRET"),
        (["http://x", "--topic", "audience"], {"WARMTH_EGRESS_SECRET": "s"}, "segment-change"),
    ],
)
def test_an_egress_that_can_not_work_says_why(arguments: list[str], environment: dict, says: str) -> None:
    done = subprocess.run(
        [*WARMTH, "egress", *arguments], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert says in done.stderr
