"""Windows as their file says them, and compiled."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from core.conditions import Fields, Spec, Test, compile_conditions, spelt_out
from core.times import DAY, HOUR, Micros
from core.windows import KEPT, MOST_KEPT, Recorder, WindowScale
from schemas.registry import TYPES


class WindowSpec(Spec):
    """What is counted over a span that slides along."""

    event: str | list[str]
    when: dict[str, Annotated[Test, BeforeValidator(spelt_out)]] = Field({})
    days: float | None = Field(default=None, gt=0, le=3660)
    hours: float | None = Field(default=None, gt=0, le=87840)
    until: list[str] = Field([])

    @model_validator(mode="after")
    def _one_span(self) -> "WindowSpec":
        if (self.days is None) == (self.hours is None):
            raise ValueError("a window has a span: either days or hours")
        if unknown := sorted(self.types - TYPES):
            raise ValueError(f"no event type is called {unknown[0]!r}")
        return self

    @property
    def events(self) -> list[str]:
        """Event types that are counted."""
        return [self.event] if isinstance(self.event, str) else self.event

    @property
    def types(self) -> frozenset[str]:
        """Event types that move the window."""
        return frozenset([*self.events, *self.until])

    @property
    def span(self) -> Micros:
        """Width of the window."""
        return round((self.days or 0) * DAY + (self.hours or 0) * HOUR)


def compile_windows(windows: Mapping[str, WindowSpec], wheres: Iterable[Any]) -> dict[str, WindowScale]:
    """Return each window, which remembers as many instants as any condition in `wheres` asks for, and one more.

    Raises:
        ValueError: A condition asks for more than a window can count.
    """
    asked = dict.fromkeys(windows, float(KEPT))
    for path, bound in (found for where in wheres for found in _numbers(where)):
        family, _, name = path.partition(".")
        if family == "windows" and name in asked:
            if bound > MOST_KEPT:
                raise ValueError(f"window {name}: counts up to {MOST_KEPT}, not up to {bound:g}")
            asked[name] = max(asked[name], bound)
    return {name: WindowScale(name, spec.span, int(asked[name]) + 1) for name, spec in windows.items()}


def compile_recorders(windows: Mapping[str, WindowSpec]) -> dict[str, tuple[Recorder, ...]]:
    """Return what each event type does to windows."""
    recorders: dict[str, list[Recorder]] = {}
    for name, spec in windows.items():
        holds = compile_conditions(spec.when)
        for event in spec.events:
            recorders.setdefault(event, []).append(Recorder(name, holds, resets=False))
        for event in spec.until:
            recorders.setdefault(event, []).append(Recorder(name, _always, resets=True))
    return {event: tuple(of_event) for event, of_event in recorders.items()}


def _always(_event: Fields) -> bool:
    return True


def _numbers(where: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Yield the numbers that conditions compare with, each with the path it is asked of."""
    if isinstance(where, dict):
        for name, inner in where.items():
            yield from _numbers(inner, name if "." in str(name) else path)
    elif isinstance(where, list):
        for inner in where:
            yield from _numbers(inner, path)
    elif isinstance(where, int | float) and path:
        yield path, float(where)
