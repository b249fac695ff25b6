"""The thread in which the consumer talks to the broker: read-committed, short waits, heartbeats noted, true ends of logs."""

import time
from collections.abc import Iterable
from typing import Any

from aiokafka.structs import OffsetAndMetadata
from faust.transport.drivers import aiokafka as faust_kafka
from faust.types import TP

from streams.kafka.tail import settled_tails
from streams.kafka.transactions import NO_MEMBER, GroupMember

FETCH_MIN_BYTES = 65_536
"""A fetch waits for so much, or for `FETCH_WAIT_MS`: many small slices cost more than their records do."""
FETCH_WAIT_MS = 20
"""Faust fixes 1,500, which would be most of the latency."""


class SliceThread(faust_kafka.AIOKafkaConsumerThread):  # type: ignore[misc]  # faust is untyped
    """The consumer's thread: read-committed, short waits, known heartbeats, true ends of logs."""

    heartbeat_at: float | None = None
    """When the last heartbeat that was answered well had been sent, monotonic; None before the consumer has started."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        consumer._fetch_min_bytes = FETCH_MIN_BYTES
        consumer._isolation_level = "read_committed"
        return consumer

    async def on_start(self) -> None:
        """Start, and keep the time of every heartbeat that is answered."""
        await super().on_start()
        self.heartbeat_at = time.monotonic()
        coordinator = self._consumer._coordinator
        beat = coordinator._do_heartbeat

        async def timed_beat() -> Any:
            sent = time.monotonic()
            answered = await beat()
            if answered:
                self.heartbeat_at = sent
            return answered

        coordinator._do_heartbeat = timed_beat

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Say nothing: Faust would miss the commits that it does not make itself. `streams.liveness` watches ours."""

    def reading_ended(self) -> str:
        """Say how aiokafka's task that fetches has ended; empty while it runs. Nothing else would ever ask it."""
        task = None if self._consumer is None else self._consumer._fetcher._fetch_task
        if task is None or not task.done() or task.cancelled():
            return ""
        failure = task.exception()
        return repr(failure and (failure.__cause__ or failure))

    def member(self) -> GroupMember:
        """Return the group membership as the broker knows it now."""
        if self._consumer is None:
            return NO_MEMBER
        coordinator = self._consumer._coordinator
        return coordinator.generation, coordinator.member_id, None

    async def beat(self) -> None:
        """Send one heartbeat now; `member` tells afterwards whether the group still knows us."""
        await self.call_thread(self._consumer._coordinator._do_heartbeat)

    async def commits(self, tps: Iterable[Any]) -> dict[TP, OffsetAndMetadata]:
        """Return what the group has committed for `tps`; those without a commit are left out."""
        fetch = self._ensure_consumer()._coordinator.fetch_committed_offsets
        found = await self.call_thread(fetch, [faust_kafka.ensure_aiokafka_TP(tp) for tp in tps])
        return {TP(*tp): commit for tp, commit in found.items()}

    async def unread(self, tps: Iterable[TP]) -> dict[TP, int]:
        """Return how many offsets of each partition are to be fetched yet, by what the broker told last."""
        return {tp: max(0, end - position) for tp, (position, end) in (await self.positions(tps)).items()}

    async def positions(self, tps: Iterable[TP]) -> dict[TP, tuple[int, int]]:
        """Return what is fetched next of each partition, and where the broker said last that its log ends."""

        async def look() -> dict[TP, tuple[int, int]]:
            assignment = self._ensure_consumer()._subscription.subscription.assignment
            states = {tp: assignment.state_value(faust_kafka.ensure_aiokafka_TP(tp)) for tp in tps} if assignment else {}
            return {
                tp: (state.position, state.highwater)
                for tp, state in states.items()
                if state is not None and state.has_valid_position and state.highwater is not None
            }

        return dict(await self.call_thread(look))

    def probe(self) -> Any:
        """Return a consumer without a group, not started, that reads what is committed."""
        conf = self.app.conf
        return faust_kafka.aiokafka.AIOKafkaConsumer(
            bootstrap_servers=faust_kafka.server_list(self.transport.url, self.transport.default_port),
            isolation_level="read_committed",
            enable_auto_commit=False,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            max_partition_fetch_bytes=conf.consumer_max_fetch_size,
            **faust_kafka.credentials_to_aiokafka_auth(conf.broker_credentials, conf.ssl_context),
        )

    async def _highwaters(self, partitions: list[TP]) -> dict[TP, int]:
        """Return the offset after each last visible record, or the start: recovery would wait for a marker for ever."""
        probe = self.probe()
        await probe.start()
        try:
            tails = await settled_tails(probe, [faust_kafka.ensure_aiokafka_TP(tp) for tp in partitions])
        finally:
            await probe.stop()
        return {TP(*tp): tail.next_offset or tail.log_start for tp, tail in tails.items()}
