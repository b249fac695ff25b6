"""Makes the Faust apps. What they are told here is as important as their code: Faust's defaults differ."""

import gc
from typing import Any

import faust

from streams import driver
from streams.epochs import Epochs
from streams.kafka import isolation, transactions
from streams.kafka.topics import LOADER, SCORER
from streams.profiles import ProfilesTable, ProfilesTableManager
from streams.settings import StreamSettings
from streams.slices import SliceSchema


def _faust_app(app_id: str, settings: StreamSettings, incarnations: dict[str, str], **options: Any) -> faust.App:
    driver.register()
    driver.hand_out_raw_records()
    if not settings.broker_isolates:
        isolation.install()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)  # the collector costs more than anything else: see ADR 7
    app = faust.App(
        app_id,
        broker=[f"slices://{address.strip()}" for address in settings.kafka_bootstrap.split(",")],
        store="memory://",
        autodiscover=False,
        web_enabled=False,
        topic_partitions=settings.partitions,
        topic_replication_factor=settings.replication,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        consumer_auto_offset_reset="earliest",
        broker_max_poll_records=4_000,
        broker_check_crcs=False,
        broker_commit_interval=settings.epoch_max_ms / 1000,
        broker_session_timeout=settings.session_timeout_secs,
        broker_heartbeat_interval=settings.heartbeat_interval_secs,
        broker_rebalance_timeout=settings.rebalance_timeout_secs,
        broker_request_timeout=max(90.0, settings.session_timeout_secs + 10),
        stream_wait_empty=True,
        worker_redirect_stdouts=False,
        **options,
    )
    app.stream_settings = settings
    app.incarnations = incarnations
    return app


def scorer_app(settings: StreamSettings, incarnations: dict[str, str]) -> tuple[faust.App, ProfilesTable]:
    """Return the scorer's app and its profiles table.

    Args:
        settings: Kafka and epochs.
        incarnations: Incarnation of every topic, from `warmth-control`.
    """
    app = _faust_app(
        SCORER,
        settings,
        incarnations,
        Table=ProfilesTable,
        TableManager=ProfilesTableManager,
        consumer_max_fetch_size=4 * 1024 * 1024,
        stream_buffer_maxsize=16,
    )
    epochs = Epochs(app, settings)
    app.progress = epochs
    transactions.install(lambda: app.consumer.membership)
    table: ProfilesTable = app.Table("profiles", partitions=settings.partitions)
    app.task(epochs.run)
    return app, table


def loader_app(settings: StreamSettings, incarnations: dict[str, str]) -> faust.App:
    """Return the loader's app; its `progress` is set by whoever loads.

    What it has fetched waits while ClickHouse is away: its buffers are small, for its ranges take memory enough.
    """
    return _faust_app(LOADER, settings, incarnations, consumer_max_fetch_size=1024 * 1024, stream_buffer_maxsize=2)


def slice_topic(app: faust.App, name: str) -> Any:
    """Return a topic whose agents receive slices."""
    return app.topic(name, schema=SliceSchema())
