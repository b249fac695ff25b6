"""Windows, facts and segments for the reference, from docs/scoring.md: each is made from the list of all events."""

from collections.abc import Iterator
from typing import Any

from tests.reference import scores
from tests.reference.events import Event

HOUR = 60 * 60 * 1000
DAY = 24 * HOUR
SUMS = ("value.revenue.", "value.refunded.")
DAILY = ("value.expected_purchases", "value.lifetime_value.")
Logs = dict[str, tuple[list[int], list[int]]]
"""By window, the times that it counts, and those that start it anew."""


def memberships(rules: dict, facts: "Facts") -> tuple[set[str], set[str]]:
    """Who is in for sure, and who may be: where `leave_below` counts, it depends on what was before."""
    outside, inside = (_inside(rules.get("segments", {}), facts, member=member) for member in (False, True))
    return outside & inside, outside | inside


def _inside(segments: dict[str, dict], facts: "Facts", *, member: bool) -> set[str]:
    inside: set[str] = set()
    for name in in_order(segments):
        facts.known[f"segments.{name}"] = holds(segments[name]["where"], facts, member=member)
        if facts.known[f"segments.{name}"]:
            inside.add(name)
    return inside


class Facts:
    """The facts of a profile at an instant in milliseconds; `daily` is that of facts that are looked at once a day."""

    def __init__(self, rules: dict, logs: Logs, known: dict[str, Any], instant: float, daily: float | None = None):
        self.rules, self.logs, self.known, self.instant = rules, logs, dict(known), instant
        self.daily = instant if daily is None else daily

    def value(self, path: str) -> Any:
        family, _, name = path.partition(".")
        if family == "windows":
            return len(self.counted(name))
        if family == "hours_since":
            counted = self.counted(name)
            return (self.instant - max(counted)) / HOUR if counted else None
        if path in SINCE:
            at, unit = self.known[SINCE[path][0]], SINCE[path][1]
            return None if at is None else (self.instant - at) / unit
        found = self.known.get(path, 0.0 if path.startswith(SUMS) else None)
        return found(self.daily if path.startswith(DAILY) else self.instant) if callable(found) else found

    def counted(self, name: str) -> list[int]:
        window = self.rules["windows"][name]
        span = window.get("days", 0) * DAY + window.get("hours", 0) * HOUR
        counted, resets = self.logs.get(name, ([], []))
        after = sorted(at for at in counted if at > max(resets, default=0))
        return [at for at in after[-201:] if self.instant - at < span]


def record(rules: dict, logs: Logs, event: Event) -> None:
    """Note an event in the windows that count it, or that it starts anew."""
    for name, window in rules.get("windows", {}).items():
        counted, resets = logs.setdefault(name, ([], []))
        if event.type in scores.kinds(window) and scores.holds(window, event.fields):
            counted.append(event.at)
        if event.type in window.get("until", []):
            resets.append(event.at)


SINCE = {
    "activity.hours_since_seen": ("last_seen_at", HOUR),
    "value.days_since_purchase": ("last_purchase_at", DAY),
    "service.days_since_contact": ("last_contact_at", DAY),
}


def holds(where: dict, facts: Facts, *, member: bool) -> bool:
    """Whether a combination of conditions holds."""
    results = []
    for name, wanted in where.items():
        if name == "all":
            results.append(all(holds(one, facts, member=member) for one in wanted))
        elif name == "any":
            results.append(any(holds(one, facts, member=member) for one in wanted))
        elif name == "not":
            results.append(not holds(wanted, facts, member=member))
        else:
            results.append(meets(facts.value(name), wanted, member=member))
    return all(results)


def meets(value: Any, wanted: Any, *, member: bool) -> bool:
    if not isinstance(wanted, dict):
        return any(scores.equal(value, one) for one in (wanted if isinstance(wanted, list) else [wanted]))
    if "present" in wanted and wanted["present"] != (value is not None):
        return False
    if "equals" in wanted and not scores.equal(value, wanted["equals"]):
        return False
    if "one_of" in wanted and not any(scores.equal(value, one) for one in wanted["one_of"]):
        return False
    lower = wanted.get("leave_below") if member and "leave_below" in wanted else wanted.get("at_least")
    if lower is not None and (value is None or value < lower):
        return False
    return "below" not in wanted or (value is not None and value < wanted["below"])


def in_order(segments: dict[str, dict]) -> list[str]:
    """Names of segments, each after those that it uses."""
    done: list[str] = []
    while len(done) < len(segments):
        done += [
            name
            for name, segment in segments.items()
            if name not in done and all(used in done for used in uses(segment["where"]))
        ]
    return done


def uses(where: Any) -> Iterator[str]:
    """Names of the segments that a condition looks at."""
    if isinstance(where, list):
        for one in where:
            yield from uses(one)
    elif isinstance(where, dict):
        for name, wanted in where.items():
            if str(name).startswith("segments."):
                yield name.partition(".")[2]
            yield from uses(wanted)
