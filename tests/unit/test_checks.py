"""What is wrong with rules that can be read."""

from typing import Any

import pytest

from core.checks import Finding, Names, group_findings, rule_findings, score_findings
from core.rules import Frame, Rule
from tests.unit.pipeline import SCORES

NAMES = Names(SCORES, ("looks",), frozenset({"video_id"}))


def a_rule(**changes: Any) -> Rule:
    said = {"id": "viewed", "score": "engagement", "event": "page_viewed", "points": 5, **changes}
    return Rule.model_validate(said)


def found(*rules: Rule) -> list[Finding]:
    return list(rule_findings(list(enumerate(rules)), NAMES))


def found_when(when: dict[str, Any], event: str = "page_viewed") -> list[tuple[tuple[str, ...], str]]:
    return [(finding.path[1:], finding.message) for finding in found(a_rule(when=when, event=event))]


HOLD = [
    ("page_viewed", {"page.path": "/a", "page.title": {"prefix": ["A"]}, "context.user_agent": {"matches": "Fire"}}),
    ("page_viewed", {"page.path": {"matches": "^/a", "prefix": "/"}}),
    ("page_viewed", {"page.title": {"present": False}, "page.path": {"present": True}}),
    ("page_viewed", {"context.consent.marketing": True}),
    ("page_pinged", {"active_secs": {"at_least": 60}}),
    ("content_rated", {"rating": [1, 2]}),
    ("content_rated", {"rating": {"at_least": 5}}),
    ("ticket_rated", {"scale": "stars5", "rating": {"below": 3}}),
    ("ticket_rated", {"scale": {"prefix": "st"}}),
    ("receipt_issued", {"total": {"at_least": 0.01, "below": 9}}),
    ("survey_answered", {"survey": "leaving", "reason": "expensive"}),
    ("custom_tracked", {"name": "video_watched", "properties.video_id": "v-1"}),
    ("traits", {"role": ["owner", "director"], "company": {"present": True}, "budget": {"below": 1000}}),
    ("page_viewed", {}),
]


@pytest.mark.parametrize(("event", "when"), HOLD)
def test_nothing_is_wrong_with_conditions_that_can_hold(event: str, when: dict[str, Any]) -> None:
    assert found_when(when, event) == []


NEVER = [
    ("page_viewed", {"page.pth": "/"}, ("page.pth",), "did you mean 'page.path'?"),
    (
        "page_viewed",
        {"zzzz": "/"},
        ("zzzz",),
        "page_viewed has no field 'zzzz' that rules can read; rules read plain fields",
    ),
    ("page_viewed", {"event_id": "e"}, ("event_id",), "has no field 'event_id'"),
    ("page_viewed", {"context.ip": "192.0.2.1"}, ("context.ip",), "has no field 'context.ip'"),
    ("page_viewed", {"properties.video_id": "v"}, ("properties.video_id",), "declare the property"),
    ("custom_tracked", {"properties.city": "Kazan"}, ("properties.city",), "declare the property in tracking_plan.yaml"),
    ("traits", {"email": "a@b"}, ("email",), "a customer has no field 'email'"),
    ("traits", {"preferences": "tea"}, ("preferences",), "holds several values"),
    ("page_viewed", {"page.path": {"at_least": 5}}, ("page.path", "at_least"), "is no number"),
    ("page_viewed", {"page.path": {"below": 5}}, ("page.path", "below"), "is no number"),
    ("page_viewed", {"page.path": 5}, ("page.path", "equals"), "the field is a text: put the value in quotes"),
    ("content_rated", {"rating": "5"}, ("rating", "equals"), "'5' never occurs: the field is a number"),
    ("content_rated", {"rating": True}, ("rating", "equals"), "True never occurs: the field is a number"),
    ("page_viewed", {"context.consent.marketing": "yes"}, ("context.consent.marketing", "equals"), "is true or false"),
    ("ticket_rated", {"scale": "stars"}, ("scale", "equals"), "'stars' never occurs; the field is one of freshdesk, stars5"),
    ("ticket_rated", {"scale": ["stars5", "star"]}, ("scale", "one_of"), "'star' never occurs"),
    ("content_rated", {"rating": {"at_least": 6}}, ("rating",), "never holds: the field is between 1 and 5"),
    ("content_rated", {"rating": {"below": 1}}, ("rating",), "never holds: the field is between 1 and 5"),
    ("content_rated", {"rating": {"at_least": 4, "below": 4}}, ("rating",), "no number is at least 4 and below 4"),
    ("ticket_rated", {"scale": {"prefix": "x"}}, ("scale",), "no value meets all of it; tried freshdesk, stars5, thumbs"),
    ("page_viewed", {"page.path": {"equals": "/a", "prefix": "/b"}}, ("page.path",), "no value meets all of it; tried /a"),
    ("page_viewed", {"page.path": {"one_of": ["/a"], "matches": "b"}}, ("page.path",), "no value meets all of it; tried /a"),
    ("page_viewed", {"page.path": {"present": False}}, ("page.path", "present"), "the contract requires the field"),
    ("page_viewed", {"page.title": {"present": False, "prefix": "A"}}, ("page.title",), "a field that is absent meets"),
    ("survey_answered", {"survey": "leaving", "reason": "price"}, ("reason", "equals"), "'price' never occurs"),
]


@pytest.mark.parametrize(("event", "when", "path", "says"), NEVER)
def test_a_condition_that_never_holds_is_found(event: str, when: dict[str, Any], path: tuple[str, ...], says: str) -> None:
    ((where, message),) = found_when(when, event)
    assert where == path
    assert says in message


def test_a_rule_must_be_able_to_hold_for_each_of_its_events() -> None:
    (finding,) = found(a_rule(event=["receipt_issued", "order_completed"], when={"receipt.store_id": "s"}))
    assert "order_completed has no field" in finding.message


def test_names_that_nothing_has_are_found_with_the_nearest_one() -> None:
    findings = found(a_rule(score="engagment", event=["page_view", "page_viewed"], group="look"))
    assert [(finding.path, finding.message) for finding in findings] == [
        (("score",), "no score is called 'engagment'; did you mean 'engagement'?"),
        (("event",), "no event type is called 'page_view'; did you mean 'page_viewed'?"),
        (("group",), "no group is called 'look'; did you mean 'looks'?; name it under `groups:` with a cap"),
    ]


def test_ids_that_stand_twice_are_found() -> None:
    (finding,) = found(a_rule(), a_rule(event="app_opened"))
    assert finding == Finding(1, ("id",), "rule ids stand twice: viewed; give each rule an id of its own")


def test_rules_that_contradict_are_errors_and_rules_that_repeat_are_warnings() -> None:
    same = {"when": {"page.path": {"prefix": "/a"}}}
    contradicting = found(
        a_rule(**same),
        a_rule(id="other", points=-5, event=["page_viewed", "app_opened"]),
        a_rule(id="third", points=-1, **same),
    )
    assert [(f.rule, f.path, f.warning) for f in contradicting if "contradicts" in f.message] == [(2, ("points",), False)]
    (repeating,) = found(a_rule(), a_rule(id="other", points=1))
    assert (repeating.rule, repeating.path, repeating.warning) == (1, ("when",), True)
    assert found(a_rule(), a_rule(id="other", once=True)) == []
    assert found(a_rule(), a_rule(id="other", event="app_opened", points=-5)) == []
    assert found(a_rule(), a_rule(id="other", score="fit", points=-5)) == []


def test_useless_points_and_caps_are_warned_of() -> None:
    findings = found(a_rule(points=0), a_rule(id="capped", when={"page.path": "/"}, cap={"points": 4, "per": "day"}))
    assert [(f.rule, f.path, f.warning) for f in findings] == [(0, ("points",), True), (1, ("cap", "points"), True)]


def in_group(*rules: Rule, cap: Any = None) -> list[tuple[int | None, tuple[str, ...], str, bool]]:
    frame = Frame.model_validate(
        {"version": 1, "scores": SCORES, "groups": {"looks": {"cap": cap or {"points": 20, "per": "day"}}}}
    )
    return [(f.rule, f.path, f.message, f.warning) for f in group_findings(list(enumerate(rules)), frame.groups)]


def test_a_group_without_rules_is_warned_of() -> None:
    assert in_group(a_rule()) == [(None, ("groups", "looks"), "no rule names this group; remove it", True)]


def test_rules_of_a_group_share_score_and_sign() -> None:
    first = a_rule(group="looks")
    ((_, path, message, _),) = in_group(first, a_rule(id="other", group="looks", score="fit"))
    assert (path, message) == (("group",), "a group shares one score; rule viewed gives to 'engagement'")
    ((_, path, message, _),) = in_group(first, a_rule(id="other", group="looks", points=-1))
    assert (path, message) == (("group",), "a group either gives or takes points; rule viewed does the opposite")


def test_a_cap_that_outlasts_that_of_its_group_is_refused() -> None:
    once, ever = a_rule(group="looks", once=True), a_rule(group="looks", cap={"points": 9, "per": "ever"})
    assert [in_group(rule)[0][1] for rule in (once, ever)] == [("once",), ("cap", "per")]
    assert in_group(once, cap={"points": 20, "per": "ever"}) == []


def test_a_groups_cap_below_one_grant_is_warned_of() -> None:
    assert in_group(a_rule(group="looks", points=50))[0][1:] == (
        ("group",), "the group's cap is smaller than one grant of 50", True,
    )  # fmt: skip


def of_scores(rules: list[dict[str, Any]], **score: Any) -> list[str]:
    said = {"version": 1, "scores": {"engagement": {**SCORES["engagement"], **score}}}
    frame = Frame.model_validate(said | {"groups": {"looks": {"cap": {"points": 8, "per": "ever"}}}})
    return [f.message for f in score_findings(frame, list(enumerate(a_rule(**rule) for rule in rules)))]


def test_a_score_that_no_rule_can_move_is_warned_of() -> None:
    assert of_scores([{}]) == []
    assert of_scores([{"once": True}]) == [
        "no rule moves the score out of its band: together they give 0 to +5; see points and caps"
    ]
    traits = {"event": "traits", "points": 10, "when": {"city": "Kazan"}}
    assert of_scores([{"once": True}, traits]) != []
    assert of_scores([{"once": True}, traits, traits | {"id": "more"}]) == []
    grouped = {"group": "looks", "points": 8}
    assert of_scores([grouped, grouped | {"id": "more"}]) != []
    assert of_scores([grouped, {"id": "day", "cap": {"points": 5, "per": "day"}}]) == []


def test_falling_is_moving_too() -> None:
    bands = [{"name": "bad", "from": -50}, {"name": "fair", "from": -4}, {"name": "good", "from": 20}]
    assert of_scores([{"points": -8}], bands=bands, shown_from=-50) == []
    assert of_scores([{"points": -6, "once": True}], bands=bands, shown_from=-50) != []


def test_bands_that_nobody_reaches_are_warned_of() -> None:
    assert of_scores([{}], bands=[{"name": "all", "from": 0}]) == ["one band only: the score never changes it; add another"]
    (message,) = of_scores([{}], shown_to=50)
    assert message == "band hot is never reached: it begins above shown_to 50"
