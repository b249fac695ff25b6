"""What comes next if nothing happens: time is let pass on a copy of a profile, as ticks would."""

from typing import Final, NamedTuple

from core.rules import CompiledRules
from core.scoring import Crossing, let_pass, next_due
from core.segments import Move
from core.state import Contribution, State, decode, encode
from core.times import Micros

_LOOKS: Final = 50
"""Instants that are looked at, at most: some of them change nothing that is worth a word."""


class Foreseen(NamedTuple):
    """What an instant will bring."""

    at: Micros
    crossings: list[Crossing]
    moves: list[Move]
    contributions: list[Contribution]


def foresee(state: State, rules: CompiledRules, most: int) -> list[Foreseen]:
    """Return at most `most` of the next changes that passing time alone will make, soonest first; `state` stays as it is."""
    state, found = decode(encode(state)), list[Foreseen]()
    for _ in range(_LOOKS):
        due = next_due(state, rules)
        if due is None or len(found) == most:
            break
        verdict = let_pass(state, rules, due)
        moves = [move for move in verdict.moves if move.change != "forgotten"]
        if verdict.crossings or moves or verdict.contributions:
            found.append(Foreseen(verdict.at, verdict.crossings, moves, verdict.contributions))
    return found
