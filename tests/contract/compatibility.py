"""May a contract change so without a new version? It may only gain optional fields, and enumerations may gain values."""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

_ANNOTATIONS = {"$schema", "$id", "$defs", "title", "description", "default", "examples"}
_COMPARED = {"$ref", "properties", "required", "items", "additionalProperties", "anyOf", "oneOf", "enum"}


def breaks(old: Schema, new: Schema) -> list[str]:
    """Return one line per change that would break a producer or a reader of `old`."""
    return list(_compare("event", _inlined(old, old), _inlined(new, new)))


def _inlined(schema: Any, root: Schema) -> Any:
    """Return `schema` with every reference replaced by what it refers to."""
    if isinstance(schema, list):
        return [_inlined(part, root) for part in schema]
    if not isinstance(schema, dict):
        return schema
    inlined = {key: _inlined(part, root) for key, part in schema.items() if key not in ("$defs", "$ref")}
    if "$ref" in schema:
        return _inlined(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root) | inlined
    return inlined


def _compare(path: str, old: Any, new: Any) -> Iterator[str]:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        if old != new:
            yield f"{path}: changed"
        return
    for keyword in sorted((old.keys() | new.keys()) - _ANNOTATIONS - _COMPARED):
        if not keyword.startswith("x-") and old.get(keyword) != new.get(keyword):
            yield f"{path}: {keyword} changed"
    yield from _compare_fields(path, old, new)
    if missing := [value for value in old.get("enum", []) if value not in new.get("enum", [])]:
        yield f"{path}: enum lost {', '.join(map(str, missing))}"
    for keyword in ("anyOf", "oneOf"):
        yield from _compare_alternatives(f"{path}({keyword})", old.get(keyword, []), new.get(keyword, []))
    for keyword in ("items", "additionalProperties"):
        yield from _compare(f"{path}[]", old.get(keyword), new.get(keyword))


def _compare_fields(path: str, old: Schema, new: Schema) -> Iterator[str]:
    old_fields, new_fields = old.get("properties", {}), new.get("properties", {})
    old_required, new_required = set(old.get("required", [])), set(new.get("required", []))
    yield from (f"{path}.{name}: removed" for name in old_fields if name not in new_fields)
    yield from (f"{path}.{name}: became required" for name in sorted(new_required - old_required))
    yield from (f"{path}.{name}: is no longer required" for name in sorted(old_required - new_required))
    for name in old_fields.keys() & new_fields.keys():
        yield from _compare(f"{path}.{name}", old_fields[name], new_fields[name])


def _compare_alternatives(path: str, old: list[Any], new: list[Any]) -> Iterator[str]:
    if len(old) != len(new):
        yield f"{path}: {len(old)} alternatives became {len(new)}"
        return
    for number, (before, after) in enumerate(zip(old, new, strict=True)):
        yield from _compare(f"{path}[{number}]", before, after)
