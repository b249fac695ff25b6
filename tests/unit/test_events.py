"""Every event type as the pipeline validates it: what is accepted, and by which path the rest is refused."""

import copy
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from schemas.envelope import Envelope
from schemas.registry import REGISTRY
from schemas.support_ticket import LeavingAnswer, NpsAnswer, StayingAnswer
from tests.contract.events_table import FIELDS
from tests.factories import (
    FACTORIES,
    Event,
    a_consent_given,
    a_content_rated,
    a_custom_tracked,
    a_full_event,
    a_leaving_answer,
    a_line,
    a_loyalty_changed,
    a_message_opened,
    a_page,
    a_page_pinged,
    a_page_viewed,
    a_product,
    a_product_added,
    a_receipt,
    a_receipt_number,
    a_staying_answer,
    a_ticket_opened,
    a_ticket_rated,
    a_ticket_replied,
    a_traits_changed,
    an_identity_linked,
    an_nps_answer,
)

SECRET = "Tr0ub4dor&3"


def validated(event: Event) -> Any:
    """Return the event's model, by the path that records take through the pipeline."""
    entry = REGISTRY[event["type"], 1]
    return entry.adapter.validator.validate_python(orjson.loads(orjson.dumps(event)))


def refusals(event: Event) -> list[str]:
    """Return the JSON paths that are refused; the name of a survey that pydantic puts first is no part of a path."""
    try:
        validated(event)
    except ValidationError as error:
        union = len(REGISTRY[event["type"], 1].models) > 1
        return [".".join(map(str, problem["loc"][1:] if union else problem["loc"])) for problem in error.errors()]
    return []


def messages(event: Event) -> str:
    """Return what the refusals say."""
    try:
        validated(event)
    except ValidationError as error:
        return " ".join(problem["msg"] for problem in error.errors())
    return ""


def places(event: Event, path: str) -> Iterator[tuple[Any, str, str]]:
    """Yield each object of `event` that `path` leads into, the last step of the path, and the path with list indices."""
    found: list[tuple[Any, str]] = [(event, "")]
    *steps, last = path.split(".")
    for step in steps:
        name = step.removesuffix("[]")
        inner = [(place[name], f"{prefix}{name}.") for place, prefix in found if name in place]
        if step.endswith("[]"):
            inner = [(part, f"{prefix}{number}.") for parts, prefix in inner for number, part in enumerate(parts)]
        found = inner
    yield from ((place, last, f"{prefix}{last}") for place, prefix in found if last in place)


def paths(part: Any, prefix: str = "") -> Iterator[str]:
    """Yield the path of each field of `part`; custom properties are no fields."""
    for name, value in part.items():
        yield f"{prefix}{name}"
        if isinstance(value, dict) and name != "properties":
            yield from paths(value, f"{prefix}{name}.")
        if isinstance(value, list) and value and isinstance(value[0], dict):
            yield from paths(value[0] | value[-1], f"{prefix}{name}[].")


def required(kind: str) -> list[str]:
    """Return the required fields but `type`, without which no contract is found."""
    return [path for path, is_required in FIELDS[kind].items() if is_required and path != "type"]


def optional(kind: str) -> list[str]:
    """Return the optional fields but `schema_version`, which has a default instead of null."""
    return [path for path, is_required in FIELDS[kind].items() if not is_required and path != "schema_version"]


@pytest.mark.parametrize("kind", FIELDS)
def test_the_smallest_event_is_valid(kind: str) -> None:
    event = validated(FACTORIES[kind]())
    assert isinstance(event, Envelope)
    assert event.type == kind.partition("/")[0]
    assert event.schema_version == 1


@pytest.mark.parametrize("kind", FIELDS)
def test_an_event_with_all_fields_is_valid(kind: str) -> None:
    event = a_full_event(kind)
    assert set(paths(event)) == set(FIELDS[kind]), "the factory leaves a field of the contract out"
    assert refusals(event) == []


@pytest.mark.parametrize("kind", FIELDS)
def test_a_missing_or_null_required_field_is_refused_by_its_path(kind: str) -> None:
    for path in required(kind):
        event = a_full_event(kind)
        holder, last, where = next(places(event, path))
        expected = [""] if path == "survey" else [where]  # without its survey, an answer has no fields
        holder[last] = None
        assert refusals(event) == expected
        del holder[last]
        assert refusals(event) == expected


@pytest.mark.parametrize("kind", FIELDS)
def test_an_optional_field_may_be_null_or_absent(kind: str) -> None:
    for path in optional(kind):
        event = a_full_event(kind)
        for holder, last, _ in places(event, path):
            holder[last] = None
        assert refusals(event) == [], path
        for holder, last, _ in places(event, path):
            del holder[last]
        assert refusals(event) == [], path


@pytest.mark.parametrize("kind", FIELDS)
def test_unknown_fields_are_ignored(kind: str) -> None:
    event = a_full_event(kind)
    event["context"]["colour"] = event["colour"] = {"deep": [None]}
    assert refusals(event) == []
    assert not hasattr(validated(event), "colour")


@pytest.mark.parametrize("kind", FIELDS)
def test_a_refusal_never_repeats_the_value(kind: str) -> None:
    for path in required(kind) + optional(kind):
        event = a_full_event(kind)
        holder, last, _ = next(places(event, path))
        for value in (SECRET, [SECRET], {SECRET: SECRET}, SECRET * 1_000):
            holder[last] = value
            assert SECRET not in messages(event), path


def test_unions_give_the_model_of_the_survey_and_dump_it_again() -> None:
    adapter = REGISTRY["survey_answered", 1].adapter
    for make, model in ((an_nps_answer, NpsAnswer), (a_leaving_answer, LeavingAnswer), (a_staying_answer, StayingAnswer)):
        answer = validated(make())
        assert type(answer) is model
        assert adapter.validator.validate_python(orjson.loads(adapter.dump_json(answer))) == answer
    assert refusals(an_nps_answer(survey="csat")) == [""]


def test_every_entry_knows_its_usual_source() -> None:
    sources = {entry.topic: entry.default_source for entry in REGISTRY.values()}
    assert sources == {
        "site-interaction": "web",
        "purchase": "till",
        "support-ticket": "helpdesk",
        "customer": "crm",
        "consent": "consent",
    }


def test_events_are_immutable() -> None:
    with pytest.raises(ValidationError):
        validated(a_page_viewed()).customer_id = "c-2"


BOUNDED = {
    "event_id": (lambda text: a_page_viewed(event_id=text), 1, 100),
    "customer_id": (lambda text: a_page_viewed(customer_id=text), 1, 100),
    "source": (lambda text: a_page_viewed(source=text), 1, 100),
    "context.user_agent": (lambda text: a_page_viewed(context={"user_agent": text}), 1, 2_000),
    "page.url": (lambda text: a_page_viewed(page=a_page(url=text)), 1, 2_000),
    "page.title": (lambda text: a_page_viewed(page=a_page(title=text)), 0, 300),
    "receipt.number": (lambda text: a_receipt(receipt=a_receipt_number(number=text)), 1, 100),
    "id_value": (lambda text: an_identity_linked(id_value=text), 1, 300),
    "identifiers.0.id_value": (lambda text: a_page_viewed(identifiers=[{"id_type": "card", "id_value": text}]), 0, 300),
    "subject": (lambda text: a_ticket_opened(subject=text), 0, 300),
    "text": (lambda text: a_ticket_opened(text=text), 0, 10_000),
}


@pytest.mark.parametrize("path", BOUNDED)
def test_strings_are_bounded(path: str) -> None:
    make, least, most = BOUNDED[path]
    assert refusals(make("я" * most)) == []
    assert refusals(make("я" * least)) == []
    assert refusals(make("я" * (most + 1))) == [path]
    assert refusals(make(7)) == [path]
    if least:
        assert refusals(make("")) == [path]


def test_lists_and_properties_are_bounded() -> None:
    assert refusals(a_page_viewed(identifiers=[{"id_type": "card", "id_value": "1"}] * 21)) == ["identifiers"]
    assert refusals(a_receipt(lines=[a_line()] * 5_001)) == ["lines"]
    assert refusals(a_receipt(coupons=["x"] * 101)) == ["coupons"]
    assert refusals(a_consent_given(channels=["sms"] * 21)) == ["channels"]
    assert refusals(a_traits_changed(traits={"preferences": ["x"] * 101})) == ["traits.preferences"]
    assert refusals(a_custom_tracked(properties={str(number): number for number in range(50)})) == []
    assert refusals(a_custom_tracked(properties={str(number): number for number in range(51)})) == ["properties"]


def test_properties_are_flat() -> None:
    assert refusals(a_custom_tracked(properties={"a": "x", "b": 1, "c": 1.5, "d": False, "e": None})) == []
    for nested in ({"b": 1}, [1]):
        assert all(
            path.startswith("properties.a") for path in refusals(a_custom_tracked(properties={"a": nested})) or ["none"]
        )


@pytest.mark.parametrize(
    ("written", "amount"),
    [("99.90", "99.90"), ("-0.0001", "-0.0001"), (99.9, "99.9"), (7, "7"), (0, "0"), ("99999999999999.9999",) * 2],
)
def test_money_is_a_decimal_number_or_string(written: object, amount: str) -> None:
    assert validated(a_receipt(total=written)).total == Decimal(amount)


NO_MONEY = [
    "0.00001",
    0.00001,
    "NaN",
    "Infinity",
    "-inf",
    "1e2",
    "1_000",
    "\uff11\uff12",
    " 1",
    "1\n",
    "1,50",
    "",
    True,
    [],
    "1" * 15,
    1e15,
]


@pytest.mark.parametrize("written", NO_MONEY)
def test_other_money_is_refused(written: object) -> None:
    assert refusals(a_receipt(total=written)) == ["total"]
    assert refusals(a_receipt(lines=[a_line(), a_line(price=written)])) == ["lines.1.price"]


def test_quantities_have_three_places() -> None:
    assert validated(a_receipt(lines=[a_line(quantity="0.375")])).lines[0].quantity == Decimal("0.375")
    assert validated(a_loyalty_changed(balance=-12.5)).balance == Decimal("-12.5")
    for quantity in ("0.3755", "1e2", True):
        assert refusals(a_product_added(quantity=quantity)) == ["quantity"]


@pytest.mark.parametrize("currency", ["rub", "RU", "RUBL", "RUB\n", "", "R1B", "РУБ", 643])
def test_currencies_are_three_capital_letters(currency: object) -> None:
    assert refusals(a_receipt(currency=currency)) == ["currency"]


def test_counts_are_whole_and_not_negative() -> None:
    for count in (-1, 1.5, "1", True, 1_000_000_001):
        assert refusals(a_page_pinged(active_secs=count)) == ["active_secs"]
    assert refusals(a_page_pinged(active_secs=0)) == []


@pytest.mark.parametrize("version", [0, -1, "1", 1.0, True])
def test_schema_versions_are_whole_and_positive(version: object) -> None:
    assert refusals(a_page_viewed(schema_version=version)) == ["schema_version"]


RATINGS = {"freshdesk": {103, 102, 101, 100, -101, -102, -103}, "stars5": {1, 2, 3, 4, 5}, "thumbs": {0, 1}}


@pytest.mark.parametrize("scale", RATINGS)
def test_ratings_are_on_their_scale(scale: str) -> None:
    accepted = {rating for rating in range(-110, 111) if not refusals(a_ticket_rated(rating=rating, scale=scale))}
    assert accepted == RATINGS[scale]


def test_ratings_are_whole_numbers_of_a_known_scale() -> None:
    assert refusals(a_ticket_rated(rating="5", scale="stars5")) == ["rating"]
    assert refusals(a_ticket_rated(rating=True, scale="thumbs")) == ["rating"]
    assert refusals(a_ticket_rated(scale="stars10")) == ["scale"]
    accepted = [rating for rating in range(-1, 8) if not refusals(a_content_rated(rating=rating))]
    assert accepted == [1, 2, 3, 4, 5]


def test_nps_scores_are_0_to_10() -> None:
    assert [score for score in range(-2, 13) if not refusals(an_nps_answer(score=score))] == list(range(11))
    assert refusals(an_nps_answer(score=11)) == ["score"]
    assert refusals(an_nps_answer(score=9.0)) == ["score"]


REASONS = {
    a_leaving_answer: ["expensive", "disliked_product", "bad_service", "moved_to_competitor", "no_longer_needed"],
    a_staying_answer: ["price", "quality", "service", "habit", "programme"],
}


@pytest.mark.parametrize("make", REASONS)
def test_reasons_are_known_and_other_requires_a_comment(make: Any) -> None:
    assert [reason for reason in REASONS[make] if refusals(make(reason=reason))] == []
    assert refusals(make(reason="whim")) == ["reason"]
    assert refusals(make(reason="other", comment="I move abroad.")) == []
    for comment in ({}, {"comment": None}, {"comment": ""}, {"comment": " \n"}):
        assert refusals(make(reason="other", **comment)) == [""]


def test_names_are_of_their_lists() -> None:
    assert refusals(a_ticket_opened(priority="extreme")) == ["priority"]
    assert refusals(a_ticket_replied(by="robot")) == ["by"]
    assert refusals(a_message_opened(channel="fax")) == ["channel"]
    assert refusals(an_identity_linked(id_type="passport")) == ["id_type"]
    assert refusals(a_traits_changed(traits={"role": "king"})) == ["traits.role"]


@pytest.mark.parametrize("consent", [1, "true", "yes", 0])
def test_flags_are_true_or_false(consent: object) -> None:
    assert refusals(a_page_viewed(context={"consent": {"marketing": consent}})) == ["context.consent.marketing"]


def test_times_keep_their_instant() -> None:
    event = validated(a_page_viewed(occurred_at="2026-11-21T10:15:00.250+03:00"))
    assert event.occurred_at == datetime(2026, 11, 21, 7, 15, 0, 250_000, tzinfo=UTC)
    assert event.occurred_at.utcoffset() == timedelta(hours=3)
    assert event.model_dump(mode="json")["occurred_at"] == "2026-11-21T10:15:00.250000+03:00"


NO_TIMES = [
    "2026-11-21T10:15:00",
    "2026-11-21",
    "yesterday",
    "",
    "2026-13-01T00:00:00Z",
    1_795_255_200_000,
    1.5,
    "1795255200",
]


@pytest.mark.parametrize("name", ["occurred_at", "sent_at", "received_at"])
@pytest.mark.parametrize("time", NO_TIMES)
def test_times_without_zone_and_numbers_are_refused(name: str, time: object) -> None:
    assert refusals(a_page_viewed(**{name: time})) == [name]


def test_validation_leaves_the_raw_event_alone() -> None:
    raw = orjson.loads(orjson.dumps(a_full_event("receipt_issued")))
    before = copy.deepcopy(raw)
    REGISTRY["receipt_issued", 1].adapter.validator.validate_python(raw)
    assert raw == before


def test_objects_are_no_strings_and_lists_are_no_objects() -> None:
    assert refusals(a_page_viewed(page="https://shop.example/")) == ["page"]
    assert refusals(a_page_viewed(page=[a_page()])) == ["page"]
    assert refusals(a_product_added(product=a_product(id=["sku-1"]))) == ["product.id"]
    assert refusals(a_receipt(lines={"0": a_line()})) == ["lines"]
