"""The tables against what is written into them, and the topics against what is joined with them."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from core import documents
from core.identifiers import IdentitySpec
from core.outcomes import Accepted, Applied, Dropped, Rejected
from core.state import encode
from core.traffic import Traffic
from schemas.reasons import DropCode, ReasonCode, Stage
from sinks import rows as sink_rows
from sinks.ranges import RangeCutter
from sinks.rows import Place
from sinks.statements import MIGRATIONS, read_migrations
from sinks.upserts import DEAD_LETTERS, PROFILES
from streams.kafka import topics
from streams.kafka.topics import SCORED, TOPICS
from tests.factories import (
    FACTORIES,
    a_customer_identified,
    a_full_event,
    a_product,
    a_product_added,
    a_product_viewed,
    a_traits_changed,
    an_order_completed,
    an_order_refunded,
)
from tests.unit.network import Network
from tests.unit.pipeline import BATCH, BROKER_TIME, COMPILED, HERE, NOW, SEGMENTED, ARecord, Pipeline


class Table(NamedTuple):
    """A table as its migration says."""

    columns: dict[str, str]
    tail: str


def top_level(text: str) -> list[str]:
    """Return the parts between the commas that stand in no parentheses."""
    parts, depth, start = [], 0, 0
    for index, sign in enumerate(f"{text},"):
        depth += (sign == "(") - (sign == ")")
        if sign == "," and not depth:
            parts.append(text[start:index].strip())
            start = index + 1
    return parts


def columns_of(definitions: str) -> dict[str, str]:
    """Return the type of each column; a nested column is one for each of its parts, as rows name them."""
    columns = {}
    for definition in top_level(definitions):
        name, kind = definition.split(None, 1)
        nested = re.fullmatch(r"Nested\((.*)\)", kind, re.DOTALL)
        inner = columns_of(nested[1]) if nested else {}
        columns |= {f"{name}.{part}": f"Array({of})" for part, of in inner.items()} if nested else {name: kind}
    return columns


def read_tables() -> dict[str, Table]:
    statements = [statement for migration in read_migrations() for statement in migration.statements]
    found = [re.fullmatch(r"CREATE TABLE IF NOT EXISTS (\w+)\s*\((.*)\)\s*(ENGINE.*)", s, re.DOTALL) for s in statements]
    tables = {match[1]: Table(columns_of(match[2]), match[3]) for match in found if match}
    for statement in statements:
        if altered := re.match(r"ALTER TABLE (\w+)\s+ADD COLUMN", statement):
            tables[altered[1]].columns.update(re.findall(r"ADD COLUMN IF NOT EXISTS ([\w.]+) ([\w()]+)", statement))
    return tables


TABLES = read_tables()
STATEMENTS = [statement for migration in read_migrations() for statement in migration.statements]
TARGETS = sorted(set(re.findall(r"CREATE MATERIALIZED VIEW IF NOT EXISTS \w+ TO (\w+) AS", "\n".join(STATEMENTS))))
LOADED = sorted(TABLES.keys() - {"migrations"} - set(TARGETS))
PARTITIONED = [name for name in LOADED if re.match(r"ENGINE = MergeTree\b", TABLES[name].tail)]


def accepted(pipeline: Pipeline, event: dict[str, Any]) -> Accepted:
    outcome = pipeline.feed(event)
    assert isinstance(outcome, Accepted), outcome
    return outcome


def enriched() -> list[bytes]:
    """Return an enriched event of every type with all that it can have, and one of every other outcome."""
    crossing = [a_product_added(), a_traits_changed(traits={"role": "owner"})]
    outcomes = [accepted(Pipeline(), event) for event in [*map(a_full_event, FACTORIES), *crossing]]
    outcomes.append(
        [
            accepted(pipe, a_product_viewed(product=a_product(category="shoes")))
            for pipe in [Pipeline(SEGMENTED)]
            for _ in range(3)
        ][-1]
    )
    outcomes += [accepted(Pipeline(traffic=Traffic(["Bot"], ())), a_product_added(context={"user_agent": "Bot/1"}))]
    shop = Pipeline()
    outcomes += [accepted(shop, event) for event in (an_order_completed(order_id="order-1"), an_order_refunded())]
    visit = a_product_added(customer_id=None, anonymous_id="a-1")
    joined = Network(COMPILED, IdentitySpec()).send(visit, a_customer_identified(anonymous_id="a-1")).settle().outcomes
    outcomes += [outcome for outcome in joined if isinstance(outcome, Applied)]
    dropped, rejected = Dropped(DropCode.DUPLICATE_EVENT), Rejected(Stage.ADMIT, ReasonCode.EMPTY, "")
    return [documents.enriched(outcome, HERE, BATCH) for outcome in (*outcomes, dropped, rejected)]


def keys(written: list[bytes]) -> set[str]:
    return {name for row in written for name in orjson.loads(row)}


def emitted() -> dict[str, set[str]]:
    """Return the keys of all rows by table, as the loaders write them."""
    log = [*enriched(), documents.closing_marker(BATCH + 1)]
    (range_,) = RangeCutter(1_000).feed(ARecord(offset, value) for offset, value in enumerate(log))
    record = ARecord(1, b"{", key=b"c-1", headers=[("trace", b"1")])
    letter = documents.dead_letter(Rejected(Stage.ADMIT, ReasonCode.EMPTY, ""), HERE, record, BROKER_TIME, NOW)
    profile = encode(Pipeline().feed_all([a_product_added()]))
    profiles = [PROFILES.row(ARecord(1, value, key=b"c-1"), BATCH) for value in (profile, None)]
    letters = [DEAD_LETTERS.row(ARecord(1, letter), BATCH)]
    ranges = {
        sink_rows.EVENTS: sink_rows.events(range_.entries),
        sink_rows.SCORE_CHANGES: sink_rows.score_changes(range_.entries, range_.batch),
        sink_rows.SEGMENT_CHANGES: sink_rows.segment_changes(range_.entries, range_.batch),
        sink_rows.IDENTITY_LINKS: sink_rows.identity_links(range_.entries, range_.batch),
        sink_rows.OUTCOMES: sink_rows.outcomes(range_.entries, Place("1a2b", 3)),
    }
    written = {**ranges, PROFILES.name: profiles, DEAD_LETTERS.name: letters}
    return {table: keys(of_table) for table, of_table in written.items()}


EMITTED = emitted()


def test_migrations_are_numbered_without_a_gap() -> None:
    assert [migration.number for migration in read_migrations()] == list(range(1, len(list(MIGRATIONS.iterdir())) + 1))
    assert all(migration.statements for migration in read_migrations())


@pytest.mark.parametrize(
    "names",
    [
        ["0002_a.sql"],
        ["0001_a.sql", "0003_b.sql"],
        ["0001_a.sql", "0001_b.sql"],
        ["1_a.sql"],
        ["0001-a.sql"],
        ["0001_A.sql"],
    ],
)
def test_migrations_with_a_gap_or_another_kind_of_name_are_refused(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("SELECT 1;")
    with pytest.raises(ValueError, match=r"migration"):
        read_migrations(tmp_path)


def test_statements_are_told_apart_and_comments_left_out(tmp_path: Path) -> None:
    (tmp_path / "0001_a.sql").write_text("-- one; two\nSELECT 1;\n\n  -- three\nSELECT 2\n;\n")
    assert [(one.number, one.name, one.statements) for one in read_migrations(tmp_path)] == [
        (1, "a", ["SELECT 1", "SELECT 2"])
    ]


@pytest.mark.parametrize("migration", read_migrations(), ids=lambda migration: migration.name)
def test_a_migration_that_was_cut_short_can_be_run_again(migration: Any) -> None:
    again = (
        r"CREATE (TABLE|VIEW|MATERIALIZED VIEW) IF NOT EXISTS |DROP (TABLE|VIEW) IF EXISTS "
        r"|ALTER TABLE \w+_view MODIFY QUERY\s"
        r"|ALTER TABLE \w+\s+(MODIFY COLUMN|\w+ COLUMN IF (NOT )?EXISTS|UPDATE (?P<column>\w+) .* empty\((?P=column)\)) "
        r"|INSERT INTO (?P<target>\w+)\s[^;]*(NOT IN \(SELECT customer_key, event_id FROM (?P=target)\)"
        r"|\(SELECT count\(\) FROM (?P=target)\) = 0)"
    )
    assert all(re.match(again, statement, re.DOTALL) for statement in migration.statements)


def test_every_table_was_understood() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in MIGRATIONS.iterdir())
    assert TABLES.keys() == set(re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", text))
    assert EMITTED.keys() == set(LOADED)


@pytest.mark.parametrize("table", [*LOADED, *TARGETS])
def test_a_table_remembers_enough_blocks_to_know_a_repeated_one(table: str) -> None:
    (window,) = re.findall(r"\bnon_replicated_deduplication_window = (\d+)", TABLES[table].tail)
    assert int(window) >= 100_000


@pytest.mark.parametrize("table", PARTITIONED)
def test_a_range_falls_into_one_partition_of_a_table(table: str) -> None:
    assert "loaded_at" in TABLES[table].columns
    assert re.findall(r"PARTITION BY (.+)", TABLES[table].tail) == ["toYYYYMM(loaded_at)"]


@pytest.mark.parametrize("table", sorted(set(LOADED) - set(PARTITIONED)))
def test_a_table_of_latest_rows_is_one_partition_so_that_the_latest_is_found(table: str) -> None:
    assert re.match(r"ENGINE = ReplacingMergeTree\(\w+", TABLES[table].tail)
    assert "PARTITION BY" not in TABLES[table].tail


@pytest.mark.parametrize("table", TARGETS)
def test_a_target_of_a_view_is_one_partition_and_sums_or_keeps_all(table: str) -> None:
    assert "PARTITION BY" not in TABLES[table].tail
    assert re.match(r"ENGINE = (Summing)?MergeTree\n", TABLES[table].tail)


@pytest.mark.parametrize("table", [*LOADED, *TARGETS])
def test_a_table_is_ordered_by_columns_that_it_has(table: str) -> None:
    (order,) = re.findall(r"ORDER BY (.+)", TABLES[table].tail)
    assert set(re.findall(r"\w+", order)) <= TABLES[table].columns.keys()


@pytest.mark.parametrize("table", LOADED)
def test_every_key_of_a_row_is_a_column(table: str) -> None:
    assert EMITTED[table] - TABLES[table].columns.keys() == set()


@pytest.mark.parametrize("table", LOADED)
def test_every_column_is_written(table: str) -> None:
    assert TABLES[table].columns.keys() == EMITTED[table]


def test_objects_in_a_row_have_the_parts_of_their_column() -> None:
    changes = [change for value in enriched() for change in orjson.loads(value).get("score_changes", [])]
    assert changes
    for column in ("cause", "contributions"):
        kind = TABLES["score_changes"].columns[column]
        parts = kind.removeprefix("Array(Tuple(").removesuffix("))") if kind[0] == "A" else kind[len("Tuple(") : -1]
        named = columns_of(parts).keys()
        objects = [inner for change in changes for inner in ([change[column]] if column == "cause" else change[column])]
        assert all(inner.keys() == named for inner in objects)


def test_topics_that_a_table_joins_share_their_partitions() -> None:
    partitions = {topic.name: topic.partitions for topic in TOPICS}
    joined = [*SCORED, topics.CHANGELOG, topics.ENRICHED, topics.SCORE_CHANGES, topics.DEAD_LETTERS]
    assert {name: partitions[name] for name in joined} == dict.fromkeys(joined)


def test_every_topic_is_named_once() -> None:
    names = [topic.name for topic in TOPICS]
    assert len(set(names)) == len(names)
    assert set(SCORED) <= set(names)


def test_the_changelog_is_compacted_and_inputs_are_not() -> None:
    policies = {topic.name: topic.config["cleanup.policy"] for topic in TOPICS}
    assert policies[topics.CHANGELOG] == policies[topics.CONTROL] == "compact"
    assert {policies[name] for name in (*SCORED, topics.ENRICHED)} == {"delete"}
