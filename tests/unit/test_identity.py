"""Which profile an event belongs to."""

import pytest
from hypothesis import given, strategies as st

from core.identity import keyed_hash, resolve
from core.outcomes import Rejected
from schemas.reasons import ReasonCode, Stage
from tests.factories import Event, a_cart_viewed
from tests.unit.pipeline import SECRET, admitted

CARD_HASH = "da462086f013d669d612b1fcb6d46f41"
"""Pinned: a profile that is found by its card today must be found by it after every upgrade."""

NAMES = st.text(min_size=1, max_size=30).filter(str.isprintable)


def an_event_of(**identity: object) -> Event:
    return {name: value for name, value in a_cart_viewed(**identity).items() if value is not None}


def key_of(**identity: object) -> str | Rejected:
    return resolve(admitted(an_event_of(**identity)).event, SECRET)


def cards(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"id_type": id_type, "id_value": id_value} for id_type, id_value in pairs]


def test_the_customer_comes_before_the_visitor_before_the_card() -> None:
    identifiers = cards(("card", "2200-0001"))
    assert key_of(customer_id="c-9", anonymous_id="a-7", identifiers=identifiers) == "c-9"
    assert key_of(customer_id=None, anonymous_id="a-7", identifiers=identifiers) == "a:a-7"
    assert key_of(customer_id=None, identifiers=identifiers) == f"card:{CARD_HASH}"


def test_the_first_card_or_phone_counts_and_nothing_else() -> None:
    mixed = cards(("email", "ann@example.org"), ("device", "d-1"), ("card", ""), ("phone", "+7 900"), ("card", "2200-0001"))
    assert key_of(customer_id=None, identifiers=mixed) == f"card:{keyed_hash('phone', '+7 900', SECRET)}"


@pytest.mark.parametrize("identifiers", [None, [], cards(("email", "ann@example.org")), cards(("card", ""), ("phone", ""))])
def test_an_event_of_nobody_is_refused(identifiers: list[dict[str, str]] | None) -> None:
    refused = key_of(customer_id=None, identifiers=identifiers)
    assert isinstance(refused, Rejected)
    assert (refused.stage, refused.reason) == (Stage.RESOLVE, ReasonCode.MISSING_IDENTITY)


@pytest.mark.parametrize("customer_id", ["a:7", "a:", "card:2200"])
def test_a_customer_may_not_take_the_name_of_a_visitor_or_card(customer_id: str) -> None:
    refused = key_of(customer_id=customer_id, anonymous_id="a-7")
    assert isinstance(refused, Rejected)
    assert (refused.stage, refused.reason) == (Stage.RESOLVE, ReasonCode.RESERVED_IDENTITY)
    assert customer_id not in refused.detail.replace("a: or card:", "")


@pytest.mark.parametrize("customer_id", ["a", "A:7", "card", " a:7", "ca:7"])
def test_names_that_only_look_reserved_are_free(customer_id: str) -> None:
    assert key_of(customer_id=customer_id) == customer_id


def test_the_hash_is_the_pinned_one() -> None:
    assert keyed_hash("card", "2200-0001", SECRET) == CARD_HASH


@given(NAMES, NAMES, st.binary(min_size=1, max_size=64), st.binary(min_size=1, max_size=64))
def test_the_hash_depends_on_kind_value_and_secret_and_on_nothing_else(
    one: str, other: str, key: bytes, rival: bytes
) -> None:
    hashed = keyed_hash("card", one, key)
    assert len(bytes.fromhex(hashed)) == 16
    assert hashed == keyed_hash("card", one, key)
    assert hashed != keyed_hash("phone", one, key)
    assert (hashed == keyed_hash("card", other, key)) == (one == other)
    assert (hashed == keyed_hash("card", one, rival)) == (key.rstrip(b"\0") == rival.rstrip(b"\0"))
