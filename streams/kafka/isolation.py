"""Read-committed for brokers that write transaction markers but hide no aborted record (the embedded one).

Batches wait, in the order of the log, until the marker of their transaction tells whether they count. Kafka does this
itself; there, nothing here is installed.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher

_UNDECIDED, _VISIBLE, _ABORTED = range(3)


class _Waiting:
    """A batch of one partition whose records may not be read yet."""

    __slots__ = ("fate", "producer_id", "records")

    def __init__(self, records: list[Any], producer_id: int, fate: int) -> None:
        self.records = records
        self.producer_id = producer_id
        self.fate = fate


class _Log:
    """The undecided end of what was read of one partition."""

    def __init__(self) -> None:
        self.next_offset = -1
        self.waiting: deque[_Waiting] = deque()

    def start_at(self, offset: int) -> None:
        """Forget what waits if the reader has jumped."""
        if offset != self.next_offset:
            self.waiting.clear()

    def decide(self, producer_id: int, fate: int) -> None:
        for batch in self.waiting:
            if batch.producer_id == producer_id and batch.fate == _UNDECIDED:
                batch.fate = fate

    def released(self) -> Iterator[Any]:
        while self.waiting and self.waiting[0].fate != _UNDECIDED:
            batch = self.waiting.popleft()
            if batch.fate == _VISIBLE:
                yield from batch.records


def install() -> None:
    """Make every read-committed consumer of this process hide aborted records by the markers in the log."""
    logs: dict[Any, _Log] = {}
    plain = fetcher.PartitionRecords._unpack_records

    def unpack(self: Any) -> Iterator[Any]:
        if self._isolation_level != fetcher.READ_COMMITTED:
            yield from plain(self)
            return
        log = logs.setdefault(self._tp, _Log())
        log.start_at(self.next_fetch_offset)
        while self._records.has_next():
            batch = self._records.next_batch()
            if batch.is_control_batch:
                log.decide(batch.producer_id, _ABORTED if self._contains_abort_marker(batch) else _VISIBLE)
            else:
                first = self.next_fetch_offset
                records = [self._consumer_record(self._tp, record) for record in batch if record.offset >= first]
                log.waiting.append(_Waiting(records, batch.producer_id, _UNDECIDED if batch.is_transactional else _VISIBLE))
            self.next_fetch_offset = log.next_offset = batch.next_offset
            yield from log.released()

    fetcher.PartitionRecords._unpack_records = unpack
