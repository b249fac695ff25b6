"""What partitions ask of each other so that one person has one profile; see ADR 12.

A profile that went into another one keeps the key of that, and by what it knows again what it has seen; whoever asks for it
is sent on. Commands go to the partition of the profile that they are about.

- `claim`: customer or visitor `peer` says that the id `key` is its own.
- `meet`: `peer` and `key` are one person; the one that ranks behind goes into the other.
- `absorb`: `peer` goes into `key`, with all that it holds.
- `restore`: `key` was joined by mistake, and gets back what it would hold.
- `lead`: `key`, which went into somebody, is in `peer` now.
"""

from functools import partial
from typing import Final

from msgspec import structs

from core import rows
from core.adopting import adopt
from core.commands import Cause, Command
from core.identifiers import ANONYMOUS, VISITOR, Identifiers
from core.identity import is_customer, rank
from core.moment import Moment
from core.outcomes import Applied, Coordinate, Link
from core.parts import Course, Tie, is_known_as, join, owner_of, part_for_good, parting
from core.scoring import Verdict, judge_whole
from core.segments import Move
from core.state import FORMAT, State, new
from core.times import Micros

_RECENT: Final = frozenset({"recent", "recent_older", "recent_since"})
_LEFT_BEHIND: Final = frozenset({"seq", "format", "due", "judged_by", "applied", "claimants", "apart"}) | _RECENT
"""Fields that a profile keeps when it goes into another one."""


class Joining:
    """Does what a command asks of one profile, the one of its key.

    Args:
        ids: What ids may do.
        course: Rules and time.
        moment: Now.
        at: Where the command stands.
    """

    def __init__(self, ids: Identifiers, course: Course, moment: Moment, at: Coordinate) -> None:
        self._ids = ids
        self._course = course
        self._moment = moment
        self._at = at

    def apply(self, command: Command, state: State) -> Applied:
        """Do what `command` asks of `state`, which is changed in place."""
        state.seq = max(state.seq + 1, self._moment.seq_floor)
        return getattr(self, f"_{command.do}")(command, state)  # type: ignore[no-any-return]  # one method for each

    def _claim(self, command: Command, state: State) -> Applied:
        kind, peer = command.kind, command.peer
        claimants = state.claimants or []
        if kind is None or peer in claimants:
            return Applied(command.key)
        if is_customer(peer) and len(claimants) <= self._ids.most_customers(kind):
            claimants = state.claimants = [*claimants, peer]
        if len(claimants) > self._ids.most_customers(kind):
            return Applied(command.key, reason="over_limit")
        return self._meet(command, state)

    def _meet(self, command: Command, state: State) -> Applied:
        key, peer, target, via = command.key, command.peer, state.merged_into, command.via
        if peer in (key, target) or peer in (state.parts or {}):
            return Applied(key)
        if target is not None:
            via = via or (key if is_customer(key) else "")
            return Applied(key, commands=[structs.replace(command, do="meet", key=target, via=via)])
        if via and state.apart and not is_known_as(state, key, via):  # who was asked for has left meanwhile
            return Applied(key, commands=[structs.replace(command, do="meet", key=via, via="")])
        refused = self._refusal(command, state)
        if refused:
            return Applied(key, reason=refused)
        (my_rank, _), (their_rank, _) = rank(key), rank(peer)
        if (command.directed and my_rank == their_rank) or rank(key) > rank(peer):
            return self._give_in(command, state)
        back = structs.replace(command, do="meet", key=peer, peer=key, directed=False, via="")
        return Applied(key, commands=[back])

    def _refusal(self, command: Command, state: State) -> str:
        """Return why two profiles stay two; mostly an empty text."""
        key, peer, cause = command.key, command.peer, command.cause
        if is_customer(key) and is_customer(peer) and command.kind is not None and command.kind not in self._ids.merging:
            return "shared"
        here = partial(is_known_as, state, key)
        theirs = {name for name in (peer, cause.one, cause.other) if not here(name)}
        return "" if parting(state.apart, here, theirs.__contains__, _overruling(command)) is None else "apart"

    def _give_in(self, command: Command, state: State) -> Applied:
        """Let the profile go into that of `peer`."""
        key, peer = command.key, command.peer
        known = sorted((state.memberships or {}).items())
        left = Verdict(max(state.last_seen_at or 0, state.told_at), {}, [], [])
        left.moves = [Move(name, "left", [f"went into {peer}"]) for name, membership in known if membership.member]
        left.moves += [Move(name, "forgotten", []) for name, _ in known]
        absorb = structs.replace(command, do="absorb", key=peer, peer=key, via=peer, profile=take_out(state, peer))
        return self._said(command, state, left, commands=[absorb])

    def _absorb(self, command: Command, state: State) -> Applied:
        key, target = command.key, state.merged_into
        asked: list[Command] = []
        if target is not None:
            through = (*command.through, key)
            if not _is_lowest_of_circle(through, target):
                return Applied(key, commands=[structs.replace(command, key=target, through=through)])
            state.merged_into = None
            asked = [Command("meet", target, key, command.cause)]  # somebody may have left the circle meanwhile
        other, via = command.profile, command.via or key
        if other is None:
            return Applied(key)
        cause = self._why_apart(command, state, other)
        if cause is not None:
            back = structs.replace(command, do="restore", key=command.peer, peer=key, cause=cause, through=())
            return Applied(key, reason="apart", commands=[*asked, back])
        if via != key and state.apart and not is_known_as(state, key, via):  # who it belongs to has left meanwhile
            return Applied(key, commands=[structs.replace(command, key=via, through=())])
        self._bring_up_to_date(key, other)
        other.aliases = {**(other.aliases or {}), command.peer: _kind(command)}
        links = [Link(alias, kind) for alias, kind in other.aliases.items()]
        verdict = join(key, state, command.peer, other, Tie(via, _tied(command, other)), self._course)
        state.seq += 1  # above those of both
        return self._said(command, state, verdict, commands=asked, links=links)

    def _why_apart(self, command: Command, state: State, other: State) -> Cause | None:
        """Return the cause to send a profile back with, where somebody in it and somebody here were parted; mostly None."""
        here, there = partial(is_known_as, state, command.key), partial(is_known_as, other, command.peer)
        if not (state.apart or other.apart) or here(command.peer):
            return None
        found = parting({**(other.apart or {}), **(state.apart or {})}, here, there, _overruling(command))
        return None if found is None else structs.replace(command.cause, one=found.one, other=found.other, at=found.since)

    def _restore(self, command: Command, state: State) -> Applied:
        key, other, target = command.key, command.profile, state.merged_into
        if other is None:
            return Applied(key)
        known_since = (state.apart or {}).get(command.cause.pair, -1)
        if target is not None and known_since >= command.cause.at:  # it was restored, and has gone on
            return Applied(key, commands=[structs.replace(command, do="absorb", key=target, peer=key, via=key)])
        self._bring_up_to_date(key, other)
        if target is None:  # something was folded meanwhile, or came back before
            verdict = join(key, state, key, other, Tie(key, key), self._course)
            state.seq = max(state.seq, other.seq) + 1
        else:
            verdict = self._put_back(state, other)
        part_for_good(state, command.cause)
        names = {key: _kind(command), **(state.aliases or {})}
        return self._said(command, state, verdict, links=[Link(alias, kind) for alias, kind in names.items()])

    def _lead(self, command: Command, state: State) -> Applied:
        if state.merged_into is not None:
            state.merged_into = command.peer
        return Applied(command.key)

    def _put_back(self, state: State, other: State) -> Verdict:
        """Let a profile that held nothing hold what `other` holds; whoever subscribes is told of it like of a new one."""
        seq, claimants, applied, due = max(state.seq, other.seq) + 1, state.claimants, state.applied, state.due
        put_in(state, other)
        state.seq, state.claimants, state.due = seq, claimants, due
        state.applied = {**applied, **{stem: max(offset, applied.get(stem, -1)) for stem, offset in other.applied.items()}}
        state.memberships = None
        for name, scale in self._course.rules.scales.items():
            if name in state.scores:
                state.scores[name].band = scale.start().band
        now = max(state.last_seen_at or 0, state.told_at)
        return judge_whole(state, self._course.rules, now, [])

    def _bring_up_to_date(self, key: str, other: State) -> None:
        """Judge a profile that was on its way by the rules of here and now."""
        if other.judged_by != self._course.rules.judgement:
            adopt(key, other, self._course.rules, self._moment)

    def _said(
        self,
        command: Command,
        state: State,
        verdict: Verdict,
        commands: list[Command] | None = None,
        links: list[Link] | None = None,
    ) -> Applied:
        cause = {"event_id": command.cause.event_id, "type": command.cause.type}
        context = rows.Context(self._at.id, cause, self._moment.now, self._course.rules)
        return Applied(
            command.key,
            rows.joined(context, command, state, verdict, self._at, self._moment.batch),
            rows.score_changes(context, command.key, state, verdict),
            rows.segment_changes(context, command.key, state, verdict),
            rows.audience(command.key, state, verdict),
            commands=commands or [],
            links=links or [],
        )


def _is_lowest_of_circle(through: tuple[str, ...], target: str) -> bool:
    """Tell whether profiles went into each other in a circle, and the last of `through` is the one that is to survive."""
    if target not in through:
        return False
    circle = through[len(through) - 1 - through[::-1].index(target) :]
    return min(circle, key=rank) == through[-1]


def take_out(state: State, peer: str) -> State:
    """Leave nothing in a profile but that it went into `peer`; return what it held."""
    held = new()
    put_in(held, state)
    blank = State(seq=state.seq, format=FORMAT, merged_into=peer)
    for name in _LEFT_BEHIND:
        setattr(blank, name, getattr(state, name))
    put_in(state, blank)
    return held


def put_in(state: State, other: State) -> None:
    """Let a profile hold what `other` holds."""
    for name in State.__struct_fields__:
        setattr(state, name, getattr(other, name))


def _tied(command: Command, other: State) -> str:
    """Return the customer in a profile that comes whose name the cause bears."""
    cause, peer = command.cause, command.peer
    named = [name for name in (cause.one, cause.other) if is_known_as(other, peer, name)]
    return owner_of(other, peer, named[0]) if named else peer


def _overruling(command: Command) -> Micros | None:
    """Return when it was said that two are one, where that overrules earlier words; ids never do."""
    return command.cause.at if command.directed else None


def _kind(command: Command) -> str:
    """Return what kind of name an alias is."""
    for alias in (command.peer,) if command.do == "absorb" else (command.key,):
        if alias.startswith(VISITOR):
            return ANONYMOUS
        if is_customer(alias):
            return "customer"
    return command.kind or ""
