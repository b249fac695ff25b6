"""What windows show at an instant, from the instants of all events of a profile."""

from typing import Any

from tests.reference.segments import DAY, HOUR, Facts, Logs


def windows(rules: dict, logs: Logs, instant: float) -> dict[str, tuple[int, int | None]]:
    """Of each window how many events count at an instant in milliseconds, and when the earliest of them leaves it."""
    facts = Facts(rules, logs, {}, instant)
    shown = {}
    for name, window in rules.get("windows", {}).items():
        remembered = facts.counted(name)[-kept(rules, name) :]
        span = window.get("days", 0) * DAY + window.get("hours", 0) * HOUR
        shown[name] = (len(remembered), min(remembered) + span if remembered else None)
    return shown


def kept(rules: dict, name: str) -> int:
    """How many instants a window remembers: one more than any condition asks for, at least 21."""
    wheres = [segment["where"] for segment in rules.get("segments", {}).values()]
    wheres += [rule.get("when", {}) for rule in rules["rules"] if "profile" in rule["event"]]
    return int(max([20, *(bound for where in wheres for bound in asked(where, f"windows.{name}"))])) + 1


def asked(where: Any, path: str) -> list[float]:
    """The numbers that conditions compare a window with."""
    if isinstance(where, list):
        return [bound for one in where for bound in asked(one, path)]
    if not isinstance(where, dict):
        return []
    found = [bound for name, inner in where.items() if name != path for bound in asked(inner, path)]
    bounds = where.get(path, {})
    said = bounds.values() if isinstance(bounds, dict) else [bounds]
    return found + [one for one in said if isinstance(one, int | float)]
