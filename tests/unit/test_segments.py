"""Segments: what conditions may say, what they may name, in which order they are looked at."""

from typing import Any

import pytest
from pydantic import ValidationError

from core.facts import Known, fact
from core.outcomes import Accepted
from core.scoring import let_pass, next_due
from core.segments import Segments, members, move
from core.state import Consent, Dated, State, new
from core.times import DAY, HOUR, Micros
from tests import factories as make
from tests.unit.pipeline import T0, Pipeline, at, compiled

CARTS: dict[str, Any] = {"carts": {"event": "product_added", "days": 3}}


def segments(windows: dict[str, Any] | None = None, **wheres: Any) -> Segments:
    return compiled(windows=windows or {}, segments={name: {"where": where} for name, where in wheres.items()}).segments


def holds(state: State, where: Any, now: Micros = T0, *, member: bool = False) -> bool:
    return segments(CARTS, one=where).ordered[0].holds(state, now, member)


def known(*events: Any) -> State:
    return Pipeline(compiled(windows=CARTS)).feed_all(events)


def owner() -> State:
    return known(make.a_traits_changed(traits={"role": "owner", "city": "Kazan", "employees": 12}))


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"traits.role": "owner"}, True),
        ({"traits.role": ["director", "owner"]}, True),
        ({"traits.role": ["director"]}, False),
        ({"traits.role": {"present": True}}, True),
        ({"traits.role": {"present": False}}, False),
        ({"traits.company": {"present": False}}, True),
        ({"traits.company": {"present": True}}, False),
        ({"traits.employees": {"at_least": 10, "below": 13}}, True),
        ({"traits.employees": {"below": 12}}, False),
        ({"traits.employees": {"at_least": 13}}, False),
        ({"traits.role": {"at_least": 1}}, False),
        ({"traits.employees": {"at_least": 10, "one_of": [11, 12]}}, True),
        ({"traits.employees": {"at_least": 10, "one_of": [9, 13]}}, False),
        ({"traits.employees": {"below": 12, "present": True}}, False),
        ({"traits.role": "owner", "traits.city": "Perm"}, False),
        ({"any": [{"traits.city": "Perm"}, {"traits.role": "owner"}]}, True),
        ({"all": [{"traits.city": "Perm"}, {"traits.role": "owner"}]}, False),
        ({"not": {"traits.city": "Perm"}}, True),
    ],
)
def test_conditions_are_joined_and_compared(where: Any, expected: bool) -> None:  # a parameter
    assert holds(owner(), where) is expected


def test_a_truth_is_no_number() -> None:
    state = new()
    state.traits = {"vip": Dated(value=True, at=T0)}
    assert not holds(state, {"traits.vip": 1})
    assert holds(state, {"traits.vip": True})


def with_everything() -> State:
    state = known(
        make.a_page_viewed(),
        make.a_product_added(),
        make.an_order_completed(total=5, currency="RUB"),
        make.a_deal_won(deal_id="d-1"),
        make.a_deal_lost(deal_id="d-2"),
        make.a_deal_opened(deal_id="d-3"),
        make.a_loyalty_changed(balance=7, tier="gold"),
        make.a_ticket_opened(priority="urgent"),
        make.a_ticket_rated(scale="stars5", rating=5),
        make.an_nps_answer(score=9),
        make.a_leaving_answer(reason="expensive"),
        make.a_staying_answer(reason="price"),
    )
    state.consents = {
        "marketing": Consent(given=True, at=T0, channels=[], valid_until=T0 + DAY),
        "analytics": Consent(given=False, at=T0, channels=[], valid_until=None),
    }
    return state


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("activity.page_views", 1),
        ("activity.sessions", 1),
        ("activity.active_secs", 0),
        ("activity.hours_since_seen", 48.0),
        ("value.orders", 1),
        ("value.revenue.RUB", 5.0),
        ("value.refunded.RUB", 0.0),
        ("value.days_since_purchase", 2.0),
        ("value.deals.open", 1),
        ("value.deals.won", 1),
        ("value.deals.lost", 1),
        ("value.loyalty.tier", "gold"),
        ("service.tickets", 1),
        ("service.reopened", 0),
        ("service.open_tickets", 1),
        ("service.urgent_tickets", 1),
        ("service.first_response_secs", None),
        ("service.csat", 1.0),
        ("service.nps", 9),
        ("service.leaving_reason", "expensive"),
        ("service.staying_reason", "price"),
        ("service.days_since_contact", 2.0),
        ("consents.marketing", "withdrawn"),
        ("consents.analytics", "withdrawn"),
        ("consents.surveys", None),
        ("bands.engagement", "warm"),
        ("windows.carts", 1),
        ("hours_since.carts", 48.0),
        ("segments.other", False),
    ],
)
def test_a_fact_is_read_from_the_profile(path: str, value: Any) -> None:
    rules = compiled(windows=CARTS)
    facts = Known(rules.scales, rules.windows, {"carts": frozenset({"product_added"})}, frozenset({"other"}))
    assert fact(path, facts).value(with_everything(), T0 + 2 * DAY) == value


def test_a_consent_holds_until_it_expires() -> None:
    assert holds(with_everything(), {"consents.marketing": "given"}, T0)
    assert not holds(with_everything(), {"consents.marketing": "given"}, T0 + DAY)


def test_nothing_is_known_of_nobody() -> None:
    for path in ("bands.engagement", "scores.engagement", "hours_since.carts", "value.loyalty.tier", "service.nps"):
        assert holds(new(), {path: {"present": False}}), path


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"traits": "owner"}, "segment one: no fact is called 'traits'"),
        ({"orders": 1}, "segment one: no fact is called 'orders'"),
        ({"scores.fame": {"at_least": 1}}, "segment one: no score is called 'fame'"),
        ({"bands.fame": "hot"}, "segment one: no score is called 'fame'"),
        ({"windows.views": 1}, "segment one: no window is called 'views'"),
        ({"hours_since.views": 1}, "segment one: no window is called 'views'"),
        ({"segments.two": True}, "segment one: no segment is called 'two'"),
        ({"value.profit.RUB": 1}, "segment one: no fact is called 'value.profit.RUB'"),
        ({"value.revenue": 1}, "segment one: no fact is called 'value.revenue'"),
        ({"any": []}, "segment one: any: needs a list of conditions"),
        ({"all": {"traits.role": "owner"}}, "segment one: all: needs a list of conditions"),
        ({"not": []}, "segment one: a condition is a mapping"),
        ({"traits.role": {}}, "segment one: traits.role: an empty condition holds always"),
        ({"traits.role": {"like": "o"}}, "segment one: traits.role: like: Extra inputs are not permitted"),
        ({"scores.fit": {"leave_below": 1}}, "segment one: scores.fit: leave_below needs an at_least"),
        (
            {"not": {"scores.fit": {"at_least": 2, "leave_below": 1}}},
            "segment one: scores.fit: leave_below can not stand below",
        ),
        ({"bands.fit": "god"}, "segment one: bands.fit: is never 'god'; it is fair, good, poor"),
        ({"consents.marketing": True}, "segment one: consents.marketing: is never True; it is given, withdrawn"),
        ({"value.rfm.cell": 555}, "segment one: value.rfm.cell: is never 555.0; it is one such as '333'"),
        ({"value.rfm.cell": ["555", "665"]}, "segment one: value.rfm.cell: is never '665'"),
        ({"scores.fit": {"at_least": 1, "leave_below": 2}}, "segment one: scores.fit: leave_below needs an at_least"),
        ({"segments.one": True}, "segments use each other in a circle: one"),
        ({"windows.carts": {"at_least": 201}}, "window carts: counts up to 200, not up to 201"),
    ],
)
def test_what_can_not_be_meant_is_refused(where: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("'", ".")):
        segments(CARTS, one=where)


def test_segments_come_after_those_that_they_use() -> None:
    made = segments(
        rich={"segments.buyers": True, "value.revenue.RUB": {"at_least": 4}},
        buyers={"value.orders": {"at_least": 1}},
        idle={"not": {"segments.rich": True}},
    )
    assert [segment.name for segment in made.ordered] == ["buyers", "rich", "idle"]
    assert made.dependents == {"buyers": ("rich",), "rich": ("idle",), "idle": ()}


def test_an_event_looks_only_at_what_it_may_move() -> None:
    made = segments(
        CARTS,
        cart={"windows.carts": {"at_least": 1}},
        keen={"bands.engagement": "hot"},
        keen_carts={"segments.cart": True, "segments.keen": True},
        seen={"activity.hours_since_seen": {"below": 24}},
    )

    def concerned(event_type: str, *, scored: bool) -> set[str]:
        return {segment.name for segment in made.concerned(event_type, scored=scored)}

    assert concerned("product_added", scored=False) == {"cart", "keen_carts", "seen"}
    assert concerned("product_added", scored=True) == {"cart", "keen", "keen_carts", "seen"}
    assert concerned("search_performed", scored=True) == {"keen", "keen_carts", "seen"}
    assert concerned("search_performed", scored=False) == {"seen"}


def test_the_first_event_tells_scores_even_without_points() -> None:
    rules = compiled(segments={"cold": {"where": {"scores.engagement": {"below": 5}}}})
    assert Pipeline(rules).feed_all([make.a_page_viewed()]).memberships is not None


def test_nested_segments_move_with_one_event() -> None:
    rules = compiled(
        segments={
            "buyers": {"where": {"value.orders": {"at_least": 1}}},
            "visitors": {"where": {"not": {"segments.buyers": True}}},
        }
    )
    pipeline = Pipeline(rules)
    first = pipeline.feed(make.an_order_completed())
    assert isinstance(first, Accepted)
    assert [(change["segment"], change["change"]) for change in first.segment_changes] == [("buyers", "entered")]


def test_a_risk_that_grows_with_silence_is_due_when_it_reaches_the_bound() -> None:
    rules = compiled(segments={"at_risk": {"where": {"churn.risk": {"at_least": 0.5}}}})
    state = Pipeline(rules).feed_all([make.a_search_performed(**at(0))])
    due = next_due(state, rules)
    assert due is not None
    assert abs(due - T0 - 90 * DAY) <= HOUR
    let_pass(state, rules, due - HOUR)
    assert not state.memberships
    let_pass(state, rules, due)
    assert state.memberships is not None
    assert state.memberships["at_risk"].member
    assert next_due(state, rules) is None


def test_a_score_is_due_when_it_falls_to_the_bound() -> None:
    rules = compiled(segments={"keen": {"where": {"scores.engagement": {"at_least": 10}}}})
    state = Pipeline(rules).feed_all([make.a_product_added(**at(0)), make.a_product_added(**at(0))])
    moves = []
    while (due := next_due(state, rules)) is not None:
        moves += [(due, move.change) for move in let_pass(state, rules, due).moves]
    assert moves[0][1] == "left"
    assert state.scores["engagement"].as_of + 23 * DAY < moves[0][0] < state.scores["engagement"].as_of + 24 * DAY


def test_a_count_that_equals_is_due_when_it_falls() -> None:
    rules = compiled(windows=CARTS, segments={"one": {"where": {"windows.carts": 1}}})
    state = Pipeline(rules).feed_all([make.a_product_added(**at(0))])
    assert state.memberships is not None
    assert let_pass(state, rules, T0 + 3 * DAY).moves[0].change == "left"


@pytest.mark.parametrize(
    ("window", "message"),
    [
        ({"event": "product_added"}, "a window has a span: either days or hours"),
        ({"event": "product_added", "days": 1, "hours": 1}, "a window has a span: either days or hours"),
        ({"event": "product_eaten", "days": 1}, "no event type is called 'product_eaten'"),
        ({"event": ["product_added"], "days": 1, "until": ["eaten"]}, "no event type is called 'eaten'"),
    ],
)
def test_a_window_that_can_not_be_meant_is_refused(window: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        compiled(windows={"carts": window})


def test_points_are_not_held_on_a_score_that_fades() -> None:
    rule = {"id": "held", "score": "engagement", "event": "profile", "when": {"value.orders": {"at_least": 1}}, "points": 1}
    with pytest.raises(ValidationError, match="rule held: score: one with a half-life takes no points that are held"):
        compiled(rules=[rule])


def test_a_member_that_stays_by_leave_below_leaves_on_time() -> None:
    where = {"value.orders": {"at_least": 3, "leave_below": 1}, "windows.carts": {"at_least": 1}}
    made = segments(CARTS, one=where)
    state = known(make.a_product_added(**at(0)))
    state.orders = 3
    move(state, made.ordered, T0)
    state.orders = 2
    assert made.next_change(state, T0, members(state)) == T0 + 3 * DAY
