"""The demo's events in a warehouse: scored in this process, loaded by the loader's own client, in the embedded engine."""

import random
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from core import documents
from core.command_journey import journeys
from core.commands import encode as encode_command
from core.journey import Settings
from core.moment import Moment
from core.outcomes import Accepted, Applied, Coordinate, Outcome, Rejected
from core.records import Source
from core.rules import CompiledRules
from core.state import encode
from core.times import SECOND
from deploy.demo.baskets import read_baskets, receipts
from deploy.demo.simulator import simulate
from schemas.registry import INPUT_TOPICS
from sinks import rows as sink_rows
from sinks.clickhouse import ClickHouse
from sinks.ranges import Entry, RangeCutter
from sinks.rows import Place
from sinks.settings import SinkSettings
from sinks.upserts import DEAD_LETTERS, PROFILES
from streams.kafka.topics import COMMANDS
from streams.rules_files import read_identity
from streams.settings import RULES_DIR
from streams.traffic_files import read_traffic
from tests.unit.pipeline import PLAN, SECRET, ARecord, Memory

Event = dict[str, Any]
HOUSEHOLDS = 120
SIMULATED = 9_000
DAY_SECS = 86_400


class Sent(NamedTuple):
    """An event as it was sent: its topic, when the broker got it in seconds since 1970, and what it says."""

    topic: str
    at: float
    event: Event


def demo(now: float, seed: int = 11) -> list[Sent]:
    """Return a part of the demo, in the order of reception: real baskets and simulated behaviour of some households.

    With what the demo itself has little of: visitors who log in later, refunds, bots, late events and bad ones.
    """
    rng = random.Random(seed)
    baskets = read_baskets(now)
    chosen = baskets.households[:HOUSEHOLDS]
    names = {f"hh-{household}".encode() for household in chosen}
    bought = [event for event in receipts(baskets) if event.key in names]
    acted = simulate(seed, chosen, SIMULATED, now)
    sent = [Sent(event.topic, event.at, orjson.loads(event.value)) for event in [*bought, *acted]]
    for number, one in enumerate(rng.sample(sent, 600)):
        kind, customer = one.event["type"], one.event["customer_id"]
        if kind == "receipt_issued" and number % 2:
            back = {name: one.event[name] for name in ("customer_id", "receipt", "total", "currency")} | {
                "refund_id": f"r-{number}"
            }
            sent.append(_sent("purchase", min(one.at + 3 * DAY_SECS, now), "receipt_refunded", f"r-{number}", **back))
        elif kind == "page_viewed":
            bot = {
                "context": {"user_agent": "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)"},
                "page": one.event["page"],
            }
            sent.append(_sent("site-interaction", one.at, "page_viewed", f"bot-{number}", customer_id=customer, **bot))
        elif kind == "product_viewed":
            late = one.event | {"event_id": f"late-{number}"}
            sent.append(Sent(one.topic, min(one.at + 5 * DAY_SECS, now), late))
        elif kind == "ticket_opened":
            sent.append(
                Sent(one.topic, one.at, {"event_id": f"bad-{number}", "type": "ticket_opened", "occurred_at": "soon"})
            )
    for number, household in enumerate(rng.sample(chosen, 30)):
        at, context = (
            now - rng.random() * 40 * DAY_SECS,
            {"campaign": {"source": "vk", "medium": "social", "name": "recipes"}},
        )
        page = {"page": {"url": "https://shop.example/recipes", "path": "/recipes"}, "context": context}
        visitor = f"v-{number}"
        sent.append(_sent("site-interaction", at, "page_viewed", f"visit-{number}", anonymous_id=visitor, **page))
        if number % 3:
            login = {"customer_id": f"hh-{household}", "anonymous_id": visitor}
            sent.append(_sent("customer", min(at + 300, now), "customer_identified", f"login-{number}", **login))
    return sorted(sent, key=lambda one: one.at)


def _sent(topic: str, at: float, kind: str, event_id: str, **fields: Any) -> Sent:
    occurred_at = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return Sent(topic, at, {"event_id": event_id, "type": kind, "occurred_at": occurred_at, **fields})


def encoded(sent: list[Sent]) -> list[tuple[str, bytes | None, bytes, int]]:
    """Return the records as the broker has them: topic, key, value, when it got them in milliseconds since 1970."""
    return [(one.topic, None, orjson.dumps(one.event), int(one.at * 1000) + 200) for one in sent]


class Scored(NamedTuple):
    """What the scorer made of it: how each record ended, and the profiles."""

    outcomes: list[tuple[Outcome, Coordinate, ARecord]]
    profiles: Memory


def scored(sent: list[Sent], rules: CompiledRules) -> Scored:
    """Return what the scorer makes of events that come one after another; commands are done at once."""
    usual = Settings(100_000, SECRET, PLAN, lambda _: 0, traffic=read_traffic(RULES_DIR), identity=read_identity(RULES_DIR))
    ways = journeys((*INPUT_TOPICS, COMMANDS), rules, usual)
    profiles, outcomes, offsets = Memory(), [], dict.fromkeys(ways, 0)
    for first_topic, _, first, received in encoded(sent):
        waiting = deque([(first_topic, first)])
        while waiting:
            topic, value = waiting.popleft()
            record = ARecord(offsets[topic], value, timestamp=received)
            offsets[topic] += 1
            moment = Moment(record.timestamp * 1000, record.timestamp // 1000, 0)
            outcome, at = ways[topic].advance(Source(topic, "i1", 0), record, profiles, moment)
            outcomes.append((outcome, at, record))
            if isinstance(outcome, (Accepted, Applied)):
                waiting += [(COMMANDS, encode_command(command)) for command in outcome.commands]
    return Scored(outcomes, profiles)


def entries(scored: Scored) -> Iterator[list[Entry]]:
    """Yield the ranges of the log that the scorer would have written: one for each day of reception."""
    cutter = RangeCutter(1_000_000)
    log = [
        ARecord(offset, documents.enriched(outcome, at, record.timestamp // 1000 // DAY_SECS * DAY_SECS))
        for offset, (outcome, at, record) in enumerate(scored.outcomes)
    ]
    log.append(ARecord(len(log), documents.closing_marker(log[-1].timestamp // 1000 + 10**9)))
    for range_ in cutter.feed(log):
        yield range_.entries


async def load(settings: SinkSettings, scored: Scored, loaded_at: int) -> None:
    """Load everything as the loader does."""
    clickhouse = ClickHouse(settings)
    for number, range_ in enumerate(entries(scored)):
        batch = range_[0].enriched.batch
        for table, found in (
            (sink_rows.EVENTS, sink_rows.events(range_)),
            (sink_rows.SCORE_CHANGES, sink_rows.score_changes(range_, batch)),
            (sink_rows.SEGMENT_CHANGES, sink_rows.segment_changes(range_, batch)),
            (sink_rows.IDENTITY_LINKS, sink_rows.identity_links(range_, batch)),
            (sink_rows.OUTCOMES, sink_rows.outcomes(range_, Place("i1", 0))),
        ):
            await clickhouse.insert(table, found, f"{table}:{number}")
    letters = [
        ARecord(
            offset, documents.dead_letter(outcome, at, record, record.timestamp * 1000, record.timestamp * 1000 + SECOND)
        )
        for offset, (outcome, at, record) in enumerate(scored.outcomes)
        if isinstance(outcome, Rejected)
    ]
    await clickhouse.insert(DEAD_LETTERS.name, [DEAD_LETTERS.row(letter, loaded_at) for letter in letters], "letters")
    profiles = [ARecord(0, encode(state), key=key.encode()) for key, state in scored.profiles.items()]
    await clickhouse.insert(PROFILES.name, [PROFILES.row(profile, loaded_at) for profile in profiles], "profiles")
    await clickhouse.close()
