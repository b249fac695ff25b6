"""The profile as the changelog holds it."""

from decimal import Decimal
from typing import Any

import orjson
from hypothesis import given, strategies as st

from core.state import (
    FORMAT,
    Consent,
    Contribution,
    Dated,
    Deal,
    Earned,
    FirstDay,
    Held,
    Returned,
    Score,
    Sessions,
    State,
    Ticket,
    Trait,
    decode,
    encode,
    is_judged_by,
    latest,
    new,
    seq_of,
)
from tests.factories import FACTORIES, a_full_event
from tests.unit.pipeline import Pipeline

NAMES = st.text(max_size=8)
INSTANTS = st.integers(-(2**53), 2**53)
MONEY = st.decimals(-(10**14), 10**14, places=4)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.none() | st.booleans() | INSTANTS | NAMES | st.lists(NAMES, max_size=2)
DATED = st.builds(Dated, PLAIN, INSTANTS)
TRAITS = st.builds(Trait, PLAIN, INSTANTS, NAMES)
REPLIES = st.none() | st.lists(INSTANTS, max_size=2)
TICKETS = st.builds(Ticket, NAMES, INSTANTS, st.none() | INSTANTS, REPLIES, st.none() | st.just("urgent"))
STATES = st.builds(
    State,
    seq=st.integers(0, 2**56 - 1),
    format=st.just(FORMAT),
    customer_id=st.none() | NAMES,
    anonymous_ids=st.lists(NAMES, max_size=2),
    links=st.dictionaries(NAMES, INSTANTS, max_size=2),
    first_seen_at=st.none() | INSTANTS,
    page_views=st.integers(0, 9),
    sessions=st.none() | st.builds(Sessions, st.integers(0, 9), st.lists(INSTANTS, max_size=4)),
    scores=st.dictionaries(NAMES, st.builds(Score, NUMBERS, INSTANTS, NAMES), max_size=2),
    traits=st.dictionaries(NAMES, TRAITS, max_size=2),
    trait_rules=st.dictionaries(NAMES, st.builds(Held, NAMES, NUMBERS), max_size=2),
    contributions=st.lists(st.builds(Contribution, NAMES, NAMES, NUMBERS, INSTANTS), max_size=2),
    revenue=st.dictionaries(NAMES, MONEY, max_size=2),
    first_day=st.none() | st.builds(FirstDay, st.integers(0, 50_000), st.dictionaries(NAMES, MONEY, max_size=2)),
    purchases=st.binary(max_size=42),
    earned=st.none() | st.lists(st.builds(Earned, NAMES, st.dictionaries(NAMES, NUMBERS, max_size=2)), max_size=2),
    returned=st.none() | st.dictionaries(NAMES, st.builds(Returned, INSTANTS, st.lists(NAMES, max_size=2)), max_size=2),
    deals=st.dictionaries(NAMES, st.builds(Deal, NAMES, INSTANTS, st.none() | MONEY, *[st.none() | NAMES] * 4), max_size=2),
    loyalty=st.none() | DATED,
    ticket_states=st.dictionaries(NAMES, TICKETS, max_size=2),
    consents=st.dictionaries(
        NAMES, st.builds(Consent, st.booleans(), INSTANTS, st.lists(NAMES, max_size=2), st.none() | INSTANTS), max_size=2
    ),
    blocked=st.none() | DATED,
    applied=st.dictionaries(NAMES, st.integers(0, 2**63 - 1), max_size=2),
    recent=st.binary(max_size=32),
    recent_since=st.integers(0, 50_000),
)


@given(STATES)
def test_a_profile_survives_the_changelog(state: State) -> None:
    value = encode(state)
    assert decode(value) == state
    assert encode(decode(value)) == value
    assert seq_of(value) == state.seq == orjson.loads(value)["seq"]


def test_a_profile_of_every_event_survives_the_changelog() -> None:
    kinds = sorted(FACTORIES, key="processing_blocked".__eq__)
    state = Pipeline().feed_all(a_full_event(kind) for kind in kinds)
    assert decode(encode(state)) == state
    assert state.seq == len(kinds)


def test_a_deal_that_an_older_version_wrote_is_read() -> None:
    assert decode(b'{"seq":7,"format":1,"deals":{"d":["won",5,"1.50","RUB"]}}').deals == {
        "d": Deal("won", 5, Decimal("1.50"), "RUB")
    }


def test_a_new_profile_is_small() -> None:
    assert encode(new()) == b'{"seq":0,"format":2}'


def test_held_points_of_format_1_are_read_without_their_score() -> None:
    old = decode(b'{"seq":7,"format":1,"revenue":{"RUB":"1.50"},"recent":"AAAAAAAAAAA=","trait_rules":{"decides":20.0}}')
    assert (old.seq, old.format, old.revenue, old.recent) == (7, FORMAT, {"RUB": Decimal("1.50")}, bytes(8))
    assert old.trait_rules == {"decides": Held("", 20.0)}


def test_what_a_profile_was_judged_by_is_read_without_decoding_it() -> None:
    state = new("0a1b2c3d4e5f")
    state.due, state.seq = 2**60, 2**60
    assert is_judged_by(encode(state), b"0a1b2c3d4e5f")
    assert not is_judged_by(encode(state), b"0a1b2c3d4e50")
    assert not is_judged_by(encode(new()), b"0a1b2c3d4e5f")


def test_money_is_a_string_in_the_changelog() -> None:
    state = new()
    state.revenue = {"RUB": Decimal("0.10")}
    assert orjson.loads(encode(state))["revenue"] == {"RUB": "0.10"}


def test_fields_that_a_newer_version_wrote_do_not_stop_an_older_one() -> None:
    assert decode(b'{"seq":7,"format":1,"shoe_size":42}').seq == 7


def test_a_profile_of_before_sessions_and_replies_can_be_read() -> None:
    old = decode(b'{"seq":7,"format":1,"tickets":1,"ticket_states":{"t-1":["open",1795256100000000]}}')
    assert (old.sessions, old.ticket_states) == (None, {"t-1": Ticket("open", 1795256100000000)})


WRITES = st.lists(st.tuples(st.integers(0, 3), st.one_of(st.integers(0, 12), NAMES)), min_size=1, max_size=8)


@given(WRITES, st.randoms(use_true_random=False))
def test_the_last_write_wins_in_any_order_and_the_greater_text_at_one_instant(writes: list[Any], order: Any) -> None:
    expected = max(writes, key=lambda write: (write[0], str(write[1])))
    kept: Dated | None = None
    for at, value in order.sample(writes, len(writes)):
        kept = latest(kept, value, at)
    assert kept is not None
    assert (kept.at, str(kept.value)) == (expected[0], str(expected[1]))
