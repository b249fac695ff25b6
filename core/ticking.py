"""Time that passes by itself: what changes in a profile though nothing happens."""

from core import rows
from core.moment import Moment
from core.outcomes import TICK, Unprompted
from core.rules import CompiledRules
from core.scoring import let_pass
from core.state import State
from core.times import Micros


def tick(key: str, state: State, due: Micros, rules: CompiledRules, moment: Moment) -> Unprompted | None:
    """Carry a profile on to the instant `due`; return what there is to say, or None where nothing changed.

    Args:
        key: Key of the profile.
        state: The profile, changed in place.
        due: When it changes; what it has seen later counts, too.
        rules: Rules.
        moment: Now.
    """
    verdict = let_pass(state, rules, due)
    state.seq = max(state.seq + 1, moment.seq_floor)
    if not verdict.says_something:
        return None
    return rows.unprompted((TICK, due), key, state, verdict, rules, moment)
