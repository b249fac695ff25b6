"""Sliding windows: how often something happened lately, and how long ago; a function of the set of events."""

from bisect import bisect_right, insort
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from core.times import Micros

KEPT: Final = 20
"""Instants that a window remembers where no rule asks for more; a count shown is exact up to there."""
MOST_KEPT: Final = 200
"""The largest count that a rule may ask for."""


class Window(msgspec.Struct, array_like=True, gc=False):
    """The latest instants of one kind, ascending, all after `reset_at`: the latest event that starts the count anew."""

    times: list[Micros]
    reset_at: Micros = 0


class Recorder(NamedTuple):
    """What one event type does to one window: `holds` is a condition on the event, `resets` says what it does."""

    window: str
    holds: Callable[[Mapping[str, Any]], bool]
    resets: bool


class WindowScale(NamedTuple):
    """How one window behaves: the span in which it counts, and how many instants it remembers."""

    name: str
    span: Micros
    kept: int

    def counted(self, window: Window | None, now: Micros) -> int:
        """Return how many of the remembered instants lie less than a span before `now`, or after it."""
        return 0 if window is None else len(window.times) - bisect_right(window.times, now - self.span)

    def latest(self, window: Window | None, now: Micros) -> Micros | None:
        """Return the latest counted instant."""
        return window.times[-1] if window and window.times and window.times[-1] > now - self.span else None

    def next_drop(self, window: Window | None, now: Micros) -> Micros | None:
        """Return when the count will fall next, if nothing happens."""
        if window is None:
            return None
        index = bisect_right(window.times, now - self.span)
        return window.times[index] + self.span if index < len(window.times) else None


def unite(one: Window | None, other: Window, kept: int) -> Window:
    """Return the window that the events of both make."""
    if one is None:
        return other
    reset_at = max(one.reset_at, other.reset_at)
    times = sorted(at for at in (*one.times, *other.times) if at > reset_at)
    return Window(times[-kept:], reset_at)


def record(windows: dict[str, Window], recorder: Recorder, at: Micros, scale: WindowScale) -> None:
    """Note an event in a window: the same for any order in which events arrive."""
    window = windows.get(recorder.window)
    if window is None:
        window = windows[recorder.window] = Window([])
    if recorder.resets:
        if at > window.reset_at:
            window.reset_at = at
            window.times = [known for known in window.times if known > at]
    elif at > window.reset_at:
        times = window.times
        insort(times, at)
        oldest = times[-1] - scale.span
        if times[0] <= oldest:  # the customer was seen since: it will never count again
            del times[: bisect_right(times, oldest)]
        elif len(times) > scale.kept:
            del times[0]
