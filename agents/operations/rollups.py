"""Rollups and the rows that they were made of."""

from typing import Final, NamedTuple

from agents.operations.findings import Check, Finding
from sinks.reading import Reader


class Rollup(NamedTuple):
    """A table that a view fills. Both queries return `key` columns and a count `n`, one row a key."""

    name: str
    key: tuple[str, ...]
    kept: str
    rows: str


ROLLUPS: Final = (
    Rollup(
        "customer_daily",
        ("customer_key", "day", "type"),
        "SELECT customer_key, day, type, sum(events) AS n FROM customer_daily GROUP BY ALL",
        "SELECT customer_key, toDate(occurred_at) AS day, type, count() AS n FROM events GROUP BY ALL",
    ),
    Rollup(
        "page_daily",
        ("day", "page_path"),
        "SELECT day, page_path, sum(views) AS n FROM page_daily GROUP BY ALL",
        "SELECT toDate(occurred_at) AS day, page_path, count() AS n FROM events WHERE type = 'page_viewed' GROUP BY ALL",
    ),
)
"""Every rollup; a new one needs a line here, and is compared."""


def check_rollup(rollup: Rollup, reader: Reader) -> Check:
    """Compare a rollup with the rows, key by key."""
    name, key = f"rollup {rollup.name}", ", ".join(rollup.key)
    if not reader.rows("EXISTS TABLE {table:Identifier}", {"table": rollup.name})[0][0]:
        return Check(name, 0, Finding(None, None, None, f"{rollup.name}: no such table; run `warmth migrate`"))
    differing = reader.rows(
        f"SELECT {key}, sumIf(n, kept) AS in_rollup, sumIf(n, NOT kept) AS in_rows FROM "  # noqa: S608  # texts of ours
        f"(SELECT *, true AS kept FROM ({rollup.kept}) UNION ALL SELECT *, false AS kept FROM ({rollup.rows})) "
        f"GROUP BY {key} HAVING in_rollup != in_rows ORDER BY {key} LIMIT 1"
    )
    compared = reader.rows(f"SELECT sum(n) FROM ({rollup.rows})")[0][0]  # noqa: S608  # a text of ours
    if not differing:
        return Check(name, compared)
    *values, kept, rows = differing[0]
    place = ", ".join(f"{column} {value}" for column, value in zip(rollup.key, values, strict=True))
    return Check(name, compared, Finding(None, None, None, f"{place}: {kept} in {rollup.name}, {rows} in events"))
