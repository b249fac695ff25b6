"""Rules: what a rule set may say, when a condition holds, and the grade."""

import re
from typing import Any

import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from core.rules import CompiledRule, RuleSet, compile_rules
from core.times import DAY
from tests.unit.pipeline import INTEREST, KEEN, RULES, SCORES, SEGMENTS, WINDOWS, a_rule_set, compiled


def a_rule(**changes: Any) -> dict[str, Any]:
    return {"id": "bought", "score": "engagement", "event": "order_completed", "points": 5, **changes}


def holds(when: dict[str, Any], fields: dict[str, Any]) -> bool:
    (rule,) = compiled(rules=[a_rule(when=when)]).by_event["order_completed"]
    return rule.holds(fields)


PAGE = {"page": {"path": "/shop/shoes", "tags": ["a"]}, "total": "99.90", "rating": 4, "new": True, "empty": ""}

CONDITIONS = [
    ({}, True),
    ({"page.path": "/shop/shoes"}, True),
    ({"page.path": {"equals": "/shop/shoes"}}, True),
    ({"page.path": "/shop"}, False),
    ({"rating": 4}, True),
    ({"rating": {"equals": 5}}, False),
    ({"new": True}, True),
    ({"new": False}, False),
    ({"rating": [3, 4]}, True),
    ({"rating": {"one_of": [1, 2]}}, False),
    ({"page.path": ["/shop/shoes", "/"]}, True),
    ({"page.path": {"prefix": "/shop"}}, True),
    ({"page.path": {"prefix": ["/cart", "/shop"]}}, True),
    ({"page.path": {"prefix": "/cart"}}, False),
    ({"rating": {"prefix": "4"}}, True),
    ({"rating": {"at_least": 4}}, True),
    ({"rating": {"at_least": 4.5}}, False),
    ({"rating": {"below": 4}}, False),
    ({"rating": {"at_least": 1, "below": 5}}, True),
    ({"total": {"at_least": 99.9}}, True),
    ({"total": {"below": 99.9}}, False),
    ({"page.path": {"at_least": 0}}, False),
    ({"empty": {"at_least": 0}}, False),
    ({"page.path": {"prefix": "/shop", "equals": "/shop/shoes"}}, True),
    ({"page.path": {"prefix": "/shop", "equals": "/shop"}}, False),
    ({"rating": 4, "total": {"at_least": 100}}, False),
    ({"rating": 4, "total": {"at_least": 50}}, True),
    ({"page.path": {"matches": "sho.s"}}, True),
    ({"page.path": {"matches": "^shoes"}}, False),
    ({"page.path": {"matches": "(?i)^/SHOP/"}}, True),
    ({"rating": {"matches": "^4$"}}, True),
    ({"missing": {"matches": "."}}, False),
    ({"empty": {"present": True}}, True),
    ({"missing": {"present": True}}, False),
    ({"missing": {"present": False}}, True),
    ({"page.path": {"present": False}}, False),
    ({"page": {"present": False}}, True),
    ({"page.tags": {"present": True}}, False),
    ({"rating": {"present": True, "at_least": 5}}, False),
]


@pytest.mark.parametrize(("when", "expected"), CONDITIONS)
def test_a_rule_holds_when_all_its_conditions_do(when: dict[str, Any], expected: bool) -> None:
    assert holds(when, PAGE) is expected


CONDITIONS_OF_ANY_KIND = [
    "x",
    5,
    True,
    False,
    ["x"],
    {"equals": "x"},
    {"one_of": ["", 0]},
    {"prefix": "x"},
    {"at_least": -1e9},
    {"below": 1e9},
    {"matches": ".*"},
    {"present": True},
]


@pytest.mark.parametrize("condition", CONDITIONS_OF_ANY_KIND)
@pytest.mark.parametrize("path", ["missing", "page", "page.missing", "page.tags", "page.tags.a", "rating.x", "none", ""])
def test_a_missing_field_and_one_that_is_no_plain_value_meet_no_condition(path: str, condition: object) -> None:
    assert not holds({path: condition}, {**PAGE, "none": None})


def test_a_missing_field_does_not_begin_with_nothing() -> None:
    assert not holds({"missing": {"prefix": ""}}, PAGE)


def test_zero_begins_with_zero() -> None:
    assert holds({"results": {"prefix": "0"}}, {"results": 0})


NUMBERS = st.floats(-1e6, 1e6).map(lambda number: round(number, 2))


@given(NUMBERS, NUMBERS, NUMBERS, st.booleans())
def test_a_range_is_closed_below_and_open_above(value: float, low: float, high: float, as_text: bool) -> None:
    field = f"{value:.2f}" if as_text else value
    assert holds({"total": {"at_least": low, "below": high}}, {"total": field}) == (low <= value < high)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 2**64) | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
    max_leaves=4,
)


@given(st.sampled_from(CONDITIONS_OF_ANY_KIND), st.dictionaries(st.sampled_from(["a", "b"]), JSON, max_size=2))
def test_every_condition_copes_with_every_field(condition: object, fields: dict[str, Any]) -> None:
    assert holds({"a.b": condition}, fields) in (True, False)


REFUSED = [
    (a_rule_set(rules=[a_rule(), a_rule(), a_rule(id="x"), a_rule(id="x")]), "rule ids stand twice: bought, x"),
    (a_rule_set(rules=[a_rule(score="fame")]), "rule bought: no score is called 'fame'"),
    (a_rule_set(rules=[a_rule(event=["order_completed", "ordered"])]), "rule bought: no event type is called 'ordered'"),
    (a_rule_set(rules=[a_rule(event="app_opened", group="looks")]), "rule bought: no group is called 'looks'"),
    (a_rule_set(grade={"letter": "fit", "digit": "fame"}), "grade: names a score that is not there"),
]


@pytest.mark.parametrize(("rule_set", "message"), REFUSED)
def test_rules_may_only_name_what_there_is(rule_set: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(message)):
        RuleSet.model_validate(rule_set)


@pytest.mark.parametrize(
    "changes",
    [
        {"points": 1000.5},
        {"points": -1001},
        {"points": "five"},
        {"points": float("nan")},
        {"id": "Bought"},
        {"id": "refund"},
        {"when": {"total": {"above": 5}}},
        {"when": {"total": None}},
        {"every": "day"},
        {"cap": {"points": 0, "per": "day"}},
        {"cap": {"points": 5, "per": "week"}},
        {"group": "Looks"},
        {"when": {"total": {"present": None}}},
    ],
)
def test_a_rule_has_bounded_points_a_plain_id_and_known_words(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RuleSet.model_validate(a_rule_set(rules=[a_rule(**changes)]))


PATTERNS = ["(?=a)", "(?<!a)b", r"(a)\1", "(", "a{1001}", "x" * 201, ""]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_that_could_run_away_is_refused(pattern: str) -> None:
    with pytest.raises(ValidationError, match="matches"):
        RuleSet.model_validate(a_rule_set(rules=[a_rule(when={"currency": {"matches": pattern}})]))


def test_a_refused_pattern_is_told_with_the_reason() -> None:
    with pytest.raises(
        ValidationError, match=r"invalid perl operator: \(\?=\); look-around and back-references are refused"
    ):
        RuleSet.model_validate(a_rule_set(rules=[a_rule(when={"currency": {"matches": "(?=a)"}})]))


def test_a_pattern_takes_time_linear_in_the_text() -> None:
    assert not holds({"page.path": {"matches": "^(a+)+$"}}, {"page": {"path": "a" * 2_000 + "b"}})


LIMITS = [
    {"event": event, limit: value}
    for event in ("receipt_issued", ["order_completed", "page_viewed"], "traits")
    for limit, value in {"cap": {"points": 9, "per": "day"}, "once": True, "group": "looks"}.items()
]


@pytest.mark.parametrize("changes", LIMITS)
def test_purchases_and_traits_take_no_caps(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"cap, once, group: a (refund|rule on traits)"):
        RuleSet.model_validate(a_rule_set(rules=[a_rule(**changes)]))


def test_once_and_a_cap_exclude_each_other() -> None:
    capped = a_rule(event="page_viewed", once=True, cap={"points": 9, "per": "day"})
    with pytest.raises(ValidationError, match="once: is a cap itself; leave `cap` out"):
        RuleSet.model_validate(a_rule_set(rules=[capped]))


@pytest.mark.parametrize("floors", [(20, 0), (0, 0), (0, 20, 20)])
def test_bands_must_rise(floors: tuple[int, ...]) -> None:
    bands = [{"name": f"band{index}", "from": floor} for index, floor in enumerate(floors)]
    with pytest.raises(ValidationError, match="bands must rise"):
        RuleSet.model_validate(a_rule_set(scores={**SCORES, "fit": {"bands": bands}}))


@pytest.mark.parametrize("changes", [{"half_life_days": 0}, {"hysteresis": -1}, {"bands": []}])
def test_a_score_that_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RuleSet.model_validate(a_rule_set(scores={**SCORES, "fit": {**SCORES["fit"], **changes}}))


def test_rules_are_compiled_by_event_in_their_order() -> None:
    rules = compiled()
    assert rules.version == 3
    assert {event: [rule.id for rule in of_event] for event, of_event in rules.by_event.items()} == {
        "product_added": ["added", "came_close"],
        "product_viewed": ["viewed"],
        "cart_viewed": ["viewed"],
        "product_removed": ["removed"],
    }
    assert [rule.id for rule in rules.on_traits] == ["decides", "no_say"]
    assert isinstance(rules.on_traits[0], CompiledRule)
    assert rules.on_traits[0].points == 20.0


def test_scales_have_their_units_and_defaults() -> None:
    scales = compiled().scales
    assert scales["engagement"] == (
        "engagement", 10 * DAY, 0.0, 100.0, 3.0, ("cold", "warm", "hot"), (0.0, 20.0, 60.0),
    )  # fmt: skip
    assert scales["fit"] == ("fit", None, -50.0, 100.0, 0.0, ("poor", "fair", "good"), (-50.0, 0.0, 20.0))


def test_rules_on_traits_may_be_absent() -> None:
    assert compile_rules(RuleSet.model_validate(a_rule_set(rules=RULES[:1]))).on_traits == ()


GRADES = [
    ("good", "hot", "A1"),
    ("good", "cold", "A3"),
    ("fair", "warm", "B2"),
    ("poor", "hot", "C1"),
    ("poor", "cold", "C3"),
]


@pytest.mark.parametrize(("fit", "engagement", "grade"), GRADES)
def test_the_grade_joins_the_ranks_of_two_bands(fit: str, engagement: str, grade: str) -> None:
    assert compiled().grade({"fit": fit, "engagement": engagement}) == grade


def test_a_score_without_a_band_counts_as_its_lowest() -> None:
    assert compiled().grade({}) == "C3"


def test_without_a_grade_in_the_rules_there_is_none() -> None:
    assert compiled(grade=None).grade({"fit": "good", "engagement": "hot"}) is None


def test_a_band_that_was_renamed_does_not_stop_the_grade() -> None:
    assert compiled().grade({"fit": "splendid", "engagement": "hot"}) is not None


def test_a_condition_that_says_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="an empty condition holds always"):
        RuleSet.model_validate(a_rule_set(rules=[a_rule(when={"rating": {}})]))


def test_a_truth_value_is_no_number() -> None:
    assert not holds({"new": {"at_least": 0}}, PAGE)


def test_bands_have_names_of_their_own() -> None:
    bands = [{"name": "low", "from": 0}, {"name": "low", "from": 5}]
    with pytest.raises(ValidationError, match="names of their own"):
        RuleSet.model_validate(a_rule_set(scores={**SCORES, "fit": {"bands": bands}}))


@pytest.mark.parametrize("path", ["scores.engagement", "bands.engagement", "segments.keen"])
def test_a_rule_on_the_profile_looks_at_no_score(path: str) -> None:
    rule = {**KEEN, "when": {path: {"at_least": 3}}}
    with pytest.raises(ValueError, match=f"looks_often: when.{path}: a rule on the profile can not look at scores"):
        compiled(windows=WINDOWS, segments=SEGMENTS, scores={**SCORES, "interest": INTEREST}, rules=[*RULES, rule])
