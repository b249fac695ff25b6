"""The reference itself, against cases worked out by hand from docs/scoring.md."""

import json
import random
from decimal import Decimal
from itertools import count, pairwise
from pathlib import Path

import pytest

from tests.reference.events import hashed, rfc3339
from tests.reference.generator import NOW, generate, records
from tests.reference.judge import Judge, load_rules

DAY, MINUTE = 86_400_000, 60_000
SCORES = {
    "engagement": {
        "half_life_days": 10,
        "shown_from": 0,
        "shown_to": 100,
        "hysteresis": 3,
        "bands": [{"name": "cold", "from": 0}, {"name": "warm", "from": 20}, {"name": "hot", "from": 60}],
    },
    "fit": {
        "shown_from": -50,
        "shown_to": 100,
        "bands": [{"name": "poor", "from": -50}, {"name": "fair", "from": 0}, {"name": "good", "from": 20}],
    },
}
RULES = {
    "scores": SCORES,
    "grade": {"letter": "fit", "digit": "engagement"},
    "plan": {"watched": ["video"]},
    "rules": [
        {"id": "forty", "score": "engagement", "event": "product_added", "points": 40},
        {"id": "twenty_two", "score": "engagement", "event": ["product_viewed", "cart_viewed"], "points": 22},
        {"id": "less", "score": "engagement", "event": "unsubscribed", "points": -8},
        {
            "id": "target",
            "score": "engagement",
            "event": "page_viewed",
            "when": {"page.path": {"prefix": "/buy"}},
            "points": 2,
        },
        {"id": "decides", "score": "fit", "event": "traits", "when": {"role": ["owner", "director"]}, "points": 20},
        {"id": "no_say", "score": "fit", "event": "traits", "when": {"role": "student"}, "points": -10},
        {"id": "rich", "score": "fit", "event": "traits", "when": {"budget": {"at_least": 100_000}}, "points": 10},
    ],
}
PRODUCT = {"product": {"id": "p-1"}}
ids = count()


class Case:
    """A judge and a customer; times are days after NOW."""

    def __init__(self, rules=RULES):
        self.judge, self.fed = Judge(rules), 0

    def feed(self, topic, kind, day=0.0, **fields):
        at = NOW + round(day * DAY)
        data = {"event_id": f"e-{next(ids)}", "type": kind, "occurred_at": rfc3339(at), "customer_id": "c", **fields}
        received = data.pop("broker", at)
        self.raw(topic, json.dumps({name: value for name, value in data.items() if value is not None}).encode(), received)
        return self

    def raw(self, topic, value, received=NOW):
        self.judge.feed(topic, value, received, f"{topic}:i:0:{self.fed}")
        self.fed += 1

    def site(self, kind, day=0.0, **fields):
        return self.feed("site-interaction", kind, day, **fields)

    def shown(self, score, day, key="c"):
        return self.judge.profile(key)["scores"][score]["value_at"](NOW + round(day * DAY))

    def moves(self):
        return [(move["score"], move["old_band"], move["new_band"]) for move in self.judge.changes]

    def reasons(self):
        return [reason for _, reason in self.judge.rejected]


def test_points_halve_every_half_life_and_stay_without_one():
    case = Case().site("product_added", 0, **PRODUCT).site("product_added", 10, **PRODUCT)
    case.feed("customer", "traits_changed", 0, traits={"role": "owner"})
    assert case.shown("engagement", 10) == pytest.approx(60)
    assert case.shown("engagement", 20) == pytest.approx(30)
    assert case.shown("engagement", 15) == pytest.approx(60 / 2**0.5)
    assert case.shown("fit", 1000) == 20


def test_the_shown_value_is_clamped_but_the_sum_is_not():
    case = Case()
    for _ in range(4):
        case.site("product_added", 0, **PRODUCT)
    assert (case.shown("engagement", 0), case.shown("engagement", 10)) == (100, 80)
    below = Case().site("unsubscribed", 0, list="news").site("product_viewed", 0, **PRODUCT)
    assert below.shown("engagement", 0) == 14
    assert Case().site("unsubscribed", 0, list="news").shown("engagement", 0) == 0


def test_a_band_is_left_downwards_only_below_its_border_less_hysteresis():
    case = Case().site("product_viewed", 0, **PRODUCT)  # 22: warm
    case.site("app_opened", 3)  # 22 * 2 ** -0.3 = 17.87: stays
    assert case.moves() == [("engagement", "cold", "warm")]
    case.site("app_opened", 4)  # 22 * 2 ** -0.4 = 16.67: falls
    assert case.moves()[1:] == [("engagement", "warm", "cold")]
    last = case.judge.changes[-1]
    assert last["old_value"] == last["value"] == pytest.approx(16.673, abs=1e-3)
    assert last["contributions"] == []


def test_a_band_below_is_the_first_whose_own_hysteresis_holds_the_value():
    hot = Case().site("product_added", 0, **PRODUCT).site("product_added", 0, **PRODUCT)  # 80: hot
    hot.site("app_opened", 21)  # 80 * 2 ** -2.1 = 18.66: no longer hot, yet not below 17
    assert hot.moves() == [("engagement", "cold", "warm"), ("engagement", "warm", "hot"), ("engagement", "hot", "warm")]
    hot.site("app_opened", 40)  # 80 / 16 = 5
    assert hot.moves()[3:] == [("engagement", "warm", "cold")]


def test_one_look_may_cross_two_bands_in_one_change():
    rules = RULES | {"rules": [{"id": "big", "score": "engagement", "event": "app_opened", "points": 80}]}
    case = Case(rules).site("app_opened", 0).site("cart_viewed", 100)  # 80, then 80 / 1024
    assert case.moves() == [("engagement", "cold", "hot"), ("engagement", "hot", "cold")]


def test_a_change_says_what_moved_it():
    case = Case().site("product_viewed", 0, **PRODUCT).site("product_added", 10, event_id="e", **PRODUCT)
    assert case.moves() == [("engagement", "cold", "warm")]
    case.site("product_viewed", 10, event_id="f", **PRODUCT)
    assert case.judge.changes[1] == {
        "id": "site-interaction:i:0:2:0",
        "customer_key": "c",
        "score": "engagement",
        "old_band": "warm",
        "new_band": "hot",
        "old_value": pytest.approx(51),
        "value": pytest.approx(73),
        "grade": "B1",
        "occurred_at": "2026-12-01T12:00:00.000Z",
        "origin": "live",
        "cause": {"event_id": "f", "type": "product_viewed"},
        "contributions": [{"rule": "twenty_two", "points": 22.0}],
    }


def test_two_scores_moved_by_one_event_are_counted_in_the_order_of_the_scores():
    rule = {"id": "both", "score": "engagement", "event": "traits_changed", "points": 25}
    case = Case(RULES | {"rules": [*RULES["rules"], rule]})
    case.feed("customer", "traits_changed", traits={"role": "owner"})
    assert [(move["id"][-1], move["score"], move["grade"]) for move in case.judge.changes] == [
        ("0", "engagement", "A2"),
        ("1", "fit", "A2"),
    ]


def test_a_late_event_counts_at_its_own_time_and_does_not_move_the_look_back():
    case = Case().site("app_opened", 10).site("product_added", 0, **PRODUCT)  # 40 ten days ago are 20 now
    change = case.judge.changes[0]
    assert (change["old_value"], change["value"], change["new_band"]) == (0, pytest.approx(20), "warm")
    assert change["occurred_at"] == rfc3339(NOW + 10 * DAY)
    assert case.judge.profile("c")["first_seen_at"] == NOW


def test_trait_rules_begin_and_cease_to_hold():
    case = Case().feed("customer", "customer_identified", 0, traits={"role": "owner", "budget": "100000"})
    assert case.shown("fit", 0) == 30
    case.feed("customer", "traits_changed", 1, traits={"role": "director"})
    assert (case.shown("fit", 1), len(case.judge.changes)) == (30, 1)
    case.feed("customer", "traits_changed", 2, traits={"role": "student"})
    assert case.shown("fit", 2) == 0
    assert case.judge.changes[1]["contributions"] == [
        {"rule": "decides", "points": -20.0},
        {"rule": "no_say", "points": -10.0},
    ]
    case.feed("customer", "traits_changed", 1.5, traits={"role": "owner", "budget": 5})  # late: only the budget is news
    assert case.shown("fit", 2) == -10
    assert case.judge.profile("c")["traits"] == {"role": "student", "budget": 5}
    assert case.judge.changes[2]["grade"] == "C3"


def test_the_greater_trait_wins_at_the_same_instant_and_personal_ones_are_not_kept():
    for cities in (("Perm", "Kazan"), ("Kazan", "Perm")):
        case = Case()
        for city in cities:
            case.feed("customer", "traits_changed", 0, traits={"city": city, "name": "Anna", "birth_date": "1990-02-03"})
        assert case.judge.profile("c")["traits"] == {"city": "Perm"}


def test_a_repeat_is_dropped_while_it_is_remembered():
    case = Case().site("product_viewed", 0, event_id="same", **PRODUCT).site("product_viewed", 1, event_id="same", **PRODUCT)
    assert case.judge.dropped == [("site-interaction:i:0:1", "duplicate_event")]
    case.site("product_viewed", 1, event_id="same", customer_id="d", **PRODUCT)
    case.site("product_viewed", 4, event_id="other", **PRODUCT).site("product_viewed", 4, event_id="same", **PRODUCT)
    assert (len(case.judge.accepted), len(case.judge.dropped), case.judge.uncertain) == (4, 1, [])


@pytest.mark.parametrize(("others", "dropped", "uncertain"), [(127, 1, 0), (200, 1, 0), (300, 0, 0)])
def test_a_repeat_is_forgotten_after_many_events(others, dropped, uncertain):
    case = Case().site("app_opened", event_id="same")
    for _ in range(others):
        case.site("app_opened")
    case.site("app_opened", event_id="same")
    assert (len(case.judge.dropped), len(case.judge.uncertain)) == (dropped, uncertain)


def test_while_processing_is_blocked_only_consent_is_taken():
    case = (
        Case()
        .feed("consent", "processing_blocked", 1)
        .site("app_opened", 0)
        .feed("consent", "consent_given", 2, purpose="ads")
    )
    assert case.judge.dropped == [("site-interaction:i:0:1", "processing_blocked")]
    case.feed("consent", "processing_unblocked", 0.5).site("app_opened", 2)  # the block is the latest word
    assert len(case.judge.dropped) == 2
    case.feed("consent", "processing_unblocked", 1.5).site("app_opened", 2)
    assert (len(case.judge.dropped), case.judge.profile("c")["consents"]) == (2, {"ads": "given"})


def test_event_time_is_corrected_by_the_skew_and_clamped_five_minutes_ahead():
    received = rfc3339(NOW)
    case = Case().site("app_opened", 100, sent_at=rfc3339(NOW + 100 * DAY + MINUTE), received_at=received)
    case.site("app_opened", 1, received_at=received).site("app_opened", 5 / 1440, received_at=received)
    case.site("app_opened", 1, broker=NOW)
    assert [(event.at - NOW, event.clamped) for event in case.judge.accepted] == [
        (-MINUTE, False),
        (5 * MINUTE, True),
        (5 * MINUTE, False),
        (5 * MINUTE, True),
    ]
    zoned = Case().site("app_opened", occurred_at="2026-11-21T15:00:00.25+03:00")
    assert zoned.judge.accepted[0].at == NOW + 250


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"anonymous_id": "v"}, "c"),
        ({"customer_id": None, "anonymous_id": "v"}, "a:v"),
        (
            {
                "customer_id": None,
                "identifiers": [
                    {"id_type": "email", "id_value": "x@example.org"},
                    {"id_type": "phone", "id_value": "8 900 1234567"},
                ],
            },
            "card:" + hashed("phone", "+79001234567", "warmth"),
        ),
    ],
)
def test_the_key_of_a_profile(fields, key):
    assert list(Case().site("app_opened", **fields).judge.profiles) == [key]
    assert hashed("phone", "+79001234567", "other") != hashed("phone", "+79001234567", "warmth")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"customer_id": "a:x"}, "reserved_identity"),
        ({"customer_id": "card:x"}, "reserved_identity"),
        ({"customer_id": None}, "missing_identity"),
        ({"customer_id": None, "identifiers": [{"id_type": "email", "id_value": "x@example.org"}]}, "blocked_identity"),
        ({"occurred_at": "1999-12-31T23:59:59.999Z"}, "absurd_time"),
        ({"occurred_at": "2100-01-01T00:00:00Z"}, "absurd_time"),
        ({"received_at": "2100-01-01T00:00:00Z"}, "absurd_time"),
        ({"occurred_at": "2026-11-21 12:00:00"}, None),
        ({"event_id": None}, None),
        ({"type": "ticket_opened"}, None),
        ({"schema_version": 2}, None),
        ({"type": "page_viewed"}, None),
        ({"type": "page_viewed", "page": {"path": "/"}}, None),
        ({"type": "content_rated", "content_id": "x", "rating": 6}, None),
    ],
)
def test_what_is_refused(fields, reason):
    case = Case().site("app_opened", **fields)
    assert (case.reasons(), case.judge.accepted) == ([reason], [])


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b'{"a": NaN}', b'{"a": "\xff"}', b"[" * 10_000 + b"]" * 10_000])
def test_what_is_no_json_object_is_refused(value):
    case = Case()
    case.raw("site-interaction", value)
    assert case.reasons() == [None]


@pytest.mark.parametrize(
    ("when", "held"),
    [
        ({"page.path": "/buy/now"}, True),
        ({"page.path": {"equals": "/buy"}}, False),
        ({"page.path": ["/", "/buy/now"]}, True),
        ({"page.path": {"one_of": ["/"]}}, False),
        ({"page.path": {"prefix": ["/x", "/buy"]}}, True),
        ({"page.title": {"at_least": 3, "below": 4}}, True),
        ({"page.title": {"below": 3}}, False),
        ({"page.path": {"at_least": 0}}, False),
        ({"page.category": {"prefix": ""}}, False),
        ({"page.unknown": 1}, False),
        ({"page.path": {"prefix": "/buy"}, "source": "app"}, False),
        ({}, True),
    ],
)
def test_conditions(when, held):
    rules = RULES | {"rules": [{"id": "r", "score": "engagement", "event": "page_viewed", "when": when, "points": 50}]}
    case = Case(rules).site("page_viewed", page={"url": "https://x.y/buy/now?a=1", "title": "3", "unknown": 1}, source="web")
    assert (case.shown("engagement", 0) == 50) is held


def test_purchases_and_deals():
    case, receipt = Case(), {"store_id": "s", "till_id": "t", "number": "1"}
    money = {"receipt": receipt, "currency": "RUB"}
    for day, kind, total in (
        (1, "receipt_issued", "10.05"),
        (3, "receipt_issued", 20),
        (5, "receipt_issued", 0),
        (6, "receipt_issued", -7),
    ):
        case.feed("purchase", kind, day, total=total, currency="RUB", receipt=receipt | {"number": str(day)})
    case.feed("purchase", "receipt_refunded", 7, refund_id="r", total="5.00", **money)
    case.feed("purchase", "order_completed", 2, order_id="o", total="1.10", currency="EUR")
    for day, kind, deal in ((2, "deal_won", "a"), (2, "deal_lost", "a"), (1, "deal_moved", "a"), (1, "deal_opened", "b")):
        case.feed("purchase", kind, day, deal_id=deal, amount="9.50", currency="RUB")
    profile = case.judge.profile("c")
    assert (profile["orders"], profile["revenue"]) == (3, {"RUB": Decimal("30.05"), "EUR": Decimal("1.10")})
    assert profile["refunded"] == {"RUB": Decimal("5.00")}
    assert profile["average_order"] == {"RUB": Decimal("8.35"), "EUR": Decimal("0.37")}
    assert (profile["first_purchase_at"], profile["last_purchase_at"]) == (NOW + DAY, NOW + 3 * DAY)
    assert profile["deals"] == {"open": 1, "won": 1, "lost": 0, "won_amount": {"RUB": Decimal("9.50")}}


def test_what_a_customer_is_worth():
    case = Case()
    for day, number, total in ((0, "1", 10), (0.1, "2", 5), (10, "3", 25)):
        receipt = {"store_id": "s", "till_id": "t", "number": number}
        case.feed("purchase", "receipt_issued", day, receipt=receipt, total=total, currency="RUB")
    receipt = {"store_id": "s", "till_id": "t", "number": "3"}
    case.feed("purchase", "receipt_refunded", 11, refund_id="r", receipt=receipt, total=5, currency="RUB")
    parameters = {
        "bgnbd": {"r": 1, "alpha": 10, "a": 2, "b": 3},
        "gamma_gamma": {"p": 2, "q": 3, "v": 20, "currency": "RUB"},
        "rfm": {"recency_days": [10, 20, 30, 40], "frequency": [1, 2, 3, 4], "monetary": [5, 15, 34, 35], "currency": "RUB"},
    }
    worth = case.judge.worth("c", parameters, NOW + 20 * DAY)  # x 1, t_x 10, T 20, m (40 - 5 - 15) / 1
    assert worth["p_alive"] == pytest.approx(1 / (1 + 2 / 3 * (30 / 20) ** 2))
    assert worth["lifetime_value"] == {"RUB": pytest.approx(worth["expected_purchases"] * 2 * (20 + 20) / (2 * 1 + 3 - 1))}
    assert 0 < worth["expected_purchases"] < 0.4 * 2 / 30 * 365
    assert (worth["rfm"], worth["lifecycle"]) == ("434", "active")
    assert case.judge.worth("c", None, NOW + 99.9 * DAY)["lifecycle"] == "active"
    assert case.judge.worth("c", None, NOW + 100 * DAY)["lifecycle"] == "defecting"


def test_service_and_activity():
    case = Case()
    for day, kind, ticket in (
        (1, "opened", "x"),
        (2, "solved", "x"),
        (2, "reopened", "x"),
        (3, "opened", "y"),
        (4, "closed", "y"),
    ):
        case.feed("support-ticket", f"ticket_{kind}", day, ticket_id=ticket)
    for rating, scale in ((103, "freshdesk"), (100, "freshdesk"), (3, "stars5"), (1, "thumbs")):
        case.feed("support-ticket", "ticket_rated", 5, ticket_id="x", rating=rating, scale=scale)
    case.feed("support-ticket", "survey_answered", 7, survey="nps", score=9)
    case.feed("support-ticket", "survey_answered", 6, survey="nps", score=10)
    case.site("page_pinged", 8, page={"url": "/"}, active_secs=30).site("page_pinged", 9, page={"url": "/"}, active_secs=12)
    profile = case.judge.profile("c")
    assert (profile["tickets"], profile["open_tickets"], profile["reopened"]) == (2, 1, 1)
    assert (profile["csat"], profile["nps"], profile["leaving_reason"]) == ((2, 4), 9, None)
    assert (profile["last_contact_at"], profile["last_seen_at"]) == (NOW + 7 * DAY, NOW + 9 * DAY)
    assert (profile["page_views"], profile["active_secs"]) == (0, 42)


def test_the_rules_of_the_repository_load():
    rules = load_rules(Path(__file__).parents[2] / "rules")
    assert {rule["score"] for rule in rules["rules"]} <= set(rules["scores"])
    assert "video_watched" in rules["plan"]


def test_the_generator_is_what_the_judge_expects():
    rules = load_rules(Path(__file__).parents[2] / "rules")
    judge, refused = Judge(rules), 0
    for offset, (topic, key, value, received) in enumerate(records(7, 4000, 150, bad_share=0.05)):
        judge.feed(topic, value, received, f"{topic}:i:0:{offset}")
        refused += key is None
        assert len(judge.rejected) == refused
    assert {reason for _, reason in judge.rejected} == {None, "missing_identity", "reserved_identity", "absurd_time"}
    why = {"duplicate_event", "processing_blocked", "duplicate_purchase", "duplicate_refund"}
    assert {reason for _, reason in judge.dropped} == why
    assert {"matched", "waiting", "mismatch"} <= set(judge.refund_states.values())
    assert {event.topic for event in judge.accepted} == {
        "site-interaction",
        "purchase",
        "support-ticket",
        "customer",
        "consent",
    }
    assert any(event.clamped for event in judge.accepted)
    assert any(earlier.at > later.at + DAY for earlier, later in pairwise(judge.accepted))


def test_the_order_of_events_does_not_matter_to_a_score():
    judge = Judge(load_rules(Path(__file__).parents[2] / "rules"))
    for offset, (topic, _, value) in enumerate(generate(3, 3000, 60)):
        judge.feed(topic, value, NOW, str(offset))
    in_time = {key: profile for key, profile in judge.profiles.items() if not profile.too_late}
    assert len(in_time) > 20
    for key, profile in in_time.items():
        shuffled = random.Random(1).sample(profile.events, len(profile.events))
        scores = judge.profile(key)["scores"]
        for name, value in judge.scores_of_set(shuffled).items():
            assert value == pytest.approx(scores[name]["value_at"](profile.latest), abs=1e-9)


def test_the_same_seed_gives_the_same_workload():
    assert list(generate(5, 400, 20)) == list(generate(5, 400, 20))
    assert list(generate(5, 400, 20)) != list(generate(6, 400, 20))
