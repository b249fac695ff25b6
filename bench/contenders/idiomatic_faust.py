"""Faust as its manual shows it: stock transport, an agent over events, a table, `topic.send`."""

import asyncio
from typing import Any

import faust
from faust.serializers import codecs

from bench.contender import Job, Line, Meter, orders
from bench.events import SOURCES
from core import state
from core.state import State
from streams.worker import configure_logging

run = orders()
meter, job = Meter(run), Job(run)


class ProfileCodec(codecs.Codec):  # type: ignore[misc]  # faust is untyped
    """Profiles as the changelog of every contender holds them."""

    def _dumps(self, obj: Any) -> bytes:
        return state.encode(obj)

    def _loads(self, s: bytes) -> State:
        return state.decode(s)


codecs.register("profile", ProfileCodec())
app = faust.App(
    run.name,
    broker=f"kafka://{run.bootstrap}",
    store="memory://",
    autodiscover=False,
    web_enabled=False,
    topic_partitions=run.partitions,
    topic_allow_declare=False,
    topic_disable_leader=True,
    consumer_auto_offset_reset="earliest",
    consumer_max_fetch_size=4 << 20,
    broker_max_poll_records=4_000,
    broker_check_crcs=False,
    worker_redirect_stdouts=False,
)
sources = app.topic(*SOURCES, key_serializer="raw", value_serializer="raw")
enriched = app.topic(run.enriched, key_serializer="raw", value_serializer="raw")
changes = app.topic(run.changes, key_serializer="raw", value_serializer="raw")
table = app.Table("profiles", partitions=run.partitions)
table.key_serializer, table.value_serializer = "raw", "profile"  # the table takes types only


class Profiles:
    """The table as the journey wants it."""

    def get(self, key: str) -> State | None:
        """Return the profile of `key`."""
        profile: State | None = table.get(key)
        return profile

    def put(self, key: str, profile: State) -> None:
        """Keep a changed profile: one changelog record."""
        table[key] = profile


async def _finish() -> None:
    """Wait until everything is committed, and end."""
    consumer = app.consumer
    while sum(consumer._committed_offset.get(tp) or 0 for tp in consumer.assignment() if tp.topic in SOURCES) < run.events:
        await consumer.commit()
        await asyncio.sleep(0.01)
    await app.producer.flush()
    meter.mark()
    meter.report()
    await app.stop()


@app.agent(sources)
async def score(stream: Any) -> None:
    """Score one event after the other."""
    seen, profiles = 0, Profiles()
    async for event in stream.events():
        meter.begin()
        message = event.message
        record = Line(message.offset, message.key, message.value, round(message.timestamp * 1000))
        said = job.step(message.topic, message.partition, record, profiles)
        for change in said.changes:
            await changes.send(key=said.key, value=change)
        await enriched.send(key=said.key, value=said.enriched)
        seen += 1
        if seen == run.events:
            app.add_future(_finish())


app.finalize()
worker = faust.Worker(app, loglevel=None, logging_config=None, override_logging=False, quiet=True, loop=None)
worker.spinner = None
configure_logging("ERROR")
worker.execute_from_commandline()
