"""In which order a partition was folded: `enriched-event` has one outcome a record, in that order."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.operations.logs import merged, source_id, visible
from agents.operations.replay import REPLAYED_HEADER
from core.journey import Source
from streams.kafka.topics import ENRICHED, SCORED

_ACCEPTED: Final = 0x80


class _Outcome(msgspec.Struct):
    topic: str
    incarnation: str
    partition: int
    offset: int
    outcome: str


class _Enriched(msgspec.Struct):
    outcome: _Outcome | None = None


_decode = msgspec.json.Decoder(_Enriched).decode


class Course(NamedTuple):
    """One step a record: the number of its topic in `SCORED`, and whether it was accepted.

    `firsts` names the first record of each topic that the steps tell about: `enriched-event` is kept for a shorter time
    than inputs are.
    """

    steps: bytes
    firsts: dict[str, str]


async def read_course(log: AIOKafkaConsumer, number: int, incarnations: dict[str, str]) -> Course:
    """Return the course of partition `number`, as far as `enriched-event` goes back."""
    tp = TopicPartition(ENRICHED, number)
    steps = bytearray()
    firsts: dict[str, str] = {}
    async for records in visible(log, tp, (await log.beginning_offsets([tp]))[tp]):
        for record in records:
            told = _decode(record.value).outcome
            if told is None or told.incarnation != incarnations[told.topic] or REPLAYED_HEADER in dict(record.headers):
                continue
            firsts.setdefault(told.topic, f"{told.topic}:{told.incarnation}:{told.partition}:{told.offset}")
            steps.append(SCORED.index(told.topic) | (_ACCEPTED if told.outcome == "accepted" else 0))
    return Course(bytes(steps), firsts)


class Tape:
    """The records of one topic, up to the first that a course tells about, and from there on.

    Args:
        records: All of them, in order.
        source: Where they come from.
        first: Id of the first record that the course tells about.
    """

    def __init__(self, records: AsyncIterator[Any], source: Source, first: str | None) -> None:
        self._records = records
        self._source = source
        self._first = first
        self._held: Any = None

    async def before(self) -> AsyncIterator[Any]:
        """Yield what the course does not tell about."""
        if self._held is not None:
            return
        async for record in self._records:
            if source_id(record, self._source) == self._first:
                self._held = record
                return
            yield record

    async def skip(self) -> None:
        """Leave out what the course does not tell about."""
        async for _ in self.before():
            pass

    async def following(self) -> Any:
        """Return the next record, or None where there is no more."""
        held, self._held = self._held, None
        return held or await anext(self._records, None)


async def unfold(course: Course, tapes: Sequence[Tape]) -> AsyncIterator[tuple[int, Any]]:
    """Yield topic number and record of all that may have changed a profile, in the order in which it did.

    What the course does not tell about comes first, by the broker's times; of the rest, what was accepted.
    """
    async for order, record in merged([tape.before() for tape in tapes]):
        yield order, record
    for step in course.steps:
        order = step & ~_ACCEPTED
        record = await tapes[order].following()
        if step & _ACCEPTED and record is not None:
            yield order, record
