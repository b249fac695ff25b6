"""confluent-kafka by hand: batches, profiles in a dict, a changelog record per changed key and batch, at least once."""

from confluent_kafka import Consumer, Producer

from bench.contender import Held, Job, Line, Meter, orders
from bench.events import SOURCES

BATCH = 2_000


def main() -> None:
    """Run the job."""
    run = orders()
    meter, job, profiles = Meter(run), Job(run), Held()
    consumer = Consumer(
        {
            "bootstrap.servers": run.bootstrap,
            "group.id": run.name,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "check.crcs": False,
        }
    )
    producer = Producer({"bootstrap.servers": run.bootstrap, "acks": "all"})
    consumer.subscribe(list(SOURCES))
    seen = 0
    while seen < run.events:
        messages = consumer.consume(BATCH, 0.2)
        if not messages:
            continue
        meter.begin()
        for message in messages:
            record = Line(message.offset(), message.key(), message.value(), message.timestamp()[1])
            partition = message.partition()
            said = job.step(message.topic(), partition, record, profiles)
            for change in said.changes:
                producer.produce(run.changes, change, said.key, partition)
            producer.produce(run.enriched, said.enriched, said.key, partition)
        for key, value in profiles.take_changed():
            producer.produce(run.changelog, value, key, partition=job.partition_of(key))
        producer.flush()
        consumer.commit(asynchronous=False)
        seen += len(messages)
    meter.mark()
    meter.report()
    consumer.close()


main()
