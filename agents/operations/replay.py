"""`warmth replay`: dead letters go back to their topics, each exactly once."""

import base64
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from agents.operations import OperationError
from agents.operations.logs import bar, log_reader, visible
from agents.settings import AllSettings
from core.documents import closing_marker
from core.records import OWN_HEADERS, REPLAYED_HEADER
from core.times import Micros
from schemas.reasons import ReasonCode
from schemas.registry import INPUT_TOPICS
from sinks.reading import Reader
from streams.kafka import transactions
from streams.kafka.admin import check_topics
from streams.kafka.partitions import partitioner
from streams.kafka.topics import CONTROL, ENRICHED, LARGEST_RECORD_BYTES
from streams.settings import StreamSettings
from streams.vault.encoder import Encoder
from streams.vault.vault import vault_of

_LEDGER: Final = b"replayed:"
_LOAD_STAGE: Final = "load"
_BATCH_LETTERS: Final = 500
_BATCH_BYTES: Final = 16 * 1024 * 1024
_LISTED = """
SELECT id, reason, length(value_base64), value_base64 IS NULL AND reason != {empty:String} FROM dead_letters_now
WHERE (empty({reasons:Array(String)}) OR reason IN {reasons:Array(String)})
    AND (empty({topics:Array(String)}) OR topic IN {topics:Array(String)})
    AND (empty({ids:Array(String)}) OR id IN {ids:Array(String)})
    AND toUnixTimestamp64Micro(rejected_at) BETWEEN {since:Int64} AND {until:Int64}
ORDER BY topic, incarnation, partition, offset
"""
_READ = """
SELECT id, topic, partition, stage, is_sealed, key_base64, value_base64,
    arrayMap(header -> header.1, headers), arrayMap(header -> header.2, headers)
FROM dead_letters_now WHERE id IN {ids:Array(String)} ORDER BY topic, incarnation, partition, offset
"""


class Wanted(NamedTuple):
    """Which dead letters; an empty list means all. Times are those of the rejection, both inclusive."""

    reasons: Sequence[str] = ()
    topics: Sequence[str] = ()
    ids: Sequence[str] = ()
    since: Micros = 0
    until: Micros = 1 << 62
    again: bool = False


@dataclass
class Selection:
    """What would be replayed: ids in order with their size, how many by reason, and what is left out.

    `unreadable` are letters whose key was destroyed; only a replay meets them.
    """

    letters: list[tuple[str, int]] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    replayed_before: int = 0
    too_large: int = 0
    unreadable: int = 0

    def batches(self) -> Iterator[list[str]]:
        """Yield ids in batches that fit into memory and into one transaction."""
        batch: list[str] = []
        size = 0
        for id_, length in self.letters:
            if batch and (len(batch) >= _BATCH_LETTERS or size + length > _BATCH_BYTES):
                yield batch
                batch, size = [], 0
            batch.append(id_)
            size += length
        if batch:
            yield batch


class Replayer:
    """Sends dead letters again. One transaction holds a batch and the note that it was sent, so nothing goes twice.

    A second replay ends the first one: both have the same transactional id. What was replayed is read only after that.

    Args:
        settings: Addresses.
    """

    def __init__(self, settings: AllSettings) -> None:
        self._settings = settings
        self._streams: StreamSettings = settings.streams
        self._partition_of = partitioner(settings.streams.partitions)
        self._vault = vault_of(settings.streams)
        self._encoder = Encoder.of(settings.streams)
        self._keyless = 0

    async def select(self, wanted: Wanted) -> Selection:
        """Return what is wanted and was not replayed yet."""
        await check_topics(self._streams.kafka_bootstrap, self._streams.partitions)
        async with log_reader(self._streams) as log:
            before = frozenset() if wanted.again else await _replayed(log)
        parameters = {
            "reasons": list(wanted.reasons),
            "topics": list(wanted.topics),
            "ids": list(wanted.ids),
            "since": wanted.since,
            "until": wanted.until,
            "empty": str(ReasonCode.EMPTY),
        }
        selection = Selection()
        with Reader(self._settings.sinks) as reader:
            for id_, reason, length, too_large in reader.rows(_LISTED, parameters):
                if id_ in before:
                    selection.replayed_before += 1
                elif too_large:
                    selection.too_large += 1
                else:
                    selection.letters.append((id_, length or 0))
                    selection.reasons[reason] += 1
        return selection

    async def replay(self, wanted: Wanted) -> Selection:
        """Send what is wanted; return what was sent."""
        transactions.install(lambda: transactions.NO_MEMBER)
        producer = AIOKafkaProducer(
            bootstrap_servers=self._streams.kafka_bootstrap,
            transactional_id="warmth-replay",
            acks="all",
            max_request_size=2 * LARGEST_RECORD_BYTES,
        )
        await producer.start()  # ends a replay that runs, and aborts what a killed one left open
        try:
            selection = await self.select(wanted)
            with bar("replaying", len(selection.letters)) as advance, Reader(self._settings.sinks) as reader:
                for ids in selection.batches():
                    selection.unreadable += await self._send(producer, reader.rows(_READ, {"ids": ids}))
                    advance(len(ids))
        except (AssertionError, KafkaError) as error:  # aiokafka asserts that a fenced producer is not used again
            raise OperationError(
                f"the replay was ended ({type(error).__name__}), perhaps by another one; run it again: nothing goes twice"
            ) from error
        finally:
            await producer.stop()
        return selection

    async def _send(self, producer: AIOKafkaProducer, letters: Sequence[Sequence[Any]]) -> int:
        """Send a batch; return how many of it nobody can read any more."""
        note = orjson.dumps({"at": time.time_ns() // 1_000_000})
        async with producer.transaction():
            flying, unreadable = [], 0
            for id_, *letter in letters:
                sent = await self._send_letter(producer, id_, letter)
                if sent is None:
                    unreadable += 1
                    continue
                flying.append(sent)
                flying.append(await producer.send(CONTROL, key=_LEDGER + id_.encode(), value=note, partition=0))
            marker = closing_marker(int(time.time()))  # without it, rows would wait until their partition speaks again
            loaded = {partition for _, _, partition, stage, *_ in letters if stage == _LOAD_STAGE}
            flying += [await producer.send(ENRICHED, value=marker, partition=partition) for partition in loaded]
            for sent in flying:
                await sent
        return unreadable

    async def _send_letter(self, producer: AIOKafkaProducer, id_: str, letter: Sequence[Any]) -> Any:
        topic, partition, stage, is_sealed, key_base64, value_base64, names, texts = letter
        read = self._opened if is_sealed else _bytes
        headers = [(name, read(text) or b"") for name, text in zip(names, texts, strict=True) if name not in OWN_HEADERS]
        headers.append((REPLAYED_HEADER, id_.encode()))
        key, value = read(key_base64), read(value_base64)
        if value is None and value_base64 is not None:
            return None
        if stage == _LOAD_STAGE:  # the row itself, as the scorer wrote it
            return await producer.send(ENRICHED, key=key, value=value, partition=partition, headers=headers)
        if value is not None and topic in INPUT_TOPICS:
            (record,) = self._encoder.encode(topic, [value]).records
            key, value = record.key or key, record.value
            headers += record.headers
        return await producer.send(topic, key=key, value=value, partition=self._partition(key), headers=headers)

    def _opened(self, text: str | None) -> bytes | None:
        sealed = _bytes(text)
        return None if sealed is None else self._vault.open(sealed)

    def _partition(self, key: bytes | None) -> int:
        if key is not None:
            return self._partition_of(key)
        self._keyless += 1
        return self._keyless % self._streams.partitions


async def _replayed(log: AIOKafkaConsumer) -> frozenset[str]:
    """Return the ids of the dead letters that were replayed."""
    tp = TopicPartition(CONTROL, 0)
    return frozenset(
        [
            bytes(record.key).removeprefix(_LEDGER).decode()
            async for records in visible(log, tp, (await log.beginning_offsets([tp]))[tp])
            for record in records
            if record.key is not None and bytes(record.key).startswith(_LEDGER)
        ]
    )


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)
