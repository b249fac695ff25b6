"""Events as table `events` keeps them, made again into what the journey folds."""

from datetime import datetime
from typing import Any, Final, NamedTuple, get_args

import orjson

from core.admission import Admitted
from core.times import MILLISECOND
from schemas.compiled import Decoder, compile_rereader
from schemas.envelope import Envelope
from schemas.fields import Contract
from schemas.registry import REGISTRY


class Past(NamedTuple):
    """A row of an event that was accepted: times in milliseconds, empty texts where it had no such id."""

    type: str
    occurred_at: int
    received_at: int
    customer_id: str
    anonymous_id: str
    source: str
    properties: str


class _Contract(NamedTuple):
    """How events of one type are read again."""

    topic: str
    read: Decoder
    empty: tuple[str, ...]
    """Objects that are always there, but may have been left empty: ClickHouse keeps no empty object."""
    instants: tuple[str, ...]


class Rereader:
    """Makes events of rows again. Identifying fields are gone, and nothing that folds or rules look at."""

    def __init__(self) -> None:
        self._contracts = {entry.type: _contract(entry.topic, entry.models) for entry in REGISTRY.values()}

    def read(self, past: Past) -> tuple[str, Admitted]:
        """Return the topic of an event, and the event as it was admitted, to the millisecond."""
        topic, read, empty, instants = self._contracts[past.type]
        kept: dict[str, Any] = orjson.loads(past.properties)
        for name in empty:
            kept.setdefault(name, {})
        for name in instants:
            if name in kept:
                kept[name] = _with_zone(kept[name])
        event = read(kept)
        event.customer_id, event.anonymous_id = past.customer_id or None, past.anonymous_id or None
        event.source = past.source
        occurred_at, received_at = past.occurred_at * MILLISECOND, past.received_at * MILLISECOND
        return topic, Admitted(event, past.type, "", occurred_at, received_at, False, kept, 0)  # noqa: FBT003


_ENVELOPE: Final = Envelope.model_fields.keys()


def _contract(topic: str, models: tuple[type[Envelope], ...]) -> _Contract:
    fields = {name: info for model in models for name, info in model.model_fields.items() if name not in _ENVELOPE}
    empty = tuple(name for name, info in fields.items() if info.is_required() and _may_be_empty(info.annotation))
    instants = tuple(name for name, info in fields.items() if datetime in _kinds(info.annotation))
    return _Contract(topic, compile_rereader(models), empty, instants)


def _may_be_empty(annotation: Any) -> bool:
    is_object = isinstance(annotation, type) and issubclass(annotation, Contract)
    return is_object and not any(info.is_required() for info in annotation.model_fields.values())


def _kinds(annotation: Any) -> set[Any]:
    """Return the types that an annotation is made of."""
    return {annotation}.union(*(_kinds(inner) for inner in get_args(annotation)))


def _with_zone(text: str) -> str:
    """Return an instant with its zone: rows of older versions have it in UTC, and do not say so."""
    return text if datetime.fromisoformat(text).tzinfo else f"{text}Z"
