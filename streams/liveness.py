"""Ends a worker that cannot go on by itself: started again, it waits for what is away and recovers."""

import asyncio
import time
from typing import Any

from aiokafka.errors import KafkaError

from streams.exits import leave
from streams.kafka.admin import TopicsError, check_topics
from streams.settings import StreamSettings

RECOVERY_SECS = 180.0
"""Longest time that recovery may stand still."""
_LOOK_SECS = 10.0
"""Time between two looks at the progress."""
_TOPICS_SECS = 30.0
"""Time between two looks at the topics."""


async def watch(app: Any, settings: StreamSettings) -> None:
    """Look once a second at the last good heartbeat, at what fetches, and at how long the worker has not been ready.

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
        if ended := app.consumer.thread.reading_ended():
            leave(f"nothing is fetched any more: {ended}")
        ready_at = time.monotonic() if ready else max(ready_at, app.progress.progressed_at)
        if time.monotonic() - ready_at > RECOVERY_SECS:
            leave(f"recovery has stood still for {RECOVERY_SECS:.0f} s")


async def watch_progress(app: Any) -> None:
    """End a ready worker that commits nothing for its patience, though at two looks there was something to do."""
    progress = app.progress
    while True:
        await asyncio.sleep(_LOOK_SECS)
        since = progress.progressed_at
        if not progress.ready or time.monotonic() - since < progress.patience_secs or not await _behind(app):
            continue
        await asyncio.sleep(_LOOK_SECS)
        if progress.ready and progress.progressed_at == since and (behind := await _behind(app)):
            leave(f"nothing was committed for {time.monotonic() - since:.0f} s, though there is {behind}")


async def _behind(app: Any) -> str:
    """Say what there is to do; empty where nothing is."""
    acking = app.topics.acking_topics
    unread = await app.consumer.thread.unread([tp for tp in app.consumer.assignment() if tp.topic in acking])
    most = max(unread, key=unread.__getitem__, default=None)
    if most is not None and unread[most]:
        return f"{unread[most]} to read in {most.topic} {most.partition}"
    return "an epoch to commit" if app.progress.unfinished else ""


async def watch_topics(settings: StreamSettings, incarnations: dict[str, str]) -> None:
    """Look twice a minute whether the topics are still those that the worker began with.

    Args:
        settings: Where they are, and how many partitions they have.
        incarnations: Their incarnations when the worker began.
    """
    while True:
        await asyncio.sleep(_TOPICS_SECS)
        try:
            present = await check_topics(settings.kafka_bootstrap, settings.partitions)
        except TopicsError as error:
            leave("the topics have changed", error)
        except (KafkaError, OSError, TimeoutError):
            continue  # the broker is away: heartbeats tell
        if changed := sorted(topic for topic, incarnation in incarnations.items() if present[topic] != incarnation):
            leave(f"topics were made again: {', '.join(changed)}")
