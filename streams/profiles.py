"""The profiles table: rows rest encoded, the ones in use are decoded; one changelog record per changed key and epoch."""

import asyncio
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import faust
import orjson
from aiokafka import TopicPartition
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.types import TP
from mode import Service

from core import state
from core.state import State, due_of
from core.times import Micros
from streams import metrics
from streams.epochs import Epochs
from streams.exits import leave
from streams.kafka.tail import settled_tails
from streams.kafka.topics import ENRICHED, SCORED
from streams.slices import SliceSchema
from streams.timers import Timers

NextDue = Callable[[State], Micros | None]
"""Tells when passing time alone will change a profile."""


class Partition:
    """The profiles of one partition: `core.journey.Profiles` over encoded rows, and when each of them is due.

    Args:
        warm: Decoded profiles that are kept between epochs.
        next_due: When a profile is due; asked once for every encoding.
    """

    def __init__(self, warm: int, next_due: NextDue) -> None:
        self.rows: dict[str, bytes] = {}
        self.timers = Timers()
        self._next_due = next_due
        self._warm_limit = warm
        self._warm: dict[str, State] = {}
        self._changed: dict[str, State] = {}

    def get(self, key: str) -> State | None:
        """Return the profile of `key`, to be changed in place."""
        profile = self._warm.get(key)
        if profile is None and (row := self.rows.get(key)) is not None:
            profile = self._warm[key] = state.decode(row)
        return profile

    def put(self, key: str, profile: State) -> None:
        """Keep a changed profile."""
        self._warm[key] = self._changed[key] = profile

    def keys(self) -> list[str]:
        """Return the keys of all profiles, of those that are not encoded yet, too."""
        return [*self.rows, *(key for key in self._changed if key not in self.rows)]

    def is_judged_by(self, key: str, judgement: str) -> bool:
        """Tell whether the profile of `key` was judged by `judgement`; one that is not there was."""
        changed = self._changed.get(key)
        if changed is not None:
            return changed.judged_by == judgement
        row = self.rows.get(key)
        return row is None or state.is_judged_by(row, judgement.encode())

    def take_due(self, now: Micros, most: int) -> list[tuple[Micros, str, State]]:
        """Take out at most `most` of the profiles that are due up to `now`, earliest first; they are to be put back."""
        taken = []
        for due, key in islice(self.timers.due(now), most):
            profile = self.get(key)
            if profile is not None:
                profile.due = None
                taken.append((due, key, profile))
        return taken

    def take_changed(self) -> Iterator[tuple[bytes, bytes]]:
        """Encode what has changed since the last call; yield key and value of each."""
        changed, self._changed = self._changed, {}
        for key, profile in changed.items():
            due = self._next_due(profile)
            self.timers.move(key, profile.due, due)
            profile.due = due
            value = self.rows[key] = state.encode(profile)
            yield key.encode(), value
        if len(self._warm) > self._warm_limit:
            self._warm.clear()

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Apply a changelog record; the highest `seq` wins, so that a record of a former owner never does."""
        name = key.decode()
        have = self.rows.get(name)
        if value is None or have is None or state.seq_of(value) > state.seq_of(have):
            self._warm.pop(name, None)
            self._changed.pop(name, None)
            self.timers.move(name, None if have is None else due_of(have), None if value is None else due_of(value))
            if value is None:
                self.rows.pop(name, None)
            else:
                self.rows[name] = value
        elif state.seq_of(value) < state.seq_of(have):
            # compaction keeps the last record: write the right one again
            metrics.STALE.inc()
            self._changed[name] = state.decode(have)


class ProfilesTable(faust.Table):  # type: ignore[misc]  # faust is untyped
    """Faust's table over `Partition`s; assignment, changelog topic and recovery are Faust's."""

    epochs: Epochs
    partitions_held: dict[int, Partition]
    next_due: NextDue
    """Set before the app starts: the rules know it."""

    def __init__(self, app: Any, **options: Any) -> None:
        options.update(schema=SliceSchema(), recovery_buffer_size=8)
        super().__init__(app, **options)
        self.epochs = app.progress
        self.epochs.snapshots.append(self._snapshot)
        self.partitions_held = {}
        self.batches: dict[int, int] = {}
        """Partition -> highest batch number in the log of enriched events."""

    def partition(self, number: int) -> Partition:
        """Return the profiles of one partition."""
        held = self.partitions_held.get(number)
        if held is None:
            held = self.partitions_held[number] = Partition(self.epochs.settings.warm_profiles, self.next_due)
        return held

    def _snapshot(self) -> Iterator[tuple[TP, Any]]:
        """Close the changelog batches of every partition that changed."""
        for number, held in self.partitions_held.items():
            builder = None
            tp = TP(self.changelog_topic_name, number)
            for key, value in held.take_changed():
                if builder is None:
                    self.epochs.owner(number)
                    builder = self.epochs.new_batch()
                if builder.append(timestamp=None, key=key, value=value) is None:
                    yield tp, builder
                    builder = self.epochs.new_batch()
                    builder.append(timestamp=None, key=key, value=value)
            if builder is not None:
                yield tp, builder
        metrics.PROFILES.set(sum(len(held.rows) for held in self.partitions_held.values()))

    def apply_changelog_batch(self, batch: list[Any]) -> None:
        """Restore slices of the changelog. Faust swallows errors of a restore; here they end the process."""
        try:
            for event in batch:
                restore = self.partition(event.message.partition).restore
                records = event.value.records
                for record in records:
                    restore(record.key, record.value)
                metrics.RECOVERED.inc(len(records))
                self.epochs.progressed_at = time.monotonic()
        except Exception as error:  # whatever it is, these rows are missing
            leave("the changelog could not be restored", error)

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """Own the recovered partitions, and go on from the highest batch number in their logs."""
        await super().on_recovery_completed(active_tps, standby_tps)
        numbers = sorted(tp.partition for tp in active_tps)
        try:
            await self._look_at_logs(numbers)
            for known in self.epochs.before_owning:
                await known()
        except Exception as error:  # without batch numbers, ranges could be cut twice; older rules would judge again
            leave("the ends of the logs could not be read", error)
        generation = self.app.consumer.membership[0]
        for number in numbers:
            self.partition(number)
            self.epochs.owned[number] = generation
        self.epochs.progressed_at = time.monotonic()
        self.epochs.ready = True
        metrics.READY.set(1)

    async def _look_at_logs(self, numbers: list[int]) -> None:
        """Learn the last batch number of each partition, and whether its changelog is what commits speak of."""
        thread = self.app.consumer.thread
        topics = (ENRICHED, self.changelog_topic_name)
        probe = thread.probe()
        await probe.start()
        try:
            tails = await settled_tails(probe, [TopicPartition(topic, number) for topic in topics for number in numbers])
        finally:
            await probe.stop()
        commits = await thread.commits([TP(topic, number) for topic in SCORED for number in numbers])
        for number in numbers:
            record = tails[TopicPartition(ENRICHED, number)].record
            self.batches[number] = 0 if record is None else orjson.loads(record.value)["batch"]
            changelog = tails[TopicPartition(self.changelog_topic_name, number)]
            noted = [commit.metadata for tp, commit in commits.items() if tp.partition == number]
            self.epochs.check_changelog(number, changelog, noted)


class ProfilesRecovery(Recovery):  # type: ignore[misc]  # faust is untyped
    """Faust's recovery; rows are forgotten exactly where the changelog will be read from its start again."""

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Forget the partitions that are not going on from a known offset."""
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)
        for table in self.tables.values():
            known = {tp.partition for tp in self.actives_for_table[table] if self.active_offsets[tp] is not None}
            for number in table.partitions_held.keys() - known:
                del table.partitions_held[number]

    @Service.task
    async def _restart_recovery(self) -> None:
        """Recover; where a rebalance cancels Faust's recovery amid a step, it never comes back: start again instead."""
        try:
            await Recovery._restart_recovery(self)
        except asyncio.CancelledError:
            if not self.should_stop:
                leave("recovery was cancelled by a rebalance")
            raise


class ProfilesTableManager(TableManager):  # type: ignore[misc]  # faust is untyped
    """Faust's table manager with our recovery."""

    _recovery: Any

    @property
    def recovery(self) -> Any:
        """The recovery service."""
        if self._recovery is None:
            self._recovery = ProfilesRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery
