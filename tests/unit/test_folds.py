"""What each event changes in a profile, and that the order of arrival changes nothing."""

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given, strategies as st

from core.folds import FOLDS
from core.folds.customers import KEPT_TRAITS
from core.state import Consent, Dated, Deal, FirstDay, State, Ticket, new
from core.times import DAY, micros
from schemas.registry import REGISTRY, TYPES
from tests import factories as make
from tests.factories import Event

DAYS = st.integers(0, 3)
"""Few instants, so that events often share one."""


def model_of(event: Event) -> Any:
    return REGISTRY[event["type"], 1].adapter.validator.validate_python(orjson.loads(orjson.dumps(event)))


def folded(*events: Event, into: State | None = None) -> State:
    """Return a profile after the folds of `events`, at their own times."""
    state = into or new()
    for event in events:
        model = model_of(event)
        FOLDS[event["type"]](state, model, micros(model.occurred_at))
    return state


def on(day: int) -> dict[str, str]:
    return {"occurred_at": f"2026-11-{day + 1:02}T00:00:00Z"}


def instant(day: int) -> int:
    return micros(model_of(make.a_cart_viewed(**on(day))).occurred_at)


def test_every_fold_is_of_a_known_type() -> None:
    assert FOLDS.keys() <= TYPES


def test_pages_are_counted_and_time_on_them_added_up() -> None:
    state = folded(make.a_page_viewed(), make.a_page_viewed(), make.a_page_pinged(), make.a_page_pinged(active_secs=5))
    assert (state.page_views, state.active_secs) == (2, 20)


def test_orders_are_counted_and_summed_by_currency() -> None:
    state = folded(
        make.a_receipt("0.10", **on(2)),
        make.an_order_completed(total=0.2, **on(1)),
        make.a_receipt("5", currency="EUR", **on(3)),
    )
    assert state.orders == 3
    assert state.revenue == {"RUB": Decimal("0.30"), "EUR": Decimal(5)}
    assert (state.first_purchase_at, state.last_purchase_at) == (instant(1), instant(3))


def test_an_unknown_currency_is_kept_apart() -> None:
    state = folded(
        make.a_receipt("7", currency="ZZZ"), make.a_receipt("5"), make.an_order_completed(total=1, currency="ZZZ")
    )
    assert (state.orders, state.revenue) == (3, {"ZZZ": Decimal(8), "RUB": Decimal(5)})


@pytest.mark.parametrize("total", ["0", "0.0000", "-5"])
def test_a_receipt_over_nothing_is_no_order(total: str) -> None:
    assert folded(make.a_receipt(total), make.an_order_completed(total=total)) == new()


@pytest.mark.parametrize("days", [(2, 1, 1, 3), (1, 2, 3, 1), (3, 1, 2, 1)])
def test_the_first_day_with_a_purchase_is_kept_with_its_sums(days: tuple[int, ...]) -> None:
    state = folded(*(make.a_receipt("1.10", **on(day)) for day in days), make.a_receipt("0", **on(0)))
    assert state.first_day == FirstDay(instant(1) // DAY, {"RUB": Decimal("2.20")})


DEAL_WORDS = [make.a_deal_opened, make.a_deal_moved, make.a_deal_lost, make.a_deal_won]


def test_a_deal_stands_as_its_latest_word_says() -> None:
    state = folded(make.a_deal_won(amount="5.00", currency="RUB", **on(1)), make.a_deal_moved(**on(0)))
    assert state.deals == {"deal-1": Deal("won", instant(1), Decimal("5.00"), "RUB")}
    assert folded(make.a_deal_moved(**on(2)), into=state).deals["deal-1"].stage == "open"


@pytest.mark.parametrize(("words", "stage"), [(DEAL_WORDS, "won"), (DEAL_WORDS[:3], "lost"), (DEAL_WORDS[:2], "open")])
def test_at_the_same_instant_won_beats_lost_beats_open(words: list[Callable[..., Event]], stage: str) -> None:
    assert folded(*(word() for word in words)).deals["deal-1"].stage == stage
    assert folded(*(word() for word in reversed(words))).deals["deal-1"].stage == stage


def test_the_latest_balance_and_tier_are_kept() -> None:
    state = folded(make.a_loyalty_changed(balance="12.5", tier="gold", **on(2)), make.a_loyalty_changed(**on(1)))
    assert state.loyalty == Dated(["12.5", "gold"], instant(2))


def test_tickets_are_open_until_solved_or_closed_and_again_when_reopened() -> None:
    state = folded(make.a_ticket_opened(**on(0)), make.a_ticket_solved(**on(1)))
    assert state.ticket_states == {"ticket-1": Ticket("closed", instant(1), instant(0))}
    folded(make.a_ticket_reopened(**on(2)), into=state)
    assert state.ticket_states["ticket-1"].value == "open"
    folded(make.a_ticket_closed(**on(3)), make.a_ticket_replied(**on(3)), into=state)
    assert state.ticket_states["ticket-1"].value == "closed"
    assert (state.tickets, state.reopened, state.last_contact_at) == (1, 1, instant(3))


@pytest.mark.parametrize("done", [make.a_ticket_solved, make.a_ticket_closed])
@pytest.mark.parametrize("begun", [make.a_ticket_opened, make.a_ticket_reopened])
def test_at_the_same_instant_a_ticket_is_open(begun: Callable[..., Event], done: Callable[..., Event]) -> None:
    for words in ([begun(), done()], [done(), begun()]):
        assert folded(*words).ticket_states["ticket-1"].value == "open"


def test_open_tickets_are_all_remembered() -> None:
    assert len(folded(*(make.a_ticket_opened(ticket_id=f"t-{n}") for n in range(60))).ticket_states) == 60


def test_a_late_word_does_not_open_a_ticket_that_was_closed_long_ago() -> None:
    closed = [make.a_ticket_closed(ticket_id=f"t-{number}", **on(1 + number % 9)) for number in range(51)]
    late = make.a_ticket_opened(ticket_id="t-0", **on(0))
    assert folded(*closed, late).ticket_states.get("t-0", Ticket("closed")).value == "closed"


SATISFIED = [("freshdesk", 103, 1), ("freshdesk", 101, 1), ("freshdesk", 100, 0), ("freshdesk", -103, 0)]
SATISFIED += [("stars5", 5, 1), ("stars5", 4, 1), ("stars5", 3, 0), ("thumbs", 1, 1), ("thumbs", 0, 0)]


@pytest.mark.parametrize(("scale", "rating", "satisfied"), SATISFIED)
def test_answers_are_counted_and_the_satisfied_among_them(scale: str, rating: int, satisfied: int) -> None:
    state = folded(make.a_ticket_rated(scale=scale, rating=rating))
    assert (state.csat_satisfied, state.csat_answers) == (satisfied, 1)
    assert state.last_contact_at is not None


def test_the_latest_answer_to_each_survey_is_kept() -> None:
    state = folded(
        make.an_nps_answer(score=10, **on(1)),
        make.an_nps_answer(score=3, **on(0)),
        make.a_leaving_answer(**on(2)),
        make.a_staying_answer(reason="price"),
    )
    assert state.nps == Dated(10, instant(1))
    assert state.leaving == Dated("expensive", instant(2))
    assert state.staying is not None
    assert state.staying.value == "price"


def test_of_the_traits_only_those_that_name_nobody_are_kept() -> None:
    state = folded(make.a_full_event("traits_changed"))
    assert state.traits.keys() == set(KEPT_TRAITS)
    assert set(KEPT_TRAITS).isdisjoint({"name", "email", "phone", "birth_date"})
    assert state.traits["budget"].value == "1000000.00"
    assert state.traits["preferences"].value == ["running", "hiking"]


def test_the_latest_value_of_each_trait_that_was_sent_is_kept() -> None:
    state = folded(
        make.a_traits_changed(traits={"city": "Kazan", "role": "owner"}, **on(1)),
        make.a_customer_identified(traits={"city": "Omsk", "country": "RU", "role": None}, **on(0)),
        make.a_customer_identified(**on(2)),
    )
    assert {name: dated.value for name, dated in state.traits.items()} == {"city": "Kazan", "role": "owner", "country": "RU"}


def test_the_earliest_link_of_each_kind_is_kept_without_the_identifier() -> None:
    links = [make.an_identity_linked(**on(day)) for day in (2, 1, 3)]
    assert folded(*links, make.an_identity_linked(id_type="email", **on(3))).links == {
        "card": instant(1),
        "email": instant(3),
    }


def test_consents_keep_the_latest_word_to_each_purpose() -> None:
    state = folded(make.a_full_event("consent_given", **on(1)), make.a_consent_withdrawn(purpose="profiling", **on(0)))
    until = micros(model_of(make.a_full_event("consent_given")).valid_until)
    assert state.consents == {
        "marketing": Consent(given=True, at=instant(1), channels=["email", "sms"], valid_until=until),
        "profiling": Consent(given=False, at=instant(0), channels=[], valid_until=None),
    }
    assert folded(make.a_consent_withdrawn(**on(0)), into=state).consents["marketing"].given


def test_at_the_same_instant_the_withdrawal_wins() -> None:
    for words in ([make.a_consent_given, make.a_consent_withdrawn], [make.a_consent_withdrawn, make.a_consent_given]):
        assert not folded(*(word() for word in words)).consents["marketing"].given


def test_a_block_holds_until_a_later_word_and_wins_at_the_same_instant() -> None:
    state = folded(make.a_processing_unblocked(**on(1)), make.a_processing_blocked(**on(1)))
    assert state.blocked == Dated("blocked", instant(1))
    assert folded(make.a_processing_unblocked(**on(2)), into=state).blocked == Dated("allowed", instant(2))


VARIED: list[Callable[..., Any]] = [
    lambda n: {"type": "receipt_issued", "total": f"{n}.10", "currency": ["RUB", "EUR"][n % 2]},
    lambda n: {"type": "order_completed", "total": f"{n}.25"},
    lambda n: {"type": ["deal_opened", "deal_moved", "deal_won", "deal_lost"][n % 4], "deal_id": f"deal-{n % 2}"},
    lambda n: {"type": "loyalty_changed", "balance": n, "tier": [None, "gold"][n % 2]},
    lambda n: {"type": ["ticket_opened", "ticket_reopened", "ticket_solved", "ticket_closed"][n % 4]},
    lambda n: {"type": "ticket_rated", "scale": "stars5", "rating": 1 + n % 5},
    lambda n: {"type": "ticket_opened", "priority": [None, "low", "high", "urgent"][n % 4], "ticket_id": f"ticket-{n % 2}"},
    lambda n: {"type": "ticket_replied", "by": ["agent", "customer"][n % 5 == 0], "ticket_id": f"ticket-{n % 2}"},
    lambda n: {"type": "survey_answered", "survey": "nps", "score": n},
    lambda n: {"type": "survey_answered", "survey": "leaving", "reason": ["expensive", "bad_service"][n % 2]},
    lambda n: {"type": "survey_answered", "survey": "staying", "reason": ["price", "quality"][n % 2]},
    lambda n: {"type": "traits_changed", "traits": {"employees": n, "role": ["owner", None, "other"][n % 3]}},
    lambda n: {"type": "customer_identified", "traits": {"preferences": ["a", "b"][: n % 3], "budget": f"{n}.5"}},
    lambda n: {"type": "identity_linked", "id_type": ["card", "phone"][n % 2]},
    lambda n: {"type": ["consent_given", "consent_withdrawn"][n % 2], "purpose": ["ads", "mail", "sms"][n % 3]},
    lambda n: {"type": ["processing_blocked", "processing_unblocked"][n % 2]},
    lambda n: {"type": "page_pinged", "active_secs": n},
    lambda _: {"type": "page_viewed"},
]
WORDS = st.tuples(st.sampled_from(VARIED), st.integers(0, 10), DAYS)


def an_event(word: tuple[Callable[[int], Event], int, int]) -> Event:
    varied, number, day = word
    fields = varied(number)
    kind = "/".join(filter(None, [fields["type"], fields.get("survey")]))
    return make.FACTORIES[kind](**fields, **on(day))


@given(st.lists(WORDS, max_size=25), st.randoms(use_true_random=False))
def test_the_same_events_in_any_order_give_the_same_facts(words: list[Any], order: random.Random) -> None:
    events = [an_event(word) for word in words]
    assert folded(*order.sample(events, len(events))) == folded(*events)


def in_any_order(*events: Event) -> None:
    assert folded(*events) == folded(*reversed(events))


def test_two_consents_of_the_same_instant_give_the_same_channels_in_any_order() -> None:
    in_any_order(make.a_consent_given(channels=["email"]), make.a_consent_given(channels=["sms"]))


def test_a_deal_keeps_stage_script_and_role_of_its_latest_word() -> None:
    words = [make.a_full_event("deal_moved", **on(1)), make.a_deal_moved(stage="offer", **on(2))]
    assert folded(words[0]).deals["deal-1"] == Deal(
        "open", instant(1), Decimal(90000), "RUB", "offer", "script-1", "director"
    )
    assert folded(*words).deals["deal-1"] == Deal("open", instant(2), None, None, "offer")
    in_any_order(make.a_deal_moved(stage="offer"), make.a_deal_moved(script_id="s"), make.a_deal_moved(buyer_role="owner"))


def test_two_words_on_a_deal_of_the_same_instant_give_the_same_amount_in_any_order() -> None:
    in_any_order(make.a_deal_won(amount=1, currency="RUB"), make.a_deal_won(amount=2, currency="RUB"))


def test_of_more_than_a_thousand_tickets_the_oldest_closed_one_is_forgotten_and_no_open_one() -> None:
    opened = [make.a_ticket_opened(ticket_id=f"open-{n}", **on(0)) for n in range(1_000)]
    state = folded(make.a_ticket_closed(ticket_id="old", **on(1)), make.a_ticket_closed(ticket_id="new", **on(2)), *opened)
    assert "old" not in state.ticket_states
    assert "new" not in state.ticket_states
    assert sum(dated.value == "open" for dated in state.ticket_states.values()) == 1_000
    folded(make.a_ticket_opened(ticket_id="one-more", **on(3)), into=state)
    assert len(state.ticket_states) == 1_001


def test_of_more_than_a_thousand_deals_the_oldest_decided_one_is_forgotten() -> None:
    state = folded(
        make.a_deal_won(deal_id="old", **on(0)), *(make.a_deal_lost(deal_id=f"d-{n}", **on(1)) for n in range(1_000))
    )
    assert "old" not in state.deals
    assert len(state.deals) == 1_000
