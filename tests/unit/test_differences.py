"""What differs between two versions of the rules."""

from typing import Any

from core.differences import Difference, differences
from core.rules import RuleSet
from tests.unit.pipeline import RULES, SCORES, a_rule_set


def rules(**changes: Any) -> RuleSet:
    return RuleSet.model_validate(a_rule_set(**changes))


def test_the_same_rules_do_not_differ() -> None:
    assert differences(rules(), rules(rules=RULES[::-1])) == []


def test_rules_are_added_removed_and_changed() -> None:
    page = {"id": "paged", "score": "fit", "event": "page_viewed", "points": 1, "when": {"page.path": "/"}}
    old, new = rules(rules=[*RULES[:2], page]), rules(rules=[RULES[1] | {"points": 6, "once": True}, RULES[2], page])
    removed, added, changed = differences(old, new)
    assert (removed.name, removed.change, removed.fields["points"]) == ("added", "removed", (25.0, None))
    assert (added.name, added.change, added.fields["event"]) == ("removed", "added", (None, "product_removed"))
    assert changed == Difference("rule", "viewed", "changed", {"points": (5.0, 6.0), "once": (None, True)})
    moved = page | {"when": {"page.path": "/x"}}
    (changed,) = differences(rules(rules=[page]), rules(rules=[moved]))
    assert changed.fields == {"when.page.path.equals": ("/", "/x")}


def test_what_rules_give_points_to_differs_too() -> None:
    milder = {**SCORES, "engagement": {**SCORES["engagement"], "half_life_days": 30}}
    groups = {"looks": {"cap": {"points": 9, "per": "day"}}}
    assert differences(rules(), rules(version=4, scores=milder, groups=groups, grade=None)) == [
        Difference("version", "", "changed", {"": (3, 4)}),
        Difference("grade", "", "removed", {"letter": ("fit", None), "digit": ("engagement", None)}),
        Difference("score", "engagement", "changed", {"half_life_days": (10.0, 30.0)}),
        Difference("group", "looks", "added", {"cap": (None, {"points": 9.0, "per": "day"})}),
    ]
