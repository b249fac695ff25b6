"""Points, scores and bands for the reference, from docs/scoring.md: every sum is made from scratch."""

import json
import math
import re
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from tests.reference import caps, purchases
from tests.reference.events import Event, at, number

DAY = 24 * 60 * 60 * 1000
PERSONAL = {"name", "email", "phone", "birth_date"}
Points = list[tuple[float, int]]


def load_rules(folder: Path) -> dict:
    """All rules of a folder in one dict: `scores`, `grade`, `version`, `groups`, `internal`, `rules` (by file), `plan`."""
    loaded: dict = {"rules": [], "plan": {}, "groups": {}}
    for file in sorted(Path(folder).glob("*.yaml")):
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
        loaded["rules"] += document.get("rules", [])
        loaded["plan"] |= document.get("events", {})
        loaded["groups"] |= document.get("groups", {})
        named = ("scores", "grade", "version", "internal", "windows", "segments")
        loaded |= {name: document[name] for name in named if name in document}
    return loaded


def as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, Decimal) else json.dumps(value, default=str)


def equal(field: Any, wanted: Any) -> bool:
    if isinstance(field, str) or isinstance(wanted, str) or isinstance(field, bool) or isinstance(wanted, bool):
        return type(field) is type(wanted) and field == wanted
    if number(field) is not None and number(wanted) is not None:
        return number(field) == number(wanted)
    return field == wanted


def meets(field: Any, operator: str, wanted: Any) -> bool:
    several = wanted if isinstance(wanted, list) else [wanted]
    if operator in ("equals", "one_of"):
        return any(equal(field, one) for one in (several if operator == "one_of" else [wanted]))
    if operator == "prefix":
        return any(as_text(field).startswith(one) for one in several)
    if operator == "matches":
        return re.search(wanted, as_text(field)) is not None
    size, bound = number(field), number(wanted)
    if operator == "at_least":
        return size is not None and bound <= size
    if operator == "below":
        return size is not None and size < bound
    raise ValueError(f"unknown condition {operator}")


def holds(rule: dict, fields: dict) -> bool:
    """Whether all conditions of a rule hold; a missing field meets none but `present: false`."""
    for path, condition in (rule.get("when") or {}).items():
        field, tests = at(fields, path), dict(spelt_out(condition))
        there = field is not None and not isinstance(field, dict | list)
        if tests.pop("present", there) is not there:
            return False
        if tests and not (there and all(meets(field, operator, wanted) for operator, wanted in tests.items())):
            return False
    return True


def spelt_out(condition: Any) -> dict:
    if isinstance(condition, list):
        return {"one_of": condition}
    return condition if isinstance(condition, dict) else {"equals": condition}


def kinds(rule: dict) -> list[str]:
    return rule["event"] if isinstance(rule["event"], list) else [rule["event"]]


def rules_met(rules: dict, event: Event) -> list[dict]:
    """The rules (without those of traits) that give points for an event."""
    return [rule for rule in rules["rules"] if event.type in kinds(rule) and holds(rule, event.fields)]


def by_score(given: Iterable[tuple[dict, float, int]]) -> dict[str, float]:
    """The points of each score that rules gave."""
    sums: dict[str, float] = {}
    for rule, points, _ in given:
        sums[rule["score"]] = sums.get(rule["score"], 0.0) + points
    return sums


def trait_rules(rules: dict) -> list[dict]:
    return [rule for rule in rules["rules"] if "traits" in kinds(rule)]


def traits_of(events: Iterable[Event]) -> dict:
    """Last write by event time for each trait, the greater text at the same instant."""
    return {name: value for name, (value, _) in trait_words(events).items()}


def trait_words(events: Iterable[Event]) -> dict[str, tuple[Any, Event]]:
    """The winning value of each trait, and the event that said it."""
    latest: dict[str, tuple[int, str]] = {}
    words: dict[str, tuple[Any, Event]] = {}
    for event in events:
        for name, value in (event.fields.get("traits") or {}).items():
            word = (event.at, as_text(value))
            if name not in PERSONAL and value is not None and (name not in latest or word > latest[name]):
                latest[name], words[name] = word, (value, event)
    return words


def total(score: dict, points: Points, instant: float) -> float:
    """All points, each halved every half-life since its event time."""
    days = score.get("half_life_days")
    if days is None:
        return math.fsum(given for given, _ in points)
    return math.fsum(given * 0.5 ** ((instant - when) / (days * DAY)) for given, when in points)


def shown(score: dict, points: Points, instant: float) -> float:
    low, high = score.get("shown_from", 0), score.get("shown_to", 100)
    return float(min(max(total(score, points, instant), low), high))


def band_reached(score: dict, value: float) -> int:
    """The rank of the highest band that begins at or below a value (0 is the lowest)."""
    reached = [rank for rank, band in enumerate(score["bands"]) if value >= band["from"]]
    return max(reached, default=0)


def moved(score: dict, rank: int, value: float) -> int:
    """The rank of the band after a look at a value, from the rank before."""
    reached = band_reached(score, value)
    if reached > rank:
        return reached
    while rank > reached and value < score["bands"][rank]["from"] - score.get("hysteresis", 0):
        rank -= 1
    return rank


def close_call(score: dict, value: float) -> bool:
    """Whether rounding alone might decide a band (a decayed value within 1e-9 of a border)."""
    borders = [band["from"] - less for band in score["bands"] for less in (0, score.get("hysteresis", 0))]
    return score.get("half_life_days") is not None and any(
        border > score.get("shown_from", 0) and abs(value - border) < 1e-9 for border in borders
    )


def grade(rules: dict, ranks: dict[str, int]) -> str:
    letter, digit = rules["grade"]["letter"], rules["grade"]["digit"]
    above = {name: len(rules["scores"][name]["bands"]) - 1 - ranks[name] for name in (letter, digit)}
    return chr(ord("A") + above[letter]) + str(above[digit] + 1)


def scores_of_set(rules: dict, events: Iterable[Event], instant: int | None = None) -> dict[str, float]:
    """What is shown for a profile's accepted events, in whatever order, at an instant (else the latest event time).

    Scores that fade and are fed by traits depend on the order of events and are left out.
    """
    events = list(events)
    points: dict[str, Points] = {name: [] for name in rules["scores"]}
    met = [(event, rule) for event in events for rule in rules_met(rules, event)]
    for rule, granted, when in caps.of_set(rules, [(rule, event.at) for event, rule in met if caps.is_capped(rule)]):
        points[rule["score"]].append((granted, when))
    earned = [
        (event, [(rule, rule["points"], event.at) for by, rule in met if by is event and not caps.is_capped(rule)])
        for event in events
    ]
    for _, given in earned:
        for rule, earning, when in given:
            points[rule["score"]].append((earning, when))
    sales = [purchases.Sale(event, by_score(given)) for event, given in earned if event.type in purchases.SALES]
    refunds = [event for event in events if event.type in purchases.REFUNDS]
    for name, taken, when in purchases.taken_of_set(sales, refunds):
        points[name].append((taken, when))
    latest = max((event.at for event in events), default=0) if instant is None else instant
    traits, ordered = traits_of(events), set()
    carried = any("traits" in event.fields for event in events)
    for rule in trait_rules(rules):
        if rules["scores"][rule["score"]].get("half_life_days") is not None:
            ordered.add(rule["score"])
        elif carried and holds(rule, traits):
            points[rule["score"]].append((rule["points"], latest))
    return {name: shown(score, points[name], latest) for name, score in rules["scores"].items() if name not in ordered}
