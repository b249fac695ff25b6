"""For whoever writes into the input topics without the collector: events as they may stand there."""

import time
from collections.abc import Iterable
from typing import Any, NamedTuple, Self

from core.gate import Gate, Leaving, Refused
from streams.rules_files import identifiers_of, read_plan
from streams.settings import StreamSettings
from streams.vault.covering import Covering, Record
from streams.vault.vault import vault_of


class Encoded(NamedTuple):
    """Records in the order of the events, how many of them are refusals, and how many fields no contract names."""

    records: list[Record]
    refused: int
    omitted: int


class Encoder:
    """Does with events what the collector does: judges them, hides ids, hashes identifiers, seals what names people.

    What is no event becomes a record, too, sealed, and the scorer makes a dead letter of it.

    Args:
        gate: Judges events.
        covering: Seals values.
    """

    def __init__(self, gate: Gate, covering: Covering) -> None:
        self._gate = gate
        self._covering = covering

    @classmethod
    def of(cls, settings: StreamSettings) -> Self:
        """Return the encoder of an installation.

        Raises:
            RulesError: The tracking plan or the rules of ids can not be used.
            VaultError: The keys of people's data can not be had.
        """
        gate = Gate(identifiers_of(settings), read_plan(settings.rules_dir), settings.event_max_bytes)
        return cls(gate, Covering(vault_of(settings)))

    def encode(self, topic: str, events: Iterable[bytes | dict[str, Any]]) -> Encoded:
        """Return the records of events, each as the bytes of its JSON or as decoded from it.

        Raises:
            VaultError: Keys can not be had.
        """
        now = time.time_ns() // 1000
        leaving = [self._judge(topic, event, now) for event in events]
        return Encoded(
            self._covering.records_now(leaving),
            sum(isinstance(one, Refused) for one in leaving),
            sum(one.omitted for one in leaving),
        )

    def _judge(self, topic: str, event: bytes | dict[str, Any], now: int) -> Leaving | Refused:
        if isinstance(event, bytes):
            return self._gate.judge_bytes(topic, event, now)
        return self._gate.judge(topic, event, now)
