"""The shell around `core.ticking`: profiles that are due change, though nobody does anything."""

import asyncio
from typing import Any, Final

from agents.scoring import CHUNK, Scoring
from streams.epochs import Epochs
from streams.exits import leave
from streams.partition_time import PartitionTime

LOOK_SECS: Final = 0.25
"""Time between two looks at the timers: what is due is said within two of them."""


class Ticking:
    """Carries time on in every partition of its own.

    Args:
        app: The Faust app.
        epochs: What is said joins the present epoch.
        scoring: What folds the records of the same profiles.
    """

    def __init__(self, app: Any, epochs: Epochs, scoring: Scoring) -> None:
        self._epochs = epochs
        self._scoring = scoring
        self._time = PartitionTime(app, epochs)

    async def run(self) -> None:
        """Look at the timers for ever."""
        while True:
            await asyncio.sleep(LOOK_SECS)
            if not self._epochs.ready or not self._epochs.owned:
                continue
            for number, now in (await self._time.look(sorted(self._epochs.owned))).items():
                await self._carry_on(number, now)

    async def _carry_on(self, number: int, now: int) -> None:
        """Let time pass in one partition up to `now`, in parts, so that heartbeats and commits get their turn."""
        while True:
            await self._epochs.room()
            if number not in self._epochs.owned:
                return  # revoked meanwhile: its timers are with its new owner
            try:
                count = self._scoring.carry_on(number, now, CHUNK)
            except Exception as error:  # Faust would go on without time
                leave(f"time could not be carried on in partition {number}", error)
            if count < CHUNK:
                return
            await asyncio.sleep(0)
