"""The data map names every field of every contract, and tells of each what the pipeline does with it."""

import json

import pytest

from agents.datamap import data_map
from schemas.datamap import declared_fields
from schemas.fields import Contract
from schemas.projection import compile_projection
from schemas.registry import REGISTRY
from schemas.sealed import text_of
from tests.support.stack import Stack

MAP = data_map(0)


def leaves(schema: dict, definitions: dict, before: str = "") -> set[str]:
    """Paths of a JSON Schema that hold a value, found without looking at a model."""
    found = set()
    for name, field in schema["properties"].items():
        options = [option for option in field.get("anyOf", [field]) if option.get("type") != "null"]
        option = options[0]
        is_list = option.get("type") == "array"
        option = option["items"] if is_list else option
        path = f"{before}{name}{'[]' if is_list else ''}"
        if "$ref" in option:
            found |= leaves(definitions[option["$ref"].rsplit("/", 1)[1]], definitions, f"{path}.")
        else:
            found.add(path)
    return found


@pytest.mark.parametrize("entry", REGISTRY.values(), ids=lambda entry: entry.type)
def test_every_field_of_a_schema_has_its_line(entry) -> None:
    mapped = {line["field"] for line in MAP if line["type"] in (entry.type, "every event")}
    for model in entry.models:
        schema = model.model_json_schema()
        assert leaves(schema, schema.get("$defs", {})) <= mapped


def test_a_line_says_purpose_class_stores_and_terms() -> None:
    for line in MAP:
        assert line["purposes"], line
        assert line["class"] in ("plain", "attribute", "identifying")
        assert line["says"].endswith("."), line
        assert all(line["stores"].values())


def test_what_identifies_stands_in_no_profile_and_in_tables_only_sealed() -> None:
    for line in MAP:
        if line["class"] == "identifying":
            assert line["at_edge"] in ("sealed", "hashed", "cut")
            assert ("ClickHouse events" in line["stores"]) == (line["at_edge"] == "sealed")
            assert "profile" not in line["stores"]
        else:
            assert line["at_edge"] == ""


def test_the_map_agrees_with_the_projection() -> None:
    """What the map says ClickHouse holds sealed only, the projection keeps only sealed."""
    (entry,) = [entry for entry in REGISTRY.values() if entry.type == "ticket_opened"]
    project, sealed = compile_projection(entry.models), text_of(b"x" * 60)
    kept, _ = project({"type": "ticket_opened", "subject": "s", "text": "t", "channel": "email"})
    assert kept.keys() == {"channel"}
    kept, _ = project({"type": "ticket_opened", "subject": sealed, "text": "t", "channel": "email"})
    assert kept == {"channel": "email", "subject": sealed}
    lines = {line["field"] for line in MAP if line["type"] == "ticket_opened" and line["at_edge"] == "sealed"}
    assert lines == {"subject", "text"}


def test_rows_have_the_term_of_the_setting() -> None:
    assert {line["stores"].get("ClickHouse events", "60 days") for line in data_map(60)} == {"60 days"}


def test_a_field_without_a_purpose_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Careless(Contract):
        mood: str

    entry = next(iter(REGISTRY.values()))
    monkeypatch.setitem(REGISTRY, ("careless", 1), entry._replace(type="careless", models=(Careless,)))
    with pytest.raises(TypeError, match=r"Careless\.mood: a field needs a purpose"):
        list(declared_fields())


def test_the_command_prints_the_map() -> None:
    assert json.loads(Stack.run_alone("datamap", "--json").stdout) == MAP
    assert "birth_date" in Stack.run_alone("datamap").stdout
