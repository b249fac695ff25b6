"""Conservation: every source record has one final outcome, and what the outcome says is there."""

from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.operations.extents import Extents
from agents.operations.findings import Check, Finding
from agents.operations.logs import source_id, visible
from core.records import Source
from sinks.reading import Reader

WINDOW: Final = 100_000
"""Offsets whose counts and sums are compared at once; only where they differ is looked closer."""

_OUTCOMES = """
SELECT partition, intDiv(offset, {window:UInt64}),
    countIf(outcome != 'forwarded' AND offset >= {firsts:Array(UInt64)}[partition + 1]),
    groupBitmapIf(offset, outcome != 'forwarded' AND offset >= {firsts:Array(UInt64)}[partition + 1]),
    (countIf(outcome = 'accepted'), sumIf(sipHash64(offset), outcome = 'accepted')),
    (countIf(outcome = 'rejected'), sumIf(sipHash64(offset), outcome = 'rejected'))
FROM outcomes
WHERE topic = {topic:String} AND incarnation = {incarnation:String}
    AND offset >= {starts:Array(UInt64)}[partition + 1] AND offset < {ends:Array(UInt64)}[partition + 1]
GROUP BY ALL
"""
_EVENTS = """
SELECT _partition, intDiv(_offset, {window:UInt64}), (count(), sum(sipHash64(_offset))) FROM events
WHERE _topic = {topic:String} AND _incarnation = {incarnation:String}
    AND _offset >= {starts:Array(UInt64)}[_partition + 1] AND _offset < {ends:Array(UInt64)}[_partition + 1]
GROUP BY ALL
"""
_LETTERS = """
SELECT partition, intDiv(offset, {window:UInt64}), (count(), sum(sipHash64(offset))) FROM dead_letters_now
WHERE topic = {topic:String} AND incarnation = {incarnation:String}
    AND offset >= {starts:Array(UInt64)}[partition + 1] AND offset < {ends:Array(UInt64)}[partition + 1]
GROUP BY ALL
"""
_NEAR: Final = {
    "outcomes": """
        SELECT offset, countIf(outcome = 'forwarded'), countIf(outcome != 'forwarded'),
            countIf(outcome = 'accepted'), countIf(outcome = 'rejected')
        FROM outcomes
        WHERE topic = {topic:String} AND incarnation = {incarnation:String} AND partition = {partition:UInt32}
            AND offset >= {start:UInt64} AND offset < {end:UInt64}
        GROUP BY offset
    """,
    "events": """
        SELECT _offset, count() FROM events
        WHERE _topic = {topic:String} AND _incarnation = {incarnation:String} AND _partition = {partition:UInt32}
            AND _offset >= {start:UInt64} AND _offset < {end:UInt64}
        GROUP BY _offset
    """,
    "letters": """
        SELECT offset, count() FROM dead_letters_now
        WHERE topic = {topic:String} AND incarnation = {incarnation:String} AND partition = {partition:UInt32}
            AND offset >= {start:UInt64} AND offset < {end:UInt64}
        GROUP BY offset
    """,
}


class Counted(NamedTuple):
    """How often one source record stands where. `in_log` is None where the log was not asked."""

    in_log: bool | None = None
    forwarded: int = 0
    final: int = 0
    accepted: int = 0
    rejected: int = 0
    events: int = 0
    letters: int = 0


def wrong(counted: Counted, *, lagging: bool) -> str | None:
    """Return what is wrong with a record, or None.

    Args:
        counted: How often it stands where.
        lagging: Whether a forwarded record may still be on its way.
    """
    if not counted.final:
        return _unended(counted, lagging=lagging)
    if counted.final > 1:
        return f"{counted.final} outcomes"
    if counted.in_log is False:
        return "an outcome without a record"
    if counted.events != counted.accepted:
        rows = f"{counted.events} event rows" if counted.events else "no event row"
        return f"accepted, but {rows}" if counted.accepted else "an event row, but the outcome is not accepted"
    if counted.letters != counted.rejected:
        return "rejected, but no dead letter" if counted.rejected else "a dead letter, but the outcome is not rejected"
    return None


def _unended(counted: Counted, *, lagging: bool) -> str | None:
    if lagging and counted.forwarded:
        return None
    if counted.events:
        return "an event row without an outcome"
    if counted.letters:
        return "a dead letter without an outcome"
    if counted.in_log:
        return "forwarded, but no final outcome" if counted.forwarded else "no outcome"
    return None


class _Window(NamedTuple):
    """Counts of one window: final outcomes that the log may still hold, and pairs that must be equal."""

    final: int = 0
    distinct: int = 0
    accepted: tuple[int, int] = (0, 0)
    rejected: tuple[int, int] = (0, 0)
    events: tuple[int, int] = (0, 0)
    letters: tuple[int, int] = (0, 0)


class Conservation:
    """Compares the records of one topic with their outcomes, events and dead letters.

    Args:
        topic: An input topic.
        extents: What is compared.
        reader: ClickHouse.
        log: Kafka; read only where the counts differ.
    """

    def __init__(self, topic: str, extents: Extents, reader: Reader, log: AIOKafkaConsumer) -> None:
        self._topic = topic
        self._extents = extents
        self._firsts, self._ends = extents.firsts[topic], extents.ends[topic]
        self._starts = self._firsts if extents.rows_kept_days else [0] * len(self._firsts)  # what is older may be gone
        self._reader = reader
        self._log = log
        self._parameters: dict[str, Any] = {"topic": topic, "incarnation": extents.incarnations[topic]}

    async def check(self) -> Check:
        """Return the first record that disagrees."""
        windows = self._windows()
        compared = sum(window.final for window in windows.values())
        for (partition, number), window in sorted(windows.items()):
            in_log = not self._is_whole(partition, number, window)
            if in_log or window.accepted != window.events or window.rejected != window.letters:
                finding = await self._look_closer(partition, number, in_log=in_log)
                if finding is not None:
                    return Check(f"conservation of {self._topic}", compared, finding)
        return Check(f"conservation of {self._topic}", compared)

    def _windows(self) -> dict[tuple[int, int], _Window]:
        parameters = {
            **self._parameters, "window": WINDOW, "firsts": self._firsts, "starts": self._starts, "ends": self._ends,
        }  # fmt: skip
        windows = {
            (partition, number): _Window()
            for partition, (first, end) in enumerate(zip(self._firsts, self._ends, strict=True))
            for number in range(first // WINDOW, -(-end // WINDOW))
            if first < end
        }
        for partition, number, *counts in self._reader.rows(_OUTCOMES, parameters):
            final, distinct, accepted, rejected = counts
            windows[partition, number] = _Window(final, distinct, tuple(accepted), tuple(rejected))
        for sql, column in ((_EVENTS, "events"), (_LETTERS, "letters")):
            for partition, number, counts in self._reader.rows(sql, parameters):
                place = (partition, number)
                pair: dict[str, Any] = {column: tuple(counts)}
                windows[place] = windows.get(place, _Window())._replace(**pair)
        return windows

    def _span(self, partition: int, number: int) -> tuple[int, int]:
        """Return the offsets of a window that the log may hold."""
        start, end = number * WINDOW, (number + 1) * WINDOW
        return max(start, self._firsts[partition]), min(end, self._ends[partition])

    def _is_whole(self, partition: int, number: int, window: _Window) -> bool:
        """Tell whether every offset has exactly one final outcome: then every record has."""
        start, end = self._span(partition, number)
        return max(0, end - start) == window.final == window.distinct

    async def _look_closer(self, partition: int, number: int, *, in_log: bool) -> Finding | None:
        start, end = max(number * WINDOW, self._starts[partition]), min((number + 1) * WINDOW, self._ends[partition])
        parameters = {**self._parameters, "partition": partition, "start": start, "end": end}
        found = {name: self._reader.rows(sql, parameters) for name, sql in _NEAR.items()}
        counted: dict[int, Counted] = {}
        for offset, forwarded, final, accepted, rejected in found["outcomes"]:
            counted[offset] = Counted(None, forwarded, final, accepted, rejected)
        for name in ("events", "letters"):
            for offset, count in found[name]:
                counted[offset] = counted.get(offset, Counted())._replace(**{name: count})
        if in_log:
            await self._ask_the_log(partition, number, counted)
        for offset in sorted(counted):
            what = wrong(counted[offset], lagging=self._extents.lagging)
            if what is not None:
                return Finding(self._topic, partition, offset, what)
        return None

    async def _ask_the_log(self, partition: int, number: int, counted: dict[int, Counted]) -> None:
        """Note for every offset of a window whether it is a source record: markers and forwarded copies are none."""
        start, end = self._span(partition, number)
        for offset, known in counted.items():
            if start <= offset < end:
                counted[offset] = known._replace(in_log=False)
        source = Source(self._topic, self._extents.incarnations[self._topic], partition)
        async for records in visible(self._log, TopicPartition(self._topic, partition), start, end):
            for record in records:
                if source_id(record, source) == f"{':'.join(map(str, source))}:{record.offset}":
                    counted[record.offset] = counted.get(record.offset, Counted())._replace(in_log=True)
