"""The agent of topic `customer`."""

from collections.abc import AsyncIterator
from typing import Any

import faust

from agents.scoring import Scoring
from streams.slices import Slice


def register(app: faust.App, customers: Any, scoring: Scoring) -> None:
    """Fold traits and links into profiles, one slice of a partition at a time."""

    @app.agent(customers, name="score_customers")
    async def score_customers(slices: AsyncIterator[Slice]) -> None:
        async for slice_ in slices:
            await scoring.advance(slice_)
