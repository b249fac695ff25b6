"""One person, one profile: whatever comes first, and whichever partition goes on first."""

import random
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from core.identifiers import IdentitySpec
from core.outcomes import Accepted, Applied
from core.rules import compile_rules
from core.scores import decayed
from core.scoring import let_pass
from core.state import State
from core.times import DAY, HOUR, Micros
from core.view import view
from streams.rules_files import read_rule_set
from streams.settings import RULES_DIR
from tests import factories as make
from tests.factories import Event
from tests.unit.network import EVER, Network
from tests.unit.pipeline import COMPILED, T0, Pipeline, at

RULES = compile_rules(read_rule_set(RULES_DIR))
USUAL = IdentitySpec(blocked=["null", "guest"])
CARD = {"id_type": "card", "id_value": "4000 0001"}
_MOVED_BY_ORDER = ("customer_key", "seq", "identities", "contributions", "memberships", "next_change", "segments")


def facts(state: State, now: Micros = T0 + 60 * DAY) -> dict[str, Any]:
    """Return what a profile shows, without what depends on the order of arrival, and names."""
    let_pass(state, RULES, now)
    shown = view("c", state, RULES, now).model_dump(mode="json", exclude=set(_MOVED_BY_ORDER))
    for score in shown["scores"].values():
        score["value"] = round(score["value"], 6)
        score.pop("next_change")
        score.pop("band")
    shown.pop("grade")
    shown["windows"] = {name: window["count"] for name, window in shown["windows"].items()}
    return shown


def alone(events: list[Event]) -> dict[str, Any]:
    """Return the facts of one customer who did all of it under one id."""
    pipeline = Pipeline(RULES, lateness=EVER)
    for event in events:
        pipeline.feed({**event, "customer_id": "c-0", "anonymous_id": None, "identifiers": None})
    return facts(pipeline.profiles["c-0"])


def shopping(rnd: random.Random, number: int, **who: Any) -> Event:
    """Return something that a customer does."""
    span = rnd.randrange(30 * DAY)
    receipt = make.a_receipt_number(number=str(number))
    made: list[Callable[..., Event]] = [
        make.a_page_viewed,
        make.a_product_added,
        make.a_product_viewed,
        partial(make.a_receipt, str(rnd.randrange(1, 900)), receipt=receipt),
        partial(make.a_ticket_opened, ticket_id=f"t-{number}"),
        make.a_subscribed,
        partial(make.a_traits_changed, traits={"role": rnd.choice(["owner", "student"])}),
    ]
    return rnd.choice(made)(**at(span), **{"customer_id": None, **who})


def test_a_visitor_is_known_from_the_login_on_and_so_is_what_came_before() -> None:
    before = [make.a_product_viewed(customer_id=None, anonymous_id="a-1", **at(number * HOUR)) for number in range(3)]
    login = make.a_customer_identified(customer_id="c-1", anonymous_id="a-1", **at(4 * HOUR))
    after = make.a_product_added(customer_id=None, anonymous_id="a-1", **at(5 * HOUR))
    network = Network(RULES, USUAL).send(*before).settle().send(login).settle().send(after).settle()
    assert network.roots.keys() == {"c-1"}
    assert facts(network.roots["c-1"]) == alone([*before, login, after])


def test_a_card_of_two_customers_makes_them_one() -> None:
    one = make.a_receipt("100", customer_id="c-1", receipt=make.a_receipt_number(number="1"), identifiers=[CARD])
    other = make.a_receipt("50", customer_id="c-2", receipt=make.a_receipt_number(number="2"), identifiers=[CARD])
    till = make.a_receipt("20", customer_id=None, receipt=make.a_receipt_number(number="3"), identifiers=[CARD])
    for seed in range(20):
        network = Network(RULES, USUAL, seed).send(one, other, till).settle()
        assert network.roots.keys() == {"c-1"}
        assert facts(network.roots["c-1"]) == alone([one, other, till])


@pytest.mark.parametrize("seed", range(30))
def test_what_is_joined_is_what_one_profile_would_have_been(seed: int) -> None:
    rnd = random.Random(seed)
    customers, visitors, cards = ["c-1", "c-2", "c-3"], ["a-1", "a-2"], [CARD, {"id_type": "email", "id_value": "A@b.de"}]
    events = []
    for number in range(40):
        who: dict[str, Any] = {"customer_id": rnd.choice([*customers, None])}
        if rnd.random() < 0.3 or who["customer_id"] is None:
            who["anonymous_id"] = rnd.choice(visitors)
        if rnd.random() < 0.2:
            who["identifiers"] = [rnd.choice(cards)]
        events.append(shopping(rnd, number, **who))
    network = Network(RULES, USUAL, seed)
    for event in events:
        network.send(event)
        if rnd.random() < 0.5:
            network.step()
    network.settle()
    groups: dict[str, list[Event]] = {}
    for event in events:
        key = event["customer_id"] or f"a:{event['anonymous_id']}"
        groups.setdefault(network.root_of(key), []).append(event)
    assert groups.keys() == {key for key, state in network.roots.items() if state.first_seen_at is not None}
    for key, of_one in groups.items():
        assert facts(network.roots[key]) == alone(of_one), key


@pytest.mark.parametrize("seed", range(20))
def test_merges_that_contradict_each_other_end_in_one_profile(seed: int) -> None:
    rnd = random.Random(seed)
    names = ["c-1", "c-2", "c-3", "c-4"]
    events = [shopping(rnd, number, customer_id=rnd.choice(names)) for number in range(12)]
    circle = [("c-1", "c-2"), ("c-2", "c-3"), ("c-3", "c-4"), ("c-4", "c-1"), ("c-3", "c-1"), ("c-2", "c-1")]
    merges = [make.a_customers_merged(customer_id=one, merged_id=other, **at(DAY)) for one, other in circle]
    events += merges
    rnd.shuffle(events)
    network = Network(RULES, USUAL, seed).send(*events).settle()
    assert len(network.roots) == 1, sorted(network.roots)
    (state,) = network.roots.values()
    assert facts(state) == alone(events)


def test_the_stated_survivor_survives() -> None:
    merged = make.a_customers_merged(customer_id="c-9", merged_id="c-1")
    network = Network(RULES, USUAL).send(make.a_page_viewed(customer_id="c-1"), merged).settle()
    assert network.roots.keys() == {"c-9"}


@pytest.mark.parametrize("seed", range(30))
def test_a_mistaken_merge_is_undone_as_if_it_had_never_happened(seed: int) -> None:
    rnd = random.Random(seed)
    names = ["c-1", "c-2"]
    links = [
        make.a_customer_identified(customer_id="c-2", anonymous_id="a-2"),
        make.an_identity_linked(customer_id="c-2", id_type="card", id_value="4000 0002"),
    ]
    before, between, after = (
        [shopping(rnd, first + number, customer_id=rnd.choice(names)) for number in range(8)] for first in (0, 8, 16)
    )
    between += [shopping(rnd, number, anonymous_id="a-2") for number in (30, 31)]
    between += [shopping(rnd, 32, identifiers=[{"id_type": "card", "id_value": "4000-0002"}])]
    merged = make.a_customers_merged(customer_id="c-1", merged_id="c-2", **at(DAY))
    unmerged = make.a_customers_unmerged(customer_id="c-1", merged_id="c-2", **at(2 * DAY))
    network = Network(RULES, USUAL, seed)
    for part in (before, links, [merged], between, [unmerged], after):
        network.send(*part)
        if rnd.random() < 0.7 or part == [merged]:
            network.settle()
    network.settle()
    assert network.roots.keys() == {"c-1", "c-2"}
    assert all(state.parts is None for state in network.roots.values())
    events = [*before, *links, merged, *between, unmerged, *after]
    own: dict[str, list[Event]] = {"c-1": [], "c-2": []}
    for event in events:
        own[event["customer_id"] or "c-2"].append(event)
    for key, of_one in own.items():
        assert facts(network.roots[key]) == alone(of_one), key


@pytest.mark.parametrize("leaving", ["c-2", "c-3"])
def test_of_three_customers_one_may_leave(leaving: str) -> None:
    rnd = random.Random(leaving)
    names = ["c-1", "c-2", "c-3"]
    before, after = ([shopping(rnd, first + n, customer_id=rnd.choice(names)) for n in range(12)] for first in (0, 12))
    merges = [make.a_customers_merged(customer_id="c-1", merged_id=name, **at(DAY)) for name in names[1:]]
    unmerged = make.a_customers_unmerged(customer_id="c-1", merged_id=leaving, **at(2 * DAY))
    network = Network(RULES, USUAL).send(*before).settle().send(*merges).settle().send(*after).settle()
    network.send(unmerged).settle()
    assert network.roots.keys() == {"c-1", leaving}
    stayed = [event for event in (*before, *after, *merges, unmerged) if event["customer_id"] != leaving]
    left = [event for event in (*before, *after) if event["customer_id"] == leaving]
    assert facts(network.roots["c-1"]) == alone(stayed)
    assert facts(network.roots[leaving]) == alone(left)


def test_who_was_joined_by_a_name_stays_with_whom_that_name_was_tied_to() -> None:
    """c-1 came to c-0 because c-2 was in it: told that these are two, c-1 leaves, and c-2 stays."""
    visits = [make.a_page_viewed(customer_id=f"c-{n}") for n in range(4)]
    ties = [("c-1", "c-2", 1), ("c-0", "c-2", 2), ("c-1", "c-3", 3)]
    network = Network(RULES, USUAL).send(*visits).settle()
    for one, other, hours in ties:
        network.send(make.a_customers_merged(customer_id=one, merged_id=other, **at(hours * HOUR))).settle()
    network.send(make.a_customers_unmerged(customer_id="c-1", merged_id="c-2", **at(4 * HOUR))).settle()
    assert {key: sorted(state.parts or {}) for key, state in network.roots.items()} == {
        "c-0": ["c-0", "c-2"],
        "c-1": ["c-1", "c-3"],
    }
    network.send(*[make.a_page_viewed(customer_id=f"c-{n}", **at(5 * HOUR)) for n in range(4)]).settle()
    assert {key: state.page_views for key, state in network.roots.items()} == {"c-0": 4, "c-1": 4}


def test_what_is_dropped_of_the_whole_may_count_for_the_one_who_leaves() -> None:
    receipt = make.a_receipt_number(number="7")
    one, other, again = (make.a_receipt("50", customer_id=name, receipt=receipt) for name in ("c-1", "c-2", "c-2"))
    merged = make.a_customers_merged(customer_id="c-1", merged_id="c-2", **at(DAY))
    unmerged = make.a_customers_unmerged(customer_id="c-1", merged_id="c-2", **at(2 * DAY))
    network = Network(RULES, USUAL).send(one, merged).settle().send(other).settle().send(again).settle()
    assert network.roots["c-1"].orders == 1
    network.send(unmerged).settle()
    assert {key: state.orders for key, state in network.roots.items()} == {"c-1": 1, "c-2": 1}


def test_a_card_of_too_many_customers_joins_nobody_any_further() -> None:
    few = IdentitySpec(customers_per_id={"card": 2})
    receipts = [
        make.a_receipt(customer_id=f"c-{n}", receipt=make.a_receipt_number(number=f"{n}"), identifiers=[CARD])
        for n in range(1, 6)
    ]
    network = Network(RULES, few)
    for receipt in receipts:
        network.send(receipt).settle()
    assert network.roots.keys() == {"c-1", "c-3", "c-4", "c-5"}
    assert Counter(outcome.reason for outcome in network.outcomes if isinstance(outcome, Applied))["over_limit"] == 3


def test_a_customer_claims_only_so_many_ids() -> None:
    few = IdentitySpec(ids_per_customer={"anonymous": 2})
    visits = [make.a_page_viewed(customer_id="c-1", anonymous_id=f"a-{n}") for n in range(4)]
    network = Network(RULES, few).send(*visits).settle()
    assert network.roots["c-1"].anonymous_ids == ["a-0", "a-1"]
    assert [outcome.refused_ids for outcome in network.outcomes if isinstance(outcome, Accepted)] == [0, 0, 1, 1]


def test_a_browser_of_two_customers_is_the_first_ones() -> None:
    visit = make.a_page_viewed(customer_id=None, anonymous_id="a-1")
    logins = [make.a_customer_identified(customer_id=name, anonymous_id="a-1") for name in ("c-2", "c-1")]
    network = Network(RULES, USUAL).send(visit).settle()
    for login in logins:
        network.send(login).settle()
    assert network.roots.keys() == {"c-1", "c-2"}
    assert (network.roots["c-1"].page_views, network.roots["c-2"].page_views) == (0, 1)


@pytest.mark.parametrize("name", ["null", "guest", "0000"])
def test_who_stands_for_nobody_joins_nobody(name: str) -> None:
    card = {"id_type": "card", "id_value": name}
    events = [make.a_page_viewed(customer_id=f"c-{n}", anonymous_id=name, identifiers=[card]) for n in (1, 2)]
    network = Network(RULES, USUAL).send(*events).settle()
    assert network.roots.keys() == {"c-1", "c-2"}
    assert all(isinstance(outcome, Accepted) for outcome in network.outcomes)
    assert not any(state.anonymous_ids or state.claimed for state in network.roots.values())


def test_who_was_parted_is_joined_again_by_a_later_word_only() -> None:
    cards = [make.an_identity_linked(customer_id=name, id_type="card", id_value="40000001") for name in ("c-1", "c-2")]
    parted = make.a_customers_unmerged(customer_id="c-1", merged_id="c-2", **at(DAY))
    network = Network(RULES, USUAL).send(*cards).settle().send(parted).settle()
    assert network.roots.keys() == {"c-1", "c-2"}
    older = make.a_customers_merged(customer_id="c-1", merged_id="c-2", **at(HOUR))
    again = [make.an_identity_linked(customer_id=name, id_type="email", id_value="a@b.de") for name in ("c-1", "c-2")]
    network.send(older, *again).settle()
    assert network.roots.keys() == {"c-1", "c-2"}
    network.send(make.a_customers_merged(customer_id="c-1", merged_id="c-2", **at(2 * DAY))).settle()
    assert network.roots.keys() == {"c-1"}


def test_a_key_that_never_came_can_be_parted_beforehand() -> None:
    parted = make.a_customers_unmerged(customer_id="c-1", merged_id="c-2", **at(DAY))
    merged = make.a_customers_merged(customer_id="c-1", merged_id="c-2", **at(HOUR))
    network = Network(RULES, USUAL).send(parted).settle().send(merged).settle()
    assert "c-1" in network.roots


def test_what_joining_changes_is_said_with_its_cause() -> None:
    carts = [make.a_product_added(customer_id=None, anonymous_id="a-1", **at(n * HOUR)) for n in range(5)]
    login = make.a_customer_identified(customer_id="c-1", anonymous_id="a-1", **at(6 * HOUR))
    network = Network(RULES, USUAL).send(*carts).settle()
    network.outcomes.clear()
    network.send(login).settle()
    gone, joined = (outcome for outcome in network.outcomes if isinstance(outcome, Applied) and outcome.row)
    cause = {"event_id": login["event_id"], "type": "customer_identified"}
    assert [(change["segment"], change["change"], change["why"]) for change in gone.segment_changes] == [
        ("abandoned_carts", "left", ["went into c-1"])
    ] or gone.segment_changes == []
    assert {change["customer_key"] for change in joined.changes} <= {"c-1"}
    assert all(change["cause"] == cause for change in (*joined.changes, *joined.segment_changes, *gone.segment_changes))
    assert (gone.row["type"], joined.row["type"]) == ("profile_gone", "profile_joined")
    assert [link.alias for link in joined.links] == ["a:a-1"]


@pytest.mark.parametrize("seed", range(20))
def test_a_merge_that_is_undone_before_the_profile_arrived_joins_nobody(seed: int) -> None:
    rnd = random.Random(seed)
    before = [shopping(rnd, number, customer_id=f"c-{number % 2 + 1}") for number in range(6)]
    merged = make.a_customers_merged(customer_id="c-1", merged_id="c-2", **at(DAY))
    unmerged = make.a_customers_unmerged(customer_id="c-1", merged_id="c-2", **at(2 * DAY))
    after = [shopping(rnd, 10 + number, customer_id=f"c-{number % 2 + 1}") for number in range(4)]
    network = Network(RULES, USUAL, seed).send(*before).settle().send(merged, unmerged, *after).settle()
    assert network.roots.keys() == {"c-1", "c-2"}
    for key, state in network.roots.items():
        own = [event for event in (*before, merged, unmerged, *after) if event["customer_id"] == key]
        assert facts(state) == alone(own), key


@pytest.mark.parametrize("seed", range(20))
def test_an_event_that_is_sent_again_may_not_overtake_its_profile(seed: int) -> None:
    visit = make.a_page_viewed(customer_id=None, anonymous_id="a-1")
    login = make.a_customer_identified(customer_id="c-1", anonymous_id="a-1")
    network = Network(RULES, USUAL, seed).send(visit).settle().send(login, visit).settle()
    assert network.roots["c-1"].page_views == 1


def test_who_is_blocked_is_joined_in_silence() -> None:
    receipts = [
        make.a_receipt(customer_id="c-2", receipt=make.a_receipt_number(number=str(n)), **at(n * HOUR)) for n in range(6)
    ]
    block = make.a_processing_blocked(customer_id="c-2", **at(9 * HOUR))
    network = Network(RULES, USUAL).send(*receipts).settle().send(block).settle()
    network.outcomes.clear()
    network.send(make.a_customers_merged(customer_id="c-1", merged_id="c-2", **at(10 * HOUR))).settle()
    applied = [outcome for outcome in network.outcomes if isinstance(outcome, Applied)]
    assert [(outcome.row["type"], outcome.changes) for outcome in applied] == [("profile_gone", []), ("profile_joined", [])]
    state = network.roots["c-1"]
    assert (state.is_blocked, state.scores["engagement"].band) == (True, "cold")
    network.send(make.a_processing_unblocked(customer_id="c-1", **at(11 * HOUR))).settle()
    unblocked = network.outcomes[-1]
    assert isinstance(unblocked, Accepted)
    assert unblocked.adopted is not None
    assert [change["new_band"] for change in unblocked.adopted.changes] == ["warm"]


def test_a_merge_into_somebody_who_is_blocked_is_dropped() -> None:
    block = make.a_processing_blocked(customer_id="c-1")
    merged = make.a_customers_merged(customer_id="c-1", merged_id="c-2", **at(HOUR))
    network = Network(RULES, USUAL).send(block, make.a_page_viewed(customer_id="c-2")).settle().send(merged).settle()
    assert network.roots.keys() == {"c-1", "c-2"}


def test_who_is_gone_leaves_no_trace_in_audiences() -> None:
    receipts = [
        make.a_receipt(customer_id="c-2", receipt=make.a_receipt_number(number=str(n)), **at(n * DAY)) for n in range(4)
    ]
    network = Network(RULES, USUAL).send(*receipts).settle()
    assert network.roots["c-2"].memberships
    network.send(make.a_customers_merged(customer_id="c-1", merged_id="c-2", **at(10 * DAY))).settle()
    (gone,) = (out for out in network.outcomes if isinstance(out, Applied) and out.row.get("type") == "profile_gone")
    assert {"regulars:c-2"} <= {name.decode() for name, _ in gone.audience}
    assert {name for name, value in gone.audience if value is not None} <= {
        name for name, value in gone.audience if value is None
    }
    assert gone.audience[-1][1] is None


@pytest.mark.parametrize("seed", range(10))
def test_sums_over_all_profiles_stay(seed: int) -> None:
    rnd = random.Random(seed)
    events = [shopping(rnd, number, customer_id=rnd.choice(["c-1", "c-2", "c-3"])) for number in range(30)]
    apart, joined = Network(RULES, USUAL, seed).send(*events).settle(), Network(RULES, USUAL, seed).send(*events)
    joined.send(
        make.a_customers_merged(customer_id="c-1", merged_id="c-3"), make.a_customers_merged(merged_id="c-2")
    ).settle()
    assert sums(joined) == sums(apart)


@pytest.mark.parametrize("seed", range(10))
def test_points_over_all_profiles_stay(seed: int) -> None:
    rnd, names = random.Random(seed), ["c-1", "c-2", "c-3"]
    made: list[Callable[..., Event]] = [make.a_product_added, make.a_product_viewed, make.a_product_removed]
    events = [rnd.choice(made)(customer_id=rnd.choice(names), **at(rnd.randrange(30 * DAY))) for _ in range(30)]
    apart, joined = (Network(COMPILED, USUAL, seed).send(*events).settle() for _ in range(2))
    joined.send(make.a_customers_merged(customer_id="c-1", merged_id="c-3")).settle()
    joined.send(make.a_customers_merged(customer_id="c-2", merged_id="c-1")).settle()
    assert joined.roots.keys() == {"c-2"}
    for name, scale in COMPILED.scales.items():
        one, three = (points(network, name, scale.half_life) for network in (joined, apart))
        assert one == pytest.approx(three, abs=1e-6), name


def points(network: Network, name: str, half_life: Micros | None) -> float:
    """Return the points of a score over all profiles, faded to one instant."""
    scores = [state.scores[name] for state in network.roots.values()]
    return sum(decayed(score.value, T0 + 60 * DAY - score.as_of, half_life) for score in scores)


def sums(network: Network) -> tuple[int, Decimal, int]:
    """Return orders, revenue and page views over all profiles."""
    states = network.roots.values()
    revenue = sum((amount for state in states for amount in state.revenue.values()), Decimal(0))
    return sum(state.orders for state in states), revenue, sum(state.page_views for state in states)
