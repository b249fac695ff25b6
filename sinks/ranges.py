"""Cuts the log of enriched events into ranges that every loader cuts alike: the log itself says where.

A range is the records of one batch number, cut again after every `max_records` from its start. It is complete only when a
record with a higher batch number, or the record after the cut, has been read; the loader's clock decides nothing.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import msgspec

RANGE_RECORDS: Final = 50_000
"""A range is cut after this many records. No setting: with another number the same rows would get another token."""
_ABSENT: Final = msgspec.Raw(b"")


class _Enriched(msgspec.Struct):
    """An `enriched-event` record, decoded only as far as the loader looks at it."""

    batch: int
    outcome: msgspec.Raw = _ABSENT
    event: msgspec.Raw = _ABSENT
    score_changes: list[msgspec.Raw] = []


_decode = msgspec.json.Decoder(_Enriched).decode


class Range(NamedTuple):
    """Records that go into ClickHouse together. Offsets are inclusive; `rows` are JSON objects by table."""

    first_offset: int
    last_offset: int
    batch: int
    rows: dict[str, list[bytes]]


class RangeCutter:
    """Cuts one partition of the log.

    Args:
        max_records: A range is cut after this many records.
    """

    def __init__(self, max_records: int = RANGE_RECORDS) -> None:
        self._max_records = max_records
        self._last_read = -1
        self._start()

    def _start(self) -> None:
        self._count = 0
        self._first = self._last = self._batch = -1
        self._rows: dict[str, list[bytes]] = {"events": [], "score_changes": [], "outcomes": []}

    @property
    def between_ranges(self) -> bool:
        """Whether nothing is gathered: a closing marker was the last record, and may be committed."""
        return self._count == 0

    def feed(self, records: Iterable[Any]) -> Iterator[Range]:
        """Yield the ranges that `records` complete.

        Records must come in the order of the log, from the start of a range. A record that was read before means that
        the reader has gone back to its commit: what was gathered is forgotten and gathered again.
        """
        for record in records:
            if record.offset <= self._last_read:
                self._start()
            self._last_read = record.offset
            enriched = _decode(record.value)
            if self._count and (enriched.batch > self._batch or self._count >= self._max_records):
                yield Range(self._first, self._last, self._batch, self._rows)
                self._start()
            if enriched.outcome is not _ABSENT:
                self._gather(record.offset, enriched)

    def _gather(self, offset: int, enriched: _Enriched) -> None:
        if not self._count:
            self._first, self._batch = offset, enriched.batch
        self._last = offset
        self._count += 1
        rows = self._rows
        rows["outcomes"].append(bytes(enriched.outcome))
        if enriched.event is not _ABSENT:
            rows["events"].append(bytes(enriched.event))
        for change in enriched.score_changes:
            rows["score_changes"].append(bytes(change)[:-1] + b',"loaded_at":%d}' % enriched.batch)
