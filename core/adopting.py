"""Newer rules or parameters: a profile is judged by them once, before anything else happens to it."""

from core import rows
from core.moment import Moment
from core.outcomes import RULES, Unprompted
from core.rules import CompiledRules
from core.scoring import rejudge
from core.state import State
from core.times import MILLISECOND


def adopt(key: str, state: State, rules: CompiledRules, moment: Moment) -> Unprompted | None:
    """Judge a profile by `rules`; return what there is to say, or None where nothing changed.

    Args:
        key: Key of the profile.
        state: The profile, changed in place.
        rules: Rules that it was not judged by.
        moment: Now.
    """
    instant = max(moment.passed // MILLISECOND * MILLISECOND, state.last_seen_at or 0, state.told_at + MILLISECOND)
    verdict = rejudge(state, rules, instant)
    state.seq = max(state.seq + 1, moment.seq_floor)
    if not verdict.says_something:
        return None
    return rows.unprompted((RULES, instant), key, state, verdict, rules, moment)
