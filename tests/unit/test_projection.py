"""Data minimisation: what leaves the scorer of a valid event, and what is counted as left out."""

import copy
from collections.abc import Iterator
from typing import Any, get_origin

import orjson
import pytest
from hypothesis import given, strategies as st

from schemas.customer import Traits
from schemas.envelope import Envelope
from schemas.projection import compile_projection
from schemas.registry import REGISTRY
from tests.contract.events_table import FIELDS
from tests.factories import Event, a_custom_tracked, a_full_event, a_leaving_answer, a_page, a_page_viewed, an_nps_answer

PLAN = {"video_watched": frozenset({"video_id", "watched_secs", "full", "gone"})}
PROJECTIONS = {entry.type: compile_projection(entry.models, PLAN) for entry in REGISTRY.values()}

COLUMNS = {
    "event_id",
    "type",
    "schema_version",
    "occurred_at",
    "sent_at",
    "received_at",
    "customer_id",
    "anonymous_id",
    "identifiers",
    "source",
}
IDENTIFYING = {
    "context.ip",
    "evidence.ip",
    "id_value",
    "subject",
    "text",
    "comment",
    "traits.name",
    "traits.email",
    "traits.phone",
    "traits.birth_date",
}
"""Written by hand, so that a class that someone loosens in a contract fails here."""

KINDS = st.sampled_from(list(FIELDS))
UNKNOWN_NAMES = st.text(max_size=8).map("x-{}".format)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


def project(event: Event) -> tuple[Event, int]:
    return PROJECTIONS[event["type"]](orjson.loads(orjson.dumps(event)))


def objects(part: Any) -> list[Event]:
    """Return `part` and every object in it."""
    if isinstance(part, list):
        return [found for inner in part for found in objects(inner)]
    return [part, *objects(list(part.values()))] if isinstance(part, dict) else []


def leaves(part: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield path and value of all that is no object and no list of objects."""
    if isinstance(part, dict):
        for name, value in part.items():
            yield from leaves(value, f"{path}.{name}" if path else name)
    elif isinstance(part, list) and part and isinstance(part[0], dict):
        for number, value in enumerate(part):
            yield from leaves(value, f"{path}[{number}]")
    else:
        yield path, part


@st.composite
def valid_events(draw: st.DrawFn) -> tuple[Event, int]:
    """Draw a full event with strangers put into any of its objects, and how many there are to be left out."""
    event = a_full_event(draw(KINDS))
    undeclared = len(event.get("properties", {}).keys() - PLAN["video_watched"])
    strangers = 0
    for place in objects(event):
        unknown = draw(st.dictionaries(UNKNOWN_NAMES, VALUES, max_size=2))
        place.update(unknown)
        strangers += len(unknown)
    return event, strangers + undeclared


@given(valid_events())
def test_only_known_fields_that_may_leave_are_kept_with_their_values(drawn: tuple[Event, int]) -> None:
    event, strangers = drawn
    before = copy.deepcopy(event)
    kept, omitted = PROJECTIONS[event["type"]](event)
    assert omitted == strangers
    assert event == before
    originals = dict(leaves(event))
    for path, value in leaves(kept):
        names = path.replace("[0]", "").replace("[1]", "")
        assert "x-" not in path
        assert names not in IDENTIFYING
        assert path.partition(".")[0] not in COLUMNS
        assert value is not None
        assert value == originals[path]


@given(valid_events())
def test_projecting_again_changes_nothing(drawn: tuple[Event, int]) -> None:
    event, _ = drawn
    kept, _ = PROJECTIONS[event["type"]](event)
    assert PROJECTIONS[event["type"]](kept) == (kept, 0)


@pytest.mark.parametrize("kind", FIELDS)
def test_all_that_may_leave_is_kept(kind: str) -> None:
    kept, _ = project(a_full_event(kind))
    paths = {path.replace("[0]", "[]").replace("[1]", "[]") for path, _ in leaves(kept) if "properties" not in path}
    holders = {path for path in FIELDS[kind] if any(other.startswith((f"{path}.", f"{path}[].")) for other in FIELDS[kind])}
    columns = {path for path in FIELDS[kind] if path.partition(".")[0].removesuffix("[]") in COLUMNS}
    assert paths - {"properties"} == FIELDS[kind].keys() - IDENTIFYING - holders - columns - {"properties"}


def test_nulls_are_not_kept_and_not_counted() -> None:
    event = a_page_viewed(identifiers=None, page=a_page(path=None, title=None), context={"locale": None, "device": None})
    assert project(event) == ({"page": a_page(), "context": {}}, 0)
    assert project(a_page_viewed(context=None)) == ({"page": a_page()}, 0)


def test_an_unknown_null_is_counted() -> None:
    assert project(a_page_viewed(colour=None, page=a_page(colour=None))) == ({"page": a_page()}, 2)


def test_strangers_among_the_identifiers_are_counted() -> None:
    event = a_page_viewed(identifiers=[{"id_type": "card", "id_value": "1", "bank": "x"}])
    assert project(event) == ({"page": a_page()}, 1)


def test_an_answer_is_narrowed_by_the_contract_of_its_survey() -> None:
    assert project(an_nps_answer(reason="price")) == ({"survey": "nps", "score": 9}, 1)
    assert project(a_leaving_answer(score=9)) == ({"survey": "leaving", "reason": "expensive"}, 1)


def test_custom_properties_are_kept_as_the_plan_declares() -> None:
    event = a_custom_tracked(properties={"video_id": "v-1", "full": None, "colour": "red", "size": None})
    assert project(event) == ({"name": "video_watched", "properties": {"video_id": "v-1"}}, 2)


def test_without_a_plan_no_custom_property_is_kept() -> None:
    event = a_custom_tracked(name="quiz_taken", properties={"video_id": "v-1"})
    assert project(event) == ({"name": "quiz_taken", "properties": {}}, 1)
    assert compile_projection(REGISTRY["custom_tracked", 1].models)(event) == project(event)
    assert project(a_custom_tracked()) == ({"name": "video_watched"}, 0)


def test_only_custom_events_hold_free_objects() -> None:
    """A free object elsewhere would leave unchecked: the projection narrows only what contracts name."""
    free = {
        (model.__name__, name)
        for entry in REGISTRY.values()
        for model in (*entry.models, Traits, Envelope)
        for name, info in model.model_fields.items()
        if dict in {get_origin(part) for part in getattr(info.annotation, "__args__", ())} | {get_origin(info.annotation)}
    }
    assert free == {("CustomTracked", "properties")}


def test_what_is_whole_is_shared_and_not_copied() -> None:
    event = a_page_viewed()
    assert PROJECTIONS["page_viewed"](event)[0]["page"] is event["page"]
