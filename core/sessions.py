"""Sessions on the site: visits with less than half an hour between two events, exact for events in any order of arrival."""

from bisect import bisect_left, bisect_right
from typing import Final

from core.state import Sessions, State
from core.times import MINUTE, Micros

GAP: Final[Micros] = 30 * MINUTE
"""Silence after which the next event starts a new session."""


def visit(state: State, at: Micros, lateness: Micros) -> Micros | None:
    """Return the start of the session of a site event at `at`; None where the event is too late to be counted.

    Args:
        state: The profile, whose sessions may grow, become more or be joined.
        at: Event time.
        lateness: An event that is earlier than the latest one by more than this changes nothing.
    """
    sessions = state.sessions
    if sessions is None:
        state.sessions = Sessions(0, [at, at])
        return at
    spans = sessions.spans
    latest = spans[-1]
    if at < latest:
        return None if at < latest - lateness else _join(spans, at)
    if at - latest < GAP:
        spans[-1] = at
    else:
        spans += (at, at)
    while spans[1] <= at - lateness - GAP:  # no event that is still counted can come so near
        sessions.ended += 1
        del spans[:2]
    return spans[-2]


def count(state: State) -> int:
    """Return how many sessions the customer has had, the present one included."""
    sessions = state.sessions
    return 0 if sessions is None else sessions.ended + len(sessions.spans) // 2


def unite(state: State, other: State, lateness: Micros) -> None:
    """Add the sessions of `other`: those that touch are one, as far as they can still change."""
    mine, others = state.sessions, other.sessions
    if others is None:
        return
    ended, spans = others.ended, list(others.spans)
    if mine is not None:
        ended += mine.ended
        for start, end in zip(mine.spans[::2], mine.spans[1::2], strict=True):
            _join_span(spans, start, end)
    while spans[1] <= spans[-1] - lateness - GAP:
        ended += 1
        del spans[:2]
    state.sessions = Sessions(ended, spans)


def _join(spans: list[Micros], at: Micros) -> Micros:
    """Make one session of `at` and all that it touches, and return its start."""
    return _join_span(spans, at, at)


def _join_span(spans: list[Micros], start: Micros, end: Micros) -> Micros:
    """Make one session of a span and all that it touches, and return its start."""
    first = 2 * bisect_right(spans[1::2], start - GAP)
    behind = 2 * bisect_left(spans[::2], end + GAP)
    touched = spans[first:behind]
    start = min([start, *touched[:1]])
    spans[first:behind] = [start, max([end, *touched[-1:]])]
    return start
