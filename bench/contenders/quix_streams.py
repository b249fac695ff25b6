"""Quix Streams: a dataframe per source, its state store with a changelog topic, at least once."""

import warnings
from typing import Any

warnings.simplefilter("ignore")  # of libraries that it loads

from quixstreams import Application, State as Store, message_context  # noqa: E402

from bench.contender import Job, Line, Meter, Said, orders  # noqa: E402
from bench.events import SOURCES  # noqa: E402
from core import state  # noqa: E402
from core.state import State  # noqa: E402


class Profiles:
    """The state of the current key as the journey wants it."""

    store: Store

    def get(self, key: str) -> State | None:  # noqa: ARG002  # the store is of one key
        """Return the profile."""
        row = self.store.get_bytes("profile")
        return None if row is None else state.decode(row)

    def put(self, key: str, profile: State) -> None:  # noqa: ARG002  # likewise
        """Keep the changed profile."""
        self.store.set_bytes("profile", state.encode(profile))


def main() -> None:
    """Run the job."""
    run = orders()
    meter, job, profiles = Meter(run), Job(run), Profiles()
    app = Application(
        broker_address=run.bootstrap,
        consumer_group=run.name,
        auto_offset_reset="earliest",
        state_dir=run.scratch,
        loglevel="ERROR",
        processing_guarantee="at-least-once",
    )
    enriched, changes = (
        app.topic(name, key_serializer="bytes", value_serializer="bytes") for name in (run.enriched, run.changes)
    )
    seen = 0

    def fold(value: bytes, key: bytes, timestamp: int, headers: Any, store: Store) -> Said:  # noqa: ARG001  # its signature
        nonlocal seen
        meter.begin()
        message = message_context()
        profiles.store = store
        record = Line(message.offset, key, value, timestamp)
        said = job.step(message.topic, message.partition, record, profiles)
        seen += 1
        if seen == run.events:
            app.stop()
        return said

    for name in SOURCES:
        source = app.topic(name, key_deserializer="bytes", value_deserializer="bytes")
        said = app.dataframe(source).apply(fold, stateful=True, metadata=True)
        said.apply(lambda done: done.changes, expand=True).to_topic(changes)
        said.apply(lambda done: done.enriched).to_topic(enriched)
    app.run()
    meter.mark()
    meter.report()


main()
