"""The published contracts: what events.md promises, what the goldens recorded, and that neither erodes."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from schemas.export import asyncapi, json_schemas
from schemas.fields import PersonalData, Purpose
from schemas.registry import INPUT_TOPICS, REGISTRY
from tests.contract.compatibility import breaks
from tests.contract.events_table import FIELDS, TOPICS
from tests.contract.regenerate import GOLDEN, documents, golden, incompatible, text
from tests.factories import FACTORIES, a_full_event

DOCUMENTS = documents()
SCHEMAS = json_schemas()
ASYNCAPI = asyncapi()
REGENERATE = "differs from its golden; if that is meant, run: python -m tests.contract.regenerate"

Schema = dict[str, Any]


def file_of(kind: str) -> str:
    return f"{TOPICS[kind]}/{kind.partition('/')[0]}.v1.json"


def resolve(schema: Schema, root: Schema) -> Schema:
    """Return the object or other type that `schema` allows besides null."""
    alternatives = [part for part in schema.get("anyOf", []) if part.get("type") != "null"]
    if len(alternatives) == 1:
        return resolve(alternatives[0], root)
    if "$ref" in schema:
        return resolve(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root)
    return schema


def walk(schema: Schema, root: Schema, prefix: str = "") -> Iterator[tuple[str, Schema, bool]]:
    """Yield path, schema and whether it is required, for every field at every level."""
    for name, field in schema.get("properties", {}).items():
        yield f"{prefix}{name}", field, name in schema.get("required", [])
        inner = resolve(field, root)
        many = inner.get("type") == "array"
        yield from walk(resolve(inner["items"], root) if many else inner, root, f"{prefix}{name}{'[]' if many else ''}.")
        if isinstance(values := inner.get("additionalProperties"), dict):
            yield from walk(resolve(values, root), root, f"{prefix}{name}{{}}.")


def variants(root: Schema) -> list[Schema]:
    return [resolve(variant, root) for variant in root.get("oneOf", [root])]


def variant_of(kind: str) -> tuple[Schema, Schema]:
    """Return the object schema of an event, or of one survey, and the document it stands in."""
    root = SCHEMAS[file_of(kind)]
    survey = kind.partition("/")[2]
    (schema,) = [part for part in variants(root) if not survey or part["properties"]["survey"]["const"] == survey]
    return schema, root


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_equals_its_golden(name: str) -> None:
    path = GOLDEN / name
    assert path.is_file(), f"{name} has no golden; run: python -m tests.contract.regenerate"
    assert path.read_text(encoding="utf-8") == text(DOCUMENTS[name]), f"{name} {REGENERATE}"


def test_every_golden_has_its_document_and_no_contract_broke() -> None:
    assert incompatible() == []


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_valid_json_schema(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    assert SCHEMAS[name]["title"]
    assert SCHEMAS[name]["description"]


def test_ids_are_unique() -> None:
    assert len({schema["$id"] for schema in SCHEMAS.values()}) == len(SCHEMAS)


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_field_says_what_it_is_what_for_and_how_personal(name: str) -> None:
    root = SCHEMAS[name]
    for path, field, _ in (found for schema in variants(root) for found in walk(schema, root)):
        assert field.get("description", resolve(field, root).get("description", "")).endswith("."), path
        assert field["x-purposes"], path
        assert set(field["x-purposes"]) <= {str(purpose) for purpose in Purpose}, path
        assert field["x-personal-data"] in {str(personal) for personal in PersonalData}, path


def test_the_registry_holds_the_types_of_the_table() -> None:
    promised = {(topic, kind.partition("/")[0]) for kind, topic in TOPICS.items()}
    assert {(entry.topic, entry.type) for entry in REGISTRY.values()} == promised
    assert set(INPUT_TOPICS) == set(TOPICS.values())


@pytest.mark.parametrize("kind", FIELDS)
def test_fields_and_required_ones_are_those_of_the_table(kind: str) -> None:
    schema, root = variant_of(kind)
    assert {path: required for path, _, required in walk(schema, root)} == FIELDS[kind]


@pytest.mark.parametrize("kind", FIELDS)
def test_the_schema_accepts_small_and_full_events(kind: str) -> None:
    validator = Draft202012Validator(SCHEMAS[file_of(kind)])
    validator.validate(FACTORIES[kind]())
    validator.validate(a_full_event(kind))


@pytest.mark.parametrize("kind", FIELDS)
def test_the_schema_refuses_an_event_of_nobody(kind: str) -> None:
    event = FACTORIES[kind]()
    del event["customer_id"]
    validator = Draft202012Validator(SCHEMAS[file_of(kind)])
    assert not validator.is_valid(event)
    assert validator.is_valid({**event, "anonymous_id": "a-77"}) is not FIELDS[kind]["customer_id"]


def pointers(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from (value for key, value in part.items() if key == "$ref")
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from pointers(inner)


def resolved(pointer: str, document: Schema) -> Any:
    file, _, fragment = pointer.partition("#")
    target = SCHEMAS[file.removeprefix("./")] if file else document
    for step in fragment.split("/")[1:]:
        target = target[step]
    return target


@pytest.mark.parametrize("document", [*SCHEMAS.values(), ASYNCAPI], ids=[*SCHEMAS, "asyncapi"])
def test_every_reference_resolves(document: Schema) -> None:
    assert all(resolved(pointer, document) for pointer in pointers(document))


def test_asyncapi_receives_inputs_and_sends_outputs() -> None:
    assert ASYNCAPI["asyncapi"] == "3.0.0"
    operations = ASYNCAPI["operations"].values()
    directions = {operation["channel"]["$ref"].removeprefix("#/channels/"): operation["action"] for operation in operations}
    outputs = ("score-change", "segment-change", "audience", "dead-letter", "enriched-event", "warmth-parameters")
    assert directions == dict.fromkeys(INPUT_TOPICS, "receive") | dict.fromkeys(outputs, "send")
    assert list(ASYNCAPI["channels"]) == list(directions)


@pytest.mark.parametrize("name", [name for name in SCHEMAS if name != "out/profile.v1.json"])
def test_asyncapi_names_every_payload_in_its_channel(name: str) -> None:
    folder, _, file = name.removesuffix(".json").partition("/")
    channel = ASYNCAPI["channels"][file.removesuffix(".v1") if folder == "out" else folder]
    message = resolved(channel["messages"][file]["$ref"], ASYNCAPI)
    assert message["payload"]["schema"] == {"$ref": f"./{name}"}


OLD: Schema = {
    "$defs": {
        "Line": {"properties": {"id": {"type": "string"}}, "required": ["id"], "type": "object"},
        "Kind": {"enum": ["a", "b"], "type": "string"},
    },
    "properties": {
        "total": {"type": "number", "minimum": 0},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "description": "A note."},
        "kind": {"$ref": "#/$defs/Kind"},
        "lines": {"items": {"$ref": "#/$defs/Line"}, "type": "array"},
        "tags": {"additionalProperties": {"type": "string"}, "type": "object"},
    },
    "required": ["total"],
    "type": "object",
}


def changed(*path: str, to: Any) -> Schema:
    """Return `OLD` with the value at `path` replaced, or removed if `to` is None."""
    schema = copy.deepcopy(OLD)
    place = schema
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    if to is None:
        del place[path[-1]]
    return schema


ALLOWED = {
    "nothing": OLD,
    "an optional field": changed("properties", "colour", to={"type": "string"}),
    "an optional field of a line": changed("$defs", "Line", "properties", "colour", to={"type": "string"}),
    "another description": changed("properties", "note", "description", to="Something else."),
    "another purpose": changed("properties", "note", "x-purposes", to=["legal"]),
    "a further enum value": changed("$defs", "Kind", "enum", to=["a", "b", "c"]),
}

REFUSED = {
    "event.colour: became required": changed("required", to=["total", "colour"]),
    "event.note: became required": changed("required", to=["total", "note"]),
    "event.total: is no longer required": changed("required", to=[]),
    "event.note: removed": changed("properties", "note", to=None),
    "event.total: type changed": changed("properties", "total", "type", to="string"),
    "event.total: minimum changed": changed("properties", "total", "minimum", to=1),
    "event.note(anyOf): 2 alternatives became 1": changed("properties", "note", "anyOf", to=[{"type": "string"}]),
    "event.note(anyOf)[0]: type changed": changed("properties", "note", "anyOf", to=[{"type": "number"}, {"type": "null"}]),
    "event.kind: enum lost b": changed("$defs", "Kind", "enum", to=["a"]),
    "event.lines[].id: removed": changed("$defs", "Line", "properties", to={}),
    "event.lines[].colour: became required": changed("$defs", "Line", "required", to=["id", "colour"]),
    "event.tags[]: type changed": changed("properties", "tags", "additionalProperties", to={"type": "number"}),
    "event.tags[]: changed": changed("properties", "tags", "additionalProperties", to=None),
}


@pytest.mark.parametrize("change", ALLOWED)
def test_a_contract_may_gain(change: str) -> None:
    assert breaks(OLD, ALLOWED[change]) == []


@pytest.mark.parametrize("complaint", REFUSED)
def test_a_contract_may_not_change_so(complaint: str) -> None:
    assert breaks(OLD, REFUSED[complaint]) == [complaint]


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_lost_or_demanded_field_of_a_real_contract_is_caught(name: str) -> None:
    lost, demanding = copy.deepcopy(golden(name)), copy.deepcopy(golden(name))
    field, _ = variants(lost)[0]["properties"].popitem()
    variants(demanding)[0]["required"] = [*variants(demanding)[0]["required"], "colour"]
    assert any(line.endswith(f".{field}: removed") for line in breaks(golden(name), lost))
    assert any(line.endswith(".colour: became required") for line in breaks(golden(name), demanding))


def test_a_missing_contract_is_caught() -> None:
    assert breaks(golden("consent/erasure_requested.v1.json"), {})
