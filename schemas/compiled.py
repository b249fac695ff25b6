"""Decoders compiled from the contracts: they read what is surely valid several times faster than pydantic.

Of each contract a `msgspec.Struct` is made. What msgspec can say exactly as pydantic does, it checks in one pass; any other
field is then read by the validator that the contract itself names, or by pydantic's own for that field. A document that is
refused here goes to pydantic, which has the last word and says why. So only accepting too much would be an error:
`tests/contract/test_compiled.py` looks for it.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, is_dataclass
from operator import attrgetter
from types import NoneType
from typing import Annotated, Any, Final, Literal, NamedTuple, cast, get_args, get_origin

import msgspec
from pydantic import PlainValidator, TypeAdapter

from schemas.envelope import Envelope
from schemas.fields import Contract, Decimals
from schemas.projection import Document, tell_apart
from schemas.registry import Entry

Decoder = Callable[[Document], Any]
"""Takes an object as decoded from JSON; returns an event with the attributes of its contract, or raises pydantic's error.

What stands in lists of objects is checked, and stays as it was written.
"""

_Read = Callable[[Any], Any]
_SOMETHING: Final[Any] = str | int | float | bool | list | dict
"""What a field may hold that is read after msgspec: anything but null."""
_BOUNDS: Final = {"ge", "gt", "le", "lt", "min_length", "max_length"}
"""Constraints that msgspec and pydantic name alike; msgspec is always strict."""


class _Form(NamedTuple):
    """How a value is read: as a type of msgspec, and then by `read`, where that does not say all."""

    type: Any
    read: _Read | None = None


def compile_decoder(entry: Entry) -> Decoder:
    """Return the decoder of one event type."""
    validate = entry.adapter.validator.validate_python
    read = compile_reader(entry.models)

    def decode(document: Document) -> Any:
        try:
            return read(document)
        except (KeyError, TypeError, ValueError):  # no variant has this name; msgspec's refusals are ValueErrors, too
            return validate(document)

    return decode


def compile_reader(models: tuple[type[Envelope], ...]) -> Decoder:
    """Return what reads events that are surely valid, and raises KeyError, TypeError or ValueError for any other."""
    return tell_apart(models, _event)


def compile_rereader(models: tuple[type[Envelope], ...]) -> Decoder:
    """Return what reads what was kept of events that were valid once: what was not kept is None, and no rule is asked."""
    return tell_apart(models, _kept)


def _kept(model: type[Contract]) -> Decoder:
    struct, steps = _struct(model, whole=False)
    settle = _settle(steps)
    return lambda document: settle(msgspec.convert(document, struct))


def _event(model: type[Contract]) -> Decoder:
    """Return what reads one event, the rules between its fields included."""
    decorators = model.__pydantic_decorators__
    if decorators.field_validators or any(rule.info.mode != "after" for rule in decorators.model_validators.values()):
        raise TypeError(f"{model.__name__}: only validators of fields' types and of whole, valid models can be compiled")
    struct, steps = _struct(model)
    settle = _settle(steps)
    rules = [rule.func for rule in decorators.model_validators.values()]

    def read(document: Document) -> Any:
        event: Any = settle(msgspec.convert(document, struct))
        for rule in rules:
            rule(event)
        return event

    return read


def _struct(model: type[Contract], *, whole: bool = True) -> tuple[type, list[tuple[str, _Read]]]:
    """Return a struct with the fields of `model`, any of which may be absent unless it is to be `whole`.

    With it comes what is to be read of it after msgspec.
    """
    absent: Any = msgspec.NODEFAULT if whole else None
    forms = {name: _form(info.annotation, info.metadata) for name, info in model.model_fields.items()}
    fields = [
        (name, forms[name].type, absent if info.is_required() else info.default) for name, info in model.model_fields.items()
    ]
    struct = msgspec.defstruct(model.__name__, fields, kw_only=True, gc=False)
    return struct, [(name, form.read) for name, form in forms.items() if form.read]


def _settle(steps: list[tuple[str, _Read]]) -> _Read:
    """Return what reads the parts of an object in place."""

    def settle(value: Any) -> Any:
        for name, read in steps:
            part = getattr(value, name)
            if part is not None:
                setattr(value, name, read(part))
        return value

    return settle


def _form(annotation: Any, metadata: Iterable[Any] = ()) -> _Form:
    """Return how a field is read whose annotation carries `metadata`."""
    origin, arguments, metadata = get_origin(annotation), get_args(annotation), list(metadata)
    if origin is Annotated:
        return _form(arguments[0], [*arguments[1:], *metadata])
    if NoneType in arguments and len(arguments) == 2:
        (inner,) = set(arguments) - {NoneType}
        form = _form(inner, metadata)
        return form._replace(type=form.type | None)
    for constraint in metadata:
        if isinstance(constraint, PlainValidator):
            return _Form(_SOMETHING, cast("_Read", constraint.func))
    bare, bounds = _bare(annotation, origin, arguments), _bounds(metadata)
    if bare is None or bounds is None:
        whole: Any = Annotated[annotation, *metadata] if metadata else annotation
        return _Form(_SOMETHING, TypeAdapter(whole, config=Contract.model_config).validator.validate_python)
    return bare._replace(type=Annotated[bare.type, msgspec.Meta(**bounds)]) if bounds else bare


def _bare(annotation: Any, origin: Any, arguments: tuple[Any, ...]) -> _Form | None:
    """Return how a value without constraints is read; None where only pydantic knows."""
    if annotation in (str, int) or origin is Literal:
        return _Form(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Contract):
        struct, steps = _struct(annotation)
        return _Form(struct, _settle(steps) if steps else None)
    if origin is list:
        return _list(*arguments)
    return None


def _list(inner: Any) -> _Form | None:
    if isinstance(inner, type) and issubclass(inner, Contract):
        struct, steps = _struct(inner)
        return _Form(list[struct], _columns(steps) if steps else None)  # type: ignore[valid-type]  # made just now
    form = _form(inner)
    return None if form.read else _Form(list[form.type])  # type: ignore[name-defined]  # likewise


def _columns(steps: list[tuple[str, _Read]]) -> _Read:
    """Return what checks a list of objects, field after field."""
    columns = [(attrgetter(name), _check_all(read)) for name, read in steps]

    def check(objects: list[Any]) -> list[Any]:
        for part, check_all in columns:
            check_all(map(part, objects))
        return objects

    return check


def _check_all(read: _Read) -> Callable[[Iterable[Any]], None]:
    reader = getattr(read, "__self__", None)
    if isinstance(reader, Decimals):
        return reader.check

    def check_all(parts: Iterable[Any]) -> None:
        for part in parts:
            if part is not None:
                read(part)

    return check_all


def _bounds(metadata: list[Any]) -> dict[str, Any] | None:
    """Return the constraints as msgspec names them; None where it has no such constraint."""
    bounds: dict[str, Any] = {}
    for constraint in metadata:
        said = asdict(constraint) if is_dataclass(constraint) and not isinstance(constraint, type) else {"other": constraint}
        bounds |= {name: value for name, value in said.items() if value is not None and name != "strict"}
    return None if bounds.keys() - _BOUNDS else bounds
