"""`warmth migrate` on the embedded engine: what it does once, what follows its file, and what departments may read."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from core.outcomes import Accepted
from sinks.clickhouse import ClickHouse
from sinks.clusters import on_cluster
from sinks.departments import department_views, role_step
from sinks.migrate import ChangedMigrationError, migrate, missing, statements, wanted
from sinks.queries import DEPARTMENTS, read_queries
from sinks.reading import Reader
from sinks.settings import SinkSettings
from sinks.statements import Step, read_migrations, view_steps
from tests import factories as make
from tests.integration.test_embedded_clickhouse import running
from tests.unit.pipeline import Pipeline

pytestmark = pytest.mark.embedded


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("clickhouse")) as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.fixture
def settings(url: str, request: pytest.FixtureRequest) -> SinkSettings:
    return SinkSettings(clickhouse_url=url, clickhouse_database=f"db_{abs(hash(request.node.name))}")


def changed(settings: SinkSettings, **changes: Any) -> SinkSettings:
    return settings.model_copy(update=changes)


def test_a_dry_run_names_everything_and_changes_nothing(settings: SinkSettings) -> None:
    steps = migrate(settings, wait=False, dry_run=True)
    assert steps[0] == "0001_database"
    assert "view rfm_cells" in steps
    with Reader(changed(settings, clickhouse_database="default")) as reader:
        assert not reader.rows("EXISTS DATABASE {name:Identifier}", {"name": settings.clickhouse_database})[0][0]
    assert migrate(settings, wait=False) == steps
    assert migrate(settings, wait=False) == migrate(settings, wait=False, dry_run=True) == []


def test_a_migration_that_was_changed_afterwards_is_refused(settings: SinkSettings) -> None:
    migrate(settings, wait=False)
    with Reader(settings) as reader:
        reader.command("ALTER TABLE migrations UPDATE checksum = 'other' WHERE name = 'events' SETTINGS mutations_sync = 1")
    with pytest.raises(ChangedMigrationError, match=r"0002_events\.sql is not what was applied here"):
        migrate(settings, wait=False)


def test_what_a_version_without_checksums_applied_is_not_applied_again(settings: SinkSettings) -> None:
    with Reader(changed(settings, clickhouse_database="default")) as reader:
        reader.command(f"CREATE DATABASE {settings.clickhouse_database}")
    with Reader(settings) as reader:
        for migration in read_migrations()[:15]:
            for statement in migration.statements:
                reader.command(statement)
            reader.command(f"INSERT INTO migrations (number, name) VALUES ({migration.number}, '{migration.name}')")
    applied = migrate(settings, wait=False)
    assert applied[0] == "0016_consent_log"
    assert migrate(settings, wait=False) == []


def test_what_was_loaded_before_a_table_or_column_came_is_in_it(settings: SinkSettings) -> None:
    migrate(settings, wait=False)
    lines = [{"product_id": "sku-1", "quantity": "2", "price": 1.5, "total": "3.00"}, {"product_id": "sku-2", "total": 1}]
    bought = {"type": "receipt_issued", "currency": "RUB", "properties": {"lines": lines}, "_topic": "purchase"}
    agreed = {"type": "consent_given", "properties": {"purpose": "marketing", "channels": ["email"]}, "_topic": "consent"}
    asked = {"type": "erasure_requested", "properties": {"request_id": "r-1"}, "_topic": "consent"}
    rows = [
        orjson.dumps({"event_id": str(number), "customer_key": "c-1", "occurred_at": "2026-11-01T10:00:00Z", **event})
        for number, event in enumerate((bought, agreed, asked))
    ]

    async def load() -> None:
        clickhouse = ClickHouse(settings)
        await clickhouse.insert("events", rows, "once")
        await clickhouse.close()

    asyncio.run(load())
    counts = (
        "SELECT (SELECT count() FROM purchase_lines), (SELECT count() FROM consent_log), (SELECT count() FROM erasure_log)"
    )
    with Reader(settings) as reader:
        assert reader.rows(counts) == [(0, 1, 1)]  # as a version wrote it that knew no column for lines
        for table in ("consent_log", "erasure_log"):
            reader.command(f"TRUNCATE TABLE {table}")
        for _ in range(2):  # as often as one likes
            for migration in read_migrations()[15:]:
                for statement in migration.statements:
                    settled = " SETTINGS mutations_sync = 1" if " UPDATE " in statement else ""
                    reader.command(statement + settled)
        assert reader.rows(counts) == [(2, 1, 1)]
        assert reader.rows("SELECT product_id, quantity, price, total FROM purchase_lines ORDER BY product_id") == [
            ("sku-1", Decimal(2), Decimal("1.5"), Decimal(3)),
            ("sku-2", Decimal(0), Decimal(0), Decimal(1)),
        ]
        assert reader.rows("SELECT purpose, channels FROM consent_log") == [("marketing", ["email"])]


def test_lines_are_columns_whatever_a_producer_leaves_out(settings: SinkSettings) -> None:
    migrate(settings, wait=False)
    sent = make.a_receipt(lines=[
        {"product_id": "sku-1", "quantity": "0.375", "price": 20, "total": "7.5", "name": None},
        {"product_id": "sku-2", "name": "Tea", "category": "drinks", "quantity": 1, "price": "3.1", "discount": 0.1,
         "total": 3},
    ])  # fmt: skip
    outcome = Pipeline().feed(sent)
    assert isinstance(outcome, Accepted)
    assert "lines" not in outcome.row["properties"]

    async def load() -> None:
        clickhouse = ClickHouse(settings)
        await clickhouse.insert("events", [orjson.dumps(outcome.row)], "once")
        await clickhouse.close()

    asyncio.run(load())
    with Reader(settings) as reader:
        answer = reader.rows("SELECT product_id, name, category, quantity, price, discount, total FROM purchase_lines")
    assert sorted(answer) == [
        ("sku-1", "", "", Decimal("0.375"), Decimal(20), Decimal(0), Decimal("7.5")),
        ("sku-2", "Tea", "drinks", Decimal(1), Decimal("3.1"), Decimal("0.1"), Decimal(3)),
    ]


def test_rows_get_a_term_and_lose_it_again(settings: SinkSettings) -> None:
    migrate(settings, wait=False)
    tables = (
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND create_table_query LIKE '%TTL%' ORDER BY name"
    )
    kept = ["dead_letters", "events", "outcomes", "score_changes", "segment_changes"]
    with Reader(settings) as reader:
        assert migrate(changed(settings, rows_kept_days=60), wait=False) == [
            f"term {name}" for name in sorted(kept, key=_order)
        ]
        assert [row[0] for row in reader.rows(tables)] == kept
        assert migrate(changed(settings, rows_kept_days=90), wait=False)
        assert "toIntervalDay(90)" in reader.rows("SHOW CREATE TABLE events")[0][0]
        migrate(settings, wait=False)
        assert reader.rows(tables) == []
    assert migrate(settings, wait=False) == []


def _order(table: str) -> int:
    return ["events", "score_changes", "segment_changes", "outcomes", "dead_letters"].index(table)


def test_a_term_that_is_shorter_than_the_topics_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 45"):
        SinkSettings(rows_kept_days=30)


def test_views_follow_their_files_and_those_that_are_gone_go() -> None:
    steps = view_steps({"b": "SELECT 1 FROM a", "a": "SELECT 1"}, 3)
    assert [step.name for step in steps] == ["view a", "view b"]
    done = {(step.number, step.name): step.checksum for step in steps}
    assert missing(done, steps) == []
    assert [step.name for step in missing(done, view_steps({"b": "SELECT 1 FROM a", "a": "SELECT 1"}, 4))] == [
        "view a",
        "view b",
    ]
    (drop,) = missing(done, steps[:1])
    assert drop == Step(0, "view b", "", ["DROP VIEW IF EXISTS b"])
    assert missing(done | {(0, "view b"): ""}, steps[:1]) == []


def test_a_new_field_becomes_a_column_while_the_loader_runs(settings: SinkSettings) -> None:
    """Rows that a newer scorer writes wait until their column is there; then they are in, and so is what comes after."""
    migrate(settings, wait=False)

    async def load() -> None:
        clickhouse = ClickHouse(settings)
        await clickhouse.insert("events", [b'{"event_id": "1", "customer_key": "c-1"}'], "first")
        newer = asyncio.create_task(
            clickhouse.insert("events", [b'{"event_id": "2", "customer_key": "c-1", "delivery": "courier"}'], "second")
        )
        await asyncio.sleep(1)
        assert not newer.done()
        with Reader(settings) as reader:
            reader.command("ALTER TABLE events ADD COLUMN IF NOT EXISTS delivery LowCardinality(String)")
        await asyncio.wait_for(newer, 30)
        await clickhouse.insert("events", [b'{"event_id": "3", "customer_key": "c-1"}'], "third")
        await clickhouse.close()

    asyncio.run(load())
    with Reader(settings) as reader:
        assert reader.rows("SELECT event_id, delivery FROM events ORDER BY event_id") == [
            ("1", ""),
            ("2", "courier"),
            ("3", ""),
        ]


def test_every_statement_for_a_cluster_and_every_grant_is_parsed_by_the_engine(settings: SinkSettings) -> None:
    migrate(settings, wait=False)
    steps = wanted(changed(settings, clickhouse_roles=True, rows_kept_days=60))
    sent = [statement for step in steps for statement in statements(step, "main")]
    with Reader(settings) as reader:
        for statement in sent:
            assert reader.rows("SELECT formatQuery({sql:String})", {"sql": statement})
    text = "\n".join(sent)
    assert "CREATE TABLE IF NOT EXISTS events_local ON CLUSTER main" in text
    assert "ENGINE = ReplicatedMergeTree" in text
    assert "ENGINE = Distributed(main, currentDatabase(), events_local, cityHash64(customer_key))" in text
    assert "ON CLUSTER main TO customer_daily_local AS" in text
    assert "ALTER TABLE events_local ON CLUSTER main\n    ADD COLUMN IF NOT EXISTS traffic" in text
    assert not [one for one in sent if "ON CLUSTER" not in one and not one.startswith("INSERT")]


def test_a_statement_that_is_not_known_on_a_cluster_is_refused() -> None:
    with pytest.raises(ValueError, match="not known how"):
        on_cluster(["OPTIMIZE TABLE events"], "main")


HIDDEN = {
    "marketing": {"tickets", "csat_answers", "nps_score", "leaving_reason", "deal_id", "rating"},
    "sales": {"csat_answers", "nps_score", "leaving_reason", "page_views", "priority"},
    "service": {"engagement", "fit", "revenue", "segments", "amount", "rfm_cell", "consents"},
}
"""Fields that are no business of a department."""


@pytest.mark.parametrize("department", DEPARTMENTS)
def test_a_department_sees_its_own_fields_only(settings: SinkSettings, department: str) -> None:
    migrate(settings, wait=False)
    shown: set[str] = set()
    with Reader(settings) as reader:
        for view in department_views()[department]:
            reader.rows(f"SELECT * FROM {view} LIMIT 1")
            shown |= {row[0] for row in reader.rows(f"DESCRIBE TABLE {view}")}
    assert "customer_key" in shown
    assert not shown & HIDDEN[department]


def test_a_role_reads_the_views_and_queries_of_its_department_and_nothing_else() -> None:
    step = role_step("warmth")
    granted: dict[str, set[str]] = {department: set() for department in DEPARTMENTS}
    for statement in step.statements:
        words = statement.split()
        if words[0] == "GRANT":
            granted[words[-1].removeprefix("warmth_")].add(words[3].removeprefix("warmth."))
    for department, names in granted.items():
        queries = {query.name for query in read_queries().values() if department in query.departments}
        assert names == queries | department_views()[department].keys()
    assert "won_rate_by_script" in granted["sales"] - granted["marketing"] - granted["service"]


def test_views_of_departments_are_read_by_the_rights_of_who_migrates(settings: SinkSettings) -> None:
    steps = wanted(changed(settings, clickhouse_roles=True))
    views = [step for step in steps if step.name.startswith("view ")]
    assert all("SQL SECURITY DEFINER" in step.statements[0] for step in views)
    assert not any("DEFINER" in step.statements[0] for step in wanted(settings))


def test_statements_of_migrations_are_those_of_their_files(tmp_path: Path) -> None:
    (tmp_path / "0001_a.sql").write_text("-- words\nSELECT 1;\n")
    before = read_migrations(tmp_path)
    (tmp_path / "0001_a.sql").write_text("-- other words\n  SELECT\n1;\n")
    assert read_migrations(tmp_path)[0].checksum == before[0].checksum
    (tmp_path / "0001_a.sql").write_text("SELECT 2;\n")
    assert read_migrations(tmp_path)[0].checksum != before[0].checksum
