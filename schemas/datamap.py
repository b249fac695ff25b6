"""Every field of every contract with its purposes and its class: what the data map is made from."""

from collections.abc import Iterator
from typing import Any, NamedTuple, get_args

from schemas.envelope import Envelope
from schemas.fields import Contract, PersonalData
from schemas.registry import REGISTRY

EVERY: str = "every event"
"""Stands for the type of the fields that all events share."""


class DeclaredField(NamedTuple):
    """One field that producers may send; `path` has dots between inner names, and `[]` after a list.

    `edge` says how an identifying field leaves the edge, and is empty for others.
    """

    topic: str
    type: str
    path: str
    says: str
    personal: PersonalData
    edge: str
    purposes: tuple[str, ...]


def declared_fields() -> Iterator[DeclaredField]:
    """Yield the fields of the envelope once, then those of each type."""
    yield from _fields(Envelope, EVERY, EVERY, frozenset())
    shared = frozenset(Envelope.model_fields)
    for entry in REGISTRY.values():
        for model in entry.models:
            yield from _fields(model, entry.topic, entry.type, shared)


def _fields(
    model: type[Contract], topic: str, type_: str, known: frozenset[str], before: str = ""
) -> Iterator[DeclaredField]:
    for name, info in model.model_fields.items():
        if name in known:
            continue
        inner, is_list = _inner(info.annotation)
        path = f"{before}{name}{'[]' if is_list else ''}"
        if inner is not None:
            yield from _fields(inner, topic, type_, frozenset(), f"{path}.")
            continue
        extra: Any = info.json_schema_extra or {}
        purposes = tuple(extra.get("x-purposes", ()))
        if not purposes:
            raise TypeError(f"{model.__name__}.{name}: a field needs a purpose; without one it has no place in a contract")
        yield DeclaredField(
            topic,
            type_,
            path,
            info.description or "",
            PersonalData(extra["x-personal-data"]),
            extra.get("x-at-edge", ""),
            purposes,
        )


def _inner(annotation: Any) -> tuple[type[Contract] | None, bool]:
    """Return the contract that a field holds, if it holds one, and whether it holds a list."""
    if isinstance(annotation, type) and issubclass(annotation, Contract):
        return annotation, False
    is_list = getattr(annotation, "__origin__", None) is list
    for part in get_args(annotation):
        inner, inner_list = _inner(part)
        if inner is not None or inner_list:
            return inner, is_list or inner_list
    return None, is_list
