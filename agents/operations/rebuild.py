"""`warmth rebuild`: a lost or damaged changelog is written anew, while no scorer runs."""

import asyncio
import time
from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack
from enum import StrEnum
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from agents.operations import OperationError
from agents.operations.course import ADOPTED, TICKED, Step, Tape, read_course, unfold
from agents.operations.extents import of_present_topics, read_commits
from agents.operations.logs import Advance, bar, each_record, log_reader, visible
from agents.operations.membership import Membership, only_member
from agents.operations.past import Past, read_past
from agents.settings import AllSettings
from core import state
from core.moment import Moment
from core.records import Source
from core.scoring import let_pass, next_due, rejudge
from core.times import SECOND, Micros
from sinks.reading import Reader
from streams.kafka import transactions
from streams.kafka.admin import check_topics
from streams.kafka.commits import note
from streams.kafka.tail import settled_tails
from streams.kafka.topics import CHANGELOG, ENRICHED, LARGEST_RECORD_BYTES, SCORED, SCORER, SEQ_HEADER
from streams.profiles import Partition

_ENCODED_EVERY: Final = 20_000
_TURN: Final = 500
"""Records folded between two awaits, so that heartbeats get their turn."""
_BATCH_BYTES: Final = 512_000
_TRANSACTION_RECORDS: Final = 20_000
_TRANSACTION_TIMEOUT_MS: Final = 60_000
_Row = tuple[bytes, bytes | None, list[tuple[str, bytes]]]
"""Key, value and headers of a record in the changelog."""
_BASE = """
SELECT customer_key, state FROM profiles_kept
WHERE kafkaMurmurHash(customer_key) % {partitions:UInt32} = {partition:UInt32}
"""


class Base(StrEnum):
    """What profiles are rebuilt from."""

    TOPICS = "topics"
    CLICKHOUSE = "clickhouse"


class Rebuilt(NamedTuple):
    """Profiles written, keys removed that no record explains, records folded."""

    profiles: int
    removed: int
    records: int

    def __add__(self, other: "Rebuilt") -> "Rebuilt":  # type: ignore[override]  # sums, not one tuple after another
        """Return the sums."""
        return Rebuilt(*map(sum, zip(self, other, strict=True)))


async def rebuild(settings: AllSettings, base: Base) -> Rebuilt:
    """Write the changelog anew: of every profile, what the scorers had folded up to their commits.

    Nothing leaves on score-change or enriched-event. A run that was cut short is mended by the next one.

    Raises:
        OperationError: A scorer runs, or the topics do not go back to their first record.
    """
    streams = settings.streams
    if not streams.broker_isolates:  # and it never lets a member of a group go
        raise OperationError(
            "the embedded broker keeps nothing that could be mended: `warmth down` and `warmth up` rebuild the profiles "
            "from ClickHouse"
        )
    incarnations = await check_topics(streams.kafka_bootstrap, streams.partitions)
    transactions.install(lambda: transactions.NO_MEMBER)
    async with AsyncExitStack() as stack:
        member = await stack.enter_async_context(only_member(streams))
        logs = {topic: await stack.enter_async_context(log_reader(streams)) for topic in (*SCORED, CHANGELOG, ENRICHED)}
        commits = of_present_topics(await read_commits(streams, SCORER, SCORED), incarnations)
        if base is Base.TOPICS:
            await _refuse_cut_logs(commits, logs[CHANGELOG])
        producer = AIOKafkaProducer(
            bootstrap_servers=streams.kafka_bootstrap,
            transactional_id="warmth-rebuild",
            transaction_timeout_ms=_TRANSACTION_TIMEOUT_MS,
            acks="all",
            max_batch_size=_BATCH_BYTES,
            max_request_size=2 * LARGEST_RECORD_BYTES,
        )
        await producer.start()
        stack.push_async_callback(producer.stop)
        past = await read_past(streams)
        rebuilder = Rebuilder(settings, past, base, incarnations, member, producer)
        total = Rebuilt(0, 0, 0)
        with bar("rebuilding", sum(commit.offset for commit in commits.values())) as advance:
            for number in range(streams.partitions):
                folded = {tp: commit for tp, commit in commits.items() if tp.partition == number}
                total += await rebuilder.rebuild(number, folded, logs, advance)
    return total


async def _refuse_cut_logs(commits: dict[TopicPartition, OffsetAndMetadata], log: AIOKafkaConsumer) -> None:
    """Refuse where records that were folded are gone, or nothing was."""
    folded = [tp for tp, commit in commits.items() if commit.offset > 0]
    if not folded:
        raise OperationError("the scorers have committed nothing: there is nothing to rebuild from the topics")
    for tp, first in (await log.beginning_offsets(folded)).items():
        if first > 0:
            raise OperationError(
                f"{tp.topic}, partition {tp.partition} begins at offset {first}: earlier records are gone; "
                "use `warmth rebuild --from clickhouse`"
            )


class Rebuilder:
    """Rebuilds one partition after another.

    Args:
        settings: Addresses.
        past: The rules that judged, by their versions.
        base: What profiles are rebuilt from.
        incarnations: Incarnation of every topic.
        member: The only membership of the scorers' group.
        producer: Transactional, started.
    """

    def __init__(  # one of each
        self,
        settings: AllSettings,
        past: Past,
        base: Base,
        incarnations: dict[str, str],
        member: Membership,
        producer: AIOKafkaProducer,
    ) -> None:
        self._past = past
        self._rules = past.present.rules
        self._settings = settings
        self._base = base
        self._incarnations = incarnations
        self._member = member
        self._producer = producer

    async def rebuild(
        self,
        number: int,
        commits: dict[TopicPartition, OffsetAndMetadata],
        logs: dict[str, AIOKafkaConsumer],
        advance: Advance,
    ) -> Rebuilt:
        """Rebuild partition `number` up to its `commits`, and note beside them where its changelog ends now."""
        tp = TopicPartition(CHANGELOG, number)
        stale, highest = await _known(logs[CHANGELOG], tp)
        floor = max(self._member.generation << 32, highest + 1)
        held = Partition(self._settings.streams.warm_profiles, lambda profile: next_due(profile, self._rules))
        if self._base is Base.CLICKHOUSE:
            held.rows.update(self._from_clickhouse(number, floor))
        ends = {known.topic: commit.offset for known, commit in commits.items()}
        records = await self._fold(held, number, ends, logs, floor)
        advance(sum(ends.values()))
        removed = stale - held.rows.keys()
        rows: list[_Row] = [(key.encode(), row, []) for key, row in held.rows.items()]
        gone: list[_Row] = [(key.encode(), None, [(SEQ_HEADER, b"%d" % floor)]) for key in removed]
        await self._write(tp, [*rows, *gone])
        await self._note(commits, (await settled_tails(logs[CHANGELOG], [tp]))[tp].next_offset)
        return Rebuilt(len(rows), len(removed), records)

    def _from_clickhouse(self, number: int, floor: int) -> Iterator[tuple[str, bytes]]:
        """Yield the profiles that ClickHouse keeps, above every `seq` so far; what they have applied of lost topics goes."""
        present = {f"{topic}:{incarnation}" for topic, incarnation in self._incarnations.items()}
        parameters = {"partitions": self._settings.streams.partitions, "partition": number}
        with Reader(self._settings.sinks) as reader:
            rows = reader.rows(_BASE, parameters)
        for key, row in rows:
            profile = state.decode(row.encode())
            profile.seq = max(profile.seq + 1, floor)
            profile.applied = {
                stem: offset for stem, offset in profile.applied.items() if stem.rpartition(":")[0] in present
            }
            yield key, state.encode(profile)

    async def _fold(
        self, held: Partition, number: int, ends: dict[str, int], logs: dict[str, AIOKafkaConsumer], floor: int
    ) -> int:
        """Fold records up to `ends` into `held`; what they say is left unsaid. Return their number.

        What ClickHouse has is as old as `enriched-event` goes back, or younger: only what that tells about is folded on.
        """
        moment = Moment(time.time_ns() // 1000, 0, floor)
        sources = [Source(topic, self._incarnations[topic], number) for topic in SCORED]
        tapes = [
            Tape(
                each_record(visible(logs[source.topic], TopicPartition(source.topic, number), 0, ends.get(source.topic, 0))),
                source,
            )
            for source in sources
        ]
        course = await read_course(logs[ENRICHED], number, self._incarnations, tapes)
        count = 0
        async for step in unfold(course, tapes, whole=self._base is Base.TOPICS):
            if step.order in (TICKED, ADOPTED):
                self._pass(held, step)
            else:
                judged = self._past.at(step.rules_version)
                judged.journeys[step.order].advance(sources[step.order], step.what, judged.over(held), moment)
            count += 1
            if count % _TURN == 0:
                await asyncio.sleep(0)
            if count % _ENCODED_EVERY == 0:
                _encode(held)
        _encode(held)
        self._carry_on(held, course.since * SECOND)
        return count

    def _pass(self, held: Partition, step: Step) -> None:
        """Let time pass in one profile, or newer rules judge it, as they had; what that says was said."""
        key, instant = step.what
        profile, rules = held.get(key), self._past.at(step.rules_version).rules
        has_passed = self._base is Base.CLICKHOUSE and profile is not None and profile.told_at >= instant
        if profile is not None and not has_passed:
            if step.order == TICKED:
                let_pass(profile, rules, instant)
            else:
                rejudge(profile, rules, instant)
            held.put(key, profile)

    def _carry_on(self, held: Partition, until: Micros) -> None:
        """Let time pass up to where the log begins to tell how it did; what that says was said, and is left unsaid."""
        while taken := held.take_due(until, _ENCODED_EVERY):
            for due, key, profile in taken:
                let_pass(profile, self._rules, due)
                held.put(key, profile)
            _encode(held)

    async def _write(self, tp: TopicPartition, records: list[_Row]) -> None:
        for start in range(0, len(records), _TRANSACTION_RECORDS):
            async with self._producer.transaction():
                for builder in self._batches(records[start : start + _TRANSACTION_RECORDS]):
                    await (await self._producer.send_batch(builder, tp.topic, partition=tp.partition))

    def _batches(self, records: Iterable[_Row]) -> Iterator[Any]:
        builder = self._producer.create_batch()
        for key, value, headers in records:
            if builder.append(timestamp=None, key=key, value=value, headers=headers) is None:
                yield builder
                builder = self._producer.create_batch()
                builder.append(timestamp=None, key=key, value=value, headers=headers)
        yield builder

    async def _note(self, commits: dict[TopicPartition, OffsetAndMetadata], changelog_next: int) -> None:
        """Commit the same offsets again, beside them the changelog that now belongs to them."""
        changelog = self._incarnations[CHANGELOG]
        offsets = {
            tp: OffsetAndMetadata(commit.offset, note(self._incarnations[tp.topic], changelog, changelog_next))
            for tp, commit in commits.items()
        }
        if offsets:
            await self._member.commit(offsets)


def _encode(held: Partition) -> None:
    """Let `held` rest: decoded profiles take several times the memory."""
    for _ in held.take_changed():
        pass


async def _known(log: AIOKafkaConsumer, tp: TopicPartition) -> tuple[set[str], int]:
    """Return the keys that a changelog still holds, and its highest `seq`."""
    keys: set[str] = set()
    highest = 0
    async for records in visible(log, tp, (await log.beginning_offsets([tp]))[tp]):
        for record in records:
            key = bytes(record.key).decode()
            if record.value is None:
                keys.discard(key)
            else:
                keys.add(key)
                highest = max(highest, state.seq_of(record.value))
    return keys, highest
