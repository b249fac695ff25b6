"""The query library on many rows: what each query costs, how large the tables get, how fast rows go in.

    python -m bench.warehouse                          10 million rows of 100,000 customers
    python -m bench.warehouse --rows 100_000_000       once in a while; an hour
    python -m bench.warehouse --only rfm_cells         one query

Rows are made by ClickHouse itself, in the embedded server that `warmth up` starts, and go through the same tables and views.
A query costs its best time of three and the most memory the server took for it, both as an analyst would see them.
"""

import argparse
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import psutil
from rich.console import Console
from rich.progress import track
from rich.table import Table

from sinks.migrate import migrate
from sinks.queries import Query, arguments, read_queries
from sinks.reading import Reader
from sinks.settings import SinkSettings

_CONSOLE: Final = Console(stderr=True)
_HOST: Final = "127.0.0.1"
_CHUNK: Final = 1_000_000
_ROUNDS: Final = 3
_MIB: Final = 1024 * 1024
_SAID: Final = {"members_on": {"segment": "s1"}, "score_history": {"customer": "c-77"}}
"""What a query must be told."""

_EVENTS: Final = """
INSERT INTO events (event_id, type, source, customer_key, customer_id, anonymous_id, session_id, occurred_at, received_at,
    loaded_at, seq, page_path, product_id, product_category, rating, device_type, campaign_source, campaign_medium,
    campaign_name, store_id, order_id, deal_id, script_id, amount, currency, ticket_id, nps_score, reason, properties,
    scores, lines, `contributions.rule`, `contributions.score`, `contributions.points`, `contributions.occurred_at`,
    segments, _topic, _incarnation, _partition, _offset)
WITH
    number AS n,
    intHash64(n) AS dice,
    intDiv(n, 6) AS visit,
    intHash64(visit + 1) AS visit_dice,
    toUInt32(pow(visit_dice % 1000003 / 1000003, 2) * {customers:UInt32}) AS who,
    concat('c-', toString(who)) AS customer,
    visit_dice % 10 = 0 AS unknown,
    now64(3, 'UTC') - toIntervalSecond(toUInt32(intHash32(visit) % 31536000)) + toIntervalSecond(n % 6 * 40) AS at,
    multiIf(n % 6 = 0, 'page_viewed', n % 6 = 1, ['page_viewed', 'search_performed', 'page_pinged'][dice % 3 + 1],
        n % 6 = 2, 'product_viewed', n % 6 = 3, ['product_viewed', 'product_added'][dice % 2 + 1],
        n % 6 = 4, ['page_viewed', 'product_viewed', 'checkout_started', 'ticket_opened', 'page_pinged'][dice % 5 + 1],
        ['page_viewed', 'order_completed', 'receipt_issued', 'ticket_rated', 'survey_answered', 'deal_opened', 'deal_won',
        'deal_lost', 'page_viewed', 'page_viewed'][dice % 10 + 1]) AS kind,
    multiIf(kind IN ('order_completed', 'receipt_issued', 'deal_opened', 'deal_won', 'deal_lost'), 'purchase',
        kind IN ('ticket_opened', 'ticket_rated', 'survey_answered'), 'support-ticket', 'site-interaction') AS topic,
    toDecimal64(dice % 20000 / 100 + 1, 2) AS money
SELECT
    hex(dice), kind, 'bench', if(unknown, concat('a:v-', toString(who)), customer), if(unknown, '', customer),
    concat('v-', toString(who)), if(topic = 'site-interaction', toString(visit), ''), at, at + toIntervalSecond(dice % 3),
    toDateTime(intDiv(toUnixTimestamp(now()) - 31536000 + intDiv(n, 50), 1)), n,
    if(kind = 'page_viewed', concat('/p/', toString(dice % 500)), ''),
    if(kind IN ('product_viewed', 'product_added'), concat('sku-', toString(dice % 5000)), ''),
    if(kind IN ('product_viewed', 'product_added'), concat('cat-', toString(dice % 40)), ''),
    if(kind = 'ticket_rated', dice % 5 + 1, NULL), ['desktop', 'phone', 'tablet'][visit_dice % 3 + 1],
    if(topic = 'site-interaction', ['', '', 'yandex', 'vk', 'mail'][visit_dice % 5 + 1], ''),
    if(visit_dice % 5 > 1, 'cpc', ''), if(visit_dice % 5 > 1, concat('k', toString(visit_dice % 7)), ''),
    if(kind = 'receipt_issued', concat('st-', toString(dice % 50)), ''), if(kind = 'order_completed', toString(n), ''),
    if(startsWith(kind, 'deal'), concat('d-', toString(intDiv(n, 60))), ''),
    if(startsWith(kind, 'deal'), concat('script-', toString(dice % 8)), ''),
    if(topic = 'purchase', money, NULL), if(topic = 'purchase', 'RUB', ''),
    if(topic = 'support-ticket', concat('t-', toString(visit)), ''),
    if(kind = 'survey_answered' AND dice % 3 = 0, dice % 11, NULL),
    if(kind = 'survey_answered' AND dice % 3 != 0, ['price', 'expensive', 'quality', 'service', 'other'][dice % 5 + 1], ''),
    multiIf(
        kind = 'ticket_rated', '{"scale": "stars5"}',
        kind = 'survey_answered', concat('{"survey": "', ['nps', 'leaving', 'staying'][dice % 3 + 1], '"}'),
        startsWith(kind, 'deal'), concat('{"buyer_role": "', ['owner', 'director', 'manager'][dice % 3 + 1], '"}'),
        kind = 'page_viewed', concat('{"page": {"url": "https://shop.example/p/', toString(dice % 500), '"}}'), '{}'),
    map('engagement', dice % 1000 / 10, 'fit', 10.),
    if(kind IN ('order_completed', 'receipt_issued'), arrayMap(i -> (concat('sku-', toString(intHash64(dice + i) % 5000)),
        '', concat('cat-', toString(intHash64(dice + i) % 40)), 1, 9.9, 0, 9.9), range(dice % 6 + 1)), []),
    ['viewed'], ['engagement'], [1.], [at],
    ['regulars'], topic, 'i1', n % 12, n
FROM numbers({first:UInt64}, {count:UInt64})
"""
_LINKS: Final = """
INSERT INTO identity_links
SELECT concat('a:v-', toString(number)), 'anonymous', concat('c-', toString(number)), number, now64(3), now64(3)
FROM numbers({customers:UInt32}) WHERE number % 3 = 0
"""
_PROFILES: Final = """
INSERT INTO profiles (customer_key, version, state, is_deleted, loaded_at)
SELECT concat('c-', toString(number)), number, concat('{"seq":', toString(number), ',"format":2,"customer_id":"c-',
    toString(number), '","scores":{"engagement":[', toString(intHash64(number) % 100), '.5,',
    toString(toUnixTimestamp64Micro(now64(6))),
    ',"', ['cold', 'warm', 'hot'][number % 3 + 1], '"],"fit":[10.0,0,"fair"]},"memberships":{"s1":[true,1],"s',
    toString(number % 30), '":[true,1],"t', toString(number % 7), '":[true,1]},"orders":', toString(number % 12),
    ',"revenue":{"RUB":"', toString(number % 9000), '.50"},"tickets":1,"csat_answers":1,"contributions":[',
    arrayStringConcat(arrayMap(i -> '["viewed","engagement",1.0,1790000000000000]', range(20)), ','), ']}'), 0, now64(3)
FROM numbers({customers:UInt32})
"""
_MOVES: Final = """
INSERT INTO segment_changes (id, customer_key, segment, change, occurred_at, seq, loaded_at)
SELECT toString(number), concat('c-', toString(number % {customers:UInt32})), concat('s', toString(intHash64(number) % 30)),
    ['entered', 'left'][intDiv(number, {customers:UInt32}) % 2 + 1],
    now64(3) - toIntervalSecond(31536000 - number * 5), number, now64(3)
FROM numbers({customers:UInt32} * 6)
"""
_SIZES: Final = """
SELECT table, sum(rows), sum(bytes_on_disk), count() FROM system.parts
WHERE active AND database = currentDatabase() GROUP BY table HAVING sum(rows) > 0 ORDER BY sum(bytes_on_disk) DESC
"""


class Cost(NamedTuple):
    """What a query cost: seconds, MiB beyond what the server held before, rows of its answer."""

    query: str
    secs: float
    mib: float
    rows: int


def main() -> int:
    """Fill, measure, print; return the exit code."""
    options = _options()
    with (
        tempfile.TemporaryDirectory(prefix="warmth-warehouse-", dir=options.folder) as folder,
        _server(folder) as (pid, url),
    ):
        settings = SinkSettings(clickhouse_url=url, clickhouse_timeout_secs=3_600)
        migrate(settings, wait=True)
        with Reader(settings) as reader:
            secs = _fill(reader, options.rows, options.customers)
            queries = [query for query in read_queries().values() if options.only in {None, query.name}]
            costs = [_cost(reader, query, pid) for query in track(queries, "queries", console=_CONSOLE, transient=True)]
            sizes = reader.rows(_SIZES)
    if options.json:
        tables = {name: {"rows": rows, "bytes": size, "parts": parts} for name, rows, size, parts in sizes}
        said = {"rows_per_s": options.rows / secs, "queries": [cost._asdict() for cost in costs], "tables": tables}
        print(json.dumps(said))  # noqa: T201  # what a script reads
        return 0
    _print(options.rows / secs, costs, sizes)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.warehouse", description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--only", help="one query")
    parser.add_argument("--folder", type=Path, help="where the server keeps its tables; a temporary folder is made in it")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


@contextmanager
def _server(folder: str) -> Iterator[tuple[int, str]]:
    with socket.create_server((_HOST, 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-P", "-m", "deploy.embedded.clickhouse", "--data", folder, "--port", str(port)]
    with subprocess.Popen(command) as server:
        try:
            yield server.pid, f"http://{_HOST}:{port}"
        finally:
            server.terminate()


def _fill(reader: Reader, rows: int, customers: int) -> float:
    """Make the rows; return in how many seconds the events went in, with the views that hang on them."""
    for statement in (_LINKS, _PROFILES, _MOVES):
        reader.command(statement, {"customers": customers})
    began = time.monotonic()
    for first in track(range(0, rows, _CHUNK), "events", console=_CONSOLE, transient=True):
        count = min(_CHUNK, rows - first)
        reader.command(_EVENTS, {"customers": customers, "first": first, "count": count})
    return time.monotonic() - began


def _cost(reader: Reader, query: Query, pid: int) -> Cost:
    given = arguments(query, _SAID.get(query.name, {}), datetime.now(UTC).date())
    secs, mib, rows = [], [], 0
    for _ in range(_ROUNDS):
        reader.command("SYSTEM JEMALLOC PURGE")
        answer, peak = _peak(pid, lambda: (time.monotonic(), reader.rows(query.select, given), time.monotonic()))
        began, found, ended = answer
        secs.append(ended - began)
        mib.append(peak)
        rows = len(found)
    return Cost(query.name, round(min(secs), 3), round(min(mib), 1), rows)


def _peak(pid: int, ask: Callable[[], Any]) -> tuple[Any, float]:
    """Return what `ask` returns, and by how many MiB the server grew at most meanwhile."""
    before = psutil.Process(pid).memory_info().rss
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
    answer = ask()
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    most = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    return answer, max(most - before, 0) / _MIB


def _print(rows_per_s: float, costs: list[Cost], sizes: Any) -> None:
    console = Console()
    console.print(f"{rows_per_s:,.0f} rows/s with all views")
    table = Table("query", "s", "MiB", "rows", box=None)
    for cost in costs:
        table.add_row(cost.query, f"{cost.secs:.2f}", f"{cost.mib:.0f}", f"{cost.rows:,}")
    console.print(table)
    table = Table("table", "rows", "MiB", "bytes a row", "parts", box=None)
    for name, rows, size, parts in sizes:
        table.add_row(name, f"{rows:,}", f"{size / _MIB:,.1f}", f"{size / rows:.1f}", str(parts))
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
