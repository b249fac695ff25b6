"""How identifiers are spelt, which of them stand for nobody, and what stands for one."""

import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from core.identifiers import IDENTIFIER, Identifiers, IdentitySpec
from streams.rules_files import read_identity
from streams.settings import RULES_DIR
from tests.unit.pipeline import SECRET

SHIPPED = read_identity(RULES_DIR)
IDS = Identifiers(SHIPPED, SECRET)
CARD_KEY = "card:da462086f013d669d612b1fcb6d46f41"
"""Pinned: a profile that is found by its card today must be found by it after every upgrade."""
NAMES = st.text("abc0123456789", min_size=2, max_size=30)


@pytest.mark.parametrize(
    ("kind", "written", "spelt"),
    [
        ("phone", "8 (900) 123-45-67", "+79001234567"),
        ("phone", "+7 900 123 45 67", "+79001234567"),
        ("phone", "0049 30 901820", None),
        ("phone", "+49 30 901820", "+4930901820"),
        ("phone", "12", None),
        ("phone", "no number", None),
        ("email", " Ann.Smith@Example.RU ", "ann.smith@example.ru"),
        ("email", "Ann.Smith+shop@GMail.com", "annsmith@gmail.com"),
        ("email", "ann", None),
        ("email", "@gmail.com", None),
        ("email", "+x@gmail.com", None),
        ("card", "2200-0001 0002", "220000010002"),
        ("device", " AB-c ", "ab-c"),
        ("device", "  ", None),
    ],
)
def test_an_identifier_has_one_spelling(kind, written: str, spelt: str | None) -> None:
    assert IDS.spelt(kind, written) == spelt
    assert (IDS.key(kind, written) is None) == (spelt is None)


@pytest.mark.parametrize("value", ["null", "NULL", " Guest ", "0", "0000-0000", "000", "xxx", "undefined", "-1"])
def test_what_stands_for_nobody_is_told(value: str) -> None:
    assert IDS.is_blocked(value)
    assert IDS.key("card", value) is None


@pytest.mark.parametrize("value", ["test@shop.ru", "info@shop.ru", "anybody@example.com"])
def test_addresses_of_nobody_are_told(value: str) -> None:
    assert IDS.key("email", value) is None


@pytest.mark.parametrize("value", ["7", "c-0", "nullable", "guest-7", "10", "testa@shop.ru"])
def test_what_only_looks_like_it_is_free(value: str) -> None:
    assert not IDS.is_blocked(value)


def test_the_key_is_the_pinned_one() -> None:
    assert IDS.key("card", "22000001") == IDS.key("card", "2200-0001")
    assert Identifiers(IdentitySpec(), SECRET).key("device", "2200-0001") != CARD_KEY


@given(NAMES, NAMES, st.binary(min_size=1, max_size=64), st.binary(min_size=1, max_size=64))
def test_the_key_depends_on_kind_spelling_and_secret_and_on_nothing_else(
    one: str, other: str, secret: bytes, rival: bytes
) -> None:
    ids, rivals = Identifiers(IdentitySpec(), secret), Identifiers(IdentitySpec(), rival)
    key = ids.key("card", one)
    if key is None:
        assert len(set(one)) == 1
        return
    assert len(bytes.fromhex(key.removeprefix(IDENTIFIER))) == 16
    assert key == Identifiers(IdentitySpec(), secret).key("card", one)
    assert key != ids.key("device", one)
    assert (key == ids.key("card", other)) == (one == other)
    assert (key == rivals.key("card", one)) == (secret.rstrip(b"\0") == rival.rstrip(b"\0"))


def test_limits_are_those_of_the_file() -> None:
    assert (IDS.most_customers("card"), IDS.most_ids("phone")) == (3, 10)
    usual = Identifiers(IdentitySpec(), SECRET)
    assert (usual.most_customers("card"), usual.most_ids("phone")) == (5, 100)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"merging": ["pigeon"]}, "Input should be"),
        ({"customers_per_id": {"card": 0}}, "greater than or equal to 1"),
        ({"blocked_matches": ["(?=a)"]}, "no pattern that RE2 takes"),
        ({"phone_region": "Russia"}, "two capitals, such as RU"),
        ({"blocked_values": []}, "Extra inputs"),
    ],
)
def test_what_can_not_be_is_refused(said: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        IdentitySpec.model_validate(said)
