"""The library of segmentation queries: one documented SQL file each."""

from pathlib import Path
from typing import Final, NamedTuple

FOLDER: Final = Path(__file__).parent


class Query(NamedTuple):
    """A query, and what its first comment line says of it."""

    name: str
    purpose: str
    sql: str


def read_queries() -> dict[str, Query]:
    """Return all queries by name."""
    return {path.stem: _read(path) for path in sorted(FOLDER.glob("*.sql"))}


def _read(path: Path) -> Query:
    sql = path.read_text(encoding="utf-8")
    return Query(path.stem, sql.splitlines()[0].removeprefix("-- "), sql)
