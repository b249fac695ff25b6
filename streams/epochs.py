"""Epochs: what was folded becomes durable in one Kafka transaction, while folding goes on.

One epoch holds the outputs, the changed profiles and the source offsets of the same records. Its steps run in one order
only. What cannot go on ends the process with exit code 75: recovery restores the changelog and replays from the commit.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.types import TP

from streams import metrics
from streams.exits import leave
from streams.failpoints import Failpoints
from streams.kafka.commits import note, read_note
from streams.kafka.tail import Tail
from streams.kafka.topics import CHANGELOG, LARGEST_RECORD_BYTES
from streams.settings import StreamSettings
from streams.slices import Slice

Header = tuple[str, bytes]
_PATIENCE_SECS = 60.0
BATCH_BYTES = 512_000
"""Size that a batch is filled to; below what a broker takes by default."""


class Reached(NamedTuple):
    """How far a partition was folded: the next offset, and the broker's time of the last record in milliseconds."""

    next_offset: int
    timestamp: int


class Epoch(NamedTuple):
    """One epoch, closed: closed batches in the order they are sent, and the offsets to commit."""

    outputs: list[tuple[TP, Any]]
    changelog: list[tuple[TP, Any]]
    offsets: dict[TP, int]


class Epochs:
    """What was folded since the last epoch closed, and the one epoch that is being committed.

    Args:
        app: The Faust app; its consumer must be a `SliceConsumer`.
        settings: Sizes and times.
    """

    def __init__(self, app: Any, settings: StreamSettings) -> None:
        self.app = app
        self.settings = settings
        self.ready = False
        self.progressed_at = time.monotonic()
        self.patience_secs = _PATIENCE_SECS
        self.changelog_next: dict[int, int] = {}
        """Partition -> offset after the last profile in its changelog, once it is recovered."""
        self.folded_to: dict[TP, Reached] = {}
        """Input partition -> how far it was folded since it was assigned."""
        self.owned: dict[int, int] = {}
        """Partition -> group generation that owns it, once it is recovered."""
        self.snapshots: list[Callable[[], Iterable[tuple[TP, Any]]]] = []
        """Each closes the changelog batches of one table."""
        self.on_revoked: list[Callable[[], None]] = []
        self.before_owning: list[Callable[[], Coroutine[Any, Any, None]]] = []
        """What has to be known before a recovered partition is folded on."""
        self._producer: AIOKafkaProducer | None = None
        self._open: dict[TP, Any] = {}
        self._closed: list[tuple[TP, Any]] = []
        self._offsets: dict[TP, int] = {}
        self._records = 0
        self._committing = False
        self._dirty = asyncio.Event()
        self._room = asyncio.Event()
        self._one_epoch = asyncio.Lock()
        self._failpoints = Failpoints(settings.failpoint_file)

    # -- life

    async def start(self) -> None:
        """Start the transactional producer: it aborts what this slot's predecessor left open, and fences it."""
        conf = self.app.conf
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self.settings.kafka_bootstrap,
            transactional_id=f"{conf.id}-{self.settings.slot}",
            transaction_timeout_ms=int(self.settings.transaction_timeout_secs * 1000),
            acks="all",
            linger_ms=0,
            max_batch_size=BATCH_BYTES,
            max_request_size=2 * LARGEST_RECORD_BYTES,
        )
        await self._producer.start()

    async def stop(self) -> None:
        """Stop the producer; nothing is open then, since the consumer commits before."""
        if self._producer is not None:
            await self._producer.stop()

    def assigned(self, generation: int) -> None:
        """Note an assignment; its partitions are owned once their tables are recovered."""

    def revoked(self) -> None:
        """Own nothing any more."""
        self.ready = False
        metrics.READY.set(0)
        self.owned.clear()
        self.folded_to.clear()
        for forget in self.on_revoked:
            forget()

    def check_changelog(self, partition: int, tail: Tail, metadata: Iterable[str]) -> None:
        """End the worker where a changelog does not hold what the commits of its partition were made with.

        Args:
            partition: A recovered partition.
            tail: The end of its changelog.
            metadata: What was noted beside the partition's commits.
        """
        present = self.app.incarnations[CHANGELOG]
        for noted in filter(None, map(read_note, metadata)):
            is_there = tail.log_start < noted.changelog_next <= tail.log_end or not noted.changelog_next
            if noted.changelog != present or not is_there:
                leave(
                    f"the changelog of partition {partition} has lost profiles: it was made anew, or holds offsets "
                    f"{tail.log_start} to {tail.log_end} where {noted.changelog_next} was committed; "
                    "stop all scorers and run `warmth rebuild`"
                )
        self.changelog_next[partition] = tail.next_offset

    @property
    def unfinished(self) -> bool:
        """Whether something was folded and is not committed yet."""
        return self._committing or bool(self._records)

    # -- folding: synchronous between two chunks, so that an epoch never closes within a record

    async def room(self) -> None:
        """Wait while an epoch is being committed and the next one is full."""
        while self._committing and self._records >= self.settings.epoch_max_records:
            self._room.clear()
            await self._room.wait()

    def owner(self, partition: int) -> int:
        """Return the generation that owns `partition`; folding what is not owned ends the process."""
        generation = self.owned.get(partition)
        if generation is None:
            leave(f"partition {partition} is not owned")
        return generation

    def emit(self, tp: TP, key: bytes | None, value: bytes | None, headers: list[Header] | None = None) -> None:
        """Add an output record to the epoch."""
        builder = self._open.get(tp)
        if builder is None:
            builder = self._open[tp] = self.new_batch()
        if builder.append(timestamp=None, key=key, value=value, headers=headers or []) is None:
            self._closed.append((tp, self._open.pop(tp)))
            self.emit(tp, key, value, headers)

    def folded(self, slice_: Slice) -> None:
        """Note that every record of `slice_` has been folded."""
        last = slice_.records[-1]
        self._offsets[slice_.tp] = last.offset + 1
        self.folded_to[slice_.tp] = Reached(last.offset + 1, last.timestamp)
        self._records += len(slice_.records)
        self._dirty.set()

    def said(self, profiles: int = 0) -> None:
        """Note that outputs were added, or `profiles` changed, without a source record; the latter is an epoch, too."""
        self._records += profiles
        self._dirty.set()

    def new_batch(self) -> Any:
        """Return an empty record batch."""
        if self._producer is None:
            leave("the transactional producer is not started")
        return self._producer.create_batch()

    # -- the epoch

    async def run(self) -> None:
        """Close and commit an epoch as soon as there is something to commit and the one before has ended."""
        while True:
            await self._dirty.wait()
            if self.app.should_stop:
                return  # the consumer commits the rest before it goes
            await self.app.consumer.commit()

    async def commit(self) -> None:
        """Make everything folded so far durable."""
        async with self._one_epoch:
            self._dirty.clear()
            if not (self._records or self._open or self._closed):
                return
            started = time.perf_counter()
            self._committing = True
            try:
                metrics.EPOCH_RECORDS.observe(self._records)
                epoch = self._close()
                self._failpoints.passed("epoch.close")
                for step in STEPS:
                    await step(self, epoch)
                    self._failpoints.passed(f"epoch.{step.__name__.lstrip('_')}")
            except BaseException as error:  # cancelled or failed: half an epoch must not live on
                leave("an epoch could not be committed", error)
            self._committing = False
            self.progressed_at = time.monotonic()
            self._room.set()
            metrics.EPOCH_SECONDS.observe(time.perf_counter() - started)

    def _close(self) -> Epoch:
        """Step 1, without await: take the outputs, serialise the changed profiles, note the offsets."""
        outputs = [*self._closed, *self._open.items()]
        self._closed, self._open = [], {}
        epoch = Epoch(outputs, [batch for snapshot in self.snapshots for batch in snapshot()], self._offsets)
        self._offsets, self._records = {}, 0
        return epoch

    async def _begin(self, _epoch: Epoch) -> None:
        await self._transaction.begin_transaction()

    async def _send(self, epoch: Epoch) -> None:
        """Send outputs and changelog, await every acknowledgement: one that is not awaited can be lost unseen."""
        queues: dict[TP, list[Any]] = {}
        for tp, builder in (*epoch.outputs, *epoch.changelog):
            queues.setdefault(tp, []).append(builder)
        ends = dict(await asyncio.gather(*(self._send_in_order(tp, builders) for tp, builders in queues.items())))
        recovery = self.app.tables.recovery
        for tp, _ in epoch.changelog:  # a rebalance need not read our own records again
            recovery.active_offsets[tp] = ends[tp]
            self.changelog_next[tp.partition] = ends[tp] + 1

    async def _send_in_order(self, tp: TP, builders: list[Any]) -> tuple[TP, int]:
        last = -1
        for builder in builders:
            self._fence()
            sent = await (await self._transaction.send_batch(builder, tp.topic, partition=tp.partition))
            last = sent.offset + builder.record_count() - 1
            self._failpoints.passed("epoch.sending")
        return tp, last

    async def _add_offsets(self, epoch: Epoch) -> None:
        self._fence()
        if epoch.offsets:
            offsets = {
                TopicPartition(*tp): OffsetAndMetadata(offset, self._note(tp)) for tp, offset in epoch.offsets.items()
            }
            await self._transaction.send_offsets_to_transaction(offsets, self.app.conf.id)

    def _note(self, tp: TP) -> str:
        incarnations = self.app.incarnations
        return note(incarnations[tp.topic], incarnations[CHANGELOG], self.changelog_next[tp.partition])

    async def _ask_the_group(self, _epoch: Epoch) -> None:
        """Send one heartbeat: not every broker looks at the generation when it takes offsets."""
        consumer = self.app.consumer
        await consumer.thread.beat()
        if consumer.thread.member()[:2] != consumer.membership[:2]:
            leave("the group has given the partitions away")

    async def _end(self, epoch: Epoch) -> None:
        self._fence()
        await self._transaction.commit_transaction()
        self.app.consumer.committed(epoch.offsets)

    @property
    def _transaction(self) -> AIOKafkaProducer:
        if self._producer is None:
            leave("the transactional producer is not started")
        return self._producer

    def _fence(self) -> None:
        """End a worker that was stopped for longer than its session: its partitions have moved."""
        silent = self.app.consumer.silent_secs()
        if silent > self.settings.session_timeout_secs:
            leave(f"no heartbeat was answered for {silent:.1f} s")


Step = Callable[[Epochs, Epoch], Coroutine[Any, Any, None]]
STEPS: tuple[Step, ...] = (Epochs._begin, Epochs._send, Epochs._add_offsets, Epochs._ask_the_group, Epochs._end)
"""Never in another order."""
