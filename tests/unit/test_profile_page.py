"""The page of a customer says in plain words what the profile holds, at 80 columns and without colour."""

import io
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from agents.pages.profile import Audience, profile_page
from agents.pages.rfm import GROUPS, group_of
from agents.pages.words import amount, counted, lasting, listed, money, printable
from core.foresight import foresee
from core.rules import RuleSet, compile_rules
from core.scores import next_fall
from core.scoring import let_pass
from core.state import Contribution, Membership, State, new
from core.times import DAY, HOUR, MINUTE, SECOND, Micros, micros
from core.value import ValueModel
from core.view import view
from streams.rules_files import read_rule_set
from streams.settings import RULES_DIR
from tests import factories as make
from tests.factories import Event
from tests.unit.pipeline import T0, Pipeline, at
from tests.unit.test_value_agreement import CHANGES
from tests.unit.test_value_model import a_model

SHIPPED = read_rule_set(RULES_DIR)
RULES = compile_rules(SHIPPED)
MODEL = a_model(**CHANGES)
UTC = ZoneInfo("UTC")


def after(events: list[Event], key: str = "c-1", rule_set: RuleSet = SHIPPED) -> State:
    return Pipeline(RULES if rule_set is SHIPPED else compile_rules(rule_set)).feed_all(events, key)


def lines(
    state: State, as_of: Micros = T0, model: ValueModel | None = None, rule_set: RuleSet = SHIPPED, **asked: Any
) -> list[str]:
    """Return what a pipe of 80 columns gets."""
    rules, out = compile_rules(rule_set, UTC, model), io.StringIO()
    shown = view(asked.get("key", "c-1"), state, rules, as_of)
    page = profile_page(shown, foresee(state, rules, 5), Audience(rule_set, rules.windows, asked.get("zone", UTC)))
    Console(file=out, width=80, highlight=False).print(page)
    printed = out.getvalue()
    assert "\x1b" not in printed
    return [line.rstrip() for line in printed.splitlines()]


def said(*arguments: Any, **asked: Any) -> str:
    """Return the page as one line of words."""
    return " ".join(" ".join(lines(*arguments, **asked)).split())


def shopper() -> State:
    return after([make.a_receipt("120", **at(0)), make.a_product_added(**at(DAY)), make.a_product_viewed(**at(DAY))])


def test_the_head_says_who_and_how_warm() -> None:
    known = [make.a_receipt("120", anonymous_id="a-77"), make.a_product_added(**at(DAY)), make.an_identity_linked()]
    page = lines(after(known), T0 + 2 * DAY)
    assert page[0] == "c-1, a customer, on 23 Nov, 10:15 (UTC)"
    assert page[1] == "Grade B3: fit is fair, engagement is cold"
    assert page[2] == "Also known as visitor a-77 and card since 21 Nov"
    assert page[3] == "Seen from 21 Nov to 22 Nov, 10:15; 1 session and 0 pages viewed"


def test_no_line_is_wider_than_the_terminal() -> None:
    kinds = [kind for kind in make.FACTORIES if kind != "processing_blocked"]
    page = lines(after([make.a_full_event(kind) for kind in kinds]), T0 + DAY, MODEL)
    assert max(map(len, page)) <= 80
    assert {"SCORES", "WHY: THE LATEST POINTS", "SEGMENTS", "VALUE", "SERVICE", "KNOWN"} <= set(page)


def test_each_score_names_its_band_and_when_it_falls() -> None:
    adds = [make.a_product_added(**at(day * DAY)) for day in range(3) for _ in range(3)]
    assert said(after(adds), T0 + 2 * DAY).count("engagement falls from warm to cold") == 1
    page = "\n".join(lines(after(adds), T0 + 2 * DAY))
    assert "  engagement     34.3  warm  hot from 60; falls to cold on 7 Dec, 14:21" in page
    assert "  fit             0.0  fair  good from 20" in page


def test_what_comes_next_is_told_with_the_titles_of_segments() -> None:
    page = lines(shopper(), T0 + DAY)
    start = page.index("NEXT, IF NOTHING HAPPENS")
    assert page[start + 1] == "  23 Nov, 10:15  enters abandoned_carts: filled a cart, and bought nothing for a"
    assert page[start + 2].strip() == "day"
    assert page[start + 3] == "  25 Nov, 10:15  leaves abandoned_carts: filled a cart, and bought nothing for a"


def test_what_is_due_already_is_due_now() -> None:
    assert "now enters abandoned_carts" in said(shopper(), T0 + 2 * DAY + HOUR)


def test_points_are_told_as_they_were_given_and_as_they_count_today() -> None:
    text = "\n".join(lines(shopper(), T0 + 14 * DAY))
    assert "  22 Nov, 10:15  engagement    +1.0  now  +0.5  viewed_product: looks at goods" in text
    assert "  21 Nov, 10:15  engagement    +3.0  now  +1.5  bought_much: a large purchase" in text
    fresh = lines(shopper(), T0 + DAY)
    assert any(line.startswith("  22 Nov, 10:15  engagement    +4.0             filled_cart: is about to") for line in fresh)


def test_points_that_were_taken_back_say_why() -> None:
    roles = ("owner", "student")
    events = [make.a_traits_changed(traits={"role": role}, **at(n * SECOND)) for n, role in enumerate(roles)]
    page = said(after(events))
    assert "-20.0 decides: signs the order (no longer so)" in page
    assert "-10.0 has_no_say: has no say in the decision" in page
    receipt = make.a_receipt("50")
    refunded = after([receipt, make.a_receipt_refunded(total="50", receipt=receipt["receipt"])])
    assert "-5.0 refund: a purchase came back" in said(refunded)
    adds = [make.a_product_added(**at(number * MINUTE)) for number in (1, 2, 3, 0)]
    assert "-4.0 filled_cart: is about to buy (the cap gave them to an earlier event)" in said(after(adds))


def test_points_of_a_rule_that_is_gone_are_told_without_a_reason() -> None:
    state = shopper()
    state.contributions = [Contribution("gone", "fame", 3.0, T0)]
    assert "fame +3.0 gone: a rule that is not there any more" in said(state)


def test_many_points_are_cut_short() -> None:
    views = [make.a_product_viewed(**at(number * SECOND)) for number in range(25)]
    some, many = lines(after(views[:12])), lines(after(views))
    assert sum("viewed_product" in line for line in some) == 10
    assert "  and 2 more before" in some
    assert "  Older points count, too; table `events` has all of them." in many


def test_segments_are_told_since_when_and_what_they_mean() -> None:
    state = after([make.a_product_viewed(**at(number * SECOND)) for number in range(3)])
    assert "browsers since 21 Nov looked at products thrice in a month, and never bought" in said(state)
    state.memberships = {"gone": Membership(True, T0)}
    assert "gone since 21 Nov a segment that is not there any more" in said(state)


def test_windows_are_told_with_their_span_and_next_drop() -> None:
    page = said(shopper(), T0 + DAY)
    assert (
        "open_carts 1 product added within 3 days, since the last order completed or receipt issued; "
        "one less from 25 Nov, 10:15"
    ) in page
    views = [make.a_product_viewed(**at(number * SECOND)) for number in range(25)]
    assert "product_views_30d 21 or more product viewed within 30 days" in said(after(views))


def test_value_is_told_in_words() -> None:
    receipts = [make.a_receipt("1250.50", **at(day * 10 * DAY)) for day in range(3)]
    refund = make.a_receipt_refunded(total="250.50", receipt=receipts[0]["receipt"], **at(DAY))
    deals = [make.a_deal_won(deal_id="d-1", amount="90000", currency="RUB"), make.a_deal_lost(deal_id="d-2")]
    state = after([*receipts, refund, *deals, make.a_loyalty_changed(balance=120, tier="silver")])
    page = said(state, T0 + 21 * DAY, MODEL)
    assert "orders 3 for 3,751.50 RUB, 250.50 RUB refunded; 1,167.00 RUB each" in page
    assert "bought first on 21 Nov, last on 11 Dec" in page
    assert "life cycle active" in page
    assert "deals 1 won and 1 lost; won for 90,000.00 RUB" in page
    assert "loyalty 120 points, silver" in page
    assert "RFM 433, may become loyal" in page
    assert "% likely to buy again; " in page
    assert " purchase days expected within a year worth " in page


def test_the_cell_before_is_told_with_its_group() -> None:
    state = after([make.a_receipt("1250.50")])
    state.rfm_now, state.rfm_before = "413", "555"
    assert "; before that 555, champion" in said(state, T0 + DAY, MODEL)


def test_nobody_is_judged_by_a_single_day() -> None:
    page = said(after([make.a_receipt("10")]), T0 + DAY, MODEL)
    assert "bought on one day only: too early to tell;" in page
    assert "RFM" not in said(after([make.a_receipt("10")]))


def test_service_is_told_with_the_risk_and_its_reasons() -> None:
    events = [
        make.a_ticket_opened(ticket_id="t-1", priority="urgent"),
        make.a_ticket_replied(ticket_id="t-1", by="agent", **at(90 * MINUTE)),
        make.a_ticket_solved(ticket_id="t-1", **at(2 * HOUR)),
        make.a_ticket_reopened(ticket_id="t-1", **at(3 * HOUR)),
        make.a_ticket_rated(scale="stars5", rating=2),
        make.an_nps_answer(score=3),
        make.a_leaving_answer(reason="moved_to_competitor"),
        make.a_staying_answer(reason="habit", **at(-DAY)),
    ]
    page = said(after([{**event, "event_id": f"e-{n}"} for n, event in enumerate(events)]), T0 + DAY)
    assert "tickets 1 in all, 1 open, reopened 1 time; first answer after 1 h 30 min" in page
    assert "CSAT 0 of 1 answer satisfied" in page
    assert "NPS 3, detractor" in page
    assert "would leave moved to competitor would stay habit" in page
    assert "1 of 1 answer unsatisfied; 1 ticket open, 1 of them urgent; would not recommend us" in page


def test_traits_and_consents_are_told() -> None:
    traits = make.a_traits_changed(traits={"role": "director", "preferences": ["tea", "bread"]})
    given = make.a_consent_given(channels=["email", "sms"], valid_until="2027-02-01T00:00:00Z")
    page = said(after([traits, given, make.a_consent_withdrawn(purpose="profiling")]))
    assert "preferences tea, bread (crm, 21 Nov) role director (crm, 21 Nov)" in page
    assert "consent: marketing given for email and sms until 1 Feb 2027" in page
    assert "consent: profiling withdrawn" in page


def test_a_fall_that_is_overdue_is_told_for_no_past_day() -> None:
    state = after([make.a_receipt("120", **at(number * HOUR)) for number in range(6)])
    due = next_fall(state.scores["engagement"], RULES.scales["engagement"])
    assert due is not None
    assert f"falls to {due[1]}" in said(state, due[0] - 1)
    assert f"falls to {due[1]}" not in said(state, due[0])


def test_a_consent_that_has_ended_is_no_consent() -> None:
    state = after([make.a_consent_given(channels=["email"], valid_until="2027-02-01T00:00:00Z")])
    ends = micros(datetime(2027, 2, 1, tzinfo=UTC))
    assert "consent: marketing given for email until 1 Feb" in said(state, ends - 1)
    assert "consent: marketing expired on 1 Feb" in said(state, ends)


def test_who_is_blocked_is_told_first() -> None:
    page = lines(after([make.a_product_added(), make.a_processing_blocked(**at(SECOND))]))
    assert page[1].startswith("Processing is blocked")
    assert "NEXT, IF NOTHING HAPPENS" not in page


def test_points_that_are_held_come_and_go_with_time() -> None:
    spec = SHIPPED.model_dump(by_alias=True)
    spec["scores"]["interest"] = {"bands": [{"name": "low", "from": 0}, {"name": "high", "from": 10}]}
    rules = {
        "has_cart": {"windows.open_carts": {"at_least": 1}},
        "is_calm": {"activity.hours_since_seen": {"at_least": 240}},
    }
    for id_, when in rules.items():
        spec["rules"].append({"id": id_, "score": "interest", "event": "profile", "when": when, "points": 10, "why": "buys"})
    rule_set = RuleSet.model_validate(spec)
    page = said(after([make.a_product_added()], rule_set=rule_set), rule_set=rule_set)
    assert "interest falls from high to low" in page
    assert "-10 interest: has_cart: buys (no longer so)" in page
    assert "interest rises from low to high" in page


def test_nobody_known_has_a_short_page() -> None:
    assert lines(new(), key="a:77") == [
        "a:77, a visitor, on 21 Nov, 10:15 (UTC)",
        "",
        "NEXT, IF NOTHING HAPPENS",
        "  nothing: all stays as it is until something happens",
        "",
        "SERVICE",
        "  churn risk  0%",
    ]
    assert lines(new(), key="card:1f")[0].startswith("card:1f, a card or phone without a customer")


def test_instants_are_those_of_the_reader_with_a_year_where_it_is_another() -> None:
    page = said(shopper(), T0 + 60 * DAY, zone=ZoneInfo("Asia/Tokyo"))
    assert "on 20 Jan, 19:15 (Asia/Tokyo)" in page
    assert "22 Nov 2026, 19:15 engagement" in page


def test_what_customers_write_can_not_steer_the_terminal() -> None:
    page = said(after([make.a_traits_changed(traits={"city": "Ka\x1b[2Jzan\n[bold]"})]))
    assert "city Ka\ufffd[2Jzan\ufffd[bold]" in page


def test_a_band_that_newer_rules_have_not_falls_into_one_they_have() -> None:
    state = after([make.a_product_added()])
    state.scores["engagement"].band = "lukewarm"
    assert "engagement 4.0 lukewarm" in said(state)
    let_pass(state, RULES, T0 + DAY)
    assert "engagement 3.8 cold" in said(state, T0 + DAY)


def test_every_cell_has_a_group() -> None:
    cells = [f"{r}{f}{m}" for r in range(1, 6) for f in range(1, 6) for m in range(1, 6)]
    assert {group_of(cell) for cell in cells} == set(GROUPS)
    assert [group_of(cell) for cell in ("555", "511", "344", "155", "111", "212")] == [
        "champion", "new", "loyal", "must not be lost", "lost", "hibernating",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (lasting(5), "5 s"),
        (lasting(61), "1 min"),
        (lasting(3600), "1 h 0 min"),
        (lasting(50 * 3600), "2 d 2 h"),
        (counted(1, "order"), "1 order"),
        (counted(1_234_567, "order"), "1,234,567 orders"),
        (amount(2.5), "2.50"),
        (listed(["a"]), "a"),
        (listed(["a", "b", "c"], "or"), "a, b or c"),
        (money({"RUB": "1234.5000", "EUR": "0.10"}), "0.10 EUR + 1,234.5000 RUB"),
        (printable("\x07"), "\ufffd"),
    ],
)
def test_words(text: str, words: str) -> None:
    assert text == words
