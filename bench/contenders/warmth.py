"""Warmth itself: the real worker with its real settings, and a meter that looks on.

    python -m bench.contenders.warmth ORDERS scorer|loader [plain]

SIGHUP writes the figures. `plain` commits epochs without transactions, which is no setting of the product: it shows
what they cost.
"""

import signal
import sys
import time
from typing import Any

from aiokafka import AIOKafkaProducer

from agents import cli
from agents.scoring import Scoring
from bench.contender import Meter, cpu, orders, rss
from sinks.loading import RangeLoader
from streams import epochs, metrics
from streams.driver import SliceConsumer
from streams.epochs import Epoch, Epochs
from streams.kafka.topics import LARGEST_RECORD_BYTES
from streams.profiles import ProfilesTable


def measure(meter: Meter) -> None:
    """Begin at the first slice, mark every commit of offsets."""
    fold, load, committed = Scoring.advance, RangeLoader.load, SliceConsumer.committed

    async def metered_fold(scoring: Scoring, slice_: Any) -> None:
        meter.begin()
        await fold(scoring, slice_)

    async def metered_load(loader: RangeLoader, slice_: Any) -> None:
        meter.begin()
        await load(loader, slice_)

    def metered_committed(consumer: SliceConsumer, offsets: dict[Any, int]) -> None:
        committed(consumer, offsets)
        if offsets:
            meter.mark()

    Scoring.advance = metered_fold  # type: ignore[assignment, method-assign]  # it only looks on
    RangeLoader.load = metered_load  # type: ignore[assignment, method-assign]  # likewise
    SliceConsumer.committed = metered_committed  # type: ignore[assignment, method-assign]  # likewise


def measure_recovery(meter: Meter) -> None:
    """Note what recovery of the profiles takes, from the first slice of the changelog until the worker is ready."""
    apply, completed = ProfilesTable.apply_changelog_batch, ProfilesTable.on_recovery_completed
    begun: dict[str, float] = {}

    def metered_apply(table: ProfilesTable, batch: list[Any]) -> None:
        if not begun:
            begun.update(at=time.perf_counter(), cpu=cpu(), rss=rss())
        apply(table, batch)

    async def metered_completed(table: ProfilesTable, active: set[Any], standby: set[Any]) -> None:
        await completed(table, active, standby)
        if begun:
            meter.figures["recovery"] = {
                "keys": int(metrics.RECOVERED._value.get()),
                "wall_s": time.perf_counter() - begun["at"],
                "cpu_s": cpu() - begun["cpu"],
                "rss_before": begun["rss"],
                "rss_after": rss(),
            }

    ProfilesTable.apply_changelog_batch = metered_apply  # type: ignore[assignment, method-assign]  # it only looks on
    ProfilesTable.on_recovery_completed = metered_completed  # type: ignore[assignment, method-assign]  # likewise


def leave_transactions_out() -> None:
    """Send with an ordinary idempotent producer and commit the group's offsets."""

    async def start(opened: Epochs) -> None:
        opened._producer = AIOKafkaProducer(
            bootstrap_servers=opened.settings.kafka_bootstrap,
            enable_idempotence=True,
            acks="all",
            linger_ms=0,
            max_batch_size=epochs.BATCH_BYTES,
            max_request_size=2 * LARGEST_RECORD_BYTES,
        )
        await opened._producer.start()

    async def commit(opened: Epochs, epoch: Epoch) -> None:
        if epoch.offsets:
            await opened.app.consumer.commit_offsets(epoch.offsets, opened._note)

    Epochs.start = start  # type: ignore[assignment, method-assign]  # the point of it
    epochs.STEPS = (Epochs._send, commit)


def main() -> None:
    """Run the worker."""
    meter = Meter(orders())
    kind, plain = sys.argv[2], sys.argv[3:] == ["plain"]
    measure(meter)
    measure_recovery(meter)
    if plain:
        leave_transactions_out()
    signal.signal(signal.SIGHUP, lambda *_: meter.report())
    sys.argv = ["warmth", "worker", kind]
    cli.main()


main()
