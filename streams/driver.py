"""The slice driver: a Faust transport that delivers one message per fetched slice and commits when it is told to.

It replaces how Faust fetches, acknowledges and commits; assignment, recovery, agents and tables stay Faust's own. An
app names it by its broker address, `slices://host:port`, reads every topic in slices, and sets `app.progress` (see
`Progress`), which is asked for every commit. `docs/architecture.md` lists each point where Faust is extended, and why.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

from aiokafka.consumer import fetcher
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata
from faust.transport import drivers
from faust.transport.drivers import aiokafka as faust_kafka
from faust.types import TP, ConsumerMessage

from streams import metrics
from streams.consumer_thread import SliceThread
from streams.exits import leave
from streams.kafka.commits import read_note
from streams.kafka.transactions import NO_MEMBER, GroupMember
from streams.liveness import watch, watch_progress, watch_topics
from streams.slices import Slice


class Progress(Protocol):
    """What makes folded or loaded records durable; the only place that commits."""

    ready: bool
    """Whether the worker has its partitions, and their tables."""
    patience_secs: float
    """How long that may be ago while there is something to do."""
    unfinished: bool
    """Whether something that was taken from the broker waits for a commit that nothing outside holds up."""

    @property
    def progressed_at(self) -> float:
        """When it last committed, or recovery applied something, or what is away was tried again; monotonic."""

    async def start(self) -> None:
        """Get ready before the consumer starts."""

    async def stop(self) -> None:
        """Let go, after the consumer has stopped and committed."""

    async def commit(self) -> None:
        """Make everything done so far durable, and commit its offsets."""

    def assigned(self, generation: int) -> None:
        """Note that partitions were assigned under `generation`."""

    def revoked(self) -> None:
        """Note that all partitions are gone; a commit was asked for before."""


def hand_out_raw_records() -> None:
    """Make consumers of this process yield aiokafka's own records: they lack topic and partition, and cost less."""
    fetcher.PartitionRecords._consumer_record = lambda _self, _tp, record: record


class _Unchecked(dict[TP, None]):
    """What Faust has read: nothing. It would drop what is read again from the commit."""

    def __getitem__(self, tp: TP) -> None:
        """Return nothing."""

    def __setitem__(self, tp: TP, offset: object) -> None:
        """Keep nothing."""


class SliceConsumer(faust_kafka.Consumer):  # type: ignore[misc]  # faust is untyped
    """Faust's consumer, with slices for messages and `app.progress` for acknowledgements."""

    membership: GroupMember = NO_MEMBER
    """Generation and member at the last assignment; aiokafka forgets them, and what it forgets is not refused."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._read_offset = _Unchecked()
        self._next: dict[TP, int] = {}
        """Offset that the next slice of a partition begins at, or lies behind."""
        self._fetched: dict[TP, int] = {}
        """Offset after the last record that was fetched, whether or not an agent has it already."""

    def _new_consumer_thread(self) -> SliceThread:
        return SliceThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def thread(self) -> SliceThread:
        """The thread that talks to the broker."""
        thread: SliceThread = self._thread
        return thread

    def silent_secs(self) -> float:
        """Return the age of the last good heartbeat."""
        sent = self.thread.heartbeat_at
        return 0.0 if sent is None else time.monotonic() - sent

    def taken(self) -> dict[TP, int]:
        """Return how many offsets of each own partition were read and are not committed yet."""
        return {tp: max(0, offset - (self._committed_offset.get(tp) or 0)) for tp, offset in self._next.items()}

    def fetched(self, tp: TP) -> int | None:
        """Return the offset after the last record of a partition that was fetched; None before the first."""
        return self._fetched.get(tp)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ASYNC109  # Faust's signature
        # A frozen copy: were the live set emptied while the thread waits, aiokafka would return every partition,
        # Faust would drop those records, and without a committed offset they would never be read again.
        if not active_partitions:
            return {}
        return await super()._getmany(frozenset(active_partitions), timeout)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:  # noqa: ASYNC109  # Faust's signature
        """Yield one message per fetched slice."""
        fetched, active = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        if fetched is None or self.should_stop:
            return
        if not self.flow_active:
            try:
                await self.perform_seek()
            except KafkaError as error:  # Faust seeks again before the flow is resumed
                self.log.info("could not seek while the flow is stopped: %r", error)
            return
        self._fetched |= {tp: records[-1].offset + 1 for tp, records in fetched.items() if records}
        for tp, records in fetched.items():
            if not records or not (active is None or tp in active or tp in self._buffered_partitions):
                continue
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return
            yield tp, self._message(tp, records, generation)

    def _message(self, tp: TP, records: list[Any], generation: int) -> Any:
        last = records[-1]
        first = records[0].offset
        if first < self._next.get(tp, 0):
            leave(f"{tp.topic} {tp.partition} went back to offset {first}: its log was cut, or made again")
        self._next[tp] = last.offset + 1
        return ConsumerMessage(
            tp.topic, tp.partition, last.offset, last.timestamp / 1000.0, last.timestamp_type, [], None,
            Slice(tp, records), None, 0, 0, tp, generation_id=generation,
        )  # fmt: skip

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Ignore gaps between offsets: `app.progress` notes what is done."""

    async def seek_to_committed(self) -> dict[TP, int]:
        """Seek every partition to its commit, where that speaks of the topic as it is now; return the commits."""
        commits = await self.thread.commits(self.assignment())
        offsets = {tp: commit.offset for tp, commit in commits.items() if self._is_of_now(tp, commit.metadata)}
        for tp, offset in offsets.items():
            await self.seek(tp, offset)
        return offsets

    def _is_of_now(self, tp: TP, metadata: str) -> bool:
        """Tell whether a commit speaks of the topic as it is now; without a note it does."""
        noted = read_note(metadata)
        return noted is None or noted.topic == self.app.incarnations[tp.topic]

    async def perform_seek(self) -> None:
        """Seek every partition to its commit; to its beginning where nothing was committed yet."""
        self._next.clear()
        self._fetched.clear()
        self._committed_offset.clear()
        await super().perform_seek()
        acking = self.app.topics.acking_topics
        fresh = [
            faust_kafka.ensure_aiokafka_TP(tp)
            for tp in self.assignment()
            if tp.topic in acking and not self._committed_offset.get(tp)
        ]
        if fresh:
            await self._thread.seek_to_beginning(*fresh)
        if self.app.stream_settings.broker_isolates:  # the embedded broker's list of ends is not right
            await self._refuse_shorter_logs()

    async def _refuse_shorter_logs(self) -> None:
        """End the worker where a log ends below its commit: it was made again, or restored from a copy."""
        committed = {faust_kafka.ensure_aiokafka_TP(tp): self._committed_offset.get(tp) for tp in self.assignment()}
        known = {tp: offset for tp, offset in committed.items() if offset}
        if not known:
            return
        ends = await self.thread.call_thread(self.thread._ensure_consumer().end_offsets, list(known))
        for tp, offset in known.items():
            if ends[tp] < offset:
                leave(
                    f"{tp.topic} {tp.partition} ends at {ends[tp]}, below the commit {offset}: see `log end` in the runbook"
                )

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: ARG002, FBT001, FBT002
        """Let `app.progress` commit: the timer, a rebalance and a shutdown all end here.

        A caller that is cancelled does not cancel the commit.
        """
        self._acked.clear()
        self._acked_index.clear()
        await asyncio.shield(asyncio.ensure_future(self.app.progress.commit()))
        return True

    async def commit_offsets(self, offsets: dict[TP, int], notes: Callable[[TP], str]) -> None:
        """Commit offsets of the group, each with its note, without a transaction."""
        commit = self.thread._ensure_consumer().commit
        noted = {faust_kafka.ensure_aiokafka_TP(tp): OffsetAndMetadata(offset, notes(tp)) for tp, offset in offsets.items()}
        await self.thread.call_thread(commit, noted)
        self.committed(offsets)

    def committed(self, offsets: dict[TP, int]) -> None:
        """Note offsets that a transaction has committed."""
        self._committed_offset.update(offsets)
        metrics.LAST_COMMIT.set_to_current_time()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Stop the flow, wait for the agents, commit; then the partitions are no longer ours."""
        await super().on_partitions_revoked(revoked)
        self.app.progress.revoked()

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Keep the group membership that these partitions were assigned under; refuse partitions that were added."""
        partitions = self.app.stream_settings.partitions
        if added := sorted(tp for tp in assigned if tp.partition >= partitions):
            leave(f"partition counts differ from WARMTH_PARTITIONS={partitions}: {added[0].topic} has grown")
        self.membership = self.thread.member()
        self.app.progress.assigned(self.membership[0])
        await super().on_partitions_assigned(assigned, generation_id)

    async def on_task_error(self, error: BaseException) -> None:
        """End the process where an agent raises: Faust would commit past the record."""
        leave("an agent failed", error)

    async def crash(self, reason: BaseException) -> None:
        """End the process where the consumer fails."""
        leave("the consumer failed", reason)


class ProgressProducer(faust_kafka.Producer):  # type: ignore[misc]  # faust is untyped
    """Faust's producer, which lives longer than the consumer, and `app.progress` as long as it."""

    async def on_start(self) -> None:
        """Start both."""
        await super().on_start()
        await self.app.progress.start()
        settings = self.app.stream_settings
        for watching in (  # from now on: a task of the app waits for recovery
            watch(self.app, settings),
            watch_progress(self.app),
            watch_topics(settings, self.app.incarnations),
        ):
            self.add_future(watching)

    async def on_stop(self) -> None:
        """Stop both."""
        await super().on_stop()
        await self.app.progress.stop()


class Transport(faust_kafka.Transport):  # type: ignore[misc]  # faust is untyped
    """Faust's Kafka transport with the slice consumer."""

    Consumer = SliceConsumer
    Producer = ProgressProducer


def register() -> None:
    """Make `slices://` known to Faust."""
    drivers.TRANSPORTS.aliases["slices"] = f"{__name__}:Transport"
