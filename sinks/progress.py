"""What is in ClickHouse and may be committed: the loader's `Progress`."""

import logging
from collections.abc import Callable
from typing import Any

from aiokafka.errors import CommitFailedError, IllegalStateError, RebalanceInProgressError
from faust.types import TP

from sinks.clickhouse import ClickHouse
from streams import metrics
from streams.exits import leave

log = logging.getLogger("warmth.loader")


class Loaded:
    """Offsets of what ClickHouse has taken, committed by Faust's timer.

    Args:
        app: The loader's app; its consumer must be a `SliceConsumer`.
        clickhouse: Closed in the end.
    """

    def __init__(self, app: Any, clickhouse: ClickHouse) -> None:
        self.app = app
        self._clickhouse = clickhouse
        self.ready = False
        self.recovering_at = 0.0
        self.on_revoked: list[Callable[[], None]] = []
        self._offsets: dict[TP, int] = {}

    def loaded(self, tp: TP, next_offset: int) -> None:
        """Note that everything below `next_offset` is in."""
        self._offsets[tp] = next_offset

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
            await self.app.consumer.commit_offsets(offsets)
        except (CommitFailedError, IllegalStateError, RebalanceInProgressError) as error:
            log.info("offsets were not committed yet: %r", error)
            self._offsets = {**offsets, **self._offsets}
        except Exception as error:  # the broker is away: start again and wait for it
            leave("offsets could not be committed", error)

    def assigned(self, generation: int) -> None:  # noqa: ARG002  # part of Progress
        """Be ready: the loader needs nothing but its partitions."""
        self.ready = True
        metrics.READY.set(1)

    def revoked(self) -> None:
        """Forget everything that was gathered and not loaded."""
        self.ready = False
        metrics.READY.set(0)
        self._offsets.clear()
        for forget in self.on_revoked:
            forget()
