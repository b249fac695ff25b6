"""A draft of the rules on real history: who would stand where is what the reference says, and nothing is written."""

import asyncio
import json
import shutil
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.cli.addresses import settings_of
from agents.operations.dry_run import changes
from agents.rulebook import compiled
from core.comparison import Change
from core.state import State, decode
from core.times import MILLISECOND
from core.trial import Trial
from sinks.reading import Reader
from streams.rules_published import read_version
from tests.integration.conftest import BROKERS
from tests.integration.test_command_line import warmth
from tests.reference.generator import generate
from tests.reference.judge import Judge, load_rules
from tests.support.clients import produce, query
from tests.support.stack import Stack
from tests.support.verify import RULES, Evidence, verify

SILENT = ("score-change", "segment-change", "audience", "enriched-event", "warmth-scorer-profiles-changelog")
COURSE = {
    "seq",
    "due",
    "looked_at",
    "told_at",
    "applied",
    "recent",
    "recent_older",
    "recent_since",
    "contributions",
    "judged_by",
}
"""What a profile holds of the scorer's own course: offsets, known ids, when it looked, by which rules, what it said last."""
JUDGED = {"scores", "memberships"}
NAMES = {"links", "claimed", "claimants", "aliases", "anonymous_ids"}
"""Who is who is no matter of rules."""
WISHES = """
rules:
  - {id: searched, score: engagement, event: search_performed, points: 7}
  - {id: angry, score: fit, event: ticket_reopened, points: -30}
"""


async def ends(kafka: str) -> dict[str, int]:
    """Return the end of each log that a dry run must leave alone."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False)
    await consumer.start()
    try:
        for topic in SILENT:
            await consumer._client._wait_on_metadata(topic)
        partitions = [TopicPartition(topic, n) for topic in SILENT for n in consumer.partitions_for_topic(topic)]
        offsets = await consumer.end_offsets(partitions)
    finally:
        await consumer.stop()
    return {topic: sum(end for tp, end in offsets.items() if tp.topic == topic) for topic in SILENT}


def a_draft(folder: Path) -> Path:
    """Write down rules that give points to other events, and more of them, and let others in."""
    shutil.copytree(RULES, folder)
    (folder / "wishes.yaml").write_text(WISHES)
    for file, old, new in (
        ("behaviour.yaml", "points: 1.5", "points: 5"),
        ("segments.yaml", "value.orders: {at_least: 4}", "value.orders: {at_least: 3}"),
        ("tracking_plan.yaml", "store_located: [", "store_located: [floor, "),
    ):
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new))
    return folder


def judged_by(rules: Path, evidence: Evidence) -> Judge:
    """Return the reference after the same records in the same order, by other rules."""
    judge = Judge(load_rules(rules))
    for said in evidence.outcomes:
        if said["outcome"] != "forwarded":
            record = evidence.stored[said["topic"], said["partition"], said["offset"]]
            origin = f"{said['topic']}:{said['incarnation']}:{said['partition']}:{said['offset']}"
            judge.feed(record.topic, record.value or b"", record.timestamp, origin)
    return judge


def values(judge: Judge, key: str, now: int) -> dict[str, float]:
    return {name: score["value_at"](now / MILLISECOND) for name, score in judge.profile(key)["scores"].items()}


def open_bands(judge: Judge, key: str, now: int) -> bool:
    """Whether a score stands where its band depends on where it came from."""
    return any(
        band["from"] - score.get("hysteresis", 0) - 1e-6 <= values(judge, key, now)[name] < band["from"] + 1e-6
        for name, score in judge.rules["scores"].items()
        for band in score["bands"]
    )


def segments(judge: Judge, key: str, now: int) -> tuple[set[str], set[str]]:
    return judge.memberships(key, max(now / MILLISECOND, judge.profiles[key].latest))


def tried(stack: Stack, *folders: Path, now: int) -> dict[str, Change]:
    settings = settings_of(stack.folder)
    both = []
    for folder in folders:
        streams = settings.streams.model_copy(update={"rules_dir": folder})
        both.append(Trial(*compiled(read_version(folder), streams), now, now))
    with Reader(settings.sinks) as reader:
        return {change.key: change for change in changes(reader, both[0], both[1], lambda _: None)}


def assert_as_the_table(judge: Judge, key: str, state: State, change: Change, now: int) -> None:
    """A profile that was folded again is the one that the scorer keeps."""
    again = change.before.state
    for name in set(state.__struct_fields__) - COURSE - JUDGED - NAMES:
        assert getattr(again, name) == getattr(state, name), f"profile {key}: {name}"
    if not judge.profiles[key].events:
        return
    for name, value in values(judge, key, now).items():
        assert abs(change.before.values[name] - value) < 1e-6, f"profile {key}: {name}"
        assert open_bands(judge, key, now) or change.before.bands[name] == state.scores[name].band, f"profile {key}: {name}"
    if judge.profile(key)["blocked"] or open_bands(judge, key, now):
        return
    surely, maybe = segments(judge, key, now)
    kept = {name for name, known in (state.memberships or {}).items() if known.member}
    assert surely <= change.before.members <= maybe, f"profile {key}: {change.before.members}"
    assert not (change.before.members ^ kept) & surely, f"profile {key}: {kept}"


@pytest.mark.parametrize("broker", BROKERS[:1])
async def test_a_draft_changes_what_the_reference_says_and_nothing_is_said(stack: Stack, tmp_path: Path) -> None:
    now_ms = int(time.time() * 1000)
    sent = await produce(stack.kafka, generate(seed=23, events=5_000, customers=250, now_ms=now_ms))
    evidence = Evidence()
    present = await verify(stack, sent, evidence)
    now, draft = time.time_ns() // 1000, a_draft(tmp_path / "draft")
    same = tried(stack, RULES, RULES, now=now)
    assert not [change for change in same.values() if change.scores or change.entered or change.left]
    table = {
        key: decode(state.encode()) for key, state in query(stack.clickhouse, "SELECT customer_key, state FROM profiles_now")
    }
    scored = {key for key, profile in present.profiles.items() if profile.events}
    assert same.keys() == scored
    for key in scored:
        assert_as_the_table(present, key, table[key], same[key], now)

    other = judged_by(draft, evidence)
    found = tried(stack, RULES, draft, now=now)
    for key, change in found.items():
        for name, value in values(other, key, now).items():
            assert abs(change.after.values[name] - value) < 1e-6, f"profile {key}: {name}"
    moved = {
        key
        for key in scored
        if any(abs(value - values(present, key, now)[name]) > 1e-6 for name, value in values(other, key, now).items())
    }
    assert {key for key, change in found.items() if any(abs(change.moved(name)) > 1e-6 for name in change.scores)} == moved
    assert 50 < len(moved) < len(scored)
    regulars = {key for key in scored if present.profile(key)["orders"] == 3 and "regulars" in found[key].entered}
    assert regulars, "nobody enters"
    for key in regulars:
        assert "regulars" in segments(other, key, now)[1] - segments(present, key, now)[0]

    await assert_the_command_says_so(stack, draft, found)


async def assert_the_command_says_so(stack: Stack, draft: Path, found: dict[str, Change]) -> None:
    """The command names the same customers; while it runs, no log grows and no row is added, but for time that passes."""
    rows = "SELECT count() FROM events WHERE type != 'tick'"
    for attempt in range(3):
        before = await ends(stack.kafka), query(stack.clickhouse, rows)
        said = json.loads(stack.run("rules", "try", str(draft), "--json", "--limit", "1000", "--days", "30").stdout)
        after = await ends(stack.kafka), query(stack.clickhouse, rows)
        if before == after:
            break
        assert attempt < 2, f"something was written: {before}, {after}"
        await asyncio.sleep(2)
    differ = {key for key, change in found.items() if change.scores or change.entered or change.left}
    assert {one["customer_key"] for one in said["most_changed"]} == differ
    assert (said["customers"], said["changed"]) == (len(found), len(differ))
    assert sum(one["customers"] for one in said["bands"] if one["score"] == "fit") == len(found)
    assert said["days"]["draft"] != said["days"]["present"]
    assert said["not_in_history"] == ["store_located.floor"]
    text = stack.run("rules", "try", str(draft), "--limit", "1").stdout
    assert "store_located.floor is declared by the draft only" in text
    assert f"{len(differ)} of {len(found)} customers would stand otherwise" in text
    assert f"\n{said['most_changed'][0]['customer_key']}\n  " in text


@pytest.mark.embedded
def test_a_draft_with_errors_is_refused_with_all_of_them(tmp_path: Path) -> None:
    draft = a_draft(tmp_path / "draft")
    (draft / "wishes.yaml").write_text(WISHES.replace("search_performed", "searched").replace("-30", "-30000"))
    done = warmth("rules", "try", str(draft))
    assert (done.returncode, done.stdout) == (1, "")
    checked = warmth("rules", "check", str(draft))
    assert done.stderr == checked.stdout
    assert len([line for line in done.stderr.splitlines() if line.startswith("error: wishes.yaml, line")]) == 2
