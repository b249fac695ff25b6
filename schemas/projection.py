"""Data minimisation: of a validated event's raw JSON, only what the contract names and may leave the scorer stays.

The raw JSON is narrowed rather than the model dumped again: values stay as their producer wrote them, and no event is
serialised twice on the hot path.
"""

from collections.abc import Callable, Mapping, Sequence, Set
from types import MappingProxyType
from typing import Any, Final, TypeVar, get_args, get_origin

from schemas.envelope import Envelope
from schemas.fields import Contract, PersonalData
from schemas.sealed import is_sealed
from schemas.site_interaction import CustomTracked

Document = dict[str, Any]
T = TypeVar("T")
Projection = Callable[[Document], tuple[Document, int]]
"""Takes a validated event as decoded from JSON; returns what is kept of it, and how many fields no contract names.

The raw document is not changed; nested objects that are kept whole are shared with it.
"""

Plan = Mapping[str, frozenset[str]]
"""Tracking plan: properties that may be kept, by the `name` of the `custom_tracked` event."""

NO_PLAN: Final[Plan] = MappingProxyType({})
_IDENTIFYING: Final = str(PersonalData.IDENTIFYING)
_COLUMNS: Final = Envelope.model_fields.keys() - {"context"}
_NOTHING: Final[frozenset[str]] = frozenset()
_Narrow = Callable[[Any, list[str]], Any]
"""Takes a field's value and the strangers met so far, to which it adds; returns what is kept of the value."""


def compile_projection(models: tuple[type[Envelope], ...], plan: Plan = NO_PLAN) -> Projection:
    """Return the projection of an event type.

    The projection leaves out the envelope's own fields other than `context` (they become columns), nulls, identifying
    values unless they are sealed, fields that no contract names, and custom properties that the plan does not declare. Only
    the last two are counted. An object whose class is identifying is narrowed field by field, for it may hold plain fields.

    Args:
        models: Contracts of the type; if several, one field tells them apart by a constant.
        plan: Tracking plan; without one no custom property is kept.
    """
    return tell_apart(models, lambda model: _event(model, plan))


def compile_allow_list(models: tuple[type[Envelope], ...], plan: Plan = NO_PLAN) -> Projection:
    """Return what keeps of a validated event everything that its contract names, as the edge sends it on.

    Args:
        models: Contracts of the type; if several, one field tells them apart by a constant.
        plan: Tracking plan; without one no custom property is kept.
    """
    return tell_apart(models, lambda model: _event(model, plan, whole=True))


def tell_apart(
    models: tuple[type[Envelope], ...], compile_one: Callable[[type[Envelope]], Callable[[Document], T]]
) -> Callable[[Document], T]:
    """Return `compile_one` of a type's contract; of several, what takes the one that the document names."""
    if len(models) == 1:
        return compile_one(models[0])
    tag = _discriminator(models)
    variants = {_constant(model, tag): compile_one(model) for model in models}
    return lambda document: variants[document[tag]](document)


def _discriminator(models: tuple[type[Envelope], ...]) -> str:
    shared = [name for name in models[0].model_fields if all(name in model.model_fields for model in models)]
    return next(name for name in shared if len({_constant(model, name) for model in models}) == len(models))


def _constant(model: type[Envelope], name: str) -> Any:
    values = get_args(model.model_fields[name].annotation)
    return values[0] if len(values) == 1 else None


def _event(model: type[Envelope], plan: Plan, *, whole: bool = False) -> Projection:
    narrow = _narrow(model, _NOTHING, whole=True) if whole else _narrow(model, _COLUMNS)
    if issubclass(model, CustomTracked):
        narrow = _planned(narrow, plan)

    def project(raw: Document) -> tuple[Document, int]:
        strangers: list[str] = []
        kept = narrow(raw, strangers)
        return kept, len(strangers)

    return project


def _planned(narrow: _Narrow, plan: Plan) -> _Narrow:
    """Return `narrow` that also keeps only those `properties` that the plan declares."""
    planned = {name: _flat(declared, declared) for name, declared in plan.items()}
    unplanned = _flat(_NOTHING, _NOTHING)

    def narrow_planned(raw: Document, strangers: list[str]) -> Document:
        kept: Document = narrow(raw, strangers)
        if "properties" in kept:
            kept["properties"] = planned.get(raw["name"], unplanned)(kept["properties"], strangers)
        return kept

    return narrow_planned


def _narrow(model: type[Contract], columns: Set[str] = _NOTHING, *, whole: bool = False) -> _Narrow:
    """Return what narrows one object; `columns` are known, yet not kept; so is, unless asked for, what names a person."""
    known = frozenset(model.model_fields)
    inner = {name: _inner(info.annotation, whole=whole) for name, info in model.model_fields.items()}
    objects = {name: narrow for name, narrow in inner.items() if narrow}
    identifying = _NOTHING if whole else _identifying(model) - objects.keys()
    plain = known - objects.keys() - columns - identifying
    narrow = _tree(known, plain, objects, columns) if objects else _flat(known, plain)
    return _sealed_too(narrow, sorted(identifying)) if identifying else narrow


def _sealed_too(narrow: _Narrow, identifying: Sequence[str]) -> _Narrow:
    """Return what keeps what `narrow` keeps, and identifying values that are sealed."""

    def narrow_and_keep(raw: Document, strangers: list[str]) -> Document:
        kept: Document = narrow(raw, strangers)
        sealed = {name: raw[name] for name in identifying if is_sealed(raw.get(name))}
        return {**kept, **sealed} if sealed else kept

    return narrow_and_keep


def _flat(known: frozenset[str], plain: frozenset[str]) -> _Narrow:
    """Return what narrows an object without objects in it; mostly it has nothing to lose and is kept as it is."""

    def narrow(raw: Document, strangers: list[str]) -> Document:
        if plain.issuperset(raw) and None not in raw.values():
            return raw
        strangers.extend(raw.keys() - known)
        return {name: value for name, value in raw.items() if name in plain and value is not None}

    return narrow


def _tree(known: frozenset[str], plain: frozenset[str], objects: Mapping[str, _Narrow], columns: Set[str]) -> _Narrow:
    """Return what narrows an object with objects in it; those among the columns are searched for strangers only."""
    kept_objects = [(name, narrow) for name, narrow in objects.items() if name not in columns]
    column_objects = [(name, narrow) for name, narrow in objects.items() if name in columns]

    plain_in_order = sorted(plain)

    def narrow(raw: Document, strangers: list[str]) -> Document:
        kept: Document = {}
        for name in plain_in_order:
            if raw.get(name) is not None:
                kept[name] = raw[name]
        for name, narrow_object in kept_objects:
            if raw.get(name) is not None:
                kept[name] = narrow_object(raw[name], strangers)
        for name, narrow_object in column_objects:
            if raw.get(name):
                narrow_object(raw[name], strangers)
        if not known.issuperset(raw):
            strangers.extend(raw.keys() - known)
        return kept

    return narrow


def _inner(annotation: Any, *, whole: bool) -> _Narrow | None:
    """Return what narrows a field that holds an object or a list of objects, None for any other."""
    if isinstance(annotation, type) and issubclass(annotation, Contract):
        return _narrow(annotation, whole=whole)
    parts = (_inner(part, whole=whole) for part in get_args(annotation))
    narrow = next(filter(None, parts), None)
    return _each(narrow) if narrow and get_origin(annotation) is list else narrow


def _each(narrow: _Narrow) -> _Narrow:
    def narrow_each(raws: list[Document], strangers: list[str]) -> list[Document]:
        return [narrow(raw, strangers) for raw in raws]

    return narrow_each


def _identifying(model: type[Contract]) -> frozenset[str]:
    extras = {name: info.json_schema_extra for name, info in model.model_fields.items()}
    return frozenset(
        name for name, extra in extras.items() if isinstance(extra, dict) and extra["x-personal-data"] == _IDENTIFYING
    )
