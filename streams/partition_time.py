"""Partition time: how far time may be carried on in a partition, so that what has happened is folded before what has not."""

import time
from typing import Any

from faust.types import TP

from core.times import MILLISECOND, Micros
from streams.epochs import Epochs
from streams.kafka.topics import SCORED


class PartitionTime:
    """The clock, where all inputs of a partition are read to their end; else the broker's time of what was folded last.

    Args:
        app: The Faust app; its consumer must be a `SliceConsumer`.
        epochs: How far each input was folded.
    """

    def __init__(self, app: Any, epochs: Epochs) -> None:
        self._app = app
        self._epochs = epochs
        self._positions: dict[TP, tuple[int, int]] = {}

    async def look(self, numbers: list[int]) -> dict[int, Micros]:
        """Return the time of each partition; one where an input was not looked into yet is left out."""
        inputs = {number: [TP(topic, number) for topic in SCORED] for number in numbers}
        before = self._positions
        self._positions = await self._app.consumer.thread.positions([tp for tps in inputs.values() for tp in tps])
        clock = time.time_ns() // 1000
        times = {number: [self._time(tp, before, clock) for tp in tps] for number, tps in inputs.items()}
        return {number: min(known) for number, of_inputs in times.items() if (known := _all_known(of_inputs))}

    def _time(self, tp: TP, before: dict[TP, tuple[int, int]], clock: Micros) -> Micros | None:
        """Return the clock, the broker's time of the last folded record, or None."""
        position = self._positions.get(tp)
        folded = self._epochs.folded_to.get(tp)
        fetched = self._app.consumer.fetched(tp)
        if position is not None and position == before.get(tp) and position[0] >= position[1]:  # and nothing on its way
            is_folded = fetched is None or (folded is not None and folded.next_offset >= fetched)
            if is_folded:
                return clock
        return None if folded is None else min(clock, folded.timestamp * MILLISECOND)


def _all_known(times: list[Micros | None]) -> list[Micros]:
    known = [time_ for time_ in times if time_ is not None]
    return known if len(known) == len(times) else []
