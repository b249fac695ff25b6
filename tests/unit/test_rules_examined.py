"""Everything that is wrong with a folder of rules is said at once, each with file, line, field and what to do."""

from pathlib import Path

import pytest

from streams.rules_examined import examine
from streams.rules_files import RulesError, read_rules
from streams.settings import RULES_DIR
from tests.unit.test_rules_files import RULE, SCORES, written


def problems(folder: Path, **files: str) -> list[str]:
    return [str(problem) for problem in examine(written(folder, **files)).problems]


TWO_BANDS = SCORES + "      - {name: warm, from: 5}\n"


def test_the_shipped_rules_have_nothing_wrong_with_them() -> None:
    rules, found = examine(RULES_DIR)
    assert found == []
    assert rules is not None


def test_all_errors_are_said_at_once(tmp_path: Path) -> None:
    wrong = """\
rules:
  - id: Bought
    score: fame
    event: order_completed
    points: 5000
  - id: viewed
    score: fame
    event: page_view
    points: 5
    worth: 5
  - id: pinged
    score: fame
    event: page_pinged
    when: {active_sec: {at_least: 5}, page.path: {matches: '(?=a)', prefix: [1]}}
    points: 5
"""
    assert problems(tmp_path, scores=TWO_BANDS.replace("from: 5", "from: 0"), wrong=wrong) == [
        "scores.yaml, line 3: scores.engagement: bands must rise: each `from` greater than the one before",
        "wrong.yaml, line 2, rule Bought: id: String should match pattern '^[a-z][a-z0-9_]*$'",
        "wrong.yaml, line 3, rule Bought: score: no score is called 'fame'",
        "wrong.yaml, line 5, rule Bought: points: Input should be less than or equal to 1000",
        "wrong.yaml, line 7, rule viewed: score: no score is called 'fame'",
        "wrong.yaml, line 8, rule viewed: event: no event type is called 'page_view'; did you mean 'page_viewed'?",
        "wrong.yaml, line 10, rule viewed: worth: is no field here; remove it",
        "wrong.yaml, line 12, rule pinged: score: no score is called 'fame'",
        "wrong.yaml, line 14, rule pinged: when.page.path.prefix: Input should be a valid string",
        "wrong.yaml, line 14, rule pinged: when.page.path.matches: is no pattern that RE2 takes "
        "(invalid perl operator: (?=); look-around and back-references are refused",
        "wrong.yaml, line 14, rule pinged: when.active_sec: page_pinged has no field 'active_sec' that rules can read; "
        "did you mean 'active_secs'?",
    ]


def test_rules_that_can_be_read_are_examined_beside_those_that_can_not(tmp_path: Path) -> None:
    more = RULE.replace("bought", "paged").replace("order_completed", "page_view") + "  - 5\n"
    assert problems(tmp_path, scores=TWO_BANDS, purchases=RULE.replace("engagement", "fame"), more=more) == [
        "more.yaml, line 4, rule paged: event: no event type is called 'page_view'; did you mean 'page_viewed'?",
        "more.yaml, line 6, rule ?: rule: Input should be a valid dictionary or instance of Rule",
        "purchases.yaml, line 3, rule bought: score: no score is called 'fame'",
    ]


def test_warnings_come_last_and_leave_the_rules_usable(tmp_path: Path) -> None:
    rules, found = examine(written(tmp_path, purchases=RULE.replace("points: 5", "points: 0")))
    assert rules is not None
    assert [(problem.warning, str(problem)) for problem in found] == [
        (True, "purchases.yaml, line 5, rule bought: points: gives no points; remove the rule"),
        (True, "scores.yaml, line 4: scores.engagement.bands: one band only: the score never changes it; add another"),
    ]


def test_each_file_may_have_groups_and_a_name_stands_once(tmp_path: Path) -> None:
    group = "groups: {%s: {cap: {points: 9, per: day}}}\n"
    rule = RULE.replace("order_completed", "page_viewed") + "    group: %s\n"
    one, other = group % "one" + rule % "one", group % "other" + rule.replace("bought", "paged") % "other"
    assert problems(tmp_path, scores=TWO_BANDS, one=one, other=other) == []
    again = group % "one" + "version: 1\n"
    assert problems(tmp_path, other=again)[:2] == [
        "other.yaml, line 1: groups.one: stands in one.yaml, too; keep one of them",
        "scores.yaml, line 1: version: stands in other.yaml, too; keep one of them",
    ]


@pytest.mark.parametrize(
    ("groups", "says"),
    [
        ("5", "one.yaml, line 1: groups: Input should be a valid dictionary"),
        ("{A: {cap: {points: 9, per: day}}}", "one.yaml, line 1: groups.A: String should match pattern"),
        ("{a: {cap: {points: 9}}}", "one.yaml, line 1: groups.a.cap.per: Field required"),
        ("{a: {caps: 9}}", "one.yaml, line 1: groups.a.cap: Field required"),
    ],
)
def test_groups_of_another_shape_are_refused(tmp_path: Path, groups: str, says: str) -> None:
    assert problems(tmp_path, scores=TWO_BANDS, one=f"groups: {groups}\n")[0].startswith(says)


def test_a_grade_that_names_no_score_is_located(tmp_path: Path) -> None:
    said = TWO_BANDS + "grade: {letter: fit, digit: engagement}\n"
    assert problems(tmp_path, scores=said) == ["scores.yaml, line 7: grade: names a score that is not there"]


def test_a_name_that_stands_twice_in_a_mapping_is_an_error(tmp_path: Path) -> None:
    assert problems(tmp_path, scores=TWO_BANDS, purchases=RULE + "    score: fame\n")[0] == (
        "purchases.yaml, line 6: rules.0.score: stands twice; the first is not read"
    )


def test_a_plan_of_another_shape_is_among_the_errors(tmp_path: Path) -> None:
    found = problems(tmp_path, scores=TWO_BANDS, purchases=RULE, tracking_plan="events: [seen]\n")
    assert found == ["tracking_plan.yaml: events: must be a list of property names by event name"]
    assert problems(tmp_path, tracking_plan="- seen\n")[0].startswith("tracking_plan.yaml: must be a mapping")


def test_the_first_error_names_how_many_more_there_are(tmp_path: Path) -> None:
    folder = written(tmp_path, purchases=RULE.replace("engagement", "fame").replace("order_completed", "ordered"))
    with pytest.raises(RulesError, match=r"\(and 1 more: `warmth rules check` lists them\)"):
        read_rules(folder)


def test_each_missing_segment_is_one_error_with_everybody_who_uses_it(tmp_path: Path) -> None:
    segments = """\
segments:
  keen:
    where: {segments.regulars: true, value.orders: {at_least: 2}}
  calm:
    where:
      any:
        - value.orders: {below: 1}
        - not: {segments.regulars: true, segments.kean: true}
"""
    held = """\
rules:
  - id: held
    score: engagement
    event: profile
    when: {segments.regulars: true}
    points: 5
"""
    assert problems(tmp_path, scores=TWO_BANDS, segments=segments, held=held) == [
        "segments.yaml, line 3: segments.keen.where.segments.regulars: no segment is called 'regulars', "
        "which keen, calm, rule held use; put it back, or change them",
        "segments.yaml, line 8: segments.calm.where.any.1.not.segments.kean: no segment is called 'kean', "
        "which calm uses; did you mean 'keen'?",
    ]


def test_a_missing_segment_is_placed_at_a_rule_where_no_segment_uses_it(tmp_path: Path) -> None:
    rule = RULE.replace("order_completed", "profile").replace("points: 5", "points: 5\n    when: {segments.regulars: true}")
    assert problems(tmp_path, scores=TWO_BANDS, held=rule) == [
        "held.yaml, line 6, rule bought: when.segments.regulars: no segment is called 'regulars', "
        "which rule bought uses; put it back, or change them"
    ]


def test_a_rule_on_the_profile_that_names_no_fact_is_located(tmp_path: Path) -> None:
    rule = RULE.replace("order_completed", "profile").replace("engagement", "fit")
    fit = TWO_BANDS + "  fit:\n    bands: [{name: poor, from: 0}, {name: good, from: 5}]\n"
    found = problems(tmp_path, scores=fit, held=rule + "    when: {value.ordres: {at_least: 1}}\n")
    assert (
        found[-1] == "held.yaml, line 2, rule bought: rule: no fact is called 'value.ordres'; did you mean 'value.orders'?"
    )


WINDOWS = """\
windows:
  views:
    event: product_viewed
    when: {product.categroy: shoes}
    days: 30
segments:
  rich:
    where: {value.revenue: {at_least: 5}}
  keen:
    where: {windows.view: {at_least: 5}}
"""


def test_every_window_and_segment_with_an_error_is_told(tmp_path: Path) -> None:
    assert problems(tmp_path, scores=TWO_BANDS, purchases=RULE, windows=WINDOWS) == [
        "windows.yaml, line 4: windows.views.when.product.categroy: product_viewed has no field 'product.categroy' that "
        "rules can read; did you mean 'product.category'?",
        "windows.yaml, line 7: segments.rich: no fact is called 'value.revenue'; there are value.revenue.CURRENCY, "
        "value.refunded.CURRENCY, value.lifetime_value.CURRENCY",
        "windows.yaml, line 9: segments.keen: no window is called 'view'; did you mean 'views'?",
    ]


def test_a_window_is_asked_for_more_than_it_counts(tmp_path: Path) -> None:
    greedy = WINDOWS.replace("categroy", "category").replace("value.revenue", "windows.views").replace("5}", "500}")
    assert problems(tmp_path, scores=TWO_BANDS, purchases=RULE, windows=greedy) == [
        "windows.yaml, line 2: windows.views: counts up to 200, not up to 500"
    ]


def test_a_file_that_would_not_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "more.yml").write_text(RULE, encoding="utf-8")
    assert problems(tmp_path, scores=TWO_BANDS, purchases=RULE) == ["more.yml: is not read; call it *.yaml, or move it away"]


def test_yaml_may_refer_to_itself_but_not_contain_itself(tmp_path: Path) -> None:
    shared = RULE.replace("  - id", "  - &first\n    id") + "  - {<<: *first, id: other, event: app_opened}\n"
    assert problems(tmp_path, scores=TWO_BANDS, purchases=shared) == []
    endless = "rules: &all\n  - *all\n"
    deep = "rules: " + "[" * 5_000 + "]" * 5_000
    wide = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 8)
    )
    for said, message in (
        (endless, "contains itself, or nests deeper than anybody can read"),
        (deep, "contains itself, or nests deeper than anybody can read"),
        (wide, "says more than 100,000 things, what `*` repeats included; split the file"),
    ):
        problem, *_ = problems(tmp_path, scores=TWO_BANDS, purchases=said)
        assert problem.startswith("purchases.yaml")
        assert problem.endswith(message)
