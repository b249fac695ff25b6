"""The scorer's heart alone, in this process, on the demo's real and simulated events: no broker, no transport.

Measured is the full product: shipped rules and more segments, whose traffic it is, the value model.
"""

import itertools
import statistics
import time
from datetime import UTC
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from bench.contender import Line
from bench.product import parameters, rules_folder
from core import documents
from core.journey import Journey, Settings
from core.moment import Moment
from core.records import Source
from core.rules import CompiledRules, compile_rules
from core.scoring import next_due
from core.value import compile_parameters
from deploy.demo.baskets import CURRENCY, Event, read_baskets, receipts
from deploy.demo.simulator import simulate
from streams.profiles import Partition
from streams.rules_files import read_plan, read_rule_set
from streams.settings import RULES_DIR
from streams.traffic_files import read_traffic

EPOCH = 5_000
"""Records after which the changed profiles are encoded."""


class Inputs(NamedTuple):
    """Records of the demo."""

    purchases: list[Line]
    interactions: list[Line]


def read_inputs(count: int) -> Inputs:
    """Return about `count` records of each kind."""
    now = time.time()
    baskets = read_baskets(now)
    simulated = (e for e in simulate(1, baskets.households, count * 2, now) if e.topic == "site-interaction")
    return Inputs(_lines(itertools.islice(receipts(baskets), count)), _lines(itertools.islice(simulated, count)))


class Product(NamedTuple):
    """What an event is scored by."""

    rules: CompiledRules
    settings: Settings

    def partition(self) -> Partition:
        """Return a partition without profiles."""
        return Partition(20_000, lambda profile: next_due(profile, self.rules))


def product(folder: Path) -> Product:
    """Return the product with the rules in `folder`."""
    settings = Settings(1 << 20, b"bench", read_plan(folder), lambda _: 0, traffic=read_traffic(folder))
    return Product(compile_rules(read_rule_set(folder), UTC, compile_parameters(parameters(CURRENCY))), settings)


def score(inputs: dict[str, list[Line]]) -> Partition:
    """Return the profiles that `inputs`, by topic, lead to with the shipped rules."""
    shipped = product(RULES_DIR)
    profiles = shipped.partition()
    for topic, records in inputs.items():
        _journey(shipped, topic, records, profiles)
    return profiles


def measure(count: int, rounds: int) -> dict[str, dict[str, Any]]:
    """Return CPU per event of decoding alone and of the whole journey."""
    inputs = read_inputs(count)
    with rules_folder() as folder:
        full = product(folder)
    work = {"decode": _decode, "journey": lambda topic, records: _journey(full, topic, records, full.partition())}
    costs: dict[str, list[float]] = {}
    events: dict[str, int] = {}
    for _, (name, job), (topic, records) in itertools.product(
        range(rounds), work.items(), (("purchase", inputs.purchases), ("site-interaction", inputs.interactions))
    ):
        started = time.process_time()
        job(topic, records)
        label = f"heart {name} {topic}"
        costs.setdefault(label, []).append((time.process_time() - started) / len(records))
        events[label] = len(records)
    return {label: _figures(events[label], statistics.median(seconds)) for label, seconds in costs.items()}


def _figures(events: int, seconds: float) -> dict[str, Any]:
    return {"events": events, "cpu_us_per_event": round(seconds * 1e6, 2), "events_per_s": round(1 / seconds)}


def _decode(_topic: str, records: list[Line]) -> None:
    for record in records:
        orjson.loads(record.value or b"")


def _journey(by: Product, topic: str, records: list[Line], profiles: Partition) -> None:
    """Score, build the outputs, and encode the changed profiles, as epochs do."""
    advance = Journey(topic, by.rules, by.settings).advance
    source, moment = Source(topic, "bench", 0), Moment(time.time_ns() // 1000, int(time.time()), 0)
    for number, record in enumerate(records, 1):
        outcome, at = advance(source, record, profiles, moment)
        documents.enriched(outcome, at, moment.batch)
        if number % EPOCH == 0:
            list(profiles.take_changed())
    list(profiles.take_changed())


def _lines(events: Any) -> list[Line]:
    received = int(time.time() * 1000)
    kept: list[Event] = list(events)
    return [Line(number, event.key, event.value, received) for number, event in enumerate(kept)]
