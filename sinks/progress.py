"""What is in ClickHouse and may be committed: the loader's `Progress`."""

import logging
import time
from collections.abc import Callable
from typing import Any, Final

from aiokafka.errors import CommitFailedError, IllegalStateError, RebalanceInProgressError
from faust.types import TP

from sinks.clickhouse import ClickHouse
from sinks.settings import SinkSettings
from streams import metrics
from streams.exits import leave
from streams.failpoints import Failpoints
from streams.kafka.commits import note

log = logging.getLogger("warmth.loader")
_PATIENCE_SECS: Final = 60.0


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
        self._failpoints = Failpoints(app.stream_settings.failpoint_file)

    @property
    def progressed_at(self) -> float:
        """When it last committed or asked ClickHouse: an answer that does not come is no standstill of ours."""
        return max(self._committed_at, self._clickhouse.asked_at)

    def loaded(self, tp: TP, next_offset: int) -> None:
        """Note that everything below `next_offset` is in."""
        self._offsets[tp] = next_offset

    def committed(self, tp: TP) -> int:
        """Return the committed offset of a partition, 0 where there is none."""
        return self.app.consumer._committed_offset.get(tp) or 0  # noqa: SLF001  # Faust offers no other way

    async def log_start(self, tp: TP) -> int:
        """Return the first offset that the broker still has of a partition."""
        (offset,) = (await self.app.consumer.earliest_offsets(tp)).values()
        return int(offset)

    async def go_back(self, tp: TP, offset: int) -> None:
        """Read a partition of ours again from `offset`."""
        if tp in self.app.consumer.assignment():
            await self.app.consumer.seek(tp, offset)

    async def start(self) -> None:
        """Nothing needs to be ready: the first insert connects."""

    async def stop(self) -> None:
        """Close the connection."""
        await self._clickhouse.close()

    async def commit(self) -> None:
        """Commit what is in. What a rebalance keeps from being committed is loaded again, and adds nothing."""
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
        return note(self.app.incarnations[tp.topic], "-", 0)

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
        for forget in self.on_revoked:
            forget()
