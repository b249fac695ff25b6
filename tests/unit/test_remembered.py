"""The packed memory of purchases against a plain list."""

import random

from hypothesis import given, strategies as st

from core.remembered import KEPT_PURCHASES, Purchase, bought_on, count, find, knows, remember
from core.state import Earned, State, decode, encode, new
from core.times import DAY
from tests.unit.pipeline import T0

POINTS = [Earned("RUB", {"engagement": 5.0}), Earned("RUB", {}), Earned("EUR", {"engagement": 5.0, "fit": -0.5})]
PURCHASES = st.builds(
    Purchase,
    st.integers(0, 40).map(lambda hours: T0 + hours * DAY // 10),
    st.sampled_from([10**18 - 1, -(10**18) + 1, 0, 1, -1, 12_3400]),
    st.sampled_from(POINTS),
)
MEMORIES = st.dictionaries(st.binary(min_size=6, max_size=6), PURCHASES, max_size=12)


def holding(purchases: dict[bytes, Purchase], since: int = 0) -> State:
    state = new()
    for name, purchase in purchases.items():
        remember(state, name, purchase, since)
    return state


@given(MEMORIES, st.integers(0, 4))
def test_purchases_are_found_as_they_were_and_survive_the_changelog(purchases: dict[bytes, Purchase], day: int) -> None:
    state = decode(encode(holding(purchases)))
    assert count(state) == len(purchases)
    since = T0 + day * DAY
    for name, purchase in purchases.items():
        assert knows(state, name)
        assert find(state, name, 0) == purchase
        assert find(state, name, since) == (purchase if purchase.at >= since else None)


@given(MEMORIES, st.integers(0, 4), st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(purchases: dict[bytes, Purchase], day: int, order: random.Random) -> None:
    since = T0 + day * DAY
    shuffled = dict(order.sample(sorted(purchases.items(), key=str), len(purchases)))
    one, other = holding(purchases, since), holding(shuffled, since)
    expected = [name for name, purchase in purchases.items() if purchase.at >= since]
    assert count(one) == count(other) == len(expected)
    assert all(find(one, name, 0) == find(other, name, 0) == purchases[name] for name in expected)


@given(MEMORIES, st.integers(0, 4), st.integers(0, 4))
def test_a_day_has_a_purchase_where_one_above_nothing_is_remembered(
    purchases: dict[bytes, Purchase], day: int, since_day: int
) -> None:
    today, since = T0 // DAY + day, T0 + since_day * DAY
    expected = any(p.amount > 0 and p.at // DAY == today and p.at >= since for p in purchases.values())
    assert bought_on(holding(purchases), today, since) is expected


def test_a_name_is_found_only_where_names_stand() -> None:
    state = holding({b"owner.": Purchase(T0, int.from_bytes(b"\0\0aaaaaa"), POINTS[0])})
    assert not knows(state, b"aaaaaa")
    remember(state, b"aaaaaa", Purchase(T0, 1, POINTS[0]), 0)
    assert find(state, b"aaaaaa", 0) == Purchase(T0, 1, POINTS[0])


def test_the_latest_are_kept() -> None:
    names = [number.to_bytes(6, "big") for number in range(KEPT_PURCHASES + 3)]
    state = holding({name: Purchase(T0 + number * DAY, 1, POINTS[0]) for number, name in reversed([*enumerate(names)])})
    assert [name for name in names if not knows(state, name)] == names[:3]
