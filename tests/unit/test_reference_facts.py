"""Facts of the value model, and new rules and parameters, in the reference: worked out by hand from docs/scoring.md."""

from typing import Any

import pytest

from tests.reference.generator import NOW
from tests.reference.value import DAY
from tests.unit.test_reference import PRODUCT, RULES, SCORES, Case

PARAMETERS: dict[str, Any] = {
    "bgnbd": {"r": 1, "alpha": 10, "a": 2, "b": 3},
    "gamma_gamma": {"p": 2, "q": 3, "v": 20, "currency": "RUB"},
    "rfm": {"recency_days": [10, 20, 30, 40], "frequency": [1, 2, 3, 4], "monetary": [5, 15, 34, 35], "currency": "RUB"},
}
STAYS = {"bands": [{"name": "low", "from": 0}, {"name": "high", "from": 10}]}


class Buyer(Case):
    """A case with parameters."""

    def __init__(self, parameters: dict | None = PARAMETERS, **rules: Any):
        super().__init__({**RULES, **rules})
        self.judge.publish(self.judge.rules, parameters)

    def bought(self, day: float, total: float, number: int = 0) -> "Buyer":
        receipt = {"store_id": "s", "till_id": "t", "number": str(number or self.fed)}
        return self.feed("purchase", "receipt_issued", day, receipt=receipt, total=total, currency="RUB")

    def inside(self, day: float) -> set[str]:
        surely, maybe = self.judge.memberships("c", NOW + day * DAY)
        assert surely == maybe
        return surely


def where(path: str, **bounds: Any) -> dict[str, dict]:
    return {"segments": {"s": {"where": {path: bounds}}}}


@pytest.mark.parametrize(
    ("path", "bounds", "day", "member"),
    [
        ("value.lifecycle", {"equals": "active"}, 11, True),
        ("value.lifecycle", {"one_of": ["defecting", "inactive"]}, 99.99, False),
        ("value.lifecycle", {"one_of": ["defecting", "inactive"]}, 100, True),
        ("value.rfm.cell", {"equals": "534"}, 19.99, True),
        ("value.rfm.cell", {"equals": "434"}, 20, True),
        ("value.rfm.recency", {"below": 5}, 20, True),
        ("value.rfm.frequency", {"at_least": 3}, 11, True),
        ("value.rfm.monetary", {"equals": 4}, 11, True),
        ("value.p_alive", {"below": 0.4}, 20, False),  # 1 / (1 + 2 / 3 (30 / 20)^2) = 0.4
        ("value.p_alive", {"below": 0.4}, 20.001, True),
        ("churn.risk", {"at_least": 0.6}, 20.001, True),
        ("value.expected_purchases", {"at_least": 0.5}, 11, True),
        ("value.lifetime_value.RUB", {"at_least": 5}, 11, True),
        ("value.lifetime_value.EUR", {"equals": 0}, 11, True),
    ],
)
def test_facts_of_the_value_model(path: str, bounds: dict, day: float, member: bool) -> None:
    case = Buyer(**where(path, **bounds)).bought(0, 10).bought(0.1, 5).bought(10, 20)
    assert case.inside(day) == ({"s"} if member else set())


@pytest.mark.parametrize("name", ["rfm.cell", "rfm.recency", "p_alive", "expected_purchases", "lifetime_value.RUB"])
def test_nothing_is_known_without_a_purchase_or_without_parameters(name: str) -> None:
    unknown = where(f"value.{name}", present=False)
    assert Buyer(**unknown).site("app_opened", 0).inside(1) == {"s"}
    assert Buyer(None, **unknown).bought(0, 10).inside(1) == {"s"}
    assert Buyer(**unknown).bought(0, 10).inside(1) == set()
    assert Buyer(**where(f"value.{name}", below=1e9)).site("app_opened", 0).inside(1) == set()


def test_the_life_cycle_needs_no_parameters() -> None:
    assert Buyer(None, **where("value.lifecycle", equals="first_time")).bought(0, 10).inside(1) == {"s"}


def test_the_risk_of_who_bought_on_one_day_is_that_of_their_silence() -> None:
    assert Buyer(**where("churn.risk", at_least=0.5)).bought(0, 10).bought(0, 10, 9).inside(90) == {"s"}


def test_what_is_looked_at_once_a_day_may_be_a_day_late() -> None:
    case = Buyer(**where("value.expected_purchases", below=0.6)).bought(0, 10).bought(10, 20)
    known = {day: case.judge.memberships("c", NOW + day * DAY) for day in (10 + number / 10 for number in range(900))}
    unsure = [day for day, (surely, maybe) in known.items() if surely != maybe]
    assert 0 < max(unsure) - min(unsure) < 1
    assert known[99.0] == ({"s"}, {"s"})


def test_the_cell_before_is_that_before_the_latest_change_whatever_made_it() -> None:
    case = Buyer().bought(0, 10)
    before = case.judge.previous_cell
    assert (before("c", NOW), before("c", NOW + 10 * DAY), before("c", NOW + 20 * DAY)) == (None, "512", "412")
    case.bought(25, 10)
    assert (before("c", NOW + 25 * DAY), before("c", NOW + 35 * DAY)) == ("312", "523")
    edges = {**PARAMETERS["rfm"], "monetary": [1, 2, 3, 4]}
    case.judge.publish(case.judge.rules, {**PARAMETERS, "rfm": edges})
    case.judge.adopt("c")
    assert before("c", NOW + 26 * DAY) == "523"


def test_points_are_held_while_facts_of_the_profile_match() -> None:
    rule = {"id": "keen", "score": "keen", "event": "profile", "when": {"windows.views": {"at_least": 2}}, "points": 10}
    rules = {
        "scores": {**SCORES, "keen": STAYS},
        "rules": [*RULES["rules"], rule],
        "windows": {"views": {"event": "page_viewed", "days": 2}},
    }
    case = Buyer(None, **rules)
    for number in range(2):
        case.site("page_viewed", number, event_id=f"v-{number}", page={"url": "https://shop.example/"})
    assert case.moves() == [("keen", "low", "high")]
    case.feed("purchase", "loyalty_changed", 3, balance=1)  # moves no window: the rule is not looked at
    assert case.judge.profile("c")["scores"]["keen"]["band"] == "high"
    case.judge.carry_on("c", int(NOW + 3 * DAY) * 1000)
    assert case.moves()[1:] == [("keen", "high", "low")]


def adopted(case: Case, day: float, **rules: Any) -> list[dict]:
    """Publish rules, let the customer be judged by them, and return what is said."""
    said = len(case.judge.changes)
    case.judge.publish({**case.judge.rules, **rules}, case.judge.parameters)
    assert case.judge.is_behind("c")
    changed = case.judge.adopt("c", int(NOW + day * DAY) * 1000)
    assert not case.judge.is_behind("c")
    assert changed or len(case.judge.changes) == said
    return case.judge.changes[said:]


def test_new_rules_on_traits_are_judged_at_the_instant_of_the_adoption() -> None:
    case = Case().feed("customer", "traits_changed", 0, traits={"role": "owner"})
    (change,) = adopted(case, 3, rules=[rule for rule in RULES["rules"] if rule["id"] != "decides"])
    assert change == {
        "id": f"rules:c:{NOW + 3 * DAY}000:0",
        "customer_key": "c",
        "score": "fit",
        "old_band": "good",
        "new_band": "fair",
        "old_value": 20.0,
        "value": 0.0,
        "grade": "B3",
        "occurred_at": "2026-11-24T12:00:00.000Z",
        "origin": "reconcile",
        "cause": {"type": "rules"},
        "contributions": [{"rule": "decides", "points": -20.0}],
    }
    more = [{**rule, "points": 35} if rule["id"] == "decides" else rule for rule in RULES["rules"]]
    assert [move["value"] for move in adopted(case, 4, rules=more)] == [35.0]
    assert adopted(case, 5, rules=RULES["rules"]) == []
    assert case.judge.profile("c")["scores"]["fit"]["value_at"](NOW + 5 * DAY) == 20.0


def test_points_that_events_were_given_stay_and_later_events_are_judged_for_no_earlier_instant() -> None:
    case = Case().site("product_added", 0, **PRODUCT)
    assert case.moves() == [("engagement", "cold", "warm")]
    assert adopted(case, 10, rules=[]) == []
    case.site("product_added", 10, event_id="other", **PRODUCT)
    assert case.judge.profile("c")["scores"]["engagement"]["value_at"](NOW + 10 * DAY) == pytest.approx(20)
    lower = [{"name": "cold", "from": 0}, {"name": "hot", "from": 15}]
    (change,) = adopted(case, 10, scores={**SCORES, "engagement": {**SCORES["engagement"], "bands": lower}})
    assert (change["old_band"], change["new_band"], change["occurred_at"]) == ("warm", "hot", "2026-12-01T12:00:00.000Z")
    case.site("app_opened", 1, event_id="late")
    assert case.judge.profiles["c"].judged == NOW + 10 * DAY


def test_a_new_score_starts_at_0_and_a_new_window_is_empty() -> None:
    case = Case().site("app_opened", 0)
    windows = {"visits": {"event": "app_opened", "days": 30}}
    segments = {"visitors": {"where": {"windows.visits": {"at_least": 1}}}}
    assert adopted(case, 1, scores={**SCORES, "loyalty": STAYS}, windows=windows, segments=segments) == []
    assert case.judge.profile("c")["scores"]["loyalty"]["band"] == "low"
    assert case.judge.memberships("c", NOW + DAY) == (set(), set())
    case.site("app_opened", 2, event_id="second")
    assert case.judge.memberships("c", NOW + 2 * DAY) == ({"visitors"}, {"visitors"})
