"""Newer rules and parameters: what they change in a profile, what they leave alone, and how that is said."""

from typing import Any

import orjson
import pytest

from core.adopting import adopt
from core.moment import Moment
from core.outcomes import Accepted, Dropped, Unprompted
from core.rules import CompiledRules, RuleSet, compile_rules
from core.scoring import next_due
from core.state import Held, State, new
from core.ticking import tick
from core.times import DAY, HOUR, Micros, iso
from core.view import view
from schemas.score_change import ScoreChange, SegmentChange
from tests import factories as make
from tests.unit.pipeline import (
    BATCH,
    INTEREST,
    KEEN,
    NOW,
    RULES,
    SCORES,
    SEGMENTED,
    SEGMENTS,
    T0,
    WINDOWS,
    Pipeline,
    a_rule_set,
    at,
    compiled,
)
from tests.unit.test_value_model import a_model

OLD = compiled()


def rules(**changes: Any) -> CompiledRules:
    """Return the rules of `SEGMENTED`, but for some changes."""
    said = {"windows": WINDOWS, "segments": SEGMENTS, "scores": {**SCORES, "interest": INTEREST}, "rules": [*RULES, KEEN]}
    return compiled(**{**said, **changes})


def adopted(state: State, newer: CompiledRules, passed: Micros = T0 + HOUR) -> Unprompted | None:
    return adopt("c-1", state, newer, Moment(NOW, BATCH, 0, passed))


def said(state: State, newer: CompiledRules, passed: Micros = T0 + HOUR) -> Unprompted:
    one = adopted(state, newer, passed)
    assert one is not None
    assert state.judged_by == newer.judgement
    return one


def a_profile(*events: Any, by: CompiledRules = OLD) -> State:
    return Pipeline(by).feed_all(events)


def test_a_moved_threshold_is_said_as_reconcile_with_the_version_that_moved_it() -> None:
    state = a_profile(make.a_product_added(**at(0)))
    assert state.scores["engagement"].band == "warm"
    bands = [{"name": "cold", "from": 0}, {"name": "warm", "from": 10}, {"name": "hot", "from": 22}]
    newer = compiled(version=4, scores={**SCORES, "engagement": {**SCORES["engagement"], "bands": bands}})
    one = said(state, newer)
    (change,) = one.changes
    assert ScoreChange.model_validate(change).origin == "reconcile"
    assert (change["old_band"], change["new_band"], change["rules_version"]) == ("warm", "hot", 4)
    assert (change["cause"], change["id"]) == ({"type": "rules"}, f"rules:c-1:{T0 + HOUR}:0")
    assert (change["occurred_at"], change["contributions"]) == (iso(T0 + HOUR), [])
    assert (one.row["type"], one.row["event_id"], one.row["rules_version"]) == ("rules", f"rules:c-1:{T0 + HOUR}", 4)
    assert one.row["seq"] == state.seq == change["seq"] == 2
    assert one.at(3).id == f"rules:-:3:{T0 + HOUR}"
    assert adopted(state, newer) is None, "once"


def test_what_makes_no_difference_says_nothing() -> None:
    state = a_profile(make.a_product_added(**at(0)))
    before = state.seq
    newer = compiled(version=9, rules=[{**rule, "points": 1} for rule in RULES if rule["event"] != "traits"])
    assert adopted(state, newer) is None
    assert (state.seq, state.judged_by) == (before + 1, newer.judgement), "it is a change of the profile all the same"
    assert compiled(version=9).judgement == OLD.judgement, "the number alone judges nobody"


@pytest.mark.parametrize("passed", [0, T0 + DAY])
def test_what_rules_on_traits_hold_follows_their_points_scores_and_conditions(passed: Micros) -> None:
    state = a_profile(make.a_traits_changed(traits={"role": "owner"}))
    assert state.trait_rules == {"decides": Held("fit", 20.0)}
    dearer = compiled(rules=[{**rule, "points": 30} if rule["id"] == "decides" else rule for rule in RULES])
    one = said(state, dearer, passed)
    assert one.row["contributions.points"] == [-20.0, 30.0]
    assert state.scores["fit"].value == 30
    other = compiled(rules=[{**rule, "score": "engagement"} if rule["id"] == "decides" else rule for rule in RULES])
    assert said(state, other, passed).row["contributions.score"] == ["fit", "engagement"]
    assert state.scores["fit"].value == 0
    assert said(state, compiled(rules=RULES[:4]), passed).row["contributions.points"] == [-20.0]
    assert state.trait_rules == {}


def test_rules_on_traits_say_nothing_of_whom_no_trait_is_known() -> None:
    nameless = {"id": "nobody", "score": "fit", "event": "traits", "when": {"role": {"present": False}}, "points": 5}
    assert adopted(a_profile(make.a_product_added(**at(0))), compiled(rules=[*RULES, nameless])) is None


def test_held_points_of_format_1_find_their_score() -> None:
    state = a_profile(make.a_traits_changed(traits={"role": "owner"}))
    state.trait_rules, state.judged_by = {"decides": Held("", 20.0), "gone": Held("", 5.0)}, ""
    assert adopted(state, OLD) is None
    assert state.trait_rules == {"decides": Held("fit", 20.0)}
    assert state.scores["fit"].value == 20


def test_what_events_gave_stays_and_a_new_score_begins_at_nothing() -> None:
    state = a_profile(make.a_product_added(**at(0)))
    scores = {"engagement": SCORES["engagement"], "risk": {"bands": [{"name": "low", "from": 0}]}}
    said_rules = [{**rule, "points": 1} for rule in RULES[:2]]
    newer = compile_rules(RuleSet.model_validate({"version": 5, "scores": scores, "rules": said_rules}))
    assert adopted(state, newer) is None
    assert state.scores["engagement"].value == 25
    assert state.scores["risk"].value == 0


def test_a_segment_that_is_new_or_gone_is_entered_and_left_by_whom_it_concerns() -> None:
    state = a_profile(make.a_product_added(**at(0)), by=SEGMENTED)
    fans = {"fans": {"where": {"scores.engagement": {"at_least": 10}}}}
    one = said(state, rules(version=4, segments=fans))
    (change,) = one.segment_changes
    assert SegmentChange.model_validate(change).why == ["scores.engagement at_least 10"]
    assert (change["segment"], change["change"], change["origin"]) == ("fans", "entered", "reconcile")
    one = said(state, rules(version=5), T0 + 2 * HOUR)
    (change,) = one.segment_changes
    assert (change["segment"], change["change"], change["why"]) == ("fans", "left", ["the segment was removed"])
    assert [orjson.loads(value or b"")["member"] for _, value in one.audience] == [False]
    gone = said_by_time(state, rules(version=5), T0 + 40 * HOUR)
    assert (b"fans:c-1", None) in [entry for tick_ in gone for entry in tick_.audience], "and forgotten after a day"


def said_by_time(state: State, by: CompiledRules, until: Micros) -> list[Unprompted]:
    found = []
    while (due := next_due(state, by)) is not None and due <= until:
        one = tick("c-1", state, due, by, Moment(NOW, BATCH, 0))
        if one is not None:
            found.append(one)
    return found


def test_points_for_the_profile_and_windows_follow_the_rules() -> None:
    shoes = [make.a_product_viewed(product=make.a_product(category="shoes"), **at(n)) for n in range(3)]
    state = a_profile(*shoes, by=SEGMENTED)
    assert state.scores["interest"].value == 10
    fewer = said(state, rules(rules=RULES, windows={"carts": WINDOWS["carts"]}, segments={}))
    assert fewer.row["contributions.points"] == [-10.0]
    assert "views_30d" in (state.windows or {}), "it is not shown, and goes on where newer rules have it again"
    less = said(a_profile(*shoes, by=SEGMENTED), rules(rules=[*RULES, {**KEEN, "points": 4}]))
    assert less.row["contributions.points"] == [-10.0, 4.0]


def test_an_event_comes_after_what_newer_rules_do_to_its_profile() -> None:
    old = Pipeline(OLD)
    old.feed(make.a_product_added(**at(0)))
    newer = Pipeline(rules(version=4, segments={"fans": {"where": {"scores.engagement": {"at_least": 10}}}}))
    newer.profiles.update(old.profiles)
    outcome = newer.feed(make.a_product_viewed(**at(HOUR)), offset=7)
    assert isinstance(outcome, Accepted)
    assert outcome.adopted is not None
    assert [change["segment"] for change in outcome.adopted.segment_changes] == ["fans"]
    assert outcome.adopted.row["seq"] + 1 == outcome.row["seq"]
    again = newer.feed(make.a_product_viewed(**at(HOUR)), offset=8)
    assert isinstance(again, Accepted)
    assert again.adopted is None


def test_who_is_blocked_is_left_alone_until_an_event_is_accepted() -> None:
    state = a_profile(make.a_product_added(**at(0)), make.a_processing_blocked(**at(HOUR)))
    assert state.is_left_alone
    newer = Pipeline(rules(segments={"fans": {"where": {"scores.engagement": {"at_least": 10}}}}))
    newer.profiles["c-1"] = state
    assert isinstance(newer.feed(make.a_page_viewed(**at(2 * HOUR)), offset=9), Dropped)
    assert state.judged_by == OLD.judgement
    outcome = newer.feed(make.a_processing_unblocked(**at(2 * HOUR)), offset=10)
    assert isinstance(outcome, Accepted)
    assert outcome.adopted is not None
    assert not state.is_left_alone


def test_two_versions_at_one_instant_have_ids_of_their_own() -> None:
    state = a_profile(make.a_product_added(**at(0)), by=SEGMENTED)
    ids = set()
    for number in range(3):
        named = {f"fans_{number}": {"where": {"scores.engagement": {"at_least": 10}}}}
        ids |= {change["id"] for change in said(state, rules(segments=named), T0).segment_changes}
    assert len(ids) == 5, "one that enters, then twice one that leaves and one that enters"


def test_newer_parameters_alone_remember_no_cell() -> None:
    edges = {"recency_days": [1, 2, 3, 4], "frequency": [1, 2, 3, 4], "monetary": [1, 2, 3, 4], "currency": "RUB"}
    first, second = (a_model(rfm={**edges, "frequency": [least, 2, 3, 4]}) for least in (1, 0))
    by = [compile_rules(RuleSet.model_validate(a_rule_set()), model=model) for model in (first, second)]
    state = a_profile(make.a_receipt("15"), by=by[0])
    assert state.rfm_now == "515"
    assert adopted(state, by[1]) is None
    shown = view("c-1", state, by[1], T0 + HOUR).value.rfm
    assert shown is not None
    assert (shown.cell, shown.previous_cell) == ("525", "515")


def test_the_number_of_a_fit_judges_nobody() -> None:
    one, other = (compile_rules(RuleSet.model_validate(a_rule_set()), model=a_model(version=n)) for n in (1, 2))
    assert one.judgement == other.judgement


def test_a_profile_that_is_new_was_judged_by_the_present_rules() -> None:
    assert a_profile(make.a_page_viewed()).judged_by == OLD.judgement
    assert new().judged_by == ""
