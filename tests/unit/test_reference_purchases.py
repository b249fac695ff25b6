"""The reference's orders and refunds, against cases worked out by hand from docs/scoring.md."""

from decimal import Decimal

import pytest

from tests.reference.purchases import named
from tests.unit.test_reference import DAY, NOW, RULES, Case

BOUGHT = {"id": "bought", "score": "engagement", "event": ["receipt_issued", "order_completed"], "points": 30}
MEMBER = {"id": "member", "score": "fit", "event": "order_completed", "points": -10}


class Shop(Case):
    """A judge of orders and refunds."""

    def __init__(self):
        super().__init__(RULES | {"rules": [BOUGHT, MEMBER]})

    def order(self, day=0.0, total="100", name="o", currency="RUB"):
        return self.feed("purchase", "order_completed", day, order_id=name, total=total, currency=currency)

    def refund(self, day=1.0, total="25", refund="r", name="o", currency="RUB"):
        money = {"total": total, "currency": currency}
        return self.feed("purchase", "order_refunded", day, refund_id=refund, order_id=name, **money)

    def cancel(self, day=1.0, name="o"):
        return self.feed("purchase", "order_cancelled", day, order_id=name)

    def value(self, name):
        return self.judge.profile("c")[name]

    def states(self):
        return list(self.judge.refund_states.values())

    def why_dropped(self):
        return [reason for _, reason in self.judge.dropped]


@pytest.mark.parametrize("refund_first", [False, True])
def test_a_quarter_back_takes_a_quarter_of_the_points_at_the_time_of_the_order(refund_first):
    shop = Shop().refund(10).order() if refund_first else Shop().order().refund(10)
    assert shop.states() == ["waiting" if refund_first else "matched"]
    assert shop.value("refunded") == {"RUB": Decimal(25)}
    assert shop.value("average_order") == {"RUB": Decimal("75.00")}
    assert shop.shown("engagement", 10) == pytest.approx(22.5 / 2)
    assert shop.shown("fit", 10) == -7.5


def test_the_change_names_what_was_taken_back():
    shop = Shop().order().cancel()
    assert [(move["new_band"], move["contributions"]) for move in shop.judge.changes if move["score"] == "engagement"] == [
        ("warm", [{"rule": "bought", "points": 30.0}]),
        ("cold", [{"rule": "refund", "points": -30.0}]),
    ]


def test_points_go_back_in_whole_grains_rounded_down_and_all_with_the_last():
    shop = Shop().order(total="3").refund(total="1", refund="a")
    assert shop.judge.profiles["c"].points["fit"][-1][0] == -((-10 * 2**20) // 3) / 2**20
    shop.refund(total="2", refund="b")
    assert shop.shown("fit", 1) == 0


def test_no_more_comes_back_than_was_paid():
    shop = (
        Shop().order().refund(total="70", refund="a").refund(total="70", refund="b").refund(total="-9", refund="c").cancel()
    )
    assert shop.value("refunded") == {"RUB": Decimal(100)}
    assert (shop.shown("engagement", 1), shop.shown("fit", 1)) == (0, 0)


def test_what_does_not_match_takes_nothing_back():
    shop = Shop().order().refund(currency="EUR").refund(90, refund="in time").refund(90.5, refund="late")
    assert shop.states() == ["mismatch", "matched", "late"]
    assert shop.value("refunded") == {"RUB": Decimal(25)}
    assert Shop().order().refund(91.5).states() == ["waiting"]


def test_repeats_are_known_while_they_are_remembered():
    shop = (
        Shop()
        .order()
        .order(total="7")
        .refund()
        .refund(name="other")
        .refund(refund="w", name="x")
        .refund(refund="w")
        .cancel()
    )
    assert shop.cancel().why_dropped() == ["duplicate_purchase", *["duplicate_refund"] * 3]
    shop.site("app_opened", 91).order()
    assert shop.why_dropped()[4:] == ["duplicate_purchase"]
    shop.site("app_opened", 91.01).order()
    assert (len(shop.why_dropped()), shop.value("orders")) == (5, 2)


def test_only_the_latest_200_purchases_and_50_waiting_refunds_are_remembered():
    shop = Shop()
    for number in range(201):
        shop.order(number / 10, name=f"o-{number}").refund(number / 10, refund=f"r-{number}", name=f"unknown-{number}")
    shop.order(name="o-0").order(0.2, name="o-2").refund(refund="r-150").refund(refund="r-160")
    assert shop.why_dropped() == ["duplicate_purchase", "duplicate_refund"]


def test_days_with_purchases():
    shop = Shop()
    for number, day in enumerate((3, 1, 1.1, 2, 3.2)):
        shop.order(day, name=f"o-{number}")
    shop.order(0, total="0", name="nothing")
    assert shop.value("purchase_days") == 3
    assert shop.value("first_day") == (NOW // DAY + 1, {"RUB": Decimal(200)})


def test_a_receipt_is_named_by_store_till_and_number():
    shop, number = Shop(), {"store_id": "s", "till_id": "t", "number": "1"}
    shop.feed("purchase", "receipt_issued", receipt=number, total=1, currency="RUB")
    assert named(shop.judge.accepted[0]) == ("s", "t", "1")
