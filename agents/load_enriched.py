"""The loader's agent of topic `enriched-event`."""

from collections.abc import AsyncIterator
from typing import Any

import faust

from sinks.loading import RangeLoader
from streams.slices import Slice


def register(app: faust.App, enriched: Any, ranges: RangeLoader) -> None:
    """Load events, outcomes and score changes, one range of a partition at a time."""

    @app.agent(enriched, name="load_enriched")
    async def load_enriched(slices: AsyncIterator[Slice]) -> None:
        async for slice_ in slices:
            await ranges.load(slice_)

    app.task(ranges.run)
