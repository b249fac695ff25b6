"""A timer wheel: which profiles of a partition change next by time alone, without a scan and without cost for the rest."""

import heapq
from collections.abc import Iterator
from typing import Final

from core.times import MINUTE, Micros

SPAN: Final = 60 * MINUTE
"""Width of a slot; timers within the present one stand in a heap."""


class Timers:
    """At most one timer a key. What a key is due at must be told when it moves: the profile remembers it."""

    def __init__(self) -> None:
        self._slots: dict[int, dict[str, Micros]] = {}
        self._reached = -1
        self._near: list[tuple[Micros, str]] = []

    def __len__(self) -> int:
        return sum(map(len, self._slots.values()))

    def move(self, key: str, old: Micros | None, new: Micros | None) -> None:
        """Set the timer of `key` from `old` to `new`; None for no timer."""
        if old == new:
            return
        if old is not None and (slot := self._slots.get(old // SPAN)) is not None:
            slot.pop(key, None)
            if not slot:
                del self._slots[old // SPAN]
        if new is not None:
            number = new // SPAN
            self._slots.setdefault(number, {})[key] = new
            if number <= self._reached:
                heapq.heappush(self._near, (new, key))

    def due(self, now: Micros) -> Iterator[tuple[Micros, str]]:
        """Take the timers up to `now` out, and yield them, earliest first."""
        for number in sorted(slot for slot in self._slots if self._reached < slot <= now // SPAN):
            for key, at in self._slots[number].items():
                heapq.heappush(self._near, (at, key))
        self._reached = max(self._reached, now // SPAN)
        while self._near and self._near[0][0] <= now:
            at, key = heapq.heappop(self._near)
            if self._slots.get(at // SPAN, {}).get(key) == at:
                self.move(key, at, None)
                yield at, key
