"""The demo's events, told four ways: the reference, the table, `warmth score` over the same file, and SQL over the rows.

Rules and parameters are published midway. `make truth` sends as many events as the demo does.
"""

import asyncio
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agents.demo.journey import Measured, _stream
from core.rules import CompiledRules, compile_rules
from core.state import decode
from core.value import compile_parameters
from core.view import view
from schemas.parameters import Parameters
from streams.rules_files import read_rule_set
from tests.reference.events import rfc3339
from tests.reference.judge import Judge, load_rules
from tests.reference.purchases import SALES
from tests.reference.shown import shown
from tests.support.clients import Message, produce, query
from tests.support.stack import WARMTH, Stack
from tests.support.truth import first_difference
from tests.support.verify import PATIENCE_SECS, RULES, Evidence, verify

EVENTS = int(os.environ.get("TRUTH_EVENTS", "2000"))
TAKEN_UP_SECS = 10
PARAMETERS: dict[str, Any] = {
    "version": 7,
    "fitted_at": "2026-11-20T00:00:00Z",
    "bgnbd": {"r": 1.1, "alpha": 12, "a": 0.6, "b": 3},
    "gamma_gamma": {"p": 3, "q": 4, "v": 30, "currency": "USD"},
    "rfm": {
        "recency_days": [3, 9, 25, 80],
        "frequency": [3, 9, 25, 60],
        "monetary": [90, 300, 900, 2500],
        "currency": "USD",
    },
    "log_likelihood": -1.0,
    "customers": 1,
    "transactions": 1,
}
SEGMENTS = """
  fading:
    where: {value.p_alive: {below: 0.7}}
  best_buyers:
    where: {value.rfm.recency: {at_least: 4}, value.rfm.frequency: {at_least: 4}, value.lifecycle: active}
"""


class Versions:
    """The shipped rules, and others that differ in a border, in points that are held, and in segments."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "rules"
        shutil.copytree(RULES, self.folder, ignore=shutil.ignore_patterns("fixtures", "__pycache__", "*.py"))
        self._change("scores.yaml", "version: 1", "version: 2")
        self._change("scores.yaml", "{name: warm, from: 20}", "{name: warm, from: 12}")
        self._change("fit.yaml", "points: 20", "points: 30")
        segments = self.folder / "segments.yaml"
        segments.write_text(segments.read_text(encoding="utf-8") + SEGMENTS, encoding="utf-8")
        self.parameters = folder / "parameters.json"
        self.parameters.write_text(json.dumps(PARAMETERS), encoding="utf-8")

    def _change(self, name: str, old: str, new: str) -> None:
        file = self.folder / name
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new, 1), encoding="utf-8")

    def loaded(self) -> dict:
        return load_rules(self.folder)

    def compiled(self) -> CompiledRules:
        return compile_rules(read_rule_set(self.folder), model=compile_parameters(Parameters.model_validate(PARAMETERS)))


@pytest.mark.timeout(900 + EVENTS // 40)
@pytest.mark.embedded
@pytest.mark.parametrize("broker", ["embedded"])
async def test_all_say_the_same_of_every_customer(stack: Stack, tmp_path: Path) -> None:
    versions, evidence = Versions(tmp_path), Evidence()
    messages: list[Message] = [(event.topic, event.key, event.value) for event in _stream(EVENTS, 1, Measured())]
    half = len(messages) // 2
    await produce(stack.kafka, messages[:half])
    stack.wait_until_read(240 + EVENTS / 100)
    await evidence.read(stack.kafka)
    await publish(stack, evidence, (evidence.judge.rules, PARAMETERS), lambda: send_parameters(stack))
    rules = (versions.loaded(), PARAMETERS)
    await publish(stack, evidence, rules, lambda: publish_rules(stack, versions))
    await produce(stack.kafka, messages[half:])
    stack.wait_until_read(240 + EVENTS / 100)
    judge = await verify(stack, len(messages), evidence)
    assert evidence.adopted > EVENTS // 200, "newer rules moved too few to prove anything"
    compare_table(stack, judge, versions.compiled())
    compare_sql(stack, judge)
    compare_score(evidence, versions, tmp_path)


async def send_parameters(stack: Stack) -> None:
    await produce(stack.kafka, [("warmth-parameters", b"value", json.dumps(PARAMETERS).encode())], partition=0)


async def publish_rules(stack: Stack, versions: Versions) -> None:
    said = json.loads(stack.run("rules", "publish", str(versions.folder), "--json").stdout)
    assert (said["version"], said["published"]) == (2, True)


async def publish(stack: Stack, evidence: Evidence, newer: tuple[dict, dict], send: Callable[[], Any]) -> None:
    """Publish, give the workers their time to take it up, and let the reference follow."""
    evidence.publish(*newer)
    await send()
    await asyncio.sleep(TAKEN_UP_SECS)
    stack.wait_until_quiet()
    await evidence.read(stack.kafka)


def compare_table(stack: Stack, judge: Judge, rules: CompiledRules) -> None:
    now = int(time.time() * 1000)
    for key, state in query(stack.clickhouse, "SELECT customer_key, state FROM profiles_now"):
        document = view(key, decode(state.encode()), rules, now * 1000).model_dump(mode="json")
        found = first_difference(document, shown(judge, key, now, PATIENCE_SECS * 1000))
        assert found is None, f"table, {key}: {found}"


def compare_sql(stack: Stack, judge: Judge) -> None:
    """What analysts count over the rows is what the reference counts, and what the profile says."""
    sales = f"type IN {SALES} AND amount > 0"
    counts = f"""
        SELECT customer_key, countIf({sales}), countIf(type = 'page_viewed' AND traffic = ''),
            uniqExactIf(session_id, session_id != ''), argMax(segments, seq) FROM events GROUP BY customer_key"""
    members = """
        SELECT customer_key, arrayFilter(name -> JSONExtractBool(state, 'memberships', name, 1),
            JSONExtractKeys(state, 'memberships')) FROM profiles_now"""
    inside = {key: set(names) for key, names in query(stack.clickhouse, members)}
    for key, orders, views, sessions, segments in query(stack.clickhouse, counts):
        wanted = judge.profile(key)
        assert (key, orders) == (key, wanted["orders"])
        assert (key, views) == (key, wanted["page_views"])
        assert (key, sessions) == (key, wanted["sessions"])
        assert (key, set(segments)) == (key, inside[key])
    amounts = f"""
        SELECT customer_key, currency, ifNull(sumIf(amount, {sales}), 0), ifNull(sum(refunded), 0)
        FROM events WHERE currency != '' AND amount IS NOT NULL GROUP BY ALL"""
    for key, currency, revenue, refunded in query(stack.clickhouse, amounts):
        wanted = judge.profile(key)
        assert (key, revenue) == (key, wanted["revenue"].get(currency, 0))
        assert (key, refunded) == (key, wanted["refunded"].get(currency, 0))


def compare_score(evidence: Evidence, versions: Versions, folder: Path) -> None:
    """Let `warmth score` and the reference judge the same file, in the order in which the scorer folded it."""
    file, now = folder / "folded.jsonl", int(time.time() * 1000)
    judge = Judge(versions.loaded(), parameters=PARAMETERS)
    with file.open("w", encoding="utf-8") as lines:
        for number, outcome in enumerate(evidence.outcomes):
            record = evidence.stored[outcome["topic"], outcome["partition"], outcome["offset"]]
            event = json.loads(record.value or b"") | {"received_at": rfc3339(record.timestamp)}
            lines.write(json.dumps({"topic": record.topic, "event": event}) + "\n")
            judge.feed(record.topic, json.dumps(event).encode(), now, f"{record.topic}:file:0:{number}")
    options = ["--rules", str(versions.folder), "--parameters", str(versions.parameters), "--as-of", rfc3339(now), "--json"]
    done = subprocess.run([*WARMTH, "score", str(file), *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said, profiles = set(), {}
    told = set()
    for line in map(json.loads, done.stdout.splitlines()):
        ((kind, document),) = line.items()
        if kind == "profile":
            profiles[document["customer_key"]] = document
            continue
        said |= {document["id"]} if kind == "score_change" else set()
        cause, _, due = document["id"].rpartition(":")[0].rpartition(":")
        if cause.startswith("tick:") and (cause, due) not in told:
            told.add((cause, due))
            judge.carry_on(document["customer_key"], int(due))
    assert said == {change["id"] for change in judge.changes}
    assert profiles.keys() == judge.profiles.keys()
    for key, document in profiles.items():
        found = first_difference(document, shown(judge, key, now))
        assert found is None, f"warmth score, {key}: {found}"
