"""What is in ClickHouse and may be committed: the loader's `Progress`."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from aiokafka.errors import CommitFailedError, IllegalStateError, RebalanceInProgressError
from faust.types import TP

from sinks.clickhouse import ClickHouse
from sinks.settings import SinkSettings
from streams import metrics
from streams.exits import leave
from streams.failpoints import Failpoints
from streams.kafka.commits import loader_note, read_note
from streams.kafka.topics import CHANGELOG, DEAD_LETTERS

log = logging.getLogger("warmth.loader")
_PATIENCE_SECS: Final = 60.0


class Commit(NamedTuple):
    """What the group has committed of a partition: the next offset, and how far ClickHouse was, 0 where none is known."""

    next_offset: int
    reached: int


class Loaded:
    """Offsets of what ClickHouse has taken, committed by Faust's timer.

    Args:
        app: The loader's app; its consumer must be a `SliceConsumer`.
        clickhouse: Closed in the end.
        settings: How long one answer of ClickHouse may take.
    """

    unfinished = False

    def __init__(self, app: Any, clickhouse: ClickHouse, settings: SinkSettings) -> None:
        self.app = app
        self._clickhouse = clickhouse
        self.ready = False
        self._committed_at = time.monotonic()
        self.patience_secs = _PATIENCE_SECS + settings.clickhouse_timeout_secs
        self.on_revoked: list[Callable[[], None]] = []
        self._offsets: dict[TP, int] = {}
        self._reached: dict[TP, int] = {}
        self._committing = asyncio.Lock()
        self._failpoints = Failpoints(app.stream_settings.failpoint_file)

    @property
    def progressed_at(self) -> float:
        """When it last committed or asked ClickHouse: an answer that does not come is no standstill of ours."""
        return max(self._committed_at, self._clickhouse.asked_at)

    def loaded(self, tp: TP, next_offset: int) -> None:
        """Note that everything below `next_offset` is in."""
        self._offsets[tp] = next_offset

    def reached(self, tp: TP, next_offset: int) -> None:
        """Note that ClickHouse has rows up to `next_offset`; every commit of `tp` says so."""
        self._reached[tp] = max(next_offset, self._reached.get(tp, 0))

    async def commits(self, topic: str) -> dict[TP, Commit]:
        """Return the commits of our partitions of a topic; nothing counts that was said of one before it."""
        own = [tp for tp in self.app.consumer.assignment() if tp.topic == topic]
        found = await self.app.consumer.thread.commits(own) if own else {}
        commits = dict.fromkeys(own, Commit(0, 0))
        for tp, commit in found.items():
            noted = read_note(commit.metadata)
            if noted is None or noted.topic == self.app.incarnations[topic]:
                commits[tp] = Commit(max(commit.offset, 0), noted.reached if noted else 0)
        return commits

    async def log_start(self, tp: TP) -> int:
        """Return the first offset that the broker still has of a partition."""
        (offset,) = (await self.app.consumer.earliest_offsets(tp)).values()
        return int(offset)

    async def go_back(self, places: Mapping[TP, int], reached: Mapping[TP, int]) -> None:
        """Commit that partitions of the log, and profiles and dead letters beside them, are read again, and end the worker.

        One commit says all of it, before anything is read: whoever comes next reads everything, and no lag is 0 until then.

        Args:
            places: Where the partitions of the log are read from.
            reached: How far ClickHouse is.
        """
        beside = [TP(topic, tp.partition) for topic in (CHANGELOG, DEAD_LETTERS) for tp in places]
        offsets = {**places, **{tp: await self.log_start(tp) for tp in beside}}
        async with self._committing:
            self._reached = dict(reached)
            try:
                await self.app.consumer.commit_offsets(offsets, self._note)
            except Exception as error:  # whoever comes next asks again
                leave("ClickHouse is behind the commit, and that could not be committed", error)
            leave("ClickHouse is behind the commit; it is loaded again from where it is")

    async def start(self) -> None:
        """Nothing needs to be ready: the first insert connects."""

    async def stop(self) -> None:
        """Close the connection."""
        await self._clickhouse.close()

    async def commit(self) -> None:
        """Commit what is in. What a rebalance keeps from being committed is loaded again, and adds nothing."""
        async with self._committing:
            await self._commit()

    async def _commit(self) -> None:
        assigned = self.app.consumer.assignment()
        offsets = {tp: offset for tp, offset in self._offsets.items() if tp in assigned}
        self._offsets = {}
        if not offsets:
            return
        try:
            await self.app.consumer.commit_offsets(offsets, self._note)
        except (CommitFailedError, IllegalStateError, RebalanceInProgressError) as error:
            log.info("offsets were not committed yet: %r", error)
            self._offsets = {**offsets, **self._offsets}
        except Exception as error:  # the broker is away: start again and wait for it
            leave("offsets could not be committed", error)
        else:
            self._committed_at = time.monotonic()
            self._failpoints.passed("load.commit")

    def _note(self, tp: TP) -> str:
        return loader_note(self.app.incarnations[tp.topic], self._reached.get(tp, 0))

    def assigned(self, generation: int) -> None:  # noqa: ARG002  # part of Progress
        """Be ready: the loader needs nothing but its partitions."""
        self.ready = True
        self._committed_at = time.monotonic()
        metrics.READY.set(1)

    def revoked(self) -> None:
        """Forget everything that was gathered and not loaded."""
        self.ready = False
        metrics.READY.set(0)
        self._offsets.clear()
        self._reached.clear()
        for forget in self.on_revoked:
            forget()
