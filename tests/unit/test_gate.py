"""What leaves the edge: nothing that names a person stays readable, and equal things stay equal."""

import copy
from typing import Any

import orjson
import pytest
from hypothesis import given, strategies as st

from core.admission import Admission, Admitted
from core.gate import Gate, Leaving, Refused
from core.identifiers import Identifiers, IdentitySpec
from core.outcomes import Rejected
from core.refusals import refusal_document, refusal_of
from core.times import iso
from schemas.identifying import compile_finder
from schemas.registry import REGISTRY
from schemas.sealed import HASHED, NOBODY, bytes_of, is_hashed, is_sealed, text_of
from tests import factories as make
from tests.factories import Event

NOW = 1_795_341_600_000_000
IDS = Identifiers(IdentitySpec(blocked=["guest"]), b"secret")
GATE = Gate(IDS, {}, 1_000_000)
TOPIC_OF = {entry.type: entry.topic for entry in REGISTRY.values()}
SEALED = text_of(b"x" * 60)


def through(event: Event) -> Leaving:
    leaving = GATE.judge(TOPIC_OF[event["type"]], copy.deepcopy(event), NOW)
    assert isinstance(leaving, Leaving), leaving
    return leaving


def behind(topic: str, document: Any) -> Admitted | Rejected:
    """Return how a scorer takes what left the edge."""
    return Admission(topic, 1_000_000, {}, guarded=True).judge(document, NOW)


def covered(leaving: Leaving) -> dict[str, Any]:
    for place in leaving.places:
        place.holder[place.name] = SEALED
    return leaving.document


NAMING: list[tuple[Event, list[str]]] = [
    (make.a_ticket_opened(subject="Broken", text="I am Anna"), ["subject", "text"]),
    (make.an_event("ticket_replied", ticket_id="t", by="customer", text="Hello"), ["text"]),
    (make.an_event("content_commented", content_id="p", text="by Anna"), ["text"]),
    (make.an_event("survey_answered", survey="leaving", reason="other", comment="Anna here"), ["comment"]),
    (make.a_traits_changed(traits={"name": "Anna", "phone": "+79161234567", "city": "Kazan"}), ["name", "phone"]),
    (make.a_traits_changed(traits={"email": "a@b.ru", "birth_date": "1990-01-02"}), ["email", "birth_date"]),
]


@pytest.mark.parametrize(("event", "names"), NAMING)
def test_what_names_a_person_is_sealed_and_the_scorer_takes_nothing_else(event: Event, names: list[str]) -> None:
    topic, leaving = TOPIC_OF[event["type"]], through(event)
    assert sorted(place.name for place in leaving.places) == sorted(names)
    readable = behind(topic, copy.deepcopy(event))
    assert isinstance(readable, Rejected)
    assert readable.reason == "plain_identifying_field"
    assert any(name in readable.detail for name in names)
    taken = behind(topic, covered(leaving))
    assert isinstance(taken, Admitted), taken
    assert all(name in orjson.dumps(taken.kept).decode() for name in names), "a sealed value is kept"


@pytest.mark.parametrize("entry", REGISTRY.values(), ids=lambda entry: entry.type)
def test_every_identifying_field_has_a_way_to_leave_the_edge(entry: Any) -> None:
    """A field of class `identifying` that the finder does not know would go on readable."""
    schema = orjson.dumps([model.model_json_schema() for model in entry.models]).decode()
    find = compile_finder(entry.models)
    holder = {"id_type": "email", "id_value": "a@b.ru", "ip": "203.0.113.7", "comment": "c", "text": "t", "subject": "s",
              "name": "n", "email": "e", "phone": "p", "birth_date": "b"}  # fmt: skip
    document = {**holder, "identifiers": [dict(holder)], "context": dict(holder), "traits": dict(holder), "evidence": holder}
    found = {place.name for place in find(document)}
    assert {"id_value", "ip"} <= found, "of the envelope"
    for name in ("comment", "text", "subject", "birth_date"):
        assert (name in found) == (f'"{name}":' in schema)


def test_identifiers_are_equal_where_their_values_are_and_tell_nothing_else() -> None:
    said = [{"id_type": "phone", "id_value": "8 (916) 123-45-67"}, {"id_type": "email", "id_value": "Anna@B.ru"}]
    leaving = through(make.a_receipt(customer_id=None, identifiers=said))
    (phone, email) = [identifier["id_value"] for identifier in leaving.document["identifiers"]]
    assert phone == IDS.blind("phone", "+79161234567")
    assert email == IDS.blind("email", "anna@b.ru")
    assert leaving.owner == IDS.key("phone", "+79161234567") == IDS.key("phone", phone)
    assert isinstance(behind("purchase", leaving.document), Admitted)


def test_a_phone_or_address_of_a_direct_producer_is_refused_and_a_card_is_not() -> None:
    for kind, value, is_refused in [("phone", "+79161234567", True), ("email", "a@b.ru", True), ("card", "2200", False)]:
        event = make.a_receipt(identifiers=[{"id_type": kind, "id_value": value}])
        assert isinstance(behind("purchase", event), Rejected) == is_refused
    linked = behind("customer", make.an_event("identity_linked", customer_id="c", id_type="email", id_value="a@b.ru"))
    assert isinstance(linked, Rejected)
    assert linked.detail.startswith("id_value")


def test_an_identifier_of_nobody_stays_one() -> None:
    leaving = through(make.a_receipt(identifiers=[{"id_type": "card", "id_value": "guest"}]))
    assert leaving.document["identifiers"][0]["id_value"] == NOBODY
    assert IDS.key("card", NOBODY) is None


@pytest.mark.parametrize(
    "id_",
    ["anna@shop.ru", " Anna@Shop.RU ", "+7 916 123-45-67", "8(916)123-45-67", "79161234567", "+4915112345678"],
)
def test_an_id_that_is_an_address_or_a_number_of_a_phone_is_replaced(id_: str) -> None:
    leaving = through(make.a_page_viewed(customer_id=id_, anonymous_id=id_))
    shown = leaving.document["customer_id"]
    assert is_hashed(shown)
    assert leaving.owner == leaving.document["anonymous_id"] == shown
    assert IDS.pseudonym(shown) == shown
    assert shown in IDS.names(id_), "a lookup by the address finds the profile"


@pytest.mark.parametrize(
    "id_",
    [
        "c-1001", "1001", "12345678901234567", "9161234567", "550e8400-e29b-41d4-a716-446655440000", "a@b", "@anna",
        "2026-11-22-0001", "GA1.2.1234567890.1234567890", "10000000001", "00001234567", "74951234567",
    ],
)  # fmt: skip
def test_any_other_id_stays_readable(id_: str) -> None:
    assert IDS.pseudonym(id_) == id_


def test_a_direct_producer_may_not_use_addresses_as_ids() -> None:
    for name in ("customer_id", "anonymous_id"):
        refused = behind("site-interaction", make.a_page_viewed(**{name: "anna@shop.ru"}))
        assert isinstance(refused, Rejected)
        assert (refused.reason, refused.detail.partition(":")[0]) == ("plain_identifying_field", name)


def test_addresses_of_clients_are_cut() -> None:
    cut = [
        through(make.a_page_viewed(context={"ip": ip})).document["context"]
        for ip in ("203.0.113.7", "2001:db8:1:2:3::4", "nonsense")
    ]
    assert cut == [{"ip": "203.0.113.0"}, {"ip": "2001:db8:1::"}, {}]


@given(st.text(max_size=200), st.sampled_from(["phone", "email", "card", "device"]))
def test_a_blind_index_is_one_for_any_text(value: str, kind: Any) -> None:
    blind = IDS.blind(kind, value)
    assert is_hashed(blind)
    key = IDS.key(kind, value)
    assert key == IDS.key(kind, blind)
    assert (key is None) == (blind == NOBODY)
    assert value not in blind.removeprefix(HASHED) or len(value) < 3


def test_bytes_that_are_no_event_are_refused_with_the_scorers_reason() -> None:
    for value, reason in [(b"{", "malformed_json"), (b"[]", "not_an_object"), (b"\xff", "invalid_utf8"), (b"", "empty")]:
        refused = GATE.judge_bytes("purchase", value, NOW)
        assert isinstance(refused, Refused)
        assert (refused.rejected.reason, refused.original) == (reason, value)
        again = behind("purchase", refusal_document(refused.rejected, SEALED))
        assert again == refused.rejected._replace(sealed=SEALED)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"refused": {}, "sealed": SEALED},
        {"refused": {"stage": "admit", "reason": "unheard_of", "detail": ""}, "sealed": SEALED},
        {"refused": {"stage": "admit", "reason": "empty", "detail": ""}, "sealed": "readable"},
        {"refused": [], "sealed": SEALED},
    ],
)
def test_what_only_looks_like_a_refusal_is_none(document: dict[str, Any]) -> None:
    assert refusal_of(document) is None


def test_what_is_sealed_has_one_form() -> None:
    assert bytes_of(SEALED) == b"x" * 60
    assert is_sealed(SEALED)
    for value in ("sealed:", "sealed:" + "x" * 59, SEALED + " ", "x" + SEALED, None, 5):
        assert not is_sealed(value)
    assert iso(NOW)
