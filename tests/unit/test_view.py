"""The profile as people and programs read it."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from core.scoring import next_due
from core.state import Dated, Deal, Score, State, new
from core.times import DAY, SECOND, iso
from core.view import view
from schemas.profile import Profile
from tests import factories as make
from tests.unit.pipeline import COMPILED, SEGMENTED, T0, Pipeline, at


def shown(state: State, as_of: int = T0, key: str = "c-1") -> dict[str, Any]:
    return view(key, state, COMPILED, as_of).model_dump(mode="json")


def test_a_customer_of_whom_nothing_is_known_has_every_part() -> None:
    document = shown(new())
    assert document.keys() == Profile.model_fields.keys()
    assert (document["customer_key"], document["seq"], document["grade"]) == ("c-1", 0, "C3")
    assert document["value"]["revenue"] == {}
    assert document["value"]["average_order"] == {}
    assert document["value"]["loyalty"] is None
    assert document["service"]["csat"] is None
    assert document["service"]["nps"] is None
    assert document["blocked"] is False


def test_a_profile_of_every_event_fits_the_contract() -> None:
    kinds = sorted(make.FACTORIES, key="processing_blocked".__eq__)
    state = Pipeline().feed_all(make.a_full_event(kind) for kind in kinds)
    document = shown(state)
    assert document["identities"] == {
        "customer_id": "c-1",
        "anonymous_ids": ["a-77"],
        "links": [{"id_type": "card", "linked_at": document["activity"]["first_seen_at"]}],
        "customer_ids": [],
    }
    assert (document["activity"]["page_views"], document["activity"]["active_secs"]) == (1, 15)
    assert document["service"]["csat"] == {"satisfied": 1, "answers": 1}
    assert document["service"]["nps"] == {"score": 9, "group": "promoter"}
    assert (document["service"]["leaving_reason"], document["service"]["staying_reason"]) == ("expensive", "quality")
    assert document["traits"]["city"] == "Kazan"
    assert document["consents"]["marketing"]["state"] == "withdrawn"
    assert document["blocked"] is True
    assert document["value"]["loyalty"] == {"balance": 120.0, "tier": "silver"}


def test_scores_are_shown_for_the_instant_asked_for_with_their_next_fall() -> None:
    state = Pipeline().feed_all([make.a_product_added()])
    document = shown(state, T0 + 5 * DAY)
    assert document["as_of"] == "2026-11-26T10:15:00+00:00"
    engagement = document["scores"]["engagement"]
    assert engagement["value"] == pytest.approx(25 / 2**0.5)
    assert (engagement["band"], engagement["next_change"]["band"]) == ("warm", "cold")
    assert document["scores"]["fit"] == {"value": 1.0, "band": "fair", "next_change": None}
    assert document["grade"] == "B2"
    assert [c["rule"] for c in document["contributions"]] == ["added", "came_close"]


def test_nobody_is_shown_before_the_latest_event() -> None:
    state = Pipeline().feed_all([make.a_product_added(**at(DAY))])
    assert shown(state, T0)["as_of"] == "2026-11-22T10:15:00+00:00"
    assert shown(state, T0)["scores"]["engagement"]["value"] == 25.0


def test_a_score_that_the_rules_no_longer_know_is_not_shown() -> None:
    state = Pipeline().feed_all([make.a_product_added()])
    state.scores["fame"] = Score(9.0, T0, "star")
    assert shown(state)["scores"].keys() == {"engagement", "fit"}


def test_money_is_shown_with_two_places_or_more() -> None:
    receipts = [make.a_receipt("10"), make.a_receipt("0.1000"), make.a_receipt("0.0025", currency="EUR")]
    refund = make.a_receipt_refunded(total="1.5", receipt=receipts[0]["receipt"])
    value = shown(Pipeline().feed_all([*receipts, refund]))["value"]
    assert (value["orders"], value["revenue"]) == (3, {"RUB": "10.10", "EUR": "0.0025"})
    assert value["refunded"] == {"RUB": "1.50"}
    assert value["average_order"] == {"RUB": "2.87", "EUR": "0.00"}


def test_a_refund_that_waits_is_not_shown() -> None:
    value = shown(Pipeline().feed_all([make.a_receipt_refunded()]))["value"]
    assert (value["refunded"], value["average_order"]) == ({}, {})


@given(st.dictionaries(st.sampled_from(["RUB", "EUR"]), st.decimals(-(10**13), 10**13, places=4)))
def test_money_is_shown_exactly(revenue: dict[str, Decimal]) -> None:
    state = new()
    state.orders, state.revenue = len(revenue), revenue
    assert {name: Decimal(text) for name, text in shown(state)["value"]["revenue"].items()} == revenue


def test_deals_are_counted_and_what_was_won_is_summed() -> None:
    state = new()
    state.deals = {
        "d1": Deal("won", T0, Decimal("10.00"), "RUB"),
        "d2": Deal("won", T0, Decimal("5.5"), "RUB"),
        "d3": Deal("won", T0, None, "RUB"),
        "d4": Deal("won", T0, Decimal(7), None),
        "d5": Deal("lost", T0, Decimal(3), "RUB"),
        "d6": Deal("open", T0, Decimal(3), "RUB"),
    }
    assert shown(state)["value"]["deals"] == {"open": 1, "won": 4, "lost": 1, "won_amount": {"RUB": "15.50"}}


@pytest.mark.parametrize(
    ("score", "group"),
    [(10, "promoter"), (9, "promoter"), (8, "passive"), (7, "passive"), (6, "detractor"), (0, "detractor")],
)
def test_nps_answers_have_their_group(score: int, group: str) -> None:
    state = new()
    state.nps = Dated(score, T0)
    assert shown(state)["service"]["nps"] == {"score": score, "group": group}


def test_open_tickets_and_contacts_are_shown() -> None:
    tickets = [make.a_ticket_opened(ticket_id="t-1"), make.a_ticket_opened(ticket_id="t-2", **at(SECOND))]
    service = shown(Pipeline().feed_all([*tickets, make.a_ticket_solved(ticket_id="t-1", **at(2 * SECOND))]))["service"]
    assert (service["tickets"], service["open_tickets"]) == (2, 1)
    assert service["last_contact_at"] == "2026-11-21T10:15:02+00:00"


def test_consents_are_shown_by_purpose_with_their_end() -> None:
    given_ = make.a_consent_given(channels=["sms", "email"], valid_until=iso(T0 + DAY))
    consents = shown(Pipeline().feed_all([given_, make.a_consent_withdrawn(purpose="profiling")]))["consents"]
    assert consents == {
        "marketing": {"state": "given", "channels": ["email", "sms"], "valid_until": "2026-11-22T10:15:00+00:00"},
        "profiling": {"state": "withdrawn", "channels": [], "valid_until": None},
    }


def test_who_was_unblocked_is_not_blocked() -> None:
    state = Pipeline().feed_all([make.a_processing_blocked(), make.a_processing_unblocked(**at(DAY))])
    assert shown(state)["blocked"] is False


def test_a_visitor_with_the_longest_id_can_be_shown() -> None:
    name = "ab" * 50
    state = Pipeline().feed_all([make.a_cart_viewed(customer_id=None, anonymous_id=name)], f"a:{name}")
    assert shown(state, key=f"a:{name}")["seq"] == 1


@pytest.mark.parametrize("end", ["9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+03:00"])
def test_a_consent_for_ever_can_be_shown(end: str) -> None:
    assert shown(Pipeline().feed_all([make.a_consent_given(valid_until=end)]))["seq"] == 1


def test_time_on_the_site_can_be_shown_whatever_it_is() -> None:
    pings = [make.a_page_pinged(active_secs=1_000_000_000) for _ in range(2)]
    assert shown(Pipeline().feed_all(pings))["activity"]["active_secs"] == 2_000_000_000


def test_a_profile_of_older_rules_can_be_shown() -> None:
    state = Pipeline().feed_all([make.a_product_added()])
    state.scores["engagement"].band = "lukewarm"
    assert shown(state)["scores"]["engagement"]["band"] == "lukewarm"


def test_windows_and_memberships_are_shown_with_their_instants() -> None:
    looks = [make.a_product_viewed(product={"id": "p-1", "category": "shoes"}, **at(n * SECOND)) for n in range(3)]
    state = Pipeline(SEGMENTED).feed_all([*looks, make.a_product_added(**at(DAY))])
    document = view("c-1", state, SEGMENTED, T0 + 2 * DAY).model_dump(mode="json")
    assert document["windows"] == {
        "carts": {"count": 1, "next_drop": "2026-11-25T10:15:00+00:00"},
        "views_30d": {"count": 3, "next_drop": "2026-12-21T10:15:00+00:00"},
    }
    assert document["memberships"] == [
        {"segment": "keen", "since": "2026-11-21T10:15:02+00:00"},
        {"segment": "warm", "since": "2026-11-22T10:15:00+00:00"},
    ]
    assert document["segments"] == ["keen", "warm"]
    assert document["next_change"] is None


def test_the_next_look_is_the_one_that_the_scorer_computed() -> None:
    state = Pipeline(SEGMENTED).feed_all([make.a_product_added()])
    state.due = next_due(state, SEGMENTED)
    document = view("c-1", state, SEGMENTED, T0).model_dump(mode="json")
    assert document["next_change"] == {"at": "2026-11-22T10:15:00+00:00"}
