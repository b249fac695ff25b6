"""Compares profiles as they are kept, and what subscribers were told of them, with the reference."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from tests.reference.judge import Judge, rank_of
from tests.reference.scores import moved

Looks = Sequence[float]
COUNTS = ("orders", "purchase_days", "page_views", "active_secs", "tickets", "reopened")


def compare_scores(judge: Judge, key: str, state: dict[str, Any], joined: Looks = ()) -> None:
    """Compare the scores and bands of one profile.

    In what was joined, any band is right that the score does not leave at some instant of `joined`, in milliseconds; the
    reference goes on from it.
    """
    expected = judge.profile(key)["scores"]
    for name, (value, as_of, band) in state.get("scores", {}).items():
        spec = judge.rules["scores"][name]
        shown = min(max(value, spec.get("shown_from", 0)), spec.get("shown_to", 100))
        assert abs(shown - expected[name]["value_at"](as_of / 1000)) < 1e-6, f"profile {key}: {name}"
        if joined:
            rank, values = rank_of(spec, band), [expected[name]["value_at"](at) for at in joined]
            assert any(moved(spec, rank, value) == rank for value in values), f"profile {key}: {band} of {name} at {values}"
            judge.profiles[key].ranks[name] = rank
        else:
            assert band == expected[name]["band"], f"profile {key}: band of {name}"


def compare_parts(judge: Judge, key: str, state: dict[str, Any]) -> None:
    """Compare what one profile counts and sums up."""
    for part, (have, wanted) in parts(state, judge.profile(key)).items():
        assert have == wanted, f"profile {key}: {part} {have}, not {wanted}"


def compare_segments(judge: Judge, key: str, state: dict[str, Any], looks: Looks) -> None:
    """Compare the segments of one profile, where none of `looks` at it decides which, in milliseconds; and its windows."""
    inside = {name for name, (member, _) in (state.get("memberships") or {}).items() if member}
    found = [judge.memberships(key, at) for at in looks]
    surely, maybe = set.intersection(*(surely for surely, _ in found)), set.union(*(maybe for _, maybe in found))
    assert surely <= inside <= maybe, f"profile {key}: segments {inside}, not between {surely} and {maybe}"
    profile = judge.profiles[key]
    _compare_windows(state, profile.rules["windows"], judge.windows(key, profile.latest), key)


def _compare_windows(state: dict[str, Any], rules: dict[str, dict], shown: dict[str, tuple], key: str) -> None:
    """Compare how many events each window counts, and when the first of them leaves it, for the latest event's instant."""
    for name, (count, falls_at) in shown.items():
        span = rules[name].get("days", 0) * 86_400_000 + rules[name].get("hours", 0) * 3_600_000
        ends = [at // 1000 + span for at in (state.get("windows") or {}).get(name, ([], 0))[0]]
        ends = [end for end in ends if end > state["last_seen_at"] // 1000]
        have = (len(ends), min(ends, default=None))
        assert have == (count, falls_at), f"profile {key}: window {name} {have}, not {(count, falls_at)}"


def parts(state: dict[str, Any], expected: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return each part of a profile as it is kept, and as it should be."""
    parts = {name: (state.get(name, 0), expected[name]) for name in COUNTS}
    for name in ("revenue", "refunded"):
        parts[name] = (_amounts(state.get(name)), _amounts(expected[name]))
    day, amounts = state.get("first_day") or (None, None)
    first_day = expected["first_day"] or (None, None)
    parts["first_day"] = ((day, _amounts(amounts)), (first_day[0], _amounts(first_day[1])))
    open_tickets = sum(word[0] == "open" for word in state.get("ticket_states", {}).values())
    parts["open_tickets"] = (open_tickets, expected["open_tickets"])
    ended, spans = state.get("sessions") or (0, [])
    parts["sessions"] = (ended + len(spans) // 2, expected["sessions"])
    parts["csat"] = ((state.get("csat_satisfied", 0), state.get("csat_answers", 0)), tuple(expected["csat"]))
    return parts


def _amounts(amounts: dict[str, Any] | None) -> dict[str, Decimal]:
    return {currency: Decimal(total) for currency, total in (amounts or {}).items()}


class Subscriber:
    """Somebody who heard every `score-change` and `segment-change`, and which keys went into others, in the order of `seq`.

    Each message must begin where the one before ended; whoever comes back after going into somebody begins anew.
    """

    def __init__(self, rules: dict[str, Any]) -> None:
        self._start = {name: _band_of_nothing(score) for name, score in rules["scores"].items()}
        self.bands: dict[tuple[str, str], str] = {}
        self.inside: set[tuple[str, str]] = set()

    def hear(self, messages: Iterable[dict[str, Any]]) -> None:
        """Take up messages, and rows of type `profile_gone`; of one record in the order in which they were said."""
        for message in sorted(messages, key=lambda message: (message["customer_key"], message["seq"], "type" in message)):
            key = message["customer_key"]
            if "score" in message:
                self._hear_band(key, message)
            elif "segment" in message:
                self._hear_segment(key, message)
            else:
                assert not any(who == key for who, _ in self.inside), f"{key} is gone, and in a segment"
                self.bands = {place: band for place, band in self.bands.items() if place[0] != key}

    def _hear_band(self, key: str, change: dict[str, Any]) -> None:
        known = self.bands.get((key, change["score"]), self._start[change["score"]])
        assert change["old_band"] == known, f"score change {change['id']}: from {change['old_band']}, which was {known}"
        self.bands[key, change["score"]] = change["new_band"]

    def _hear_segment(self, key: str, change: dict[str, Any]) -> None:
        place, entered = (key, change["segment"]), change["change"] == "entered"
        assert (place in self.inside) != entered, f"segment change {change['id']}: {change['change']} again"
        self.inside ^= {place}

    def compare(self, key: str, state: dict[str, Any]) -> None:
        """Compare what was heard of one profile with what it is."""
        for name, (_, _, band) in state.get("scores", {}).items():
            assert self.bands.get((key, name), self._start[name]) == band, f"profile {key}: band {band} of {name} unheard"
        inside = {name for name, (member, _) in (state.get("memberships") or {}).items() if member}
        heard = {segment for who, segment in self.inside if who == key}
        assert heard == inside, f"profile {key}: in {inside}, heard of {heard}"


def _band_of_nothing(score: dict[str, Any]) -> str:
    return [band["name"] for band in score["bands"] if band["from"] <= 0 or band is score["bands"][0]][-1]
