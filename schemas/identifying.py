"""Where a contract holds identifying values, and how each of them leaves the edge."""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, get_args

from schemas.envelope import Envelope
from schemas.fields import Contract, Edge
from schemas.projection import Document
from schemas.sealed import is_hashed, is_sealed

_CONTACTS = frozenset({"phone", "email"})
"""Kinds of identifiers that anybody can read; a card or a device is a number that only its owner's shop knows."""
_IDS = ("customer_id", "anonymous_id", "merged_id")
_ADDRESS = re.compile(r"\s*[^@\s]+@[^@\s]+\.[^@\s.]{2,}\s*").fullmatch


class Place(NamedTuple):
    """An identifying value in an event: the object that holds it, its name there, and how it leaves the edge."""

    holder: Document
    name: str
    edge: Edge

    @property
    def is_readable(self) -> bool:
        """Whether the value would have to leave the edge in another form than it has."""
        value = self.holder[self.name]
        if self.edge is Edge.HASHED:
            return self.holder.get("id_type") in _CONTACTS and not is_hashed(value)
        return self.edge is Edge.SEALED and not is_sealed(value)


def is_address(value: str) -> bool:
    """Tell whether a text has the form of an e-mail address."""
    return "@" in value and _ADDRESS(value) is not None


Finder = Callable[[Document], Iterator[Place]]
"""Takes a valid event as decoded from JSON; yields its identifying values."""
Guard = Callable[[Document], str]
"""Takes a valid event likewise; returns the path of a value that anybody could read, empty where there is none."""
_Path = tuple[tuple[str, ...], str, Edge]


def compile_finder(models: tuple[type[Envelope], ...]) -> Finder:
    """Return what finds the identifying values of an event type, whatever variant of it an event is."""
    sought = _sought(models)

    def find(document: Document) -> Iterator[Place]:
        for first, outer, name, edge in sought:
            if document.get(first) is None:
                continue
            for holder in _holders(document, outer):
                if holder.get(name) is not None:
                    yield Place(holder, name, edge)

    return find


def compile_guard(models: tuple[type[Envelope], ...]) -> Guard:
    """Return what looks for identifying values that should have been sealed or hashed."""
    sought = [path for path in _sought(models) if path[3] is not Edge.CUT]

    def guard(document: Document) -> str:
        for name in _IDS:
            value = document.get(name)
            if value is not None and is_address(value):
                return name
        for first, outer, name, edge in sought:
            if document.get(first) is None:
                continue
            for holder in _holders(document, outer):
                if holder.get(name) is not None and Place(holder, name, edge).is_readable:
                    return ".".join((*outer, name))
        return ""

    return guard


def _sought(models: tuple[type[Envelope], ...]) -> list[tuple[str, tuple[str, ...], str, Edge]]:
    """Return the paths to identifying values, and before each its first field: where that is absent, all of it is."""
    paths = sorted({path for model in models for path in _paths(model, ())})
    return [((*outer, name)[0], outer, name, edge) for outer, name, edge in paths]


def _holders(document: Document, outer: tuple[str, ...]) -> list[Document]:
    holders = [document]
    for name in outer:
        inner = [holder[name] for holder in holders if holder.get(name) is not None]
        holders = [one for part in inner for one in (part if isinstance(part, list) else [part])]
    return holders


def _paths(model: type[Contract], outer: tuple[str, ...]) -> Iterator[_Path]:
    for name, info in model.model_fields.items():
        contract = _contract(info.annotation)
        extra: Any = info.json_schema_extra or {}
        if contract is not None:
            yield from _paths(contract, (*outer, name))
        elif "x-at-edge" in extra:
            yield outer, name, Edge(extra["x-at-edge"])


def _contract(annotation: Any) -> type[Contract] | None:
    if isinstance(annotation, type) and issubclass(annotation, Contract):
        return annotation
    return next(filter(None, map(_contract, get_args(annotation))), None)
