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

    `firsts` names the first record of each topic that the steps tell about: inputs may be kept for a longer time than
    `enriched-event` is.
    """

    steps: bytes
    firsts: dict[str, str]


class Tape:
    """The records of one topic, in order.

    Args:
        records: All of them.
        source: Where they come from.
    """

    def __init__(self, records: AsyncIterator[Any], source: Source) -> None:
        self.topic = source.topic
        self._records = records
        self._source = source
        self._held: Any = None

    async def following(self) -> Any:
        """Return the next record, or None where there is no more."""
        held, self._held = self._held, None
        return held or await anext(self._records, None)

    async def head(self) -> str | None:
        """Return the id of the next record, which stays the next."""
        self._held = await self.following()
        return None if self._held is None else source_id(self._held, self._source)

    async def before(self, first: str | None) -> AsyncIterator[Any]:
        """Yield what comes before the record with id `first`."""
        while (head := await self.head()) is not None and head != first:
            yield await self.following()


async def read_course(log: AIOKafkaConsumer, number: int, incarnations: dict[str, str], tapes: Sequence[Tape]) -> Course:
    """Return the course of partition `number`, as far as both `enriched-event` and the inputs go back."""
    tp = TopicPartition(ENRICHED, number)
    heads = {tape.topic: await tape.head() for tape in tapes}
    begins = dict.fromkeys(range(len(SCORED)), 0)
    steps = bytearray()
    firsts: dict[str, str] = {}
    async for records in visible(log, tp, (await log.beginning_offsets([tp]))[tp]):
        for record in records:
            told = _decode(record.value).outcome
            if told is None or told.incarnation != incarnations[told.topic] or REPLAYED_HEADER in dict(record.headers):
                continue
            topic, id_ = SCORED.index(told.topic), f"{told.topic}:{told.incarnation}:{told.partition}:{told.offset}"
            if id_ == heads[told.topic]:  # what it told of this topic before is gone from the input
                begins[topic] = len(steps)
                firsts[told.topic] = id_
            firsts.setdefault(told.topic, id_)
            steps.append(topic | (_ACCEPTED if told.outcome == "accepted" else 0))
    kept = (step for position, step in enumerate(steps) if position >= begins[step & ~_ACCEPTED])
    return Course(bytes(kept), firsts)


async def unfold(course: Course, tapes: Sequence[Tape], *, whole: bool) -> AsyncIterator[tuple[int, Any]]:
    """Yield topic number and record of all that may have changed a profile, in the order in which it did.

    Args:
        course: The order; of its records, what was accepted is yielded.
        tapes: The records of each topic.
        whole: Whether what the course does not tell about comes first, by the broker's times, or is left out.
    """
    async for order, record in merged([tape.before(course.firsts.get(tape.topic)) for tape in tapes]):
        if whole:
            yield order, record
    for step in course.steps:
        order = step & ~_ACCEPTED
        record = await tapes[order].following()
        if step & _ACCEPTED and record is not None:
            yield order, record
