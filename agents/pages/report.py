"""`warmth report`: one page of HTML for people who would rather look than query; it loads nothing from anywhere."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple

from jinja2 import Environment, PackageLoader, select_autoescape

from sinks.queries import Query, arguments, read_queries
from sinks.reading import Reader

Row = dict[str, Any]
_SPARK_WIDTH: Final = 120
_SPARK_HEIGHT: Final = 24


class Section(NamedTuple):
    """A query of the report, and what it is asked with where not by its defaults."""

    query: str
    asked: dict[str, str] = {}  # noqa: RUF012  # never changed


SECTIONS: Final = (
    Section("warmth_distribution"),
    Section("segment_sizes"),
    Section("segment_sizes_by_day"),
    Section("rfm_cells"),
    Section("cohort_retention"),
    Section("funnel_by_source"),
    Section("satisfaction_by_month"),
    Section("reasons_by_month"),
    Section("top_movers"),
    Section("about_to_cool", {"limit": "10"}),
)
_COUNTS: Final = """
SELECT (SELECT count() FROM profiles_now) AS customers, (SELECT count() FROM events) AS events,
    (SELECT max(occurred_at) FROM events) AS latest_at
"""


def read_report(reader: Reader, now: datetime, advance: Callable[[], None]) -> dict[str, Any]:
    """Return the answers of all sections by the names of their queries, and how much they are of.

    Args:
        reader: ClickHouse.
        now: The present instant.
        advance: Called after each section.
    """
    queries = read_queries()
    answers: dict[str, Any] = {"now": now, **_rows(reader, _COUNTS, {})[0]}
    for section in SECTIONS:
        query: Query = queries[section.query]
        answers[section.query] = _rows(reader, query.select, arguments(query, section.asked, now.date()))
        advance()
    return answers


def html(answers: dict[str, Any]) -> str:
    """Return the page."""
    environment = Environment(
        loader=PackageLoader("agents", "pages"), autoescape=select_autoescape(), trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"spark": spark, "top": top, "percent": percent}
    return environment.get_template("report.html").render(
        answers,
        grids=grids(answers["rfm_cells"]),
        cohorts=cohorts(answers["cohort_retention"]),
        by_segment=by_segment(answers["segment_sizes_by_day"]),
    )


def grids(cells: Iterable[Row]) -> dict[str, dict[tuple[int, int], Row]]:
    """Return customers and revenue by recency and frequency, whatever the monetary value, for each currency."""
    found: dict[str, dict[tuple[int, int], Row]] = {}
    for cell in cells:
        place = (cell["recency"], cell["frequency"])
        sums = found.setdefault(cell["currency"], {}).setdefault(place, {"customers": 0, "revenue": 0})
        sums["customers"] += cell["customers"]
        sums["revenue"] += cell["revenue"]
    return found


def cohorts(rows: Iterable[Row]) -> dict[Any, dict[int, Row]]:
    """Return who ordered again by the month of the first order, and by months since then."""
    found: dict[Any, dict[int, Row]] = {}
    for row in rows:
        found.setdefault(row["cohort"], {})[row["month"]] = row
    return found


def by_segment(rows: Iterable[Row]) -> dict[str, list[int]]:
    """Return the sizes of each segment, day by day."""
    found: dict[str, list[int]] = {}
    for row in rows:
        found.setdefault(row["segment"], []).append(row["members"])
    return found


def spark(values: list[int]) -> str:
    """Return the points of a line through `values` for a picture of 120 by 24."""
    low, high = min(values), max(values)
    step = _SPARK_WIDTH / max(len(values) - 1, 1)
    scale = (_SPARK_HEIGHT - 4) / ((high - low) or 1)
    return " ".join(f"{n * step:.1f},{_SPARK_HEIGHT - 2 - (value - low) * scale:.1f}" for n, value in enumerate(values))


def top(rows: Iterable[Row], column: str) -> Any:
    """Return the highest value of a column, at least 1, to measure bars by."""
    return max([1, *(row[column] for row in rows)])


def percent(share: float | None) -> str:
    """Return a share from 0 to 1 as people read it."""
    return "-" if share is None else f"{share * 100:.0f} %"


def _rows(reader: Reader, sql: str, parameters: dict[str, Any]) -> list[Row]:
    answer = reader.ask(sql, parameters)
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
