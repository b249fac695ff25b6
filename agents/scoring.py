"""The thin shell around `core.journey`: slices in, profiles changed, outputs added to the epoch."""

import asyncio
import time
from collections.abc import Iterable, Iterator
from typing import Any, Final

from faust.types import TP

from agents.rulebook import Rulebook
from core import documents
from core.adopting import adopt
from core.command_journey import journeys
from core.commands import Command, encode as encode_command
from core.moment import Moment
from core.outcomes import (
    RULES,
    Accepted,
    Applied,
    Coordinate,
    Dropped,
    Forwarded,
    Outcome,
    Rejected,
    Replayed,
    Said,
    Unprompted,
)
from core.records import Source, forward_headers
from core.rules import CompiledRules
from core.scoring import next_due
from core.state import State
from core.ticking import tick
from core.times import Micros
from streams import metrics
from streams.epochs import Epochs
from streams.exits import leave
from streams.kafka.compacted import Entry
from streams.kafka.topics import AUDIENCE, COMMANDS, DEAD_LETTERS, ENRICHED, SCORE_CHANGES, SEGMENT_CHANGES
from streams.profiles import ProfilesTable
from streams.slices import Slice

CHUNK: Final = 100
"""Records folded between two awaits, so that heartbeats and commits get their turn."""

_LONGEST_KEY_BYTES: Final = 1_000


class Scoring:
    """Advances slices of every input topic.

    Args:
        profiles: The table.
        book: The rules and parameters that hold.
        incarnations: Incarnation of every input topic.
        sealer: Seals what dead letters carry.
    """

    def __init__(
        self, profiles: ProfilesTable, book: Rulebook, incarnations: dict[str, str], sealer: documents.Sealer
    ) -> None:
        self._profiles = profiles
        self._epochs: Epochs = profiles.epochs
        self._incarnations = incarnations
        self._book = book
        self._sealer = sealer
        self._closed: set[int] = set()
        self._passed: dict[int, Micros] = {}
        self._epochs.on_revoked += [self._closed.clear, self._passed.clear]
        self._judge_by_present()
        profiles.next_due = lambda state: next_due(state, self._rules)

    def take(self, entry: Entry) -> None:
        """Judge by what was published from now on: every profile before anything else happens to it."""
        if self._book.take(entry):
            self._judge_by_present()

    def _judge_by_present(self) -> None:
        rules, settings = self._book.present
        self._rules = rules
        self._partition_of = settings.partition_of
        self._journeys = journeys(self._incarnations, rules, settings)
        metrics.RULES_VERSION.set(rules.version)

    async def advance(self, slice_: Slice) -> None:
        """Fold `slice_`, in parts; an exception ends the process before anything of it is committed."""
        for chunk in slice_.chunks(CHUNK):
            await self._epochs.room()
            try:
                self._fold(chunk)
            except Exception as error:  # Faust would acknowledge the slice and go on
                leave(f"a record of {chunk.tp.topic} could not be folded", error)
            self._epochs.folded(chunk)
            await asyncio.sleep(0)

    def _fold(self, chunk: Slice) -> None:
        topic, partition = chunk.tp
        source = Source(topic, self._incarnations[topic], partition)
        moment = self._moment(partition)
        profiles = self._profiles.partition(partition)
        self._closed.discard(partition)
        advance = self._journeys[topic].advance
        for record in chunk.records:
            outcome, at = advance(source, record, profiles, moment)
            self._emit(outcome, at, record, partition, moment)
        metrics.FOLDED.labels(topic).inc(len(chunk.records))

    def carry_on(self, partition: int, now: Micros, most: int) -> int:
        """Let time pass up to `now` for at most `most` profiles of a partition; return for how many.

        A profile is due again only once it was encoded, so none comes twice before its epoch closes.
        """
        self._passed[partition] = now
        profiles = self._profiles.partition(partition)
        taken = profiles.take_due(now, most)
        if not taken:
            return 0
        moment = self._moment(partition)
        for due, key, state in taken:
            profiles.put(key, state)
            if not state.is_left_alone:  # blocked since it was encoded
                self._bring_up_to_date(key, state, moment, partition)
                self._say_unprompted(tick(key, state, due, self._rules, moment), partition, moment)
        metrics.TICKS.inc(len(taken))
        self._epochs.said(len(taken))
        return len(taken)

    @property
    def rules(self) -> CompiledRules:
        """The rules that hold."""
        return self._rules

    @property
    def judgement(self) -> str:
        """What tells the present rules and parameters from others."""
        return self._rules.judgement

    def knows_time_of(self, partition: int) -> bool:
        """Tell whether it is known how far time has passed in a partition: newer rules judge for that instant."""
        return partition in self._passed

    def keys(self, partition: int) -> list[str]:
        """Return the keys of all profiles of a partition."""
        return self._profiles.partition(partition).keys()

    def unjudged(self, partition: int, keys: Iterable[str]) -> Iterator[str]:
        """Yield the keys of profiles that were not judged by the present rules."""
        profiles, judgement = self._profiles.partition(partition), self.judgement
        return (key for key in keys if not profiles.is_judged_by(key, judgement))

    def adopt(self, partition: int, keys: list[str]) -> None:
        """Judge profiles of a partition by the present rules."""
        profiles = self._profiles.partition(partition)
        moment = self._moment(partition)
        for key in keys:
            state = profiles.get(key)
            if state is not None and self._bring_up_to_date(key, state, moment, partition):
                profiles.put(key, state)
        self._epochs.said(len(keys))

    def _bring_up_to_date(self, key: str, state: State, moment: Moment, partition: int) -> bool:
        """Judge a profile by the present rules, unless it was; return whether that has changed it."""
        if state.judged_by == self._rules.judgement or state.is_left_alone:
            return False
        self._say_unprompted(adopt(key, state, self._rules, moment), partition, moment)
        return True

    def _say_unprompted(self, said: Unprompted | None, partition: int, moment: Moment) -> None:
        if said is not None:
            self._closed.discard(partition)
            if said.topic == RULES:
                metrics.ADOPTED.inc()
            self._say(said, said.at(partition), partition, moment)

    def _say(self, said: Said, at: Coordinate, partition: int, moment: Moment) -> None:
        """Add what an event, passing time or newer rules did to the epoch."""
        emit, key = self._epochs.emit, said.key.encode()
        for change in said.changes:
            emit(TP(SCORE_CHANGES, partition), key, documents.dumps(change))
        for change in said.segment_changes:
            emit(TP(SEGMENT_CHANGES, partition), key, documents.dumps(change))
        for member, value in said.audience:
            emit(TP(AUDIENCE, partition), member, value)
        emit(TP(ENRICHED, partition), key, documents.enriched(said, at, moment.batch))

    def _ask(self, commands: list[Command]) -> None:
        """Add what profiles of other partitions are asked to the epoch."""
        for command in commands:
            key = command.key.encode()
            self._epochs.emit(TP(COMMANDS, self._partition_of(key)), key, encode_command(command))

    def _moment(self, partition: int) -> Moment:
        floor = self._epochs.owner(partition) << 32
        return Moment(time.time_ns() // 1000, self.batch(partition), floor, self._passed.get(partition, 0))

    def batch(self, partition: int) -> int:
        """Return the batch number of now, which never falls within a partition."""
        width = self._epochs.settings.batch_secs
        number = max(self._profiles.batches[partition], int(time.time()) // width * width)
        self._profiles.batches[partition] = number
        return number

    def _emit(self, outcome: Outcome, at: Coordinate, record: Any, partition: int, moment: Moment) -> None:
        if isinstance(outcome, Replayed):
            metrics.REPLAYED.inc()
            return
        if isinstance(outcome, Applied):
            self._say_unprompted(outcome.adopted, partition, moment)
            self._say(outcome, at, partition, moment)
            self._ask(outcome.commands)
            metrics.COMMANDS.labels(outcome.reason or "done").inc()
            return
        if isinstance(outcome, Accepted):
            self._say_unprompted(outcome.adopted, partition, moment)
            self._say(outcome, at, partition, moment)
            self._ask(outcome.commands)
            if outcome.refused_ids:
                metrics.COMMANDS.labels("too_many_ids").inc(outcome.refused_ids)
            if outcome.omitted:
                metrics.OMITTED.inc(outcome.omitted)
            if outcome.late:
                metrics.LATE_SESSIONS.inc()
            return
        emit = self._epochs.emit
        key: bytes | None
        if isinstance(outcome, Rejected):
            key = _routing_key(record.key)
            letter = documents.dead_letter(outcome, at, record, record.timestamp * 1000, moment.now, self._sealer)
            emit(TP(DEAD_LETTERS, partition), key, letter)
            metrics.REJECTED.labels(outcome.reason).inc()
        elif isinstance(outcome, Forwarded):
            key = outcome.key.encode()
            emit(TP(at.topic, outcome.partition), key, record.value, forward_headers(at, outcome))
            metrics.FORWARDED.labels(at.topic).inc()
        elif isinstance(outcome, Dropped):
            key = _routing_key(record.key)
            metrics.DROPPED.labels(outcome.reason).inc()
        emit(TP(ENRICHED, partition), key, documents.enriched(outcome, at, moment.batch))

    async def close_quiet_partitions(self) -> None:
        """Say once, for each partition that went quiet, that its last batch number is complete."""
        width = self._epochs.settings.batch_secs
        while True:
            await asyncio.sleep(width / 2)
            for partition in self._epochs.owned.keys() - self._closed:
                last = self._profiles.batches[partition]
                if last and last + width <= time.time():
                    marker = documents.closing_marker(self.batch(partition))
                    self._epochs.emit(TP(ENRICHED, partition), None, marker)
                    self._epochs.said()
                    self._closed.add(partition)


def _routing_key(key: bytes | None) -> bytes | None:
    """Return the key of a record that became no event, unless it is longer than any key of ours."""
    return key if key is not None and len(key) <= _LONGEST_KEY_BYTES else None
