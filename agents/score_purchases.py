"""The agent of topic `purchase`."""

from collections.abc import AsyncIterator
from typing import Any

import faust

from agents.scoring import Scoring
from streams.slices import Slice


def register(app: faust.App, purchases: Any, scoring: Scoring) -> None:
    """Fold purchases into profiles, one slice of a partition at a time."""

    @app.agent(purchases, name="score_purchases")
    async def score_purchases(slices: AsyncIterator[Slice]) -> None:
        async for slice_ in slices:
            await scoring.advance(slice_)
