"""The compiled decoders against pydantic: of any document, both say the same."""

import copy
import math
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import example, given, strategies as st
from pydantic import BaseModel, ValidationError, field_validator, model_validator

from schemas.compiled import compile_decoder, compile_reader
from schemas.envelope import Envelope
from schemas.fields import Contract, Decimals, Instant, Money
from schemas.registry import REGISTRY
from tests.factories import FACTORIES, Event, a_full_event, a_page_viewed, a_receipt, an_event

READERS = {entry.type: compile_reader(entry.models) for entry in REGISTRY.values()}
DECODERS = {entry.type: compile_decoder(entry) for entry in REGISTRY.values()}
VALIDATORS = {entry.type: entry.adapter.validator.validate_python for entry in REGISTRY.values()}
REFUSALS = (KeyError, TypeError, ValueError)


def plain(part: Any, *, listed: bool = False) -> Any:
    """Return an event, or a part of it, in values that can be compared; amounts in lists may not have been read yet."""
    if isinstance(part, BaseModel):
        return {name: plain(getattr(part, name), listed=listed) for name in type(part).model_fields}
    if isinstance(part, msgspec.Struct):
        return {name: plain(getattr(part, name), listed=listed) for name in part.__struct_fields__}
    if isinstance(part, list):
        return [plain(inner, listed=True) for inner in part]
    if listed and type(part) in (int, float, str):
        try:
            return repr(Decimals(14, 4).read(part))
        except ValueError:
            return repr(part)
    return repr(part)


def verdicts(event: Event) -> tuple[Any, Any]:
    """Return what the compiled reader and what pydantic make of `event`; None where they refuse it."""
    answers: list[Any] = []
    for of_type in (READERS, VALIDATORS):
        try:
            answers.append(plain(of_type[event["type"]](orjson.loads(orjson.dumps(event)))))
        except REFUSALS:
            answers.append(None)
    return answers[0], answers[1]


def agree(event: Event) -> None:
    compiled, contract = verdicts(event)
    assert compiled == contract


@pytest.mark.parametrize("kind", FACTORIES)
def test_full_and_small_events_of_every_type_are_read_without_pydantic(kind: str) -> None:
    for event in (a_full_event(kind), FACTORIES[kind]()):
        compiled, contract = verdicts(event)
        assert compiled is not None
        assert compiled == contract


def places(part: Any) -> list[tuple[Any, Any]]:
    """Return every place in a document: the object or list that holds it, and its name or index."""
    pairs = list(part.items()) if isinstance(part, dict) else list(enumerate(part)) if isinstance(part, list) else []
    return [(part, name) for name, _ in pairs] + [place for _, inner in pairs for place in places(inner)]


LENGTHS = st.sampled_from([0, 1, 99, 100, 101, 110, 299, 300, 301, 1_999, 2_000, 2_001, 9_999, 10_000, 10_001])
TEXTS = st.builds(lambda sign, length: sign * length, st.sampled_from(["x", "ж", "\U0001f600", "\0", " "]), LENGTHS)
NUMBERS = st.one_of(
    st.integers(-20, 120),
    st.integers(-(2**63), 2**64 - 1),
    st.sampled_from([10**9, 10**9 + 1, 10**14 - 1, 10**14, 10**15, 2**63 - 1, 2**63]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.builds(lambda whole, places: whole / 10**places, st.integers(-(10**15), 10**15), st.integers(0, 6)),
    st.builds(math.nextafter, st.integers(-(10**7), 10**7).map(lambda whole: whole / 10**4), st.sampled_from([-1e9, 1e9])),
)
DECIMAL_TEXTS = st.from_regex(r"[-+ ]?[0-9_]{0,16}(\.[0-9]{0,6})?(e[0-9])?\n?", fullmatch=True) | st.sampled_from(
    ["NaN", "Infinity", "-Inf", "1e2", "1_000", "\uff11\uff12", " 1", "1\n", "0x10", "", "-", ".5", "5.", "-0", "-0.0"]
)
DATES = st.from_regex(
    r"(2026|0000|9999)-?(11|02|W47)-?(21|30)?[T t]?[0-9]{2}:?15(:?[0-9]{2}([.,][0-9]{1,9})?)?(Z|z|[+-]0[0-9]:?00)?",
    fullmatch=True,
)
CURRENCIES = st.sampled_from(["RUB", "rub", "RUBL", "RUB\n", "РУБ", "\nRUB", "RU"])
NAMES = st.sampled_from(["nps", "leaving", "staying", "other", "stars5", "thumbs", "email", "card", "owner", "page_viewed"])
ODD = st.none() | st.booleans() | NUMBERS | TEXTS | DECIMAL_TEXTS | DATES | CURRENCIES | NAMES
VALUES = st.recursive(
    ODD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "id", "url"]), inner, max_size=3),
    max_leaves=4,
)


@st.composite
def mutated_events(draw: st.DrawFn) -> Event:
    """Return an event of any type of which a few places were replaced, left out, repeated, or given to strangers."""
    kind = draw(st.sampled_from(sorted(FACTORIES)))
    event = a_full_event(kind)
    for _ in range(draw(st.integers(1, 3))):
        holder, name = draw(st.sampled_from(places(event)))
        change = draw(st.sampled_from(["replace", "replace", "replace", "drop", "repeat", "stranger"]))
        if change == "replace":
            holder[name] = copy.deepcopy(draw(VALUES))
        elif change == "drop":
            del holder[name]
        elif change == "stranger" and isinstance(holder, dict):
            holder["stranger"] = draw(ODD)
        elif isinstance(holder, list):
            holder.extend(copy.deepcopy(holder[:1]) * draw(st.sampled_from([1, 19, 20, 99, 100])))
    event["type"] = kind.partition("/")[0]
    return event


@given(mutated_events())
@example(a_page_viewed(schema_version=True))
@example(a_page_viewed(schema_version=1.0))
@example(a_page_viewed(occurred_at=None))
@example(a_receipt(currency="RUB\n"))
@example(a_receipt(total=None))
@example(a_receipt(total=True))
@example(a_receipt(lines=[{"product_id": "p", "quantity": None, "price": 1, "total": 1}]))
@example(a_receipt(lines=[{"product_id": "p", "quantity": True, "price": 1, "total": 1}]))
def test_what_was_altered_is_accepted_by_both_or_by_neither(event: Event) -> None:
    agree(event)


@given(VALUES, st.sampled_from(["total", "discount_total", "quantity", "price", "discount"]))
def test_amounts_of_any_kind_are_accepted_by_both_or_by_neither(value: Any, name: str) -> None:
    line = {"product_id": "p", "quantity": 1, "price": 1, "total": 1, name: value}
    agree(a_receipt(lines=[line, line]))
    agree(a_receipt(**{name: value}))


@given(NUMBERS | DECIMAL_TEXTS | st.none() | st.booleans(), st.sampled_from([Decimals(14, 4), Decimals(9, 3)]))
def test_a_decimal_that_is_only_checked_is_one_that_can_be_read(value: Any, decimals: Decimals) -> None:
    def accepts(read: Any, *arguments: Any) -> bool:
        try:
            read(*arguments)
        except ValueError:
            return False
        return True

    assert accepts(decimals.check, [value]) == (value is None or accepts(decimals.read, value))


@given(mutated_events())
def test_a_decoder_refuses_with_the_errors_of_the_contract(event: Event) -> None:
    answers = []
    for of_type in (DECODERS, VALIDATORS):
        try:
            answers.append(plain(of_type[event["type"]](orjson.loads(orjson.dumps(event)))))
        except ValidationError as error:
            answers.append(error.errors(include_url=False, include_context=False))
    assert answers[0] == answers[1]


class _Stay(Contract):
    since: Instant | None = None
    price: Money


class _Travelled(Envelope):
    """An event with what no contract has yet: instants in lists."""

    stays: list[_Stay]
    stops: list[Instant] | None = None


STAY = {"since": "2026-11-21T10:15:00Z", "price": "9.50"}


@pytest.mark.parametrize(
    ("changes", "accepted"),
    [
        ({}, True),
        ({"stays": []}, True),
        ({"stays": [STAY, {**STAY, "since": None}]}, True),
        ({"stays": [STAY, {**STAY, "since": "today"}]}, False),
        ({"stays": [STAY, {**STAY, "price": "9.50001"}]}, False),
        ({"stays": None}, False),
        ({"stops": ["2026-11-21T10:15:00Z"]}, True),
        ({"stops": ["2026-11-21T10:15:00Z", "today"]}, False),
        ({"stops": [None]}, False),
    ],
)
def test_what_stands_in_lists_is_checked_too(changes: Event, accepted: bool) -> None:
    event = an_event("travelled", **{"stays": [STAY]} | changes)
    for read in (compile_reader((_Travelled,)), _Travelled.model_validate):
        if accepted:
            read(event)
        else:
            with pytest.raises(ValueError):
                read(event)


class _Changing(Envelope):
    @field_validator("source", mode="after")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        return value


class _Early(Envelope):
    @model_validator(mode="before")
    @classmethod
    def _rename(cls, value: Any) -> Any:
        return value


@pytest.mark.parametrize("model", [_Changing, _Early])
def test_a_contract_that_cannot_be_compiled_says_so_at_once(model: type[Envelope]) -> None:
    with pytest.raises(TypeError, match="can be compiled"):
        compile_reader((model,))
