"""bytewax: Kafka source and sink, `stateful_map`, recovery snapshots on disk at its default interval."""

from pathlib import Path

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import run_main

from bench.contender import Job, Line, Meter, Said, orders
from bench.events import SOURCES
from core.state import State


class One:
    """The profile of the current key as the journey wants it."""

    def __init__(self, profile: State | None) -> None:
        self.profile = profile

    def get(self, key: str) -> State | None:  # noqa: ARG002  # it is of one key
        """Return the profile."""
        return self.profile

    def put(self, key: str, profile: State) -> None:  # noqa: ARG002  # likewise
        """Keep the changed profile."""
        self.profile = profile


def main() -> None:
    """Run the job."""
    run = orders()
    meter, job = Meter(run), Job(run)

    def key_of(record: KafkaSourceMessage) -> str:
        meter.begin()
        return str(record.key, "utf-8")

    def fold(profile: State | None, record: KafkaSourceMessage) -> tuple[State | None, Said]:
        one = One(profile)
        line = Line(record.offset, record.key, record.value, record.timestamp[1])
        said = job.step(record.topic, record.partition, line, one)
        return one.profile, said

    def messages(keyed: tuple[str, Said]) -> list[KafkaSinkMessage]:
        said = keyed[1]
        changes = [KafkaSinkMessage(said.key, change, topic=run.changes) for change in said.changes]
        return [*changes, KafkaSinkMessage(said.key, said.enriched, topic=run.enriched)]

    flow = Dataflow("bench")
    records = op.input("records", flow, KafkaSource([run.bootstrap], SOURCES, tail=False, batch_size=2_000))
    said = op.stateful_map("fold", op.key_on("key", records, key_of), fold)
    op.output("say", op.flat_map("messages", said, messages), KafkaSink([run.bootstrap], None))
    snapshots = Path(run.scratch)
    snapshots.mkdir(parents=True)
    init_db_dir(snapshots, 1)
    run_main(flow, recovery_config=RecoveryConfig(snapshots))
    meter.mark()
    meter.report()


main()
