"""What a customer is worth: quintiles, life cycle, and what to expect; see docs/value.md."""

from core.value.facts import Facts, facts_of, net_of
from core.value.model import Quintiles, ValueModel, compile_parameters
from core.value.outlook import expected_purchases, lifetime_value, p_alive, when_p_alive_falls_below
from core.value.quintiles import (
    Cell,
    cell_of,
    frequency,
    monetary,
    present_cell,
    previous_cell,
    recency,
    remember_cell,
)
from core.value.stages import Stage, lifecycle, next_change, stage

__all__ = [
    "Cell",
    "Facts",
    "Quintiles",
    "Stage",
    "ValueModel",
    "cell_of",
    "compile_parameters",
    "expected_purchases",
    "facts_of",
    "frequency",
    "lifecycle",
    "lifetime_value",
    "monetary",
    "net_of",
    "next_change",
    "p_alive",
    "present_cell",
    "previous_cell",
    "recency",
    "remember_cell",
    "stage",
    "when_p_alive_falls_below",
]
