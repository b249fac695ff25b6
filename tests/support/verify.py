"""Compares everything that a stack concluded with the reference, which shares no code with it."""

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.reference.judge import Judge, load_rules
from tests.support.clients import Stored, consume, query
from tests.support.stack import Stack

INPUTS = ("site-interaction", "purchase", "support-ticket", "customer", "consent")
COUNTS = ("orders", "page_views", "active_secs", "tickets", "reopened")
RULES = Path(__file__).parents[2] / "rules"


class Evidence:
    """What a stack's topics hold, read on at each look: they only grow. The reference is fed in the order of folding."""

    def __init__(self) -> None:
        self.judge = Judge(load_rules(RULES))
        self.outcomes: list[dict] = []
        self.changes: list[dict] = []
        self.seen: Counter[tuple] = Counter()
        self.stored: dict[tuple, Stored] = {}
        self._next: dict[str, dict[int, int]] = {}

    async def read(self, kafka: str) -> None:
        """Read what is new."""
        for topic in INPUTS:
            self.stored |= {(topic, record.partition, record.offset): record for record in await self._new(kafka, topic)}
        for record in await self._new(kafka, "enriched-event"):
            document = json.loads(record.value)
            if "outcome" in document:
                self._feed(document["outcome"])
        self.changes += [json.loads(record.value) for record in await self._new(kafka, "score-change")]

    async def _new(self, kafka: str, topic: str) -> list[Stored]:
        after = self._next.setdefault(topic, {})
        records = await consume(kafka, topic, after=after)
        after |= {record.partition: record.offset + 1 for record in records}
        return records

    def _feed(self, outcome: dict) -> None:
        self.outcomes.append(outcome)
        if outcome["outcome"] != "forwarded":
            place = (outcome["topic"], outcome["partition"], outcome["offset"])
            self.seen[place] += 1
            record = self.stored[place]
            self.judge.feed(record.topic, record.value or b"", record.timestamp, _origin(outcome))


async def verify(stack: Stack, sent: int, evidence: Evidence | None = None) -> Judge:
    """Assert that every record sent has one outcome, and that rows, profiles and score changes are the reference's.

    Args:
        stack: What has read everything.
        sent: How many records were sent to it, altogether.
        evidence: That of the call before, where a stack is verified several times.
    """
    evidence = evidence or Evidence()
    await evidence.read(stack.kafka)
    judge, stored, seen = evidence.judge, evidence.stored, evidence.seen
    assert len(stored) == sent, "the broker holds another number of records than were sent"
    repeated = [place for place, count in seen.items() if count > 1]
    assert not repeated, f"records with several outcomes: {repeated[:5]}"
    assert seen.keys() == stored.keys(), f"records without an outcome: {sorted(stored.keys() - seen.keys())[:5]}"
    _compare_outcomes(stack, judge, sent, evidence.outcomes)
    _compare_changes(judge, evidence.changes, stack)
    _compare_profiles(stack, judge)
    _compare_money(stack, judge)
    _compare_rollups(stack)
    return judge


def _origin(outcome: dict) -> str:
    return f"{outcome['topic']}:{outcome['incarnation']}:{outcome['partition']}:{outcome['offset']}"


def _compare_outcomes(stack: Stack, judge: Judge, sent: int, outcomes: list[dict]) -> None:
    concluded = Counter(outcome["outcome"] for outcome in outcomes if outcome["outcome"] != "forwarded")
    expected = Counter(accepted=len(judge.accepted), rejected=len(judge.rejected), dropped=len(judge.dropped))
    assert concluded == +expected, f"outcomes: {concluded}, not {expected}"
    said = {_origin(outcome): outcome["reason"] for outcome in outcomes}
    wrong = {origin: (reason, said[origin]) for origin, reason in judge.rejected if reason and said[origin] != reason}
    wrong |= {origin: (reason, said[origin]) for origin, reason in judge.dropped if said[origin] != reason}
    assert not wrong, f"other reasons: {dict(list(wrong.items())[:5])}"
    rows = dict(
        query(stack.clickhouse, "SELECT outcome, count() FROM outcomes WHERE outcome != 'forwarded' GROUP BY outcome")
    )
    assert rows == dict(concluded), f"table outcomes differs from the topic: {rows}, {dict(concluded)}"
    counts = "SELECT count(), uniqExact(_topic, _incarnation, _partition, _offset) FROM events"
    (events, distinct), ((letters,),) = (
        query(stack.clickhouse, counts)[0],
        query(stack.clickhouse, "SELECT count() FROM dead_letters_now"),
    )
    assert events == distinct == len(judge.accepted), f"table events: {events}, {distinct}, {len(judge.accepted)}"
    assert letters == len(judge.rejected), f"table dead_letters: {letters}, {len(judge.rejected)}"
    assert events + letters + len(judge.dropped) == sent, "rows, dead letters and drops are not what was sent"


def _compare_changes(judge: Judge, said: list[dict], stack: Stack) -> None:
    ids = Counter(change["id"] for change in said)
    assert max(ids.values(), default=1) == 1, "a change was said twice"
    by_id = {change["id"]: change for change in said}
    expected = {change["id"]: change for change in judge.changes}
    assert by_id.keys() == expected.keys(), f"other score changes: {list(by_id.keys() ^ expected.keys())[:5]}"
    for id_, change in expected.items():
        for name in ("customer_key", "score", "old_band", "new_band", "grade", "occurred_at", "cause"):
            assert by_id[id_][name] == change[name], f"score change {id_}: {name} of {by_id[id_]}, {change}"
        for name in ("value", "old_value"):
            assert abs(by_id[id_][name] - change[name]) < 1e-6, f"score change {id_}: {name} of {by_id[id_]}, {change}"
        given = sorted((c["rule"], c["points"]) for c in by_id[id_]["contributions"])
        wanted = sorted((c["rule"], c["points"]) for c in change["contributions"])
        assert given == wanted, f"score change {id_}: {given}, not {wanted}"
    latest: dict[str, int] = {}
    for change in said:  # in the order of each partition
        assert change["seq"] >= latest.get(change["customer_key"], 0), f"score change {change['id']}: seq fell"
        latest[change["customer_key"]] = change["seq"]
    rows = {row[0] for row in query(stack.clickhouse, "SELECT id FROM score_changes")}
    ((count,),) = query(stack.clickhouse, "SELECT count() FROM score_changes")
    assert rows == by_id.keys() and count == len(rows), f"table score_changes: {count}, {len(rows)}, {len(by_id)}"


def _compare_profiles(stack: Stack, judge: Judge) -> None:
    states = {
        key: json.loads(state) for key, state in query(stack.clickhouse, "SELECT customer_key, state FROM profiles_now")
    }
    assert states.keys() == judge.profiles.keys(), "other profiles than the reference's"
    for key, state in states.items():
        expected = judge.profile(key)
        for name, (value, as_of, band) in state["scores"].items():
            low, high = _scale(judge, name)
            reference = expected["scores"][name]
            assert abs(min(max(value, low), high) - reference["value_at"](as_of / 1000)) < 1e-6, f"profile {key}: {name}"
            assert band == reference["band"], f"profile {key}: band of {name}"
        for part, (have, wanted) in _parts(state, expected).items():
            assert have == wanted, f"profile {key}: {part} {have}, not {wanted}"


def _parts(state: dict[str, Any], expected: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return each part of a profile as it is kept, and as it should be."""
    parts = {name: (state.get(name, 0), expected[name]) for name in COUNTS}
    for name in ("revenue", "refunded"):
        parts[name] = (_amounts(state.get(name)), _amounts(expected[name]))
    open_tickets = sum(word[0] == "open" for word in state.get("ticket_states", {}).values())
    parts["open_tickets"] = (open_tickets, expected["open_tickets"])
    parts["csat"] = ((state.get("csat_satisfied", 0), state.get("csat_answers", 0)), tuple(expected["csat"]))
    return parts


ROLLUPS = {
    "customer_daily": (
        "SELECT customer_key, day, type, currency, sum(events), sum(amount) FROM customer_daily GROUP BY ALL",
        "SELECT customer_key, toDate(occurred_at, 'UTC'), type, currency, count(), sum(ifNull(amount, 0))"
        " FROM events GROUP BY ALL",
    ),
    "page_daily": (
        "SELECT day, page_path, sum(views) FROM page_daily GROUP BY ALL",
        "SELECT toDate(occurred_at, 'UTC'), page_path, count() FROM events WHERE type = 'page_viewed' GROUP BY ALL",
    ),
}
"""Each rollup beside the same sums over the rows that it was made of."""


def _compare_rollups(stack: Stack) -> None:
    for name, (rolled_up, summed) in ROLLUPS.items():
        have, expected = Counter(query(stack.clickhouse, rolled_up)), Counter(query(stack.clickhouse, summed))
        assert have == expected, f"rollup {name}: {list((have - expected) + (expected - have))[:5]}"


def _scale(judge: Judge, name: str) -> tuple[float, float]:
    spec = judge.rules["scores"][name]
    return spec.get("shown_from", 0), spec.get("shown_to", 100)


def _amounts(amounts: dict[str, Any] | None) -> dict[str, Decimal]:
    return {currency: Decimal(total) for currency, total in (amounts or {}).items()}


def _compare_money(stack: Stack, judge: Judge) -> None:
    sql = "SELECT currency, sum(amount) FROM events WHERE type = 'receipt_issued' GROUP BY currency"
    expected: dict[str, Decimal] = {}
    for event in judge.accepted:
        if event.type == "receipt_issued":
            currency = event.fields["currency"]
            expected[currency] = expected.get(currency, Decimal(0)) + Decimal(str(event.fields["total"]))
    assert dict(query(stack.clickhouse, sql)) == expected, "table events: other sums of receipts"
