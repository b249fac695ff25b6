"""What a contender wrote, reduced to what every contender must write alike."""

from hashlib import blake2b
from typing import Any

import orjson
from confluent_kafka import Consumer, KafkaError, TopicPartition

from bench.contender import Run
from bench.stack import PARTITIONS, BenchError
from streams.kafka import topics

_EVENT_OWN = ("loaded_at",)
_CHANGE_OWN = ("emitted_at",)
_SEQ = (1 << 32) - 1
"""The part of `seq` that does not tell the generation of the group."""

Outputs = dict[str, bytes]
"""Digest of each output by its id."""


def outputs_of(bootstrap: str, enriched: str, changes: str) -> Outputs:
    """Return what stands on the two topics, without times of processing and generations.

    Raises:
        BenchError: An output stands there twice.
    """
    found: Outputs = {}
    for value in read(bootstrap, enriched):
        document = orjson.loads(value)
        if "event" not in document:
            continue  # a closing marker
        where = document["outcome"]
        stem = f"{where['topic']}:{where['partition']}:{where['offset']}"
        for change in document.get("score_changes", ()):
            _keep(found, f"row of change {change['id']}", _reduced(change, _CHANGE_OWN))
        _keep(found, f"event {stem}", _reduced(document["event"], _EVENT_OWN))
        _keep(found, f"outcome {stem}", _reduced(where, _EVENT_OWN))
    for value in read(bootstrap, changes):
        change = orjson.loads(value)
        _keep(found, f"change {change['id']}", _reduced(change, _CHANGE_OWN))
    return found


def ours(bootstrap: str) -> Outputs:
    """Return the scorer's outputs."""
    return outputs_of(bootstrap, topics.ENRICHED, topics.SCORE_CHANGES)


def compare(run: Run, expected: Outputs) -> int:
    """Return the number of outputs of a peer, all of them as ours.

    Raises:
        BenchError: They differ; the message names the first one.
    """
    found = outputs_of(run.bootstrap, run.enriched, run.changes)
    refuse_differing(run.name, found, expected)
    return len(found)


def refuse_differing(name: str, found: Outputs, expected: Outputs) -> None:
    """Raise where `found` is not what is expected.

    Raises:
        BenchError: They differ; the message names the first one.
    """
    differing = [key for key in sorted(expected.keys() | found.keys()) if expected.get(key) != found.get(key)]
    if differing:
        first = differing[0]
        how = "is missing" if first not in found else "should not be" if first not in expected else "is another"
        raise BenchError(f"{name}: {len(differing)} of {len(expected)} outputs differ from ours: {first} {how}")


def _keep(found: Outputs, key: str, document: dict[str, Any]) -> None:
    if key in found:
        raise BenchError(f"{key} was written twice")
    found[key] = blake2b(orjson.dumps(document, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()


def _reduced(document: dict[str, Any], own: tuple[str, ...]) -> dict[str, Any]:
    for name in own:
        document.pop(name)
    if "seq" in document:
        document["seq"] &= _SEQ
    return document


def read(bootstrap: str, topic: str) -> list[bytes]:
    """Return every committed value of a topic."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "bench-reader",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    consumer.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
    values: list[bytes] = []
    waiting = PARTITIONS
    while waiting:
        for message in consumer.consume(5_000, 1.0):
            error = message.error()
            if error is None:
                values.append(message.value())
            elif error.code() == KafkaError._PARTITION_EOF:
                waiting -= 1
            else:
                raise BenchError(f"{topic}: {error}")
    consumer.close()
    return values
