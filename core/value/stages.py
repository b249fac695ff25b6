"""The customer's place in the life cycle, and when time alone changes it."""

from enum import StrEnum
from typing import Final

from core.times import DAY, Micros
from core.value.facts import Facts
from core.value.model import ValueModel
from schemas.parameters import Spans


class Stage(StrEnum):
    """Places in the life cycle."""

    FIRST_TIME = "first_time"
    ACTIVE = "active"
    DEFECTING = "defecting"
    INACTIVE = "inactive"


_DEFAULT: Final = Spans()


def lifecycle(facts: Facts, model: ValueModel | None, now: Micros) -> Stage:
    """Return the stage at `now`; without parameters, by the default spans."""
    return stage(model, now - facts.last_at, came_again=facts.repeats > 0)


def stage(model: ValueModel | None, silent: Micros, *, came_again: bool) -> Stage:
    """Return the stage of who has bought nothing for so long."""
    active, inactive = _spans(model)
    if silent >= inactive:
        return Stage.INACTIVE
    if silent >= active:
        return Stage.DEFECTING
    return Stage.ACTIVE if came_again else Stage.FIRST_TIME


def next_change(facts: Facts, model: ValueModel | None, now: Micros) -> Micros | None:
    """Return the first instant after `now` at which silence changes the stage or the cell; None where nothing is left."""
    spans = _spans(model)
    if model is not None and model.quintiles is not None:
        spans += model.quintiles.recency
    return min((facts.last_at + span for span in spans if facts.last_at + span > now), default=None)


def _spans(model: ValueModel | None) -> tuple[Micros, ...]:
    if model is None:
        return _DEFAULT.active_days * DAY, _DEFAULT.inactive_days * DAY
    return model.active, model.inactive
