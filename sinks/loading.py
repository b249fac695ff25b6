"""Loads `enriched-event`: one range, one block a table, then the commit."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from aiokafka.errors import KafkaError
from faust.types import TP

from sinks import ledger, rows
from sinks.clickhouse import ClickHouse, RefusedRowsError
from sinks.progress import Commit, Loaded
from sinks.ranges import Entry, Range, RangeCutter
from sinks.repeats import Heights, without_repeats
from sinks.rows import Place
from streams import metrics
from streams.failpoints import Failpoints
from streams.kafka.publishing import Publisher
from streams.kafka.topics import DEAD_LETTERS, ENRICHED
from streams.settings import StreamSettings
from streams.slices import Slice
from streams.vault.letters import LetterSealer
from streams.vault.vault import vault_of

log = logging.getLogger("warmth.loader")
_LOOK_SECS: Final = 0.5


@dataclass
class _Partition:
    """One partition of the log, from the first slice after an assignment on."""

    place: Place
    cutter: RangeCutter
    heights: Heights


class RangeLoader:
    """Loads the ranges of every partition.

    Args:
        clickhouse: Where to.
        progress: What may be committed.
        incarnation: Incarnation of the topic, part of every token.
        settings: Where dead letters go, and what arms failpoints.
    """

    def __init__(self, clickhouse: ClickHouse, progress: Loaded, incarnation: str, settings: StreamSettings) -> None:
        self._clickhouse = clickhouse
        self._progress = progress
        self._incarnation = incarnation
        self._settings = settings
        self._failpoints = Failpoints(settings.failpoint_file)
        self._partitions: dict[TP, _Partition] = {}
        self._owner = 0
        self._asked = -1
        """Owner for whom ClickHouse was asked whether it is behind."""
        self._asking = asyncio.Lock()
        progress.on_revoked.append(self._forget)

    async def load(self, slice_: Slice) -> None:
        """Gather `slice_` and write the ranges that it completes."""
        tp, owner = slice_.tp, self._owner
        partition = self._partitions.get(tp)
        if partition is None:
            partition = await self._begin(tp, slice_.records[0].offset)
            if owner != self._owner:
                return  # revoked meanwhile; whoever has the partition begins it anew
            self._partitions[tp] = partition
        for range_ in partition.cutter.feed(slice_.records):
            await self._insert(tp, partition, range_)
            metrics.RANGES_LOADED.inc()
            self._progress.loaded(tp, range_.last_offset + 1)
        if partition.cutter.between_ranges:
            self._progress.loaded(tp, slice_.records[-1].offset + 1)

    async def run(self) -> None:
        """Ask after every assignment whether ClickHouse is behind: where nothing more is sent, no slice asks."""
        while True:
            await asyncio.sleep(_LOOK_SECS)
            if not self._progress.ready:
                continue
            try:
                await self._look_back()
            except KafkaError as error:  # heartbeats tell whether the broker is away
                log.info("commits were not read yet: %r", error)

    def _forget(self) -> None:
        self._owner += 1
        self._partitions.clear()

    async def _begin(self, tp: TP, first_offset: int) -> _Partition:
        """Ask ClickHouse how far it is; never skip ahead."""
        await self._look_back()
        place = Place(self._incarnation, tp.partition)
        next_offset = await ledger.next_offset(self._clickhouse, place)
        heights = Heights(await ledger.highest_offsets(self._clickhouse, place, min(first_offset, next_offset)))
        self._progress.reached(tp, next_offset)
        return _Partition(place, RangeCutter(), heights)

    async def _look_back(self) -> None:
        """Once an assignment, compare how far ClickHouse is with what commits say; where it is behind, go back there."""
        async with self._asking:
            owner = self._owner
            if self._asked == owner:
                return
            places, reached = {}, {}
            for tp, commit in (await self._progress.commits(ENRICHED)).items():
                next_offset = await ledger.next_offset(self._clickhouse, Place(self._incarnation, tp.partition))
                log_start = await self._progress.log_start(tp)
                self._tell_lost(tp, commit, next_offset, log_start)
                if next_offset < commit.reached:
                    places[tp], reached[tp] = max(next_offset, log_start), next_offset
            if owner != self._owner:
                return  # revoked meanwhile; the next owner asks
            if places:
                await self._progress.go_back(places, reached)
            self._asked = owner

    def _tell_lost(self, tp: TP, commit: Commit, next_offset: int, log_start: int) -> None:
        have = next_offset if next_offset < commit.reached else max(next_offset, commit.next_offset)
        if log_start > have:
            metrics.OFFSETS_LOST.inc(log_start - have)
            log.error(
                "%s %d: offsets %d to %d are gone from the log and were never loaded; see `reconcile` in the runbook",
                *tp, have, log_start - 1,
            )  # fmt: skip

    async def _insert(self, tp: TP, partition: _Partition, range_: Range) -> None:
        place = partition.place
        token = f"{tp.topic}:{place.incarnation}:{place.partition}:{range_.first_offset}-{range_.last_offset}"
        entries = await self._insert_events(await self._new_entries(partition, range_), token, range_.batch)
        self._failpoints.passed("load.events")
        await self._clickhouse.insert(rows.SCORE_CHANGES, rows.score_changes(entries, range_.batch), token)
        self._failpoints.passed("load.score_changes")
        await self._clickhouse.insert(rows.SEGMENT_CHANGES, rows.segment_changes(entries, range_.batch), token)
        await self._clickhouse.insert(rows.IDENTITY_LINKS, rows.identity_links(entries, range_.batch), token)
        await self._clickhouse.insert(rows.OUTCOMES, rows.outcomes(entries, place), token)
        self._failpoints.passed("load.outcomes")
        if entries:
            self._progress.reached(tp, entries[-1].record.offset + 1)

    async def _new_entries(self, partition: _Partition, range_: Range) -> list[Entry]:
        """Return the entries of `range_` that no other range has loaded."""
        suspects = partition.heights.suspects(range_.entries)
        if not suspects:
            return range_.entries
        loaded = await ledger.loaded_offsets(self._clickhouse, partition.place, range_.first_offset, suspects)
        new = without_repeats(range_.entries, loaded)
        metrics.REPEATS.inc(len(range_.entries) - len(new))
        return new

    async def _insert_events(self, entries: list[Entry], token: str, batch: int) -> list[Entry]:
        """Insert the events; those that ClickHouse refuses become dead letters, and their outcome says so."""
        while True:
            try:
                await self._clickhouse.insert(rows.EVENTS, rows.events(entries), token)
            except RefusedRowsError as error:
                with_event = [index for index, entry in enumerate(entries) if entry.enriched.has_event]
                refused = {with_event[row]: field for row, field in error.refused.items()}
                metrics.ROWS_REFUSED.labels(rows.EVENTS).inc(len(refused))
                sealer = await asyncio.to_thread(lambda: LetterSealer(vault_of(self._settings)))
                await self._bury(
                    [rows.dead_letter(entries[index], field, batch, sealer) for index, field in refused.items()]
                )
                entries = [rows.refused(entry) if index in refused else entry for index, entry in enumerate(entries)]
            else:
                return entries

    async def _bury(self, letters: list[tuple[bytes | None, bytes]]) -> None:
        async with Publisher(self._settings.kafka_bootstrap, self._settings.partitions) as publisher:
            await publisher.send(DEAD_LETTERS, letters)
        log.warning("ClickHouse refused %d rows: they are dead letters of stage load", len(letters))
