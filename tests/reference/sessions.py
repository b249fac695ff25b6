"""Sessions for the reference, from docs/scoring.md: every event time is kept, and every count is made from scratch."""

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from itertools import pairwise

from tests.reference.events import Event

PAUSE = 30 * 60 * 1000
LATENESS = 24 * 60 * 60 * 1000


@dataclass
class Visits:
    """Sorted times of the site events that were not too late."""

    times: list[int] = field(default_factory=list)
    lateness: int = LATENESS

    def session_of(self, event: Event) -> str:
        """The start of the event's session as far as it is known now, or nothing."""
        if event.topic != "site-interaction" or (self.times and event.at < self.times[-1] - self.lateness):
            return ""
        insort(self.times, event.at)
        place = bisect_left(self.times, event.at)
        while place and self.times[place] - self.times[place - 1] < PAUSE:
            place -= 1
        return str(self.times[place])

    def count(self) -> int:
        return bool(self.times) + sum(later - earlier >= PAUSE for earlier, later in pairwise(self.times))
