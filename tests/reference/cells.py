"""The RFM cell before the present one, for the reference, from docs/scoring.md."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


class CellAt(NamedTuple):
    """Tells the cell at an instant; at the `edges` silence changes it, if nothing happens."""

    cell: Callable[[float], str | None]
    edges: list[int]


@dataclass
class Cells:
    """The cell before the latest change that a purchase or a refund made, the one since, and when that was."""

    before: str | None = None
    now: str | None = None
    at: float = 0

    def moved(self, before: CellAt, after: CellAt, instant: float) -> None:
        """Note what something made of the cell at an instant."""
        old, new = before.cell(instant), after.cell(instant)
        if new is not None and new != old:
            self.before, self.now, self.at = old or self.now, new, instant

    def previous(self, present: CellAt, instant: float) -> str | None:
        """The cell before that of an instant."""
        if present.cell(instant) == self.now:
            return self.before
        passed = max((edge for edge in present.edges if edge <= instant), default=0)
        return present.cell(passed - 1) if passed > self.at else self.now
