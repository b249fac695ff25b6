"""Composition root of the loader: app, ClickHouse, three agents."""

import faust

from agents import load_enriched, load_upserts
from sinks.clickhouse import ClickHouse
from sinks.loading import DEAD_LETTERS, PROFILES, RangeLoader, Upserts
from sinks.progress import Loaded
from sinks.settings import SinkSettings
from streams.app import loader_app, slice_topic
from streams.health import Health
from streams.kafka import topics
from streams.settings import StreamSettings


def make_loader(streams: StreamSettings, sinks: SinkSettings, incarnations: dict[str, str], health: Health) -> faust.App:
    """Return the loader, ready to run.

    Args:
        streams: Kafka.
        sinks: ClickHouse.
        incarnations: Incarnation of every topic, from `warmth-control`.
        health: Told what ClickHouse answers.
    """
    app = loader_app(streams, topics.LOADER)
    clickhouse = ClickHouse(sinks)
    health.require("clickhouse", clickhouse.calls.trouble)
    progress = app.progress = Loaded(app, clickhouse)
    ranges = RangeLoader(clickhouse, progress, incarnations[topics.ENRICHED])
    load_enriched.register(app, slice_topic(app, topics.ENRICHED), ranges)
    profiles = Upserts(clickhouse, progress, sinks, PROFILES)
    load_upserts.register(app, slice_topic(app, topics.CHANGELOG), "load_profiles", profiles)
    dead_letters = Upserts(clickhouse, progress, sinks, DEAD_LETTERS)
    load_upserts.register(app, slice_topic(app, topics.DEAD_LETTERS), "load_dead_letters", dead_letters)
    return app
