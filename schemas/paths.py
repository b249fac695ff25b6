"""What rules can read of an event type: every plain value of its contract by path, and what values it can have."""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final, Literal, NamedTuple

from schemas.customer import Traits
from schemas.envelope import Envelope
from schemas.fields import Contract, PersonalData
from schemas.registry import REGISTRY

Kind = Literal["text", "number", "flag", "nested"]
_COLUMNS: Final = Envelope.model_fields.keys() - {"context"}
_ALWAYS: Final = frozenset({"page.path"})
"""Not required, yet always there: a page without a path gets the one of its URL."""
_IDENTIFYING: Final = str(PersonalData.IDENTIFYING)
_KINDS: Final[dict[str, Kind]] = {
    "string": "text",
    "integer": "number",
    "number": "number",
    "boolean": "flag",
    "array": "nested",
    "object": "nested",
}


class Readable(NamedTuple):
    """A value that a condition can look at.

    `values` are all that can occur, where the contract counts them out; `low` and `high` are included.
    """

    kind: Kind
    required: bool
    values: tuple[Any, ...] | None
    low: float
    high: float


Paths = dict[str, Readable]


@cache
def event_paths(event: str) -> tuple[Paths, ...]:
    """Return the readable values of an event type by path, for each of its variants."""
    models = [model for (known, _), entry in REGISTRY.items() if known == event for model in entry.models]
    return tuple(_paths(model) for model in models)


@cache
def trait_paths() -> Paths:
    """Return the readable traits of a customer."""
    return _paths(Traits)


def _paths(model: type[Contract]) -> Paths:
    schema = model.model_json_schema()
    left_out = _COLUMNS if issubclass(model, Envelope) else frozenset[str]()
    top = {**schema, "properties": {name: of for name, of in schema["properties"].items() if name not in left_out}}
    return dict(_leaves(top, schema.get("$defs", {}), "", required=True))


def _leaves(schema: dict[str, Any], defs: dict[str, Any], prefix: str, *, required: bool) -> Iterator[tuple[str, Readable]]:
    for name, field in schema["properties"].items():
        options = [option for option in field.get("anyOf", [field]) if option.get("type") != "null"]
        is_required = required and name in schema.get("required", ())
        target = defs.get(options[0].get("$ref", "").rpartition("/")[2])
        if target is not None:
            yield from _leaves(target, defs, f"{prefix}{name}.", required=is_required)
        elif field["x-personal-data"] != _IDENTIFYING:
            path = f"{prefix}{name}"
            yield path, _readable(options, required=is_required or path in _ALWAYS)


def _readable(options: list[dict[str, Any]], *, required: bool) -> Readable:
    first = options[0]
    values = first.get("enum") or ([first["const"]] if "const" in first else None)
    low, high = first.get("minimum", float("-inf")), first.get("maximum", float("inf"))
    return Readable(_KINDS[first["type"]], required, tuple(values) if values else None, low, high)
