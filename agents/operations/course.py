"""In which order a partition was folded: `enriched-event` has one outcome a record, in that order."""

from array import array
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.operations.logs import merged, source_id, visible
from core.outcomes import RULES, TICK
from core.records import REPLAYED_HEADER, Source
from streams.kafka.topics import ENRICHED, SCORED

_ACCEPTED: Final = 0x80
TICKED: Final = 0x7F
ADOPTED: Final = 0x7E
_CHANGING: Final = ("accepted", "applied")
_CAUSES: Final = {TICK: TICKED, RULES: ADOPTED}


class _Outcome(msgspec.Struct):
    topic: str
    incarnation: str
    partition: int
    offset: int
    outcome: str


class _Event(msgspec.Struct):
    customer_key: str
    rules_version: int = 0


class _Enriched(msgspec.Struct):
    batch: int
    outcome: _Outcome | None = None
    event: _Event | None = None


_decode = msgspec.json.Decoder(_Enriched).decode


class Course(NamedTuple):
    """One step a record: the number of its topic in `SCORED`, and whether it was accepted.

    `versions` tells for each step which rules judged it, 0 where none did. `firsts` names the first record of each topic
    that the steps tell about: inputs may be kept for a longer time than `enriched-event` is. A step `TICKED` or `ADOPTED` is
    one of `unprompted`: key and instant of a profile that time or newer rules have changed; `since` is the second from which
    on they are told, 0 where that is the beginning.
    """

    steps: bytes
    versions: Sequence[int]
    firsts: dict[str, str]
    unprompted: list[tuple[str, int]]
    since: int


class Step(NamedTuple):
    """What may have changed a profile: `order` is the number of a topic, `TICKED` or `ADOPTED`."""

    order: int
    what: Any
    rules_version: int


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


class _Steps:
    """The steps, as `enriched-event` is read.

    Args:
        incarnations: Incarnation of every topic.
        heads: Id of the first record that is left of each topic.
    """

    def __init__(self, incarnations: dict[str, str], heads: dict[str, str | None]) -> None:
        self._incarnations = incarnations
        self._heads = heads
        self._begins = dict.fromkeys(range(len(SCORED)), 0)
        self._steps = bytearray()
        self._versions = array("I")
        self.firsts: dict[str, str] = {}
        self.unprompted: list[tuple[str, int]] = []

    def add(self, told: _Outcome, event: _Event | None) -> None:
        """Add what one record tells."""
        if told.topic in _CAUSES and event is not None:
            self._append(_CAUSES[told.topic], event)
            self.unprompted.append((event.customer_key, told.offset))
            return
        if told.incarnation != self._incarnations[told.topic]:
            return
        topic, id_ = SCORED.index(told.topic), f"{told.topic}:{told.incarnation}:{told.partition}:{told.offset}"
        if id_ == self._heads[told.topic]:  # what it told of this topic before is gone from the input
            self._begins[topic] = len(self._steps)
            self.firsts[told.topic] = id_
        self.firsts.setdefault(told.topic, id_)
        self._append(topic | (_ACCEPTED if told.outcome in _CHANGING else 0), event)

    def _append(self, step: int, event: _Event | None) -> None:
        self._steps.append(step)
        self._versions.append(0 if event is None else event.rules_version)

    def course(self, since: int) -> Course:
        """Return the steps that the inputs still have."""
        kept = [
            position
            for position, step in enumerate(self._steps)
            if step in _CAUSES.values() or position >= self._begins[step & ~_ACCEPTED]
        ]
        versions = array("I", (self._versions[position] for position in kept))
        return Course(bytes(self._steps[position] for position in kept), versions, self.firsts, self.unprompted, since)


async def read_course(log: AIOKafkaConsumer, number: int, incarnations: dict[str, str], tapes: Sequence[Tape]) -> Course:
    """Return the course of partition `number`, as far as both `enriched-event` and the inputs go back."""
    tp = TopicPartition(ENRICHED, number)
    steps = _Steps(incarnations, {tape.topic: await tape.head() for tape in tapes})
    since: int | None = None
    begin = (await log.beginning_offsets([tp]))[tp]
    async for records in visible(log, tp, begin):
        for record in records:
            enriched = _decode(record.value)
            since = enriched.batch if since is None else since
            if enriched.outcome is not None and REPLAYED_HEADER not in dict(record.headers):
                steps.add(enriched.outcome, enriched.event)
    return steps.course(since or 0 if begin else 0)


async def unfold(course: Course, tapes: Sequence[Tape], *, whole: bool) -> AsyncIterator[Step]:
    """Yield all that may have changed a profile, in that order.

    Args:
        course: The order; of its records, what was accepted is yielded.
        tapes: The records of each topic.
        whole: Whether what the course does not tell about comes first, by the broker's times, or is left out.
    """
    async for order, record in merged([tape.before(course.firsts.get(tape.topic)) for tape in tapes]):
        if whole:
            yield Step(order, record, 0)
    unprompted = iter(course.unprompted)
    for step, version in zip(course.steps, course.versions, strict=True):
        if step in _CAUSES.values():
            yield Step(step, next(unprompted), version)
            continue
        order = step & ~_ACCEPTED
        record = await tapes[order].following()
        if step & _ACCEPTED and record is not None:
            yield Step(order, record, version)
