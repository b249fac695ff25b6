"""For how long rows are kept: by when they were loaded. Profiles, names and rollups stay."""

from typing import Final

from sinks.statements import TERM, Step, checksum

_LOGS: Final = ("events", "score_changes", "segment_changes", "outcomes", "dead_letters")


def term_steps(days: int) -> list[Step]:
    """Return one step for each table whose rows go after so many days; none where `days` is 0."""
    return [_step(table, days) for table in _LOGS] if days else []


def _step(table: str, days: int) -> Step:
    statements = [f"ALTER TABLE {table} MODIFY TTL toDateTime(loaded_at) + INTERVAL {days} DAY"]
    return Step(0, TERM + table, checksum(statements), statements)
