"""The agent of topic `consent`."""

from collections.abc import AsyncIterator
from typing import Any

import faust

from agents.scoring import Scoring
from streams.slices import Slice


def register(app: faust.App, consents: Any, scoring: Scoring) -> None:
    """Fold consents and blocks into profiles, one slice of a partition at a time."""

    @app.agent(consents, name="score_consents")
    async def score_consents(slices: AsyncIterator[Slice]) -> None:
        async for slice_ in slices:
            await scoring.advance(slice_)
