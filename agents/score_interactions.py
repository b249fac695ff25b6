"""The agent of topic `site-interaction`."""

from collections.abc import AsyncIterator
from typing import Any

import faust

from agents.scoring import Scoring
from streams.slices import Slice


def register(app: faust.App, interactions: Any, scoring: Scoring) -> None:
    """Fold what visitors do into profiles, one slice of a partition at a time."""

    @app.agent(interactions, name="score_interactions")
    async def score_interactions(slices: AsyncIterator[Slice]) -> None:
        async for slice_ in slices:
            await scoring.advance(slice_)
