"""Nothing that names a person can be read anywhere behind the edge, and profiles are found by any id."""

import asyncio
import base64
import json
import re
from datetime import UTC, datetime

import httpx
import pytest

from schemas.sealed import bytes_of
from streams.kafka.topics import CONTROL, DEAD_LETTERS, TOPICS
from tests.support.clients import consume, produce, query
from tests.support.stack import Stack

pytestmark = pytest.mark.embedded
TABLES = "SELECT name FROM system.tables WHERE database = 'warmth' AND engine LIKE '%MergeTree'"
NEEDLES = ("Secretova", "boris@shop.example", "anna.s@shop.example", "9161112233", "1984-05-06")
BASE64 = re.compile(r"[A-Za-z0-9+/]{8,}={0,2}").fullmatch
DIRECT = "Straightova"
"""Who is named by a producer that seals nothing: her name stands in the topic that it wrote into, and nowhere else."""


def an_event(event_id: str, kind: str, **fields: object) -> dict:
    at = datetime.now(UTC).isoformat()
    return {"event_id": event_id, "type": kind, "occurred_at": at, "customer_id": "c-1", **fields}


def post(stack: Stack, path: str, body: object) -> dict:
    answer = httpx.post(stack.collector + path, json=body, headers={"X-Write-Key": "k"})
    assert answer.status_code == 200, answer.text
    return answer.json()


def lookup(stack: Stack, id_: str, key: str = "k") -> httpx.Response:
    return httpx.get(f"{stack.collector}/v1/profiles/{id_}", headers={"X-Write-Key": key})


TRAITS = {"name": "Anna Secretova", "email": "anna.s@shop.example", "phone": "+7 916 111-22-33", "birthday": "1984-05-06"}
IDENTIFIERS = [
    {"id_type": "phone", "id_value": "8 916 111 22 33"}, {"id_type": "email", "id_value": "anna.s@shop.example"},
    {"id_type": "card", "id_value": "2200 Secretova"},
]  # fmt: skip


@pytest.fixture(scope="module")
def said(shared: Stack, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A stack that was told of persons by every way in."""
    identify = {"userId": "c-1", "anonymousId": "v-1", "messageId": "m-1", "traits": {**TRAITS, "city": "Kazan"}}
    assert post(shared, "/v1/identify", identify) == {"success": True}
    by_address = {"userId": "boris@shop.example", "messageId": "m-2", "properties": {"url": "https://shop.ru/"}}
    assert post(shared, "/v1/page", by_address) == {"success": True}
    posted = post(
        shared,
        "/v1/events",
        [
            an_event("e-1", "ticket_opened", ticket_id="t", subject="Secretova here", text="I am Anna Secretova"),
            an_event("e-2", "survey_answered", survey="leaving", reason="other", comment="Secretova is off"),
            an_event("e-3", "content_commented", content_id="p", text="Secretova liked it"),
            an_event("e-4", "ticket_opened", text="Secretova forgot the id"),
            {**an_event("e-9", "subscribed", list="offers"), "customer_id": "crm/7"},
            {**an_event("e-8", "ticket_opened", ticket_id="u", text="Secretova leaves"), "customer_id": "c-2"},
        ],
    )
    assert [(one["index"], one["reason"]) for one in posted["rejected"]] == [(3, "invalid_field")]
    receipt = {"store_id": "s", "till_id": "1", "number": "1", "total": 5, "currency": "RUB", "phone": "89161112233"}
    assert post(shared, "/v1/receipts", {**receipt, "occurred_at": datetime.now(UTC).isoformat()}) == {"success": True}
    file = tmp_path_factory.mktemp("sent") / "events.jsonl"
    events = [an_event("e-5", "traits_changed", traits={"name": "Secretova", "birth_date": "1984-05-06"}, mood="Secretova")]
    events += [an_event(f"e-6-{one['id_type']}", "identity_linked", **one) for one in IDENTIFIERS]
    file.write_text("\n".join([*map(json.dumps, events), '{"Secretova": ']))
    sent = shared.run("send", "customer", str(file)).stdout
    assert "5 events sent (1 of them will be dead letters" in sent
    assert "1 fields that no contract names" in sent
    direct = an_event("e-7", "ticket_opened", ticket_id="t2", text=f"I am {DIRECT}")
    asyncio.run(produce(shared.kafka, [("support-ticket", b"c-1", json.dumps(direct).encode())]))
    shared.wait_until_read()
    return shared


async def test_a_search_of_every_store_finds_nobody(said: Stack) -> None:
    found = [
        (topic.name, needle)
        for topic in TOPICS
        for record in await consume(said.kafka, topic.name, "read_uncommitted")
        for needle in (*NEEDLES, DIRECT)
        if needle.encode() in decoded(record.key) + decoded(record.value)
    ]
    assert found == [("support-ticket", DIRECT)]
    for (table,) in query(said.clickhouse, TABLES):
        for row in query(said.clickhouse, f"SELECT * FROM warmth.`{table}`"):
            assert not any(needle.encode() in decoded(repr(row).encode()) for needle in (*NEEDLES, DIRECT)), (table, row)
    files = [path for path in said.folder.rglob("*") if path.is_file()]
    assert len(files) > 100
    assert [path for path in files for needle in (*NEEDLES, DIRECT) if needle.encode() in path.read_bytes()] == []


def decoded(value: bytes | None) -> bytes:
    """Return a value with what stands in it as base64."""
    if value is None:
        return b""
    texts = value.decode(errors="replace").replace("\\", "").split('"')
    return value + b"".join(base64.b64decode(text) for text in texts if len(text) % 4 == 0 and BASE64(text))


async def test_what_is_sealed_can_be_read_with_its_key_and_never_after_it_is_destroyed(said: Stack) -> None:
    select = "SELECT properties.text.:String FROM events WHERE event_id = 'e-8'"
    ((sealed,),) = query(said.clickhouse, select)
    vault = said.vault()
    assert vault.open(bytes_of(sealed)) == b"Secretova leaves"
    letters = query(said.clickhouse, "SELECT id, reason, is_sealed FROM dead_letters_now ORDER BY reason")
    assert [(reason, is_sealed) for _, reason, is_sealed in letters] == [
        ("invalid_field", True), ("malformed_json", True), ("plain_identifying_field", True),
    ]  # fmt: skip
    shown = [json.loads(said.run("letter", id_).stdout) for id_, _, _ in letters]
    assert "Secretova forgot" in shown[0]["value"]
    assert shown[1]["value"] == '{"Secretova": '
    assert DIRECT in shown[2]["value"]
    said.run("vault", "destroy", "c-2", "--yes")
    assert vault.open(bytes_of(sealed)) is None


async def test_a_replay_seals_what_a_direct_producer_did_not(said: Stack) -> None:
    said.run("replay", "--reason", "plain_identifying_field", "--yes")
    said.wait_until_read()
    ((sealed,),) = query(said.clickhouse, "SELECT properties.text.:String FROM events WHERE event_id = 'e-7'")
    assert said.vault().open(bytes_of(sealed)) == f"I am {DIRECT}".encode()
    assert not any(DIRECT.encode() in decoded(record.value) for record in await consume(said.kafka, DEAD_LETTERS))


def test_a_profile_is_found_by_any_id_and_only_with_a_key(said: Stack) -> None:
    said.wait_until_quiet()
    shown = json.loads(said.run("profile", "c-1", "--json").stdout)
    for id_ in ("c-1", "v-1", "a:v-1", "+79161112233", "8 (916) 111-22-33", "anna.s%40shop.example", "2200 Secretova"):
        answer = lookup(said, id_)
        assert answer.status_code == 200, (id_, answer.text)
        found = answer.json()
        assert found["customer_key"] == "c-1", id_
        assert (found["value"], found["traits"], found["segments"]) == (shown["value"], shown["traits"], shown["segments"])
        assert found["seq"] == shown["seq"]
    assert lookup(said, "boris%40shop.example").json()["customer_key"].startswith("hashed:")
    assert lookup(said, "crm%2F7").json()["customer_key"] == "crm/7"
    assert (lookup(said, "nobody").status_code, lookup(said, "x" * 301).status_code) == (404, 400)
    assert httpx.get(f"{said.collector}/v1/profiles/c-1").status_code == 401
    owners = [record for record in asyncio.run(consume(said.kafka, CONTROL)) if record.key.startswith(b"owner:")]
    worker = json.loads(owners[-1].value)["url"]
    assert httpx.get(f"{worker}/profiles/c-1").status_code == 401
    assert httpx.get(f"{worker}/profiles/c-1", headers={"Authorization": "Bearer guess"}).status_code == 401


def test_while_the_owner_of_a_profile_is_away_it_is_503_and_then_found_again(said: Stack) -> None:
    said.kill("scorer")
    said.until(lambda: lookup(said, "c-1").status_code == 503, 10)
    said.until(lambda: lookup(said, "c-1").status_code == 200, 60)
