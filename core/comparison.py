"""Who would stand otherwise under other rules: customers counted by what changes, and those whom it changes most."""

import heapq
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from core.trial import Messages, Standing

_LEAST: Final = 1e-6
"""What is less than this is rounding."""


class Change(NamedTuple):
    """A customer under the present rules and under the draft."""

    key: str
    before: Standing
    after: Standing

    @property
    def scores(self) -> list[str]:
        """Scores whose value or band is another, those of both rule sets."""
        names = [*self.before.values, *(name for name in self.after.values if name not in self.before.values)]
        return [name for name in names if self.crosses(name) or abs(self.moved(name)) > _LEAST]

    def moved(self, score: str) -> float:
        """Return by how much the shown value changes; a score that is not there is 0."""
        return self.after.values.get(score, 0.0) - self.before.values.get(score, 0.0)

    def crosses(self, score: str) -> bool:
        """Tell whether the band is another."""
        return self.before.bands.get(score) != self.after.bands.get(score)

    @property
    def entered(self) -> list[str]:
        """Segments that only the draft has the customer in."""
        return sorted(self.after.members - self.before.members)

    @property
    def left(self) -> list[str]:
        """Segments that only the present rules have the customer in."""
        return sorted(self.before.members - self.after.members)

    @property
    def messages(self) -> Messages:
        """How many bands and segments differ; a score that only one side has counts for nothing."""
        both = self.before.bands.keys() & self.after.bands.keys()
        return Messages(sum(map(self.crosses, both)), len(self.before.members ^ self.after.members))

    def rules(self, score: str) -> list[tuple[str, float]]:
        """Return the rules whose points differ, and by how much, the greatest difference first."""
        before, after = self.before.points, self.after.points
        differ = [
            (name, after.get((of, name), 0.0) - before.get((of, name), 0.0)) for of, name in before | after if of == score
        ]
        return sorted(((name, by) for name, by in differ if abs(by) > _LEAST), key=lambda one: (-abs(one[1]), one[0]))

    def document(self) -> dict[str, Any]:
        """Return the change as JSON says it."""
        return {
            "customer_key": self.key,
            "scores": {name: self._of_score(name) for name in self.scores},
            "enters": self.entered,
            "leaves": self.left,
        }

    def _of_score(self, name: str) -> dict[str, Any]:
        return {
            "before": self.before.values.get(name),
            "after": self.after.values.get(name),
            "old_band": self.before.bands.get(name),
            "new_band": self.after.bands.get(name),
            "rules": [{"rule": rule, "points": points} for rule, points in self.rules(name)],
        }


class Comparison:
    """Counts customers, and keeps those whom the draft changes most.

    Args:
        limit: How many customers to keep.
        bands: Every score with each of its bands, in the order in which they are to be told.
        segments: Segments of both rule sets.
    """

    def __init__(self, limit: int, bands: Iterable[tuple[str, str]], segments: Iterable[str]) -> None:
        self._limit = limit
        self._segments = sorted(set(segments))
        self._rank = {place: rank for rank, place in enumerate(dict.fromkeys(bands))}
        self._most: list[tuple[float, int, int, Change]] = []
        self.customers = self.changed = self.elsewhere = 0
        self.messages = Messages(0, 0)
        self.before, self.after = Messages(0, 0), Messages(0, 0)
        """What each would have said in the days that are looked at."""
        self.bands: Counter[tuple[str, str | None, str | None]] = Counter()
        """Customers by score, present band and that of the draft."""
        self.members: Counter[str] = Counter()
        """Customers in each segment under the present rules."""
        self.entered: Counter[str] = Counter()
        self.left: Counter[str] = Counter()

    def add(self, change: Change) -> None:
        """Count a customer."""
        before, after = change.before, change.after
        self.customers += 1
        self.before += before.said
        self.after += after.said
        self.bands.update((name, before.bands.get(name), after.bands.get(name)) for name in before.bands | after.bands)
        self.members.update(before.members)
        scores, entered, left = change.scores, change.entered, change.left
        if not (scores or entered or left):
            return
        self.changed += 1
        self.entered.update(entered)
        self.left.update(left)
        messages = change.messages
        self.messages += messages
        self.elsewhere += any(messages)
        rank = max((abs(change.moved(name)) for name in scores), default=0.0), sum(messages), -self.customers
        keep = heapq.heappush if len(self._most) < self._limit else heapq.heappushpop
        keep(self._most, (*rank, change))

    @property
    def most_changed(self) -> list[Change]:
        """The customers whom the draft changes most, the greatest change of a score first."""
        return [entry[-1] for entry in sorted(self._most, reverse=True)]

    def document(self) -> dict[str, Any]:
        """Return all of it as JSON says it."""
        return {
            "customers": self.customers,
            "changed": self.changed,
            "bands": [
                {"score": score, "from": old, "to": new, "customers": count}
                for (score, old, new), count in sorted(self.bands.items(), key=self._order)
            ],
            "segments": {
                name: {
                    "before": self.members[name],
                    "after": self.members[name] + self.entered[name] - self.left[name],
                    "enter": self.entered[name],
                    "leave": self.left[name],
                }
                for name in self._segments
            },
            "elsewhere": {"customers": self.elsewhere, **dict(zip(("bands", "segments"), self.messages, strict=True))},
            "most_changed": [change.document() for change in self.most_changed],
        }

    def _order(self, counted: tuple[tuple[str, str | None, str | None], int]) -> tuple[int, int]:
        (score, old, new), _ = counted
        return self._rank[score, old or new or ""], self._rank[score, new or old or ""]
