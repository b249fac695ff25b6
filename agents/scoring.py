"""The thin shell around `core.journey`: slices in, profiles changed, outputs added to the epoch."""

import asyncio
import time
from typing import Any, Final

from faust.types import TP

from core import rows
from core.journey import Journey, Moment, Settings, Source, forward_headers
from core.outcomes import Accepted, Coordinate, Dropped, Forwarded, Outcome, Rejected, Replayed
from core.rules import CompiledRules
from streams import metrics
from streams.epochs import Epochs
from streams.exits import leave
from streams.kafka.topics import DEAD_LETTERS, ENRICHED, SCORE_CHANGES
from streams.profiles import ProfilesTable
from streams.slices import Slice

CHUNK: Final = 100
"""Records folded between two awaits, so that heartbeats and commits get their turn."""

_LONGEST_KEY_BYTES: Final = 1_000


class Scoring:
    """Advances slices of every input topic.

    Args:
        profiles: The table.
        rules: Compiled rules.
        journey: What the journey knows of this installation.
        incarnations: Incarnation of every input topic.
    """

    def __init__(
        self, profiles: ProfilesTable, rules: CompiledRules, journey: Settings, incarnations: dict[str, str]
    ) -> None:
        self._profiles = profiles
        self._epochs: Epochs = profiles.epochs
        self._incarnations = incarnations
        self._closed: set[int] = set()
        self._epochs.on_revoked.append(self._closed.clear)
        self._journeys = {topic: Journey(topic, rules, journey) for topic in incarnations}

    async def advance(self, slice_: Slice) -> None:
        """Fold `slice_`, in parts; an exception ends the process before anything of it is committed."""
        for chunk in slice_.chunks(CHUNK):
            await self._epochs.room()
            try:
                self._fold(chunk)
            except Exception as error:  # Faust would acknowledge the slice and go on
                leave(f"a record of {chunk.tp.topic} could not be folded", error)
            self._epochs.folded(chunk)
            await asyncio.sleep(0)

    def _fold(self, chunk: Slice) -> None:
        topic, partition = chunk.tp
        generation = self._epochs.owner(partition)
        source = Source(topic, self._incarnations[topic], partition)
        moment = Moment(time.time_ns() // 1000, self.batch(partition), generation << 32)
        profiles = self._profiles.partition(partition)
        self._closed.discard(partition)
        advance = self._journeys[topic].advance
        for record in chunk.records:
            outcome, at = advance(source, record, profiles, moment)
            self._emit(outcome, at, record, partition, moment)
        metrics.FOLDED.labels(topic).inc(len(chunk.records))

    def batch(self, partition: int) -> int:
        """Return the batch number of now, which never falls within a partition."""
        width = self._epochs.settings.batch_secs
        number = max(self._profiles.batches[partition], int(time.time()) // width * width)
        self._profiles.batches[partition] = number
        return number

    def _emit(self, outcome: Outcome, at: Coordinate, record: Any, partition: int, moment: Moment) -> None:
        if isinstance(outcome, Replayed):
            metrics.REPLAYED.inc()
            return
        emit = self._epochs.emit
        key: bytes | None
        if isinstance(outcome, Accepted):
            key = outcome.key.encode()
            for change in outcome.changes:
                emit(TP(SCORE_CHANGES, partition), key, rows.dumps(change))
            if outcome.omitted:
                metrics.OMITTED.inc(outcome.omitted)
        elif isinstance(outcome, Rejected):
            key = _routing_key(record.key)
            letter = rows.dead_letter(outcome, at, record, record.timestamp * 1000, moment.now)
            emit(TP(DEAD_LETTERS, partition), key, letter)
            metrics.REJECTED.labels(outcome.reason).inc()
        elif isinstance(outcome, Forwarded):
            key = outcome.key.encode()
            emit(TP(at.topic, outcome.partition), key, record.value, forward_headers(at, outcome.received_at))
            metrics.FORWARDED.labels(at.topic).inc()
        elif isinstance(outcome, Dropped):
            key = _routing_key(record.key)
            metrics.DROPPED.labels(outcome.reason).inc()
        emit(TP(ENRICHED, partition), key, rows.enriched(outcome, at, moment.batch))

    async def close_quiet_partitions(self) -> None:
        """Say once, for each partition that went quiet, that its last batch number is complete."""
        width = self._epochs.settings.batch_secs
        while True:
            await asyncio.sleep(width / 2)
            for partition in self._epochs.owned.keys() - self._closed:
                last = self._profiles.batches[partition]
                if last and last + width <= time.time():
                    marker = rows.closing_marker(self.batch(partition))
                    self._epochs.emit(TP(ENRICHED, partition), None, marker)
                    self._epochs.said()
                    self._closed.add(partition)


def _routing_key(key: bytes | None) -> bytes | None:
    """Return the key of a record that became no event, unless it is longer than any key of ours."""
    return key if key is not None and len(key) <= _LONGEST_KEY_BYTES else None
