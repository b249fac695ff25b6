"""What ClickHouse tells of customers is what the profiles say: both are computed from the same generated history."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from clickhouse_connect import get_client

from agents.fitting import warehouse
from agents.operations.rollups import ROLLUPS, check_rollup
from core import documents
from core.outcomes import Accepted
from core.purchases import MEMORY
from core.times import DAY
from core.view import view
from sinks.migrate import migrate
from sinks.ranges import RangeCutter
from sinks.reading import Reader
from sinks.rows import events
from sinks.settings import SinkSettings
from streams.settings import RULES_DIR
from streams.traffic_files import read_traffic
from tests.integration.test_embedded_clickhouse import running
from tests.reference.generator import NOW, records
from tests.unit.pipeline import BATCH, COMPILED, ARecord, Pipeline

pytestmark = pytest.mark.embedded
CURRENCIES = ("RUB", "EUR")
_BY_KEY = warehouse._CUSTOMERS + "SELECT key, days, first, last, bought, net, first_day FROM customers"


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[SinkSettings]:
    with running(tmp_path / "clickhouse") as server:
        found = SinkSettings(clickhouse_url=f"http://127.0.0.1:{server.port}")
        migrate(found, wait=False)
        yield found


def loaded(settings: SinkSettings) -> Pipeline:
    """Return the profiles of a generated history whose rows are in ClickHouse, as the loader writes them."""
    ours = {"max_bytes": 100_000, "hash_key": b"warmth", "traffic": read_traffic(RULES_DIR)}
    flow = Pipeline(COMPILED, **ours)
    log = []
    for offset, (topic, _, value, received) in enumerate(records(5, 12_000, 150)):
        outcome, at = flow.advance(topic, ARecord(offset, value, timestamp=received))
        if isinstance(outcome, Accepted):
            log.append(documents.enriched(outcome, at, BATCH))
    log.append(documents.closing_marker(BATCH + 1))
    log.append(documents.enriched(outcome, at, BATCH + 1))
    (range_,) = RangeCutter(100_000).feed(ARecord(offset, value) for offset, value in enumerate(log))
    with get_client(dsn=f"{settings.clickhouse_url}/{settings.clickhouse_database}") as client:
        block = b"\n".join(events(range_.entries))
        client.raw_insert(
            "events", insert_block=block, fmt="JSONEachRow", settings={"date_time_input_format": "best_effort"}
        )
    return flow


def test_every_customer_is_what_the_profile_says(settings: SinkSettings) -> None:
    flow = loaded(settings)
    until = (NOW + DAY // 1000) // (DAY // 1000) * DAY
    with Reader(settings) as reader:
        states = dict(reader.rows("SELECT refund_state, count() FROM events WHERE type LIKE '%refunded' GROUP BY ALL"))
        cancelled = dict(reader.rows("SELECT refund_state, count() FROM events WHERE type = 'order_cancelled' GROUP BY ALL"))
        sums = {name: reader.rows(_BY_KEY, {"until": "2027-01-01", "currency": name}) for name in CURRENCIES}
    assert min(states[word] for word in ("matched", "waiting", "mismatch")) > 5
    assert cancelled["matched"] > 5
    buyers = 0
    for currency in CURRENCIES:
        found = {key: numbers for key, *numbers in sums[currency]}
        for key, state in flow.profiles.items():
            value = view(key, state, COMPILED, until).value
            assert (key in found) == (value.orders > 0), key
            if key not in found:
                continue
            buyers += 1
            days, first, last, bought, net, first_day = found[key]
            revenue, refunded = (Decimal(sums.get(currency, "0")) for sums in (value.revenue, value.refunded))
            assert Decimal(str(net)).quantize(Decimal("0.0001")) == revenue - refunded, (key, currency)
            forgets = state.last_seen_at - state.first_purchase_at > MEMORY  # and counts such a day once more
            assert bought == value.orders, key
            assert days == state.purchase_days or (forgets and days < state.purchase_days), key
            assert (first, last) == (value.first_purchase_at.date(), value.last_purchase_at.date()), key
            assert Decimal(str(first_day)) == state.first_day.amounts.get(currency, Decimal(0)), key
    assert buyers > 100


def test_rollups_count_customers_only(settings: SinkSettings) -> None:
    loaded(settings)
    with Reader(settings) as reader:
        assert [check_rollup(rollup, reader).finding for rollup in ROLLUPS] == [None] * len(ROLLUPS)
        [(views, of_customers)] = reader.rows(
            "SELECT countIf(type = 'page_viewed'), countIf(type = 'page_viewed' AND traffic = '') FROM events"
        )
        [(pages,)] = reader.rows("SELECT sum(views) FROM page_daily")
        [(days,)] = reader.rows("SELECT sum(events) FROM customer_daily WHERE type = 'page_viewed'")
    assert pages == days == of_customers < views
