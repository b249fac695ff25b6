"""The agent of topic `support-ticket`."""

from collections.abc import AsyncIterator
from typing import Any

import faust

from agents.scoring import Scoring
from streams.slices import Slice


def register(app: faust.App, tickets: Any, scoring: Scoring) -> None:
    """Fold support tickets into profiles, one slice of a partition at a time."""

    @app.agent(tickets, name="score_tickets")
    async def score_tickets(slices: AsyncIterator[Slice]) -> None:
        async for slice_ in slices:
            await scoring.advance(slice_)
