"""Receipts, orders and refunds: counted once, taken back in part or in full, in whatever order they arrive."""

import copy
import random
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from hypothesis import given, strategies as st

from core.outcomes import Accepted, Dropped, Outcome
from core.purchases import KEPT_REFUNDS, KEPT_WAITING
from core.remembered import KEPT_PURCHASES, count
from core.scores import value_at
from core.state import State
from core.times import DAY, iso
from schemas.reasons import DropCode
from tests import factories as make
from tests.factories import Event
from tests.unit.pipeline import T0, Pipeline, a_rule_set, at, compiled

BOUGHT = ["receipt_issued", "order_completed"]
RULES = compiled(
    rules=[
        {"id": "bought", "score": "engagement", "event": BOUGHT, "points": 24},
        {"id": "much", "score": "engagement", "event": BOUGHT, "when": {"total": {"at_least": 100}}, "points": 0.5},
        {"id": "loyal", "score": "fit", "event": BOUGHT, "points": 20},
        {"id": "even", "score": "fit", "event": "order_completed", "points": -20},
        *a_rule_set()["rules"],
    ]
)
RECEIPT = make.a_receipt_number()


def pipeline() -> Pipeline:
    return Pipeline(RULES)


def a_receipt(total: Any = "100", day: float = 0, **changes: Any) -> Event:
    return make.a_receipt(total, **{"receipt": RECEIPT, **at(round(day * DAY))} | changes)


def a_refund(total: Any = "25", day: float = 1, **changes: Any) -> Event:
    return make.a_receipt_refunded(total=total, **at(round(day * DAY)) | changes)


def fed(*events: Event) -> State:
    return pipeline().feed_all(events)


def refund_state(outcome: Outcome) -> str:
    assert isinstance(outcome, Accepted), outcome
    return str(outcome.row.get("refund_state", ""))


def came_back(outcome: Outcome) -> tuple[str, str] | None:
    assert isinstance(outcome, Accepted), outcome
    return (str(outcome.row["currency"]), str(outcome.row["refunded"])) if "refunded" in outcome.row else None


def shown(state: State, score: str, day: float = 0) -> float:
    return value_at(state.scores[score], T0 + round(day * DAY), RULES.scales[score])


def test_a_refund_takes_back_its_share_of_money_and_points_at_the_time_of_the_purchase() -> None:
    flow = pipeline()
    flow.feed(a_receipt())
    outcome = flow.feed(a_refund(day=10))
    assert refund_state(outcome) == "matched"
    assert isinstance(outcome, Accepted)
    assert outcome.row["contributions.rule"] == ["refund", "refund"]
    assert outcome.row["contributions.points"] == [-6.125, -5.0]
    assert outcome.row["contributions.occurred_at"] == [iso(T0), iso(T0)]
    assert came_back(outcome) == ("RUB", "25.0000")
    state = flow.profiles["c-1"]
    assert (state.refunded, state.revenue, state.orders) == ({"RUB": Decimal(25)}, {"RUB": Decimal(100)}, 1)
    assert (shown(state, "engagement", 10), shown(state, "fit", 10)) == (18.375 / 2, 15)
    assert state.contributions[-2].rule == "refund"


def test_a_full_refund_leaves_no_points_whatever_its_steps() -> None:
    state = fed(a_receipt("0.07"), *(a_refund("0.01") for _ in range(7)))
    assert (state.scores["engagement"].value, state.scores["fit"].value) == (0.0, 0.0)
    assert state.refunded == {"RUB": Decimal("0.07")}


def test_no_more_comes_back_than_was_paid() -> None:
    state = fed(a_receipt(), a_refund("60"), a_refund("60"), a_refund("1"))
    assert (state.refunded, shown(state, "fit")) == ({"RUB": Decimal(100)}, 0)


@pytest.mark.parametrize("total", ["0", "-5"])
def test_a_refund_of_nothing_or_less_takes_nothing_back(total: str) -> None:
    flow = pipeline()
    flow.feed(a_receipt())
    assert refund_state(flow.feed(a_refund(total))) == "matched"
    assert (flow.profiles["c-1"].refunded, shown(flow.profiles["c-1"], "fit")) == ({}, 20)


@pytest.mark.parametrize("total", ["0", "-5"])
def test_a_purchase_over_nothing_gives_nothing_back(total: str) -> None:
    state = fed(a_receipt(total), a_refund())
    assert (state.refunded, state.orders, state.purchase_days, state.first_day) == ({}, 0, 0, None)
    assert shown(state, "fit") == 20


def test_a_refund_that_comes_first_waits_for_its_purchase() -> None:
    flow = pipeline()
    assert refund_state(flow.feed(a_refund())) == "waiting"
    assert flow.profiles["c-1"].refunded == {}
    outcome = flow.feed(a_receipt())
    assert isinstance(outcome, Accepted)
    assert outcome.row["contributions.rule"] == ["bought", "much", "loyal", "refund", "refund"]
    assert "refund_state" not in outcome.row
    state = flow.profiles["c-1"]
    assert (state.refunded, shown(state, "fit"), state.waiting_refunds) == ({"RUB": Decimal(25)}, 15, None)


def test_refunds_of_other_purchases_go_on_waiting() -> None:
    other = a_refund(receipt=make.a_receipt_number(till_id="till-2"))
    state = fed(other, a_refund(), a_receipt())
    assert len(state.waiting_refunds or ()) == 1
    assert state.refunded == {"RUB": Decimal(25)}


def test_cancelling_an_order_takes_back_what_is_left_once() -> None:
    flow = pipeline()
    order = {"order_id": "o-1"}
    for event in (make.an_order_completed(total="10", **order), make.an_order_refunded(total="4", **order)):
        flow.feed(event)
    assert refund_state(flow.feed(make.an_order_cancelled(**order))) == "matched"
    state = flow.profiles["c-1"]
    assert (state.refunded, shown(state, "engagement"), shown(state, "fit")) == ({"RUB": Decimal(10)}, 0, 0)
    assert flow.feed(make.an_order_cancelled(**order)) == Dropped(DropCode.DUPLICATE_REFUND)


@pytest.mark.parametrize(
    ("refund", "word"),
    [
        (a_refund(day=90), "matched"),
        (a_refund(day=90.01), "late"),
        (a_refund(day=-90), "matched"),
        (a_refund(day=-90.01), "late"),
        (a_refund(day=92), "waiting"),
        (a_refund(currency="EUR"), "mismatch"),
        (a_refund(currency="EUR", day=90.5), "mismatch"),
    ],
)
def test_what_does_not_match_is_flagged_and_takes_nothing_back(refund: Event, word: str) -> None:
    flow = pipeline()
    flow.feed(a_receipt())
    assert refund_state(flow.feed(refund)) == word
    assert flow.profiles["c-1"].refunded == ({"RUB": Decimal(25)} if word == "matched" else {})
    assert shown(flow.profiles["c-1"], "fit") == (15 if word == "matched" else 20)


def test_a_purchase_is_known_again_under_another_id_until_it_is_forgotten() -> None:
    flow = pipeline()
    flow.feed(a_receipt())
    flow.feed(make.a_cart_viewed(**at(91 * DAY)))
    assert flow.feed(a_receipt("7")) == Dropped(DropCode.DUPLICATE_PURCHASE)
    flow.feed(make.a_cart_viewed(**at(91 * DAY + 1000)))
    assert isinstance(flow.feed(a_receipt()), Accepted)


def test_an_order_is_no_receipt_and_parts_of_names_are_kept_apart() -> None:
    receipts = [make.a_receipt_number(store_id=store, till_id=till) for store, till in (("a:b", "c"), ("a", "b:c"))]
    state = fed(*(a_receipt(receipt=receipt) for receipt in receipts), make.an_order_completed(order_id="1001"))
    assert state.orders == 3


@pytest.mark.parametrize("purchase", [[], [a_receipt()], [a_receipt(currency="EUR")]])
def test_a_refund_is_known_again_while_it_waits_and_afterwards(purchase: list[Event]) -> None:
    flow = pipeline()
    flow.feed(a_refund(refund_id="r"))
    for event in purchase:
        flow.feed(event)
    before = copy.deepcopy(flow.profiles)
    again = [a_refund("99", refund_id="r"), make.an_order_refunded(refund_id="r", **at(0))]
    assert [flow.feed(event) for event in again] == [Dropped(DropCode.DUPLICATE_REFUND)] * 2
    assert flow.profiles == before


def test_memory_is_bounded_and_the_oldest_go_first() -> None:
    numbers = range(KEPT_PURCHASES + 10)
    flow = pipeline()
    for number in reversed(numbers):
        flow.feed(a_receipt(day=number / 10, receipt=make.a_receipt_number(number=str(number))))
        flow.feed(a_refund(day=number / 10, receipt=make.a_receipt_number(number=f"unknown-{number}")))
    state = flow.profiles["c-1"]
    waits = state.waiting_refunds or {}
    assert (count(state), len(waits)) == (KEPT_PURCHASES, KEPT_WAITING)
    assert min(refund.at for refund in waits.values()) == T0 + round(len(numbers) - KEPT_WAITING) * DAY // 10
    again = [a_receipt(receipt=make.a_receipt_number(number=number)) for number in ("9", "10")]
    assert [isinstance(flow.feed(event), Accepted) for event in again] == [True, False]


def test_many_refunds_of_one_purchase_all_count_but_are_not_all_known_again() -> None:
    count_ = KEPT_REFUNDS + 5
    state = fed(a_receipt(), *(a_refund("0.01") for _ in range(count_)))
    (returned,) = (state.returned or {}).values()
    assert (returned.amount, len(returned.refunds)) == (count_ * 100, KEPT_REFUNDS)


def test_what_came_back_is_forgotten_with_its_purchase() -> None:
    flow = pipeline()
    flow.feed(a_receipt())
    flow.feed(a_refund())
    flow.feed(make.a_receipt(**at(92 * DAY)))
    assert flow.profiles["c-1"].returned is None
    flow.feed(a_receipt(day=92))
    assert refund_state(flow.feed(a_refund("200", day=92))) == "matched"
    assert flow.profiles["c-1"].refunded == {"RUB": Decimal(125)}


def test_what_came_back_of_a_forgotten_purchase_does_not_count_for_its_successor() -> None:
    flow = pipeline()
    for event in (a_receipt(), a_refund(), a_receipt(day=92), a_refund("200", day=92)):
        flow.feed(event)
    assert flow.profiles["c-1"].refunded == {"RUB": Decimal(125)}


def test_a_purchase_too_old_to_be_remembered_claims_its_refunds_once() -> None:
    flow = pipeline()
    for event in (make.a_cart_viewed(**at(100 * DAY)), a_refund(day=20), a_refund(day=10), a_receipt(day=5)):
        flow.feed(event)
    state = flow.profiles["c-1"]
    assert (state.refunded, state.returned, count(state)) == ({"RUB": Decimal(50)}, None, 0)


def test_a_waiting_refund_is_forgotten_like_a_purchase() -> None:
    flow = pipeline()
    flow.feed(a_refund(day=0, refund_id="r"))
    flow.feed(make.a_cart_viewed(**at(92 * DAY)))
    assert refund_state(flow.feed(a_refund(day=0, refund_id="r"))) == "waiting"
    assert flow.profiles["c-1"].waiting_refunds is None


def test_many_kinds_of_points_make_room_for_new_ones() -> None:
    rules = [{"id": f"r{n}", "score": "fit", "event": BOUGHT, "when": {"total": f"{n}"}, "points": n} for n in range(1, 320)]
    flow = Pipeline(compiled(rules=rules))
    numbers = [*range(1, 320), *range(150, 200)]
    for day, number in enumerate(numbers):
        flow.feed(a_receipt(f"{number}", day=day / 10, receipt=make.a_receipt_number(number=f"{day}")))
    for day, number in list(enumerate(numbers))[-100:]:
        flow.feed(a_refund(f"{number}", day=day / 10, receipt=make.a_receipt_number(number=f"{day}")))
    state = flow.profiles["c-1"]
    assert len(state.earned or ()) < 256
    assert state.scores["fit"].value == sum(numbers[:-100])


def test_days_with_a_purchase_are_counted_once() -> None:
    days = [3, 1, 1.1, 3.2, 2, 1.3, 5, 1]
    state = fed(*(make.a_receipt(**at(round(day * DAY))) for day in days), make.a_receipt("0", **at(4 * DAY)))
    assert state.purchase_days == 4
    assert state.first_day is not None
    assert (state.first_day.day, state.first_day.amounts) == (T0 // DAY + 1, {"RUB": 4 * Decimal("99.90")})


class Story(NamedTuple):
    """What happened, in no order."""

    events: list[Event]


MONEY = st.sampled_from(["0.01", "33.33", "70", "100", "250.5", "0", "-3"])
DAYS = st.sampled_from([0, 0.5, 1, 45, 90, 91])
CURRENCIES = st.sampled_from(["RUB", "RUB", "EUR"])


@st.composite
def stories(draw: Any) -> Story:
    """Return purchases and refunds of three orders, all within the memory of a profile, some sent again under new ids."""
    events = []
    for order in "abc":
        if draw(st.booleans()):
            money = {"total": draw(MONEY), "currency": draw(CURRENCIES)}
            events.append(make.an_order_completed(order_id=order, **money, **at(round(draw(DAYS) * DAY))))
    for number in range(draw(st.integers(0, 5))):
        money = {"total": draw(MONEY), "currency": draw(CURRENCIES), "refund_id": f"r-{number}"}
        order = draw(st.sampled_from("abc"))
        events.append(make.an_order_refunded(order_id=order, **money, **at(round(draw(DAYS) * DAY))))
    cancelled = draw(st.sets(st.sampled_from("abc"), max_size=1))
    events += [make.an_order_cancelled(order_id=order, **at(round(draw(DAYS) * DAY))) for order in cancelled]
    repeats = draw(st.lists(st.sampled_from(events), max_size=3)) if events else []
    return Story([*events, *({**event, "event_id": f"again-{number}"} for number, event in enumerate(repeats))])


def essence(state: State) -> dict[str, Any]:
    """Return what must not depend on the order of arrival."""
    kinds = [(earned.currency, earned.points) for earned in state.earned or ()]
    packed = [state.purchases[start : start + 21] for start in range(0, len(state.purchases), 21)]
    return {
        "purchases": [(record[:20], kinds[record[20]]) for record in packed],
        "returned": state.returned,
        "waiting": state.waiting_refunds,
        "money": (state.orders, state.revenue, state.refunded, state.first_purchase_at, state.last_purchase_at),
        "days": (state.purchase_days, state.first_day),
        "fit": state.scores["fit"].value,
        "seq": state.seq,
    }


@given(stories(), st.randoms(use_true_random=False))
def test_the_same_events_in_any_order_give_the_same_profile(story: Story, order: random.Random) -> None:
    start = make.a_cart_viewed(**at(0))
    one = fed(start, *story.events)
    other = fed(start, *order.sample(story.events, len(story.events)))
    assert essence(one) == essence(other)
    assert shown(one, "engagement", 91) == pytest.approx(shown(other, "engagement", 91), abs=1e-9)


@given(stories())
def test_what_came_back_is_never_more_than_what_was_paid_nor_points_below_none(story: Story) -> None:
    state = fed(make.a_cart_viewed(), *story.events)
    assert all(0 < total <= state.revenue[currency] for currency, total in state.refunded.items())
    assert state.scores["engagement"].value >= -1e-9


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_refunds_before_and_after_their_order_end_the_same(parts: list[int], order: random.Random) -> None:
    total = Decimal(sum(parts)) / 10_000
    bought = make.an_order_completed(order_id="a", total=str(total), **at(0))
    refunds = [make.an_order_refunded(order_id="a", total=str(Decimal(part) / 10_000), **at(DAY)) for part in parts]
    cut = order.randint(0, len(refunds))
    state = fed(*refunds[:cut], bought, *refunds[cut:])
    assert state.refunded == {"RUB": total}
    assert state.scores["fit"].value == 0.0
    assert state.scores["engagement"].value == pytest.approx(0.0, abs=1e-9)
