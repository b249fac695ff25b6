"""Cuts the log of enriched events into ranges that every loader cuts alike: the log itself says where.

A range is the records of one batch number, cut again wherever it has grown to `RANGE_RECORDS` or `RANGE_BYTES`. It is
complete only when a record with another batch number, or the record after the cut, has been read; the loader's clock
decides nothing. Scorers never write a lower number than before; a replayed record bears its old one and is a range alone.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import msgspec

RANGE_RECORDS: Final = 50_000
"""A range is cut after this many records. No setting: with another number the same rows would get another token."""
RANGE_BYTES: Final = 16 * 1024 * 1024
"""A range is cut after this many bytes of records, so that what a loader holds is bounded. No setting, likewise."""
_ABSENT: Final = msgspec.Raw(b"")


class Outcome(msgspec.Struct):
    """How a source record ended: a row of table `outcomes`, but for its place in the log."""

    topic: str
    incarnation: str
    partition: int
    offset: int
    outcome: str
    reason: str
    omitted_fields: int
    loaded_at: int


class Enriched(msgspec.Struct):
    """An `enriched-event` record, decoded only as far as the loader looks at it."""

    batch: int
    outcome: Outcome | None = None
    event: msgspec.Raw = _ABSENT
    score_changes: list[msgspec.Raw] = []
    segment_changes: list[msgspec.Raw] = []
    identity_links: list[msgspec.Raw] = []

    @property
    def has_event(self) -> bool:
        """Whether the source record became a row of table `events`."""
        return self.event is not _ABSENT


_decode = msgspec.json.Decoder(Enriched).decode


class Entry(NamedTuple):
    """One record of a range."""

    record: Any
    enriched: Enriched
    outcome: Outcome


class Range(NamedTuple):
    """Records that go into ClickHouse together; offsets are inclusive."""

    first_offset: int
    last_offset: int
    batch: int
    entries: list[Entry]


class RangeCutter:
    """Cuts one partition of the log.

    Args:
        max_records: A range is cut after this many records.
        max_bytes: A range is cut after this many bytes.
    """

    def __init__(self, max_records: int = RANGE_RECORDS, max_bytes: int = RANGE_BYTES) -> None:
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._last_read = -1
        self._start()

    def _start(self) -> None:
        self._entries: list[Entry] = []
        self._batch = -1
        self._bytes = 0

    @property
    def between_ranges(self) -> bool:
        """Whether nothing is gathered: a closing marker was the last record, and may be committed."""
        return not self._entries

    @property
    def _is_full(self) -> bool:
        return len(self._entries) >= self._max_records or self._bytes >= self._max_bytes

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
            if self._entries and (enriched.batch != self._batch or self._is_full):
                yield Range(self._entries[0].record.offset, self._entries[-1].record.offset, self._batch, self._entries)
                self._start()
            if enriched.outcome is not None:
                if not self._entries:
                    self._batch = enriched.batch
                self._entries.append(Entry(record, enriched, enriched.outcome))
                self._bytes += len(record.value)
