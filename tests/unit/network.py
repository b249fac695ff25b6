"""Several partitions in memory: records wait in queues, and whichever is taken next is left to chance."""

import random
from collections import Counter, deque
from collections.abc import Iterable
from typing import Any
from zlib import crc32

import orjson

from core.command_journey import journeys
from core.commands import encode
from core.identifiers import Identifiers, IdentitySpec
from core.identity import resolve
from core.journey import Settings
from core.moment import Moment
from core.outcomes import Accepted, Applied, Forwarded, Outcome
from core.records import Source, forward_headers
from core.rules import CompiledRules
from core.state import State, decode, encode as encode_state
from core.times import DAY
from schemas.registry import INPUT_TOPICS
from streams.kafka.topics import COMMANDS
from tests.factories import Event
from tests.unit.pipeline import BATCH, NOW, PLAN, SECRET, TOPIC_OF, ARecord, Memory, admitted

EVER = 9_000 * DAY
PARTITIONS = 4
Queue = tuple[str, int]


class Network:
    """Scorers of `PARTITIONS` partitions, each with its profiles.

    Args:
        rules: Rules.
        identity: What ids may do.
        seed: Of what comes next.
        settings: What differs from the usual.
    """

    def __init__(self, rules: CompiledRules, identity: IdentitySpec, seed: int = 0, **settings: Any) -> None:
        usual = Settings(100_000, SECRET, PLAN, partition_of, EVER, identity=identity)._replace(**settings)
        self._journeys = journeys((*INPUT_TOPICS, COMMANDS), rules, usual)
        self._ids = Identifiers(identity, SECRET)
        self._random = random.Random(seed)
        self._queues: dict[Queue, deque[ARecord]] = {}
        self._offsets: Counter[Queue] = Counter()
        self.profiles = [Memory() for _ in range(PARTITIONS)]
        self.outcomes: list[Outcome] = []

    def send(self, *events: Event) -> "Network":
        """Append events to their topics, each keyed as producers key them."""
        for event in events:
            key = resolve(admitted(event).event, self._ids)
            partition = partition_of(key.encode()) if isinstance(key, str) else 0
            self._append(TOPIC_OF[event["type"]], partition, orjson.dumps(event))
        return self

    def append(self, topic: str, key: bytes, value: bytes) -> None:
        """Append a record as it is."""
        self._append(topic, partition_of(key), value)

    def settle(self) -> "Network":
        """Take records until none is left."""
        while any(self._queues.values()):
            self.step()
        return self

    def step(self) -> None:
        """Take the first record of any queue; profiles rest encoded in between, so that none shares anything."""
        topic, partition = self._random.choice([queue for queue, waiting in self._queues.items() if waiting])
        record, profiles = self._queues[topic, partition].popleft(), self.profiles[partition]
        moment = Moment(NOW, BATCH, 0)
        outcome, at = self._journeys[topic].advance(Source(topic, "i1", partition), record, profiles, moment)
        self.outcomes.append(outcome)
        for key, state in profiles.items():
            profiles[key] = decode(encode_state(state))
        if isinstance(outcome, Forwarded):
            self._append(topic, outcome.partition, record.value, forward_headers(at, outcome))
        elif isinstance(outcome, (Accepted, Applied)):
            for command in outcome.commands:
                self._append(COMMANDS, partition_of(command.key.encode()), encode(command))

    def _append(self, topic: str, partition: int, value: bytes | None, headers: Iterable[Any] = ()) -> None:
        offset = self._offsets[topic, partition]
        self._offsets[topic, partition] += 1
        self._queues.setdefault((topic, partition), deque()).append(ARecord(offset, value, headers=list(headers)))

    @property
    def roots(self) -> dict[str, State]:
        """The profiles that went into no other one."""
        return {key: state for part in self.profiles for key, state in part.items() if state.merged_into is None}

    def root_of(self, key: str) -> str:
        """Return the key of the profile that a key leads to."""
        state = self.profiles[partition_of(key.encode())].get(key)
        return key if state is None or state.merged_into is None else self.root_of(state.merged_into)


def partition_of(key: bytes) -> int:
    return crc32(key) % PARTITIONS
