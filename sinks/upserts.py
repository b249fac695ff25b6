"""Loads the topics whose tables keep the latest row of a key: profiles and dead letters."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import orjson
from faust.types import TP

from core.state import seq_of
from sinks.clickhouse import ClickHouse
from sinks.progress import Loaded
from sinks.settings import SinkSettings
from streams.failpoints import Failpoints
from streams.kafka.topics import SEQ_HEADER
from streams.slices import Slice


class Table(NamedTuple):
    """A table that keeps the latest row of a key.

    `key` names what a later record replaces; `row` makes the JSON row of a record, at a load time in whole seconds.
    """

    name: str
    key: Callable[[Any], bytes]
    row: Callable[[Any, int], bytes]


_SEQ_BITS = 56
_GATHERED_BYTES = 32 * 1024 * 1024


class Upserts:
    """Loads a topic whose table keeps the latest row of a key: a row that is written twice changes nothing.

    Args:
        clickhouse: Where to.
        progress: What may be committed.
        settings: How much is gathered, and for how long.
        table: Table to write to.
        failpoints: For fault tests.
    """

    def __init__(
        self, clickhouse: ClickHouse, progress: Loaded, settings: SinkSettings, table: Table, failpoints: Failpoints
    ) -> None:
        self._clickhouse = clickhouse
        self._progress = progress
        self._settings = settings
        self._table = table
        self._writing = asyncio.Lock()
        self._latest: dict[tuple[int, bytes], Any] = {}
        self._next: dict[TP, int] = {}
        self._since = 0.0
        self._bytes = 0
        self._owner = 0
        self._failpoints = failpoints
        progress.on_revoked.append(self._forget)

    async def gather(self, slice_: Slice) -> None:
        """Keep the latest record of each key; write when enough is gathered."""
        if not self._latest:
            self._since = time.monotonic()
        for record in slice_.records:
            self._latest[slice_.tp.partition, self._table.key(record)] = record
            self._bytes += len(record.value or b"")
        self._next[slice_.tp] = slice_.records[-1].offset + 1
        if len(self._latest) >= self._settings.upsert_max_records or self._bytes >= _GATHERED_BYTES:
            await self.flush()

    async def run(self) -> None:
        """Write what has been gathered for long enough."""
        pause = self._settings.upsert_max_ms / 1000
        while True:
            await asyncio.sleep(pause / 4)
            if self._latest and time.monotonic() - self._since >= pause:
                await self.flush()

    async def flush(self) -> None:
        """Write what is gathered."""
        async with self._writing:
            latest, self._latest = self._latest, {}
            ends, self._next = self._next, {}
            self._bytes, owner = 0, self._owner
            if not latest:
                return
            now, table = int(time.time()), self._table
            token = f"{table.name}:{now}:" + ",".join(f"{tp.partition}-{end}" for tp, end in sorted(ends.items()))
            await self._clickhouse.insert(table.name, [table.row(record, now) for record in latest.values()], token)
            self._failpoints.passed(f"load.{table.name}")
            if owner != self._owner:
                return  # the partitions were revoked meanwhile; whoever has them reads these records again
            for tp, end in ends.items():
                self._progress.loaded(tp, end)

    def _forget(self) -> None:
        self._owner += 1
        self._bytes = 0
        self._latest.clear()
        self._next.clear()


def _profile_row(record: Any, loaded_at: int) -> bytes:
    """Return the row of table `profiles` for a changelog record; a tombstone deletes, for ever where it has no `seq`."""
    key = _quoted(record.key)
    if record.value is None:
        version = int(dict(record.headers).get(SEQ_HEADER, (1 << _SEQ_BITS) - 1))
        return b'{"customer_key":%b,"version":%d,"state":"","is_deleted":1,"loaded_at":%d}' % (key, version, loaded_at)
    value = bytes(record.value)
    return b'{"customer_key":%b,"version":%d,"state":%b,"is_deleted":0,"loaded_at":%d}' % (
        key,
        seq_of(value),
        _quoted(value),
        loaded_at,
    )


def _dead_letter_row(record: Any, loaded_at: int) -> bytes:
    """Return the row of table `dead_letters` for a `dead-letter` record."""
    return bytes(record.value)[:-1] + b',"loaded_at":%d}' % loaded_at


def _quoted(text: bytes) -> bytes:
    return orjson.dumps(text.decode())


PROFILES: Final = Table("profiles", lambda record: bytes(record.key), _profile_row)
DEAD_LETTERS: Final = Table("dead_letters", lambda record: b"%d" % record.offset, _dead_letter_row)
