"""Compares everything that a stack concluded with the reference, which shares no code with it."""

import asyncio
import json
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path

from tests.reference.judge import Judge, load_rules
from tests.support import profiles
from tests.support.clients import Stored, consume, query
from tests.support.stack import Stack

INPUTS = ("site-interaction", "purchase", "support-ticket", "customer", "consent")
PROMPTED = "_topic NOT IN ('tick', 'rules', 'warmth-command')"
"""What is true of rows that a record is the cause of."""
PATIENCE_SECS = 10
"""By so much a tick may be late when it is looked for."""
RULES = Path(__file__).parents[2] / "rules"


class Evidence:
    """What a stack's topics hold, read on at each look: they only grow. The reference is fed in the order of folding."""

    def __init__(self) -> None:
        self.judge = Judge(load_rules(RULES))
        self.outcomes: list[dict] = []
        self.changes: list[dict] = []
        self.moves: list[dict] = []
        self.adopted = 0
        self._published_version = 0
        self.seen: Counter[tuple] = Counter()
        self.stored: dict[tuple, Stored] = {}
        self._next: dict[str, dict[int, int]] = {}

    async def read(self, kafka: str) -> None:
        """Read what is new, once all that was sent has been folded: each record has one outcome before any is replayed."""
        for topic in INPUTS:
            self.stored |= {(topic, record.partition, record.offset): record for record in await self._new(kafka, topic)}
        documents = [json.loads(record.value) for record in await self._new(kafka, "enriched-event")]
        concluded = [document for document in documents if "outcome" in document]
        self.seen.update(_place(document["outcome"]) for document in concluded if _is_final(document["outcome"]))
        self._assert_one_outcome_each()
        for document in concluded:
            self._replay(document["outcome"], document.get("event"))
        self.changes += [json.loads(record.value) for record in await self._new(kafka, "score-change")]
        self.moves += [json.loads(record.value) for record in await self._new(kafka, "segment-change")]
        for key in self.judge.profiles:
            if self.judge.is_behind(key) and not self.judge.profile(key)["blocked"]:
                self._adopt_in_silence(key, time.time())

    def publish(self, rules: dict, parameters: dict | None) -> None:
        """Let the reference judge by newer rules whatever comes after what was read; `version` of the rules has grown."""
        self.judge.publish(rules, parameters)
        self._published_version = rules["version"]

    def _replay(self, outcome: dict, row: dict | None) -> None:
        """Let the reference do what an outcome says: time passed, newer rules were taken up, or a record was folded."""
        if outcome["topic"] == "warmth-command":
            return  # the events of the generator join nobody who has a profile of their own
        if outcome["outcome"] == "adopted":
            self.judge.adopt(row["customer_key"], row["_offset"])
            self.adopted += 1
            return
        if row is not None and row.get("rules_version", 0) >= self._published_version:
            self._adopt_in_silence(row["customer_key"], row["loaded_at"])
        if outcome["outcome"] == "ticked":
            self.judge.carry_on(row["customer_key"], row["_offset"])
        else:
            self._feed(outcome)

    def _adopt_in_silence(self, key: str, second: float) -> None:
        """Judge a profile by newer rules that nothing was said of: then nothing changes, at that second."""
        if self.judge.is_behind(key):
            changed = self.judge.adopt(key, int(second * 1e6), said=False)
            assert not changed, f"profile {key}: newer rules change it, and nothing was said"

    async def _new(self, kafka: str, topic: str) -> list[Stored]:
        after = self._next.setdefault(topic, {})
        records = await consume(kafka, topic, after=after)
        after |= {record.partition: record.offset + 1 for record in records}
        return records

    def _assert_one_outcome_each(self) -> None:
        repeated = [place for place, count in self.seen.items() if count > 1]
        assert not repeated, f"records with several outcomes: {repeated[:5]}"
        missing = sorted(self.stored.keys() - self.seen.keys())
        assert not missing, f"records without an outcome: {missing[:5]}"

    def _feed(self, outcome: dict) -> None:
        self.outcomes.append(outcome)
        if _is_final(outcome):
            record = self.stored[_place(outcome)]
            self.judge.feed(record.topic, record.value or b"", record.timestamp, _origin(outcome))


async def verify(stack: Stack, sent: int, evidence: Evidence | None = None) -> Judge:
    """Assert that every record sent has one outcome, and that rows, profiles and score changes are the reference's.

    Args:
        stack: What has read everything.
        sent: How many records were sent to it, altogether.
        evidence: That of the call before, where a stack is verified several times.
    """
    await asyncio.to_thread(stack.wait_until_quiet)
    evidence = evidence or Evidence()
    await evidence.read(stack.kafka)
    judge = evidence.judge
    assert len(evidence.stored) == sent, "the broker holds another number of records than were sent"
    overdue = judge.overdue(int((time.time() - PATIENCE_SECS) * 1000))
    assert not overdue, f"profile {overdue[:3]}: time has passed, and nothing was said"
    _compare_outcomes(stack, judge, sent, evidence.outcomes)
    _compare_changes(judge, evidence.changes, stack)
    _compare_causes(evidence.moves)
    _compare_profiles(stack, judge)
    _compare_segments(stack, judge, time.time() * 1000)
    _compare_money(stack, judge)
    _compare_refunds(stack, judge)
    _compare_ledger(stack, judge)
    _compare_rollups(stack)
    _compare_lines(stack, judge)
    _compare_sessions(stack, judge)
    return judge


def _is_final(outcome: dict) -> bool:
    """Whether it concludes a record that was sent: not time that passed, rules taken up, or a record sent on."""
    return outcome["topic"] in INPUTS and outcome["outcome"] != "forwarded"


def _place(outcome: dict) -> tuple[str, int, int]:
    return outcome["topic"], outcome["partition"], outcome["offset"]


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
        query(
            stack.clickhouse,
            "SELECT outcome, count() FROM outcomes"
            " WHERE topic != 'warmth-command' AND outcome NOT IN ('forwarded', 'ticked', 'adopted')"
            " GROUP BY outcome",
        )
    )
    assert rows == dict(concluded), f"table outcomes differs from the topic: {rows}, {dict(concluded)}"
    ticked = "SELECT count(), (SELECT count() FROM outcomes WHERE outcome = 'ticked') FROM events WHERE type = 'tick'"
    assert query(stack.clickhouse, ticked) == [(len(judge.ticks),) * 2], f"ticks: {len(judge.ticks)} were said"
    counts = f"SELECT count(), uniqExact(_topic, _incarnation, _partition, _offset) FROM events WHERE {PROMPTED}"
    (events, distinct), ((letters,),) = (
        query(stack.clickhouse, counts)[0],
        query(stack.clickhouse, "SELECT count() FROM dead_letters_now"),
    )
    assert events == distinct == len(judge.accepted), f"table events: {events}, {distinct}, {len(judge.accepted)}"
    assert letters == len(judge.rejected), f"table dead_letters: {letters}, {len(judge.rejected)}"
    traffic = dict(query(stack.clickhouse, f"SELECT traffic, count() FROM events WHERE {PROMPTED} GROUP BY traffic"))
    assert traffic == dict(judge.traffic), f"column traffic: {traffic}, not {dict(judge.traffic)}"
    assert events + letters + len(judge.dropped) == sent, "rows, dead letters and drops are not what was sent"


def _compare_changes(judge: Judge, said: list[dict], stack: Stack) -> None:
    ids = Counter(change["id"] for change in said)
    assert max(ids.values(), default=1) == 1, "a change was said twice"
    by_id = {change["id"]: change for change in said}
    expected = {change["id"]: change for change in judge.changes}
    assert by_id.keys() == expected.keys(), f"other score changes: {list(by_id.keys() ^ expected.keys())[:5]}"
    for id_, change in expected.items():
        for name in ("customer_key", "score", "old_band", "new_band", "grade", "occurred_at", "origin", "cause"):
            assert by_id[id_][name] == change[name], f"score change {id_}: {name} of {by_id[id_]}, {change}"
        for name in ("value", "old_value"):
            assert abs(by_id[id_][name] - change[name]) < 1e-6, f"score change {id_}: {name} of {by_id[id_]}, {change}"
        given = sorted((c["rule"], round(c["points"], 6)) for c in by_id[id_]["contributions"])
        wanted = sorted((c["rule"], round(c["points"], 6)) for c in change["contributions"])
        assert given == wanted, f"score change {id_}: {given}, not {wanted}"
    latest: dict[str, int] = {}
    for change in said:  # in the order of each partition
        assert change["seq"] >= latest.get(change["customer_key"], 0), f"score change {change['id']}: seq fell"
        latest[change["customer_key"]] = change["seq"]
    rows = {row[0] for row in query(stack.clickhouse, "SELECT id FROM score_changes")}
    ((count,),) = query(stack.clickhouse, "SELECT count() FROM score_changes")
    assert rows == by_id.keys() and count == len(rows), f"table score_changes: {count}, {len(rows)}, {len(by_id)}"


def _compare_causes(moves: list[dict]) -> None:
    """Whether every segment change says what its id does: that an event, time or newer rules made it."""
    for move in moves:
        topic = move["id"].partition(":")[0]
        origin = "reconcile" if topic == "rules" else "live"
        assert move["origin"] == origin, f"segment change {move['id']}: origin {move['origin']}"
        prompted = topic not in ("tick", "rules")
        assert (move["cause"].get("event_id") is not None) == prompted, f"segment change {move['id']}: {move['cause']}"
        assert prompted or move["cause"]["type"] == topic, f"segment change {move['id']}: {move['cause']}"


def _compare_profiles(stack: Stack, judge: Judge) -> None:
    states = {
        key: json.loads(state) for key, state in query(stack.clickhouse, "SELECT customer_key, state FROM profiles_now")
    }
    assert states.keys() == judge.profiles.keys(), "other profiles than the reference's"
    for key, state in states.items():
        profiles.compare_scores(judge, key, state)
        profiles.compare_parts(judge, key, state)


def _compare_segments(stack: Stack, judge: Judge, now: float) -> None:
    """Compare who is in which segment, where neither the last seconds nor what was before decides it."""
    for key, text in query(stack.clickhouse, "SELECT customer_key, state FROM profiles_now"):
        state = json.loads(text)
        profile = judge.profiles[key]
        if not profile.events or judge.profile(key)["blocked"]:  # of bots only, or time does not pass
            continue
        looks = [max(at, profile.judged) for at in (now - PATIENCE_SECS * 1000, now)]
        profiles.compare_segments(judge, key, state, looks)
    moves = {row[0] for row in query(stack.clickhouse, "SELECT id FROM segment_changes")}
    ((count,),) = query(stack.clickhouse, "SELECT count() FROM segment_changes")
    assert len(moves) == count, "table segment_changes: repeats"


def _compare_refunds(stack: Stack, judge: Judge) -> None:
    origin = "concat(_topic, ':', _incarnation, ':', toString(_partition), ':', toString(_offset))"
    have = dict(query(stack.clickhouse, f"SELECT {origin}, refund_state FROM events WHERE refund_state != ''"))
    assert have == judge.refund_states, f"refund states: {list(have.items() ^ judge.refund_states.items())[:5]}"
    sums = "SELECT customer_key, currency, sum(refunded) FROM events WHERE refunded != 0 GROUP BY customer_key, currency"
    back = {(key, currency): amount for key, currency, amount in query(stack.clickhouse, sums)}
    expected = {
        (key, name): Decimal(total) for key in judge.profiles for name, total in judge.profile(key)["refunded"].items()
    }
    expected = {place: total for place, total in expected.items() if total}
    assert back == expected, f"money that came back: {list(back.items() ^ expected.items())[:5]}"


def _compare_ledger(stack: Stack, judge: Judge) -> None:
    """The contributions in the rows, each decayed from its own time, add up to every score of every customer."""
    days = {name: score.get("half_life_days") or 0 for name, score in judge.rules["scores"].items()}
    half_life = f"transform(score, {list(days)}, {[float(span * 86_400_000) for span in days.values()]}, 0.)"
    sql = f"""
        WITH held AS (
            SELECT customer_key, pair.1 AS score, JSONExtractFloat(pair.2, 1) AS value, JSONExtractInt(pair.2, 2) AS as_of
            FROM profiles_now ARRAY JOIN JSONExtractKeysAndValuesRaw(state, 'scores') AS pair
            WHERE score IN {tuple(days)}
        ), earned AS (
            SELECT customer_key, score, points, toUnixTimestamp64Milli(earned_at) AS at
            FROM events ARRAY JOIN contributions.score AS score, contributions.points AS points,
                contributions.occurred_at AS earned_at
        )
        SELECT customer_key, score, any(value) AS kept,
            sum(if({half_life} = 0, points, points * exp2((at - as_of / 1000) / {half_life}))) AS total
        FROM held LEFT JOIN earned USING (customer_key, score)
        GROUP BY customer_key, score HAVING abs(total - kept) > 1e-6"""
    apart = query(stack.clickhouse, sql)
    assert not apart, f"contributions do not add up to the scores: {apart[:5]}"


ROLLUPS = {
    "customer_daily": (
        "SELECT customer_key, day, type, currency, sum(events), sum(amount) FROM customer_daily GROUP BY ALL",
        "SELECT customer_key, toDate(occurred_at, 'UTC'), type, currency, count(), sum(ifNull(amount, 0))"
        " FROM events WHERE traffic = '' AND _topic NOT IN ('tick', 'rules', 'warmth-command') GROUP BY ALL",
    ),
    "page_daily": (
        "SELECT day, page_path, sum(views) FROM page_daily GROUP BY ALL",
        "SELECT toDate(occurred_at, 'UTC'), page_path, count() FROM events"
        " WHERE traffic = '' AND type = 'page_viewed' GROUP BY ALL",
    ),
    "segment_daily": (
        "SELECT day, segment, sum(entered), sum(left) FROM segment_daily GROUP BY ALL",
        "SELECT toDate(occurred_at, 'UTC'), segment, countIf(change = 'entered'), countIf(change = 'left')"
        " FROM segment_changes GROUP BY ALL",
    ),
    "consent_log": (
        "SELECT customer_key, event_id, type, count(), any(purpose) FROM consent_log GROUP BY ALL",
        "SELECT customer_key, event_id, type, count(), ifNull(any(properties.purpose.:String), '') FROM events"
        " WHERE _topic = 'consent' AND type != 'erasure_requested' GROUP BY ALL",
    ),
}
"""Each rollup beside the same sums over the rows that it was made of."""


def _compare_rollups(stack: Stack) -> None:
    for name, (rolled_up, summed) in ROLLUPS.items():
        have, expected = Counter(query(stack.clickhouse, rolled_up)), Counter(query(stack.clickhouse, summed))
        assert have == expected, f"rollup {name}: {list((have - expected) + (expected - have))[:5]}"


def _compare_lines(stack: Stack, judge: Judge) -> None:
    sql = "SELECT event_id, product_id, category, quantity, price, discount, total, count() FROM purchase_lines GROUP BY ALL"
    expected: Counter[tuple] = Counter()
    for event in judge.accepted:
        for line in event.fields.get("lines") or ():
            numbers = (Decimal(str(line.get(name) or 0)) for name in ("quantity", "price", "discount", "total"))
            expected[event.event_id, line["product_id"], line.get("category") or "", *numbers] += 1
    assert {tuple(row[:-1]): row[-1] for row in query(stack.clickhouse, sql)} == expected, "table events: other lines"


def _compare_sessions(stack: Stack, judge: Judge) -> None:
    sql = "SELECT concat(_topic, ':', _incarnation, ':', toString(_partition), ':', toString(_offset)), session_id"
    said = dict(query(stack.clickhouse, f"{sql} FROM events"))
    wrong = {origin: (said[origin], session) for origin, session in judge.session_ids.items() if said[origin] != session}
    assert not wrong, f"table events: other sessions {dict(list(wrong.items())[:5])}"


def _compare_money(stack: Stack, judge: Judge) -> None:
    sql = "SELECT currency, sum(amount) FROM events WHERE type = 'receipt_issued' GROUP BY currency"
    expected: dict[str, Decimal] = {}
    for event in judge.accepted:
        if event.type == "receipt_issued":
            currency = event.fields["currency"]
            expected[currency] = expected.get(currency, Decimal(0)) + Decimal(str(event.fields["total"]))
    assert dict(query(stack.clickhouse, sql)) == expected, "table events: other sums of receipts"
