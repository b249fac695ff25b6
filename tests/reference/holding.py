"""Points that rules hold for the reference, from docs/scoring.md: on traits, and on the profile."""

from tests.reference import scores, segments
from tests.reference.events import Event
from tests.reference.facts import may_move

Held = dict[str, tuple[str, float]]
"""Score and points of each rule that holds."""
Change = tuple[dict, float]


def on_profile(rules: dict) -> list[dict]:
    return [rule for rule in rules["rules"] if "profile" in scores.kinds(rule)]


def moved_by(rules: dict, event: Event) -> list[dict]:
    """The rules on the profile that an event may move."""
    return [rule for rule in on_profile(rules) if any(may_move(rules, path, event) for path in rule["when"])]


def looked_at(held: Held, looks: list[tuple[dict, bool]]) -> list[Change]:
    """What rules give that begin to hold, and what those take back that cease to."""
    changes: list[Change] = []
    for rule, holds in looks:
        if holds and rule["id"] not in held:
            held[rule["id"]] = (rule["score"], rule["points"])
            changes.append((rule, rule["points"]))
        if not holds and rule["id"] in held:
            changes.append(taken(held, rule["id"]))
    return changes


def taken(held: Held, id_: str) -> Change:
    score, points = held.pop(id_)
    return {"id": id_, "score": score}, -points


def of_traits(rules: dict, traits: dict) -> list[tuple[dict, bool]]:
    return [(rule, scores.holds(rule, traits)) for rule in scores.trait_rules(rules)]


def of_facts(rules: list[dict], facts: segments.Facts) -> list[tuple[dict, bool]]:
    return [(rule, segments.holds(rule["when"], facts, member=False)) for rule in rules]


def gone(held: Held, rules: dict) -> list[Change]:
    """What is taken back for rules that are no more, or that give others points now."""
    present = {rule["id"]: (rule["score"], rule["points"]) for rule in [*scores.trait_rules(rules), *on_profile(rules)]}
    return [taken(held, id_) for id_ in list(held) if present.get(id_) != held[id_]]
