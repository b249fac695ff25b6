"""What agents receive: all records that one fetch brought from one partition."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import faust
from faust.types import TP


class Slice(NamedTuple):
    """Consecutive visible records of one partition; never empty. A record has offset, key, value, timestamp, headers."""

    tp: TP
    records: list[Any]

    def chunks(self, size: int) -> Iterator["Slice"]:
        """Yield the slice in parts of at most `size` records."""
        if len(self.records) <= size:
            yield self
            return
        for start in range(0, len(self.records), size):
            yield Slice(self.tp, self.records[start : start + size])


class SliceSchema(faust.Schema):  # type: ignore[misc]  # faust is untyped
    """Marks a topic as delivered in slices. Nothing is decoded: a bad record must reach the agent, not end before it."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> None:
        """Return nothing: the records carry their keys."""

    def loads_value(self, app: Any, message: Any, **_: Any) -> Slice:  # noqa: ARG002
        """Return the slice as it is."""
        slice_: Slice = message.value
        return slice_
