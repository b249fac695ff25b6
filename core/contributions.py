"""The contributions that a profile keeps to explain its scores: the latest by the time that they count at."""

from typing import Final

from core.state import Contribution, State

KEPT_CONTRIBUTIONS: Final = 20


def keep(state: State, given: list[Contribution]) -> None:
    """Put `given` among the contributions of a profile; of those of one instant, the one that arrived later stands later."""
    kept = [*state.contributions, *given]
    latest = state.contributions[-1].occurred_at if state.contributions else 0
    for one in given:
        if one.occurred_at < latest:
            kept.sort(key=_when)
            break
        latest = one.occurred_at
    state.contributions = kept[-KEPT_CONTRIBUTIONS:]


def _when(contribution: Contribution) -> int:
    return contribution.occurred_at
