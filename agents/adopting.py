"""The shell around `core.adopting`: once rules or parameters are newer, every profile is judged by them."""

import asyncio
from collections.abc import Iterator
from itertools import islice
from typing import Final

from agents.scoring import CHUNK, Scoring
from streams.epochs import Epochs
from streams.exits import leave

LOOK_SECS: Final = 0.25
_LOOKED_AT: Final = 5_000
"""Profiles looked at between two awaits, most of which were judged already."""


class Adopting:
    """Judges the profiles that no event comes to, partition by partition.

    Args:
        epochs: What is said joins the present epoch.
        scoring: What knows the newest rules.
    """

    def __init__(self, epochs: Epochs, scoring: Scoring) -> None:
        self._epochs = epochs
        self._scoring = scoring
        self._done: dict[int, str] = {}
        epochs.on_revoked.append(self._done.clear)

    async def run(self) -> None:
        """Look for profiles to be judged, for ever."""
        while True:
            await asyncio.sleep(LOOK_SECS)
            for number in sorted(self._epochs.owned):
                judgement = self._scoring.judgement
                if self._done.get(number) != judgement and self._scoring.knows_time_of(number):
                    await self._judge(number, judgement)

    async def _judge(self, number: int, judgement: str) -> None:
        owner = self._epochs.owned.get(number)
        keys = iter(self._scoring.keys(number))
        while looked_at := list(islice(keys, _LOOKED_AT)):
            for stale in _parts(self._scoring.unjudged(number, looked_at)):
                await self._epochs.room()
                if self._epochs.owned.get(number) != owner or self._scoring.judgement != judgement:
                    return  # its rows are others now, or newer rules have come
                try:
                    self._scoring.adopt(number, stale)
                except Exception as error:  # Faust would go on without it
                    leave(f"profiles of partition {number} could not be judged by newer rules", error)
                await asyncio.sleep(0)
            await asyncio.sleep(0)
        if self._epochs.owned.get(number) == owner:
            self._done[number] = judgement


def _parts(keys: Iterator[str]) -> Iterator[list[str]]:
    while part := list(islice(keys, CHUNK)):
        yield part
