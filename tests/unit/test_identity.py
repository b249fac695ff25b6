"""Which profile an event belongs to, and whose other ids it names."""

import pytest

from core.identifiers import Identifiers, IdentitySpec
from core.identity import Claim, claims, misnamed, rank, resolve
from core.outcomes import Rejected
from schemas.reasons import ReasonCode, Stage
from tests.factories import Event, a_cart_viewed, a_customer_identified, a_customers_merged, an_identity_linked
from tests.unit.pipeline import SECRET, admitted

IDS = Identifiers(IdentitySpec(blocked=["null"]), SECRET)
Named = list[dict[str, str]]


def an_event_of(**identity: object) -> Event:
    return {name: value for name, value in a_cart_viewed(**identity).items() if value is not None}


def key_of(**identity: object) -> str | Rejected:
    return resolve(admitted(an_event_of(**identity)).event, IDS)


def cards(*pairs: tuple[str, str]) -> Named:
    return [{"id_type": id_type, "id_value": id_value} for id_type, id_value in pairs]


def test_the_customer_comes_before_the_visitor_before_the_card() -> None:
    identifiers = cards(("card", "2200-0001"))
    assert key_of(customer_id="c-9", anonymous_id="a-7", identifiers=identifiers) == "c-9"
    assert key_of(customer_id=None, anonymous_id="a-7", identifiers=identifiers) == "a:a-7"
    assert key_of(customer_id=None, identifiers=identifiers) == IDS.key("card", "2200-0001")


@pytest.mark.parametrize(
    ("merged_id", "reason"),
    [("a:7", ReasonCode.RESERVED_IDENTITY), ("null", ReasonCode.BLOCKED_IDENTITY), ("c-2", None)],
)
def test_only_customers_who_are_somebody_are_merged(merged_id: str, reason: ReasonCode | None) -> None:
    wrong = misnamed(admitted(a_customers_merged(merged_id=merged_id)).event, IDS)
    assert (None if wrong is None else wrong.reason) == reason


def test_who_is_blocked_is_passed_over() -> None:
    identifiers = cards(("card", "0000"), ("email", "nobody"), ("phone", "+7 900"), ("device", "d-1"))
    assert key_of(customer_id="null", anonymous_id="a-7") == "a:a-7"
    assert key_of(customer_id="NULL ", anonymous_id="null", identifiers=identifiers) == IDS.key("device", "d-1")


@pytest.mark.parametrize("identifiers", [None, []])
def test_an_event_of_nobody_is_refused(identifiers: Named | None) -> None:
    refused = key_of(customer_id=None, identifiers=identifiers)
    assert isinstance(refused, Rejected)
    assert (refused.stage, refused.reason) == (Stage.RESOLVE, ReasonCode.MISSING_IDENTITY)


@pytest.mark.parametrize("named", [{"customer_id": "null"}, {"customer_id": None, "identifiers": cards(("card", ""))}])
def test_an_event_of_somebody_who_stands_for_nobody_is_refused(named: dict[str, object]) -> None:
    refused = key_of(**named)
    assert isinstance(refused, Rejected)
    assert (refused.stage, refused.reason) == (Stage.RESOLVE, ReasonCode.BLOCKED_IDENTITY)


@pytest.mark.parametrize("customer_id", ["a:7", "a:", "card:2200"])
def test_a_customer_may_not_take_the_name_of_a_visitor_or_card(customer_id: str) -> None:
    refused = key_of(customer_id=customer_id, anonymous_id="a-7")
    assert isinstance(refused, Rejected)
    assert (refused.stage, refused.reason) == (Stage.RESOLVE, ReasonCode.RESERVED_IDENTITY)
    assert customer_id not in refused.detail.replace("a: or card:", "")


@pytest.mark.parametrize("customer_id", ["a", "A:7", "card", " a:7", "ca:7"])
def test_names_that_only_look_reserved_are_free(customer_id: str) -> None:
    assert key_of(customer_id=customer_id) == customer_id


def test_every_other_id_of_an_event_is_claimed() -> None:
    card = IDS.key("card", "2200-0001")
    event = an_event_of(anonymous_id="a-7", identifiers=cards(("card", "2200-0001"), ("card", "0000")))
    assert list(claims(admitted(event).event, "c-1", IDS)) == [Claim("anonymous", "a:a-7"), Claim("card", str(card))]
    assert list(claims(admitted(event).event, "a:a-7", IDS)) == [Claim("card", str(card))]
    linked = admitted(an_identity_linked(id_type="card", id_value="2200 0001")).event
    assert list(claims(linked, "c-1", IDS)) == [Claim("card", str(card))]
    assert list(claims(admitted(a_customer_identified(anonymous_id="null")).event, "c-1", IDS)) == []


def test_customers_survive_visitors_who_survive_identifiers() -> None:
    assert sorted(["card:1", "a:1", "z", "b"], key=rank) == ["b", "z", "a:1", "card:1"]
