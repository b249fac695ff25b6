"""Rollups and the rows that they were made of."""

from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

from agents.operations.findings import Check, Finding
from sinks.reading import Reader


class Rollup(NamedTuple):
    """A table that a view fills. Both queries return `key` columns and a count `n`, one row a key, of days from `since`."""

    name: str
    key: tuple[str, ...]
    kept: str
    rows: str


ROLLUPS: Final = (
    Rollup(
        "customer_daily",
        ("customer_key", "day", "type"),
        "SELECT customer_key, day, type, sum(events) AS n FROM customer_daily WHERE day >= {since:Date} GROUP BY ALL",
        "SELECT customer_key, toDate(occurred_at) AS day, type, count() AS n FROM events"
        " WHERE day >= {since:Date} AND traffic = '' AND _topic NOT IN ('tick', 'rules', 'warmth-command') GROUP BY ALL",
    ),
    Rollup(
        "page_daily",
        ("day", "page_path"),
        "SELECT day, page_path, sum(views) AS n FROM page_daily WHERE day >= {since:Date} GROUP BY ALL",
        "SELECT toDate(occurred_at) AS day, page_path, count() AS n FROM events"
        " WHERE day >= {since:Date} AND traffic = '' AND type = 'page_viewed' GROUP BY ALL",
    ),
    Rollup(
        "segment_daily",
        ("day", "segment"),
        "SELECT day, segment, sum(entered) + sum(left) AS n FROM segment_daily WHERE day >= {since:Date} GROUP BY ALL",
        "SELECT toDate(occurred_at) AS day, segment, count() AS n FROM segment_changes"
        " WHERE day >= {since:Date} GROUP BY ALL",
    ),
    Rollup(
        "consent_log",
        ("customer_key", "day", "type"),
        "SELECT customer_key, toDate(occurred_at) AS day, type, count() AS n FROM consent_log WHERE day >= {since:Date}"
        " GROUP BY ALL",
        "SELECT customer_key, toDate(occurred_at) AS day, type, count() AS n FROM events"
        " WHERE day >= {since:Date} AND _topic = 'consent' AND type != 'erasure_requested' GROUP BY ALL",
    ),
    Rollup(
        "erasure_log",
        ("customer_key", "day"),
        "SELECT customer_key, toDate(requested_at) AS day, count() AS n FROM erasure_log"
        " WHERE day >= {since:Date} GROUP BY ALL",
        "SELECT customer_key, toDate(occurred_at) AS day, count() AS n FROM events"
        " WHERE day >= {since:Date} AND type = 'erasure_requested' GROUP BY ALL",
    ),
)
"""Every table that a view fills; a new one needs a line here, and is compared."""
_EVER: Final = date(1970, 1, 1)


def check_rollup(rollup: Rollup, reader: Reader, rows_kept_days: int = 0) -> Check:
    """Compare a rollup with the rows, key by key.

    Args:
        rollup: Which.
        reader: ClickHouse.
        rows_kept_days: Days for which rows are kept, 0 for ever: a rollup stays, so that older days are not compared.
    """
    name, key = f"rollup {rollup.name}", ", ".join(rollup.key)
    if not reader.rows("EXISTS TABLE {table:Identifier}", {"table": rollup.name})[0][0]:
        return Check(name, 0, Finding(None, None, None, f"{rollup.name}: no such table; run `warmth migrate`"))
    since = datetime.now(UTC).date() - timedelta(days=rows_kept_days - 2) if rows_kept_days else _EVER
    differing = reader.rows(
        f"SELECT {key}, sumIf(n, kept) AS in_rollup, sumIf(n, NOT kept) AS in_rows FROM "  # noqa: S608  # texts of ours
        f"(SELECT *, true AS kept FROM ({rollup.kept}) UNION ALL SELECT *, false AS kept FROM ({rollup.rows})) "
        f"GROUP BY {key} HAVING in_rollup != in_rows ORDER BY {key} LIMIT 1",
        {"since": since},
    )
    compared = reader.rows(f"SELECT sum(n) FROM ({rollup.rows})", {"since": since})[0][0]  # noqa: S608  # a text of ours
    if not differing:
        return Check(name, compared)
    *values, kept, rows = differing[0]
    place = ", ".join(f"{column} {value}" for column, value in zip(rollup.key, values, strict=True))
    return Check(name, compared, Finding(None, None, None, f"{place}: {kept} in {rollup.name}, {rows} in events"))
