"""Caps for the reference, from docs/scoring.md: everything is granted anew, from the first event on, at each event."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from tests.reference.events import EPOCH

LATENESS = 24 * 60 * 60 * 1000


@dataclass
class Entry:
    """An event that a capped rule gives points for; `granted` has the sign of the points."""

    rule: dict
    at: int
    arrival: int
    granted: float = 0.0


def is_capped(rule: dict) -> bool:
    return bool(rule.get("once") or rule.get("cap") or rule.get("group"))


def caps_of(rules: dict, rule: dict) -> list[tuple[str, dict]]:
    """The caps that a rule is under, each with the name of who shares it."""
    caps = []
    if rule.get("once"):
        caps.append(("rule " + rule["id"], {"points": abs(rule["points"]), "per": "ever"}))
    if rule.get("cap"):
        caps.append(("rule " + rule["id"], rule["cap"]))
    if rule.get("group"):
        caps.append(("group " + rule["group"], rules["groups"][rule["group"]]["cap"]))
    return caps


def local_date(rules: dict, at: int) -> datetime:
    """The midnight that begins the calendar day of an instant, without its zone."""
    return midnight(rules.get("timezone", "UTC"), at)


@cache
def midnight(zone: str, at: int) -> datetime:
    local = (EPOCH + timedelta(milliseconds=at)).astimezone(ZoneInfo(zone))
    return local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)


def is_closed(rules: dict, rule: dict, at: int, latest: int) -> bool:
    """Whether the day of an event is closed for a rule that is capped by the day."""
    if all(cap["per"] == "ever" for _, cap in caps_of(rules, rule)):
        return False
    next_day = (local_date(rules, at) + timedelta(days=1)).replace(tzinfo=ZoneInfo(rules.get("timezone", "UTC")))
    return (next_day - EPOCH) // timedelta(milliseconds=1) + rules.get("lateness", LATENESS) < latest


def grant(rules: dict, entries: list[Entry]) -> list[tuple[dict, float, int]]:
    """Grants every entry anew; returns rule, points and time of what is different from before."""
    used: dict[tuple, float] = defaultdict(float)
    different = []
    for entry in sorted(entries, key=lambda entry: (entry.at, entry.rule["id"], entry.arrival)):
        size = abs(entry.rule["points"])
        buckets = []
        for who, cap in caps_of(rules, entry.rule):
            bucket = (who, local_date(rules, entry.at) if cap["per"] == "day" else None)
            buckets.append(bucket)
            size = min(size, cap["points"] - used[bucket])
        size = size if size > 1e-9 else 0.0
        for bucket in buckets:
            used[bucket] += size
        granted = size if entry.rule["points"] > 0 else -size
        if granted != entry.granted:
            different.append((entry.rule, granted - entry.granted, entry.at))
            entry.granted = granted
    return different


def of_set(rules: dict, met: list[tuple[dict, int]]) -> list[tuple[dict, float, int]]:
    """Rule, points and time of what capped rules grant to events that meet them, all at once."""
    return grant(rules, [Entry(rule, at, arrival) for arrival, (rule, at) in enumerate(met)])
