"""The agent of topic `warmth-command`."""

from collections.abc import AsyncIterator
from typing import Any

import faust

from agents.scoring import Scoring
from streams.slices import Slice


def register(app: faust.App, commands: Any, scoring: Scoring) -> None:
    """Apply what other partitions ask for, one slice of a partition at a time."""

    @app.agent(commands, name="apply_commands")
    async def apply_commands(slices: AsyncIterator[Slice]) -> None:
        async for slice_ in slices:
            await scoring.advance(slice_)
