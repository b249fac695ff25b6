"""Segments as ClickHouse knows them now, and as a table."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from rich.table import Table
from rich.text import Text

from agents.pages.words import listed
from core.rules import RuleSet
from sinks.queries import read_queries
from sinks.reading import Reader


class Size(NamedTuple):
    """Customers that are in a segment now, and that entered and left it in the last 24 hours."""

    members: int
    entered: int
    left: int


class Listed(NamedTuple):
    """One segment: what it is, who is in it, who uses it. `title` is None where the rules do not know it any more."""

    segment: str
    title: str | None
    size: Size
    used_by: list[str]

    def document(self) -> dict[str, Any]:
        """Return the segment for JSON."""
        return {"segment": self.segment, "title": self.title, **self.size._asdict(), "used_by": self.used_by}


NOBODY: Final = Size(0, 0, 0)


def read_segments(reader: Reader, rules: RuleSet, users: Mapping[str, Sequence[str]]) -> list[Listed]:
    """Return every segment of the rules as ClickHouse knows it now, and those that have members still.

    Args:
        reader: ClickHouse.
        rules: The rules as they are said.
        users: Segments that use a segment, by its name.
    """
    found = {name: Size(*map(int, sizes)) for name, *sizes in reader.rows(read_queries()["segment_sizes"].select)}
    gone = sorted(found.keys() - rules.segments.keys())
    known = [Listed(name, spec.title, found.get(name, NOBODY), list(users[name])) for name, spec in rules.segments.items()]
    return known + [Listed(name, None, found[name], []) for name in gone if found[name].members]


def segments_table(segments: list[Listed]) -> Table:
    """Return the segments as a table, which fits 80 columns."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, title_justify="left")
    table.add_column("segment", overflow="fold")
    for heading in ("members", "in 24 h", "out 24 h"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("title, and which segments use it", overflow="fold")
    for one in segments:
        title = "not in the rules any more" if one.title is None else one.title
        users = f"used by {listed(one.used_by)}" if one.used_by else ""
        numbers = (f"{number:,}" for number in one.size)
        table.add_row(Text(one.segment), *numbers, Text("; ".join(filter(None, (title, users)))))
    return table
