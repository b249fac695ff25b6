"""The loader's agents of the topics whose tables keep the latest row of a key."""

from collections.abc import AsyncIterator
from typing import Any

import faust

from sinks.upserts import Upserts
from streams.slices import Slice


def register(app: faust.App, topic: Any, name: str, upserts: Upserts) -> None:
    """Load `topic`, a second's records at a time."""

    @app.agent(topic, name=name)
    async def load_upserts(slices: AsyncIterator[Slice]) -> None:
        async for slice_ in slices:
            await upserts.gather(slice_)

    app.task(upserts.run)
