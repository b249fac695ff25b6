"""The whole heart in one process, without Kafka or a table: what profiles ask of each other is done at once."""

from collections import deque
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

from core.command_journey import journeys
from core.commands import encode
from core.journey import Settings
from core.moment import Moment
from core.outcomes import Accepted, Applied, Coordinate, Outcome
from core.records import Source
from core.rules import CompiledRules
from core.state import State
from streams.kafka.topics import COMMANDS, SCORED


class SaidRecord(NamedTuple):
    """An event as the journey wants a record; `timestamp` in milliseconds."""

    offset: int
    value: bytes
    timestamp: int
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


class Remembered(dict[str, State]):
    """Profiles by key."""

    def put(self, key: str, state: State) -> None:
        """Keep a profile."""
        self[key] = state

    def root_of(self, key: str) -> str:
        """Return the key of the profile that the one of `key` went into, itself where it went into none."""
        state = self.get(key)
        return key if state is None or state.merged_into is None else self.root_of(state.merged_into)


class Offline:
    """One partition that holds everybody.

    Args:
        rules: Rules.
        settings: What the journey knows of this installation.
        name: Stands for the incarnation of the topics.
    """

    def __init__(self, rules: CompiledRules, settings: Settings, name: str) -> None:
        self._journeys = journeys(SCORED, rules, settings._replace(partition_of=lambda _: 0))
        self._name = name
        self.begin()

    def begin(self) -> None:
        """Forget everybody."""
        self._commands = count()
        self.profiles = Remembered()

    def feed(self, topic: str, record: SaidRecord, moment: Moment) -> Iterator[tuple[Outcome, Coordinate]]:
        """Fold an event; yield how it ended, then how everything ended that it asked of other profiles."""
        waiting = deque([(topic, record)])
        while waiting:
            topic, record = waiting.popleft()
            outcome, at = self._journeys[topic].advance(Source(topic, self._name, 0), record, self.profiles, moment)
            if isinstance(outcome, (Accepted, Applied)):
                for command in outcome.commands:
                    waiting.append((COMMANDS, SaidRecord(next(self._commands), encode(command), record.timestamp)))
            yield outcome, at
