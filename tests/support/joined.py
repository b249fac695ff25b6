"""Compares what a stack made of people of many names with the reference, which knows who is who from the start."""

import asyncio
import json
import re
import time
from collections import Counter
from decimal import Decimal
from typing import Any

from tests.reference.generator import Record
from tests.reference.judge import Judge, load_rules
from tests.reference.persons import Persons, judged
from tests.support.clients import consume, query
from tests.support.profiles import Subscriber, compare_parts, compare_scores, compare_segments
from tests.support.stack import Stack
from tests.support.verify import INPUTS, PATIENCE_SECS, RULES

MANUAL = RULES.parent / "docs" / "identity.md"


async def verify_joined(stack: Stack, records: list[Record]) -> Judge:
    """Assert that every record has one outcome, and everybody one profile with all that they did.

    Args:
        stack: What has read everything.
        records: All that was sent to it.
    """
    await asyncio.to_thread(stack.wait_until_quiet)
    judge = Judge(load_rules(RULES))
    persons = judged(judge, records)
    said = [json.loads(record.value) for record in await consume(stack.kafka, "enriched-event")]
    _compare_outcomes([document["outcome"] for document in said if "outcome" in document], len(records))
    states = {
        key: json.loads(state) for key, state in query(stack.clickhouse, "SELECT customer_key, state FROM profiles_now")
    }
    assert states.keys() == {persons.survivor(name) for name in persons.seen}, "other people than the reference's"
    heard = Subscriber(judge.rules)
    gone = [document["event"] for document in said if (document.get("event") or {}).get("type") == "profile_gone"]
    changes = [
        json.loads(record.value)
        for topic in ("score-change", "segment-change")
        for record in await consume(stack.kafka, topic)
    ]
    heard.hear([*changes, *gone])
    now = time.time() * 1000
    for key, state in states.items():
        looks = [max(at, judge.profiles[key].judged) for at in (now - PATIENCE_SECS * 1000, now)]
        compare_scores(judge, key, state, looks)
        compare_parts(judge, key, state)
        compare_segments(judge, key, state, looks)
        heard.compare(key, state)
    await _compare_audience(stack, states)
    _compare_names(stack, persons)
    _compare_money(stack, judge)
    return judge


def _compare_outcomes(outcomes: list[dict[str, Any]], sent: int) -> None:
    """Each record that was sent ends once, however often it was sent on."""
    ends = Counter(
        (outcome["topic"], outcome["partition"], outcome["offset"])
        for outcome in outcomes
        if outcome["topic"] in INPUTS and outcome["outcome"] != "forwarded"
    )
    assert max(ends.values()) == 1, f"records with several outcomes: {ends.most_common(3)}"
    assert len(ends) == sent, f"{len(ends)} outcomes of {sent} records"
    hops = [outcome for outcome in outcomes if outcome["reason"] == "too_many_hops"]
    assert not hops, f"sent on and on: {hops[:3]}"


async def _compare_audience(stack: Stack, states: dict[str, dict[str, Any]]) -> None:
    """The latest word on each place in a segment is that of the profile; who went into others is nowhere."""
    latest = {record.key: json.loads(record.value or b"null") for record in await consume(stack.kafka, "audience")}
    keys = {key.decode().partition(":")[2] for key, word in latest.items() if word is not None}
    assert keys <= states.keys(), f"topic audience: who is gone is still there: {list(keys - states.keys())[:5]}"
    inside = {key.decode() for key, word in latest.items() if word is not None and word["member"]}
    expected = {
        f"{name}:{key}"
        for key, state in states.items()
        for name, (member, _) in (state.get("memberships") or {}).items()
        if member
    }
    assert inside == expected, f"topic audience: {list(inside ^ expected)[:5]}"


def _compare_names(stack: Stack, persons: Persons) -> None:
    """Every name leads to the one under which the person goes on."""
    leads = dict(query(stack.clickhouse, "SELECT alias, customer_key FROM identity_now"))
    wrong = {name: (leads.get(name, name), persons.survivor(name)) for name in persons.seen}
    wrong = {name: (have, wanted) for name, (have, wanted) in wrong.items() if have != wanted}
    assert not wrong, f"view identity_now: {list(wrong.items())[:5]}"


def _compare_money(stack: Stack, judge: Judge) -> None:
    """The queries of the manual: receipts and orders of everybody add up to what the profiles say; somebody's events."""
    sql, of_one = re.findall(r"```sql\n(.*?);\n(.*?);\n```", MANUAL.read_text(encoding="utf-8"), re.DOTALL)[0]
    key = max(judge.profiles, key=lambda key: len(judge.profiles[key].events))
    rows = query(stack.clickhouse, of_one.replace("'c-1'", f"'{key}'").replace("*", "_topic"))
    accepted = sum(event.key == key for event in judge.accepted)
    assert sum(topic in INPUTS for (topic,) in rows) == accepted, f"events of {key}"
    have = {(key, currency): amount for key, currency, amount in query(stack.clickhouse, sql)}
    expected = {
        (key, currency): Decimal(amount)
        for key in judge.profiles
        for currency, amount in judge.profile(key)["revenue"].items()
    }
    assert have == expected, f"revenue by person: {list(have.items() ^ expected.items())[:5]}"
