"""Outcomes that are in ClickHouse already: a source record must not be counted twice, whoever concluded it again.

Offsets of one origin mostly rise. So it is enough to know the highest one that is loaded: what lies above is new, and
only what lies at or below it has to be looked up.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from core.outcomes import UNPROMPTED
from sinks.ranges import Entry


class Origin(NamedTuple):
    """A partition of a source topic, and one way in which its records ended.

    A record that was forwarded ends twice, once in each partition; so the way is part of the origin.
    """

    topic: str
    incarnation: str
    partition: int
    outcome: str


def origin_of(entry: Entry) -> Origin:
    """Return the origin of an entry."""
    outcome = entry.outcome
    return Origin(outcome.topic, outcome.incarnation, outcome.partition, outcome.outcome)


class Heights:
    """The highest loaded offset of each origin.

    Args:
        loaded: Highest offsets in ClickHouse, of rows below the first range that will be asked about.
    """

    def __init__(self, loaded: Mapping[Origin, int]) -> None:
        self._highest = dict(loaded)

    def suspects(self, entries: Sequence[Entry]) -> dict[Origin, set[int]]:
        """Return the offsets that may be repeats, and hold `entries` for loaded from now on."""
        highest, found = self._highest, {}  # type: dict[Origin, int], dict[Origin, set[int]]
        for entry in entries:
            origin, offset = origin_of(entry), entry.outcome.offset
            if origin.topic in UNPROMPTED:
                continue  # no record stands behind it: what is committed was said once
            if offset > highest.get(origin, -1):
                highest[origin] = offset
            else:
                found.setdefault(origin, set()).add(offset)
        return found


def without_repeats(entries: Iterable[Entry], loaded: Mapping[Origin, set[int]]) -> list[Entry]:
    """Return the entries that are neither in ClickHouse nor a repeat of an entry before them.

    Args:
        entries: A range.
        loaded: Offsets that ClickHouse has in rows below the range; a superset of the suspects among them.
    """
    seen = {origin: set(offsets) for origin, offsets in loaded.items()}
    kept = []
    for entry in entries:
        known = seen.setdefault(origin_of(entry), set())
        if entry.outcome.offset not in known or entry.outcome.topic in UNPROMPTED:
            known.add(entry.outcome.offset)
            kept.append(entry)
    return kept
