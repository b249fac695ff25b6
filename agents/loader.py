"""Composition root of the loader: app, ClickHouse, three agents."""

import faust

from agents import load_enriched, load_upserts
from sinks.clickhouse import ClickHouse
from sinks.loading import RangeLoader
from sinks.progress import Loaded
from sinks.settings import SinkSettings
from sinks.upserts import DEAD_LETTERS, PROFILES, Upserts
from streams.app import loader_app, slice_topic
from streams.failpoints import Failpoints
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
    app = loader_app(streams, incarnations)
    clickhouse = ClickHouse(sinks)
    health.require("clickhouse", clickhouse.calls.trouble)
    progress = app.progress = Loaded(app, clickhouse, sinks)
    ranges = RangeLoader(clickhouse, progress, incarnations[topics.ENRICHED], streams)
    load_enriched.register(app, slice_topic(app, topics.ENRICHED), ranges)
    failpoints = Failpoints(streams.failpoint_file)
    profiles = Upserts(clickhouse, progress, sinks, PROFILES, failpoints)
    load_upserts.register(app, slice_topic(app, topics.CHANGELOG), "load_profiles", profiles)
    dead_letters = Upserts(clickhouse, progress, sinks, DEAD_LETTERS, failpoints)
    load_upserts.register(app, slice_topic(app, topics.DEAD_LETTERS), "load_dead_letters", dead_letters)
    return app
