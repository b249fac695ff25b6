"""Ends a worker that has lost its broker or hangs in a rebalance: started again, it waits for what is away and recovers."""

import asyncio
import time
from typing import Any

from streams.exits import leave
from streams.settings import StreamSettings

RECOVERY_SECS = 180.0
"""Longest time that recovery may stand still."""


async def watch(app: Any, settings: StreamSettings) -> None:
    """Look once a second at the last good heartbeat and at how long the worker has not been ready.

    Args:
        app: The Faust app; its consumer must be a `SliceConsumer`.
        settings: Session and rebalance timeouts.
    """
    ready_at = time.monotonic()
    while True:
        await asyncio.sleep(1)
        ready, silent = app.progress.ready, app.consumer.silent_secs()
        allowed = settings.session_timeout_secs + (0 if ready else settings.rebalance_timeout_secs)
        if silent > allowed:
            leave(f"no heartbeat was answered for {silent:.0f} s")
        ready_at = max(ready_at, app.progress.recovering_at)
        if ready:
            ready_at = time.monotonic()
        elif time.monotonic() - ready_at > RECOVERY_SECS:
            leave(f"recovery has stood still for {RECOVERY_SECS:.0f} s")
