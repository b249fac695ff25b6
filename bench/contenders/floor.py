"""The floor: fetch, decode the JSON, count in a dict. No contract, no rules, no outputs."""

import asyncio

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from bench.contender import Meter, orders
from bench.events import SOURCES


async def _read() -> None:
    run = orders()
    meter = Meter(run)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=run.bootstrap, max_partition_fetch_bytes=4 << 20, check_crcs=False, enable_auto_commit=False
    )
    await consumer.start()
    consumer.assign([TopicPartition(topic, number) for topic in SOURCES for number in range(run.partitions)])
    await consumer.seek_to_beginning()
    seen, customers = 0, dict[str, int]()
    while seen < run.events:
        for records in (await consumer.getmany(timeout_ms=500, max_records=4_000)).values():
            meter.begin()
            seen += len(records)
            for record in records:
                key = orjson.loads(record.value)["customer_id"]
                customers[key] = customers.get(key, 0) + 1
    meter.mark()
    meter.report()
    await consumer.stop()


asyncio.run(_read())
