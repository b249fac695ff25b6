"""reconcile names what is missing, replay mends dead letters exactly once, rebuild mends a lost changelog."""

import asyncio
import base64
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import clickhouse_connect
import psutil
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from tests.factories import a_page_viewed
from tests.integration.conftest import BROKERS
from tests.reference.generator import generate
from tests.reference.judge import load_rules
from tests.support.clients import consume, produce, query
from tests.support.newer import newer_rules
from tests.support.stack import WARMTH, Stack
from tests.support.verify import Evidence, verify

CHANGELOG = "warmth-scorer-profiles-changelog"


def command(stack: Stack, sql: str) -> None:
    host, port = stack.clickhouse.removeprefix("http://").split(":")
    with clickhouse_connect.get_client(host=host, port=int(port), database="warmth") as client:
        client.command(sql)


def reconciled(stack: Stack, code: int = 0) -> dict[str, dict]:
    """Return the checks by name."""
    done = stack.run("reconcile", "--json", check=False)
    assert done.returncode == code, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["agrees"] is (code == 0)
    return {check["name"]: check for check in report["checks"]}


@pytest.mark.parametrize("broker", BROKERS)
async def test_reconcile_agrees_and_names_each_row_that_is_taken_away(stack: Stack, broker: str) -> None:
    messages = list(generate(seed=31, events=4_000, customers=300))
    misplaced = [(topic, None, value) for topic, _, value in messages[:200]]
    sent = await produce(stack.kafka, misplaced, partition=1) + await produce(stack.kafka, messages[200:])
    stack.wait_until_read()
    checks = reconciled(stack)
    compared = {name: check["compared"] for name, check in checks.items() if name.startswith("conservation")}
    assert sum(count for name, count in compared.items() if "warmth-command" not in name) == sent

    event = query(stack.clickhouse, "SELECT _partition, _offset FROM events WHERE _topic = 'purchase' ORDER BY ALL LIMIT 1")[
        0
    ]
    outcome = query(
        stack.clickhouse, "SELECT partition, offset FROM outcomes WHERE topic = 'support-ticket' ORDER BY ALL LIMIT 1"
    )[0]
    letter = query(
        stack.clickhouse,
        "SELECT partition, offset FROM dead_letters_now WHERE topic = 'site-interaction' ORDER BY partition, offset LIMIT 1",
    )[0]
    change = query(stack.clickhouse, "SELECT id FROM score_changes ORDER BY id LIMIT 1")[0][0]
    page = query(stack.clickhouse, "SELECT toString(day), page_path FROM page_daily ORDER BY ALL LIMIT 1")[0]
    key = query(stack.clickhouse, "SELECT min(customer_key) FROM profiles_now")[0][0]
    written = [record for record in await consume(stack.kafka, CHANGELOG) if record.key == key.encode()][-1]
    for table, where in (
        ("events", f"_topic = 'purchase' AND _partition = {event[0]} AND _offset = {event[1]}"),
        ("outcomes", f"topic = 'support-ticket' AND partition = {outcome[0]} AND offset = {outcome[1]}"),
        ("dead_letters", f"topic = 'site-interaction' AND partition = {letter[0]} AND offset = {letter[1]}"),
        ("score_changes", f"id = '{change}'"),
        ("page_daily", f"day = '{page[0]}' AND page_path = '{page[1]}'"),
        ("profiles", f"customer_key = '{key}'"),
    ):
        command(stack, f"DELETE FROM {table} WHERE {where}")

    found = {name: check["finding"] for name, check in reconciled(stack, code=1).items() if not check["agrees"]}
    assert _place(found["conservation of purchase"]) == ("purchase", *event)
    assert found["conservation of purchase"]["what"] == "accepted, but no event row"
    assert _place(found["conservation of support-ticket"]) == ("support-ticket", *outcome)
    assert _place(found["conservation of site-interaction"]) == ("site-interaction", *letter)
    assert found["conservation of site-interaction"]["what"] == "rejected, but no dead letter"
    topic, _, partition, offset, _ = change.split(":")
    assert _place(found["score changes"]) == (topic, int(partition), int(offset))
    assert _place(found["profiles"]) == (CHANGELOG, written.partition, written.offset)
    assert page[1] in found["rollup page_daily"]["what"]
    assert "customer_daily" in found["rollup customer_daily"]["what"]
    if broker == "embedded":
        said = stack.run("reconcile", check=False)
        assert said.returncode == 1
        assert f"purchase, partition {event[0]}, offset {event[1]}: accepted, but no event row" in said.stdout


def _place(finding: dict) -> tuple:
    return finding["topic"], finding["partition"], finding["offset"]


async def killed_after(secs: float, command: list[str]) -> None:
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, stdout=quiet, stderr=quiet)
    await asyncio.sleep(secs)
    if process.returncode is None:
        process.kill()
    await process.wait()


@pytest.mark.parametrize("broker", BROKERS)
async def test_replay_sends_each_letter_once_though_it_is_killed(stack: Stack) -> None:
    bad = [json.dumps(a_page_viewed() | {"event_id": f"e-{n}", "page": {}}).encode() for n in range(2_000)]
    await produce(stack.kafka, [("site-interaction", b"k", value) for value in [*bad, b"{"]])
    stack.wait_until_read()
    assert json.loads(stack.run("replay", "--reason", "invalid_field", "--dry-run", "--json").stdout) == {
        "replayed": {},
        "would_replay": {"invalid_field": 2_000},
        "replayed_before": 0,
        "too_large": 0,
    }
    first = [row[0] for row in query(stack.clickhouse, "SELECT id FROM dead_letters_now WHERE reason = 'invalid_field'")]
    arguments = [*WARMTH, "replay", "--reason", "invalid_field", "--yes", "--data", str(stack.folder)]
    for _ in range(3):
        await killed_after(2.2, arguments)
    stack.run("replay", "--yes", *(f"--id={id_}" for id_ in first[:5]))
    done = json.loads(stack.run("replay", "--reason", "invalid_field", "--yes", "--json").stdout)
    assert done["too_large"] == 0
    stack.wait_until_read()
    letters = query(stack.clickhouse, "SELECT value_base64 FROM dead_letters_now WHERE reason = 'invalid_field'")
    vault = stack.vault()
    originals = {json.loads(vault.open(base64.b64decode(value)))["event_id"] for (value,) in letters}
    assert len(originals) == 2_000
    sources = query(
        stack.clickhouse,
        "SELECT arrayFirst(h -> h.1 = 'replayed_from', headers).2 AS source, count() FROM dead_letters_now "
        "WHERE has(headers.key, 'replayed_from') GROUP BY source",
    )
    assert all(count == 1 for _, count in sources), "a letter was replayed twice"
    assert len(sources) == len(letters) - 2_000
    assert len(sources) >= 2_000


@pytest.mark.kafka
async def test_replay_after_the_cause_is_fixed_brings_the_rows_exactly_once(tmp_path) -> None:
    values = [json.dumps(a_page_viewed() | {"event_id": f"e-{n}", "customer_id": f"c-{n % 7}"}).encode() for n in range(300)]
    stack = Stack(tmp_path / "stack", "--broker", "kafka", environment={"WARMTH_EVENT_MAX_BYTES": "100"})
    try:
        await produce(stack.kafka, [("site-interaction", None, value) for value in values])
        stack.wait_until_read()
        assert query(stack.clickhouse, "SELECT reason, count() FROM dead_letters_now GROUP BY reason") == [
            ("too_large", 300)
        ]
    finally:
        assert stack.stop() == 0
    stack = Stack(tmp_path / "stack", "--broker", "kafka")
    try:
        assert json.loads(stack.run("replay", "--yes", "--json").stdout)["replayed"] == {"too_large": 300}
        assert json.loads(stack.run("replay", "--yes", "--json").stdout)["replayed_before"] == 300
        stack.wait_until_read()
        assert query(stack.clickhouse, "SELECT count(), uniqExact(event_id) FROM events") == [(300, 300)]
        reconciled(stack)
    finally:
        assert stack.stop() == 0


@contextmanager
def unsupervised(stack: Stack) -> Iterator[None]:
    """Let the supervisor sleep: what ends meanwhile is started again in the end."""
    os.kill(stack.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(stack.process.pid, signal.SIGCONT)


async def end(stack: Stack, worker: str) -> None:
    pid = json.loads((stack.folder / "warmth.json").read_text())["pids"][worker]
    os.kill(pid, signal.SIGTERM)
    async with asyncio.timeout(30):
        while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def changelog(stack: Stack) -> dict[bytes, dict]:
    """Return what a scorer would restore, without the order of its changes."""
    states = {record.key: json.loads(record.value) for record in await consume(stack.kafka, CHANGELOG)}
    for state in states.values():
        for name in ("seq", "due", "looked_at", "judged_by"):  # the order of changes, and what was looked at in vain
            state.pop(name, None)
    return states


def _fields_that_differ(profiles: dict) -> dict:
    """Return, of each profile, what it is and what it was in the fields that differ."""
    return {
        key: {name: (now.get(name), was.get(name)) for name in now.keys() | was.keys() if now.get(name) != was.get(name)}
        for key, (now, was) in profiles.items()
    }


async def wait_until_folded(stack: Stack) -> None:
    async with asyncio.timeout(60):
        while stack.status()["lag"]["scorer"]:  # noqa: ASYNC110
            await asyncio.sleep(0.2)


async def delete_changelog(stack: Stack) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka)
    await admin.start()
    await admin.delete_topics([CHANGELOG])
    await admin.close()


async def cut(stack: Stack, topic: str) -> None:
    """Let the first records of partition 1 go, as retention does."""
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka)
    await admin.start()
    await admin.delete_records({TopicPartition(topic, 1): RecordsToDelete(before_offset=5)})
    await admin.close()


@pytest.mark.embedded
@pytest.mark.parametrize("broker", ["embedded"])
def test_rebuild_says_that_the_embedded_broker_needs_none(stack: Stack) -> None:
    refused = stack.run("rebuild", "--from", "clickhouse", "--yes", check=False)
    assert refused.returncode == 1
    assert "`warmth down` and `warmth up`" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1


@pytest.mark.kafka
@pytest.mark.parametrize("base", ["topics", "clickhouse"])
@pytest.mark.parametrize("broker", ["kafka"])
async def test_rebuild_mends_a_changelog_that_is_gone(stack: Stack, base: str, tmp_path: Path) -> None:
    evidence, newer = Evidence(), newer_rules(tmp_path / "newer")
    messages = list(generate(seed=32, events=4_000, customers=300))
    parts = [messages[:1_500], messages[1_500:2_500], messages[2_500:]]
    if base == "clickhouse":
        await produce(stack.kafka, [(topic, None, value) for topic, _, value in parts[0]], partition=1)
        sent = 0
    else:
        sent = await produce(stack.kafka, parts[0])
    stack.wait_until_quiet()
    if base == "topics":
        await evidence.read(stack.kafka)
        evidence.publish({**load_rules(newer), "version": 2}, None)
    stack.run("rules", "publish", str(newer))
    stack.wait_until_read()
    refused = stack.run("rebuild", "--from", base, "--yes", check=False)
    assert refused.returncode == 1
    assert "stop the scorers first" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1

    with unsupervised(stack):
        await end(stack, "loader-0")  # from here on ClickHouse is behind
        sent += await produce(stack.kafka, parts[1])
        await wait_until_folded(stack)
        await end(stack, "scorer-0")
        before = await changelog(stack)
        await delete_changelog(stack)
        missing = stack.run("rebuild", "--from", base, "--yes", check=False)
        assert "warmth topics create" in missing.stderr
        stack.run("topics", "create")
        if base == "topics":
            await killed_after(2.5, [*WARMTH, "rebuild", "--from", base, "--yes", "--data", str(stack.folder)])
            await asyncio.sleep(12)  # until the group has given up the one that was killed
        else:
            await cut(stack, "purchase")
            refused = stack.run("rebuild", "--from", "topics", "--yes", check=False)
            assert "purchase, partition 1 begins at offset 5" in refused.stderr
            assert "`warmth rebuild --from clickhouse`" in refused.stderr
        for _ in range(2):  # a second one changes nothing
            done = json.loads(stack.run("rebuild", "--from", base, "--yes", "--json").stdout)
            assert (done["profiles"], done["removed"]) == (len(before), 0)
        after = await changelog(stack)
        differing = {key: (after.get(key), state) for key, state in before.items() if after.get(key) != state}
        assert not differing, _fields_that_differ(differing)

    stack.wait_until_read()
    sent += await produce(stack.kafka, parts[2])
    stack.wait_until_read()
    if base == "topics":
        await verify(stack, sent, evidence)
        assert evidence.adopted > 0
    reconciled(stack)
