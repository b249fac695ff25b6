"""What leaves the edge of an event, and in which form: ids and fields that would name a person do not go on readable."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import orjson

from core.admission import Admission
from core.identifiers import Identifiers
from core.identity import resolve
from core.outcomes import Rejected
from core.times import Micros
from core.traffic import cut_address
from schemas.fields import Edge
from schemas.identifying import Finder, Place, compile_finder
from schemas.projection import Plan, compile_allow_list
from schemas.registry import INPUT_TOPICS, REGISTRY

_IDS: Final = ("customer_id", "anonymous_id", "merged_id")
_KEPT_BYTES: Final = 2_500_000
"""Of something larger a digest is kept: its topic could not take it."""


class Leaving(NamedTuple):
    """An event that may go on once the values of `places` are sealed under the key of `owner`.

    `owner` is the key of its profile, `omitted` counts the fields that no contract names.
    """

    topic: str
    owner: str
    document: dict[str, Any]
    places: list[Place]
    omitted: int


class Refused(NamedTuple):
    """A message that is no event; `original` are its bytes, which go on sealed."""

    topic: str
    rejected: Rejected
    original: bytes
    omitted: int = 0


class Gate:
    """Judges events at the edge, as the scorer will, and takes out what nobody behind may read.

    Args:
        ids: What spells and hashes ids.
        plan: Tracking plan: declared properties of each custom event.
        max_bytes: Largest record that a scorer looks into.
    """

    def __init__(self, ids: Identifiers, plan: Plan, max_bytes: int) -> None:
        self._ids = ids
        self._admissions = {topic: Admission(topic, max_bytes, plan, compile_allow_list) for topic in INPUT_TOPICS}
        self._finders: Mapping[str, Finder] = {entry.type: compile_finder(entry.models) for entry in REGISTRY.values()}

    def judge_bytes(self, topic: str, value: bytes, received_at: Micros) -> Leaving | Refused:
        """Return what goes on of an event's bytes.

        Args:
            topic: Where they are to go.
            value: JSON, or what is none.
            received_at: When they came.
        """
        raw = self._admissions[topic].read(value)
        if isinstance(raw, Rejected):
            return refused(topic, raw, value)
        return self.judge(topic, raw, received_at)

    def judge(self, topic: str, raw: Any, received_at: Micros) -> Leaving | Refused:
        """Return what goes on of an event as decoded from JSON, which is taken over and changed."""
        if isinstance(raw, dict):
            self._hide_ids(raw)
        admitted = self._admissions[topic].judge(raw, received_at)
        if isinstance(admitted, Rejected):
            return refused(topic, admitted, orjson.dumps(raw))
        owner = resolve(admitted.event, self._ids)
        if isinstance(owner, Rejected):
            return refused(topic, owner, orjson.dumps(raw), admitted.omitted)
        kept = admitted.kept
        places = [place for place in self._finders[admitted.type](kept) if self._is_to_be_sealed(place)]
        return Leaving(topic, owner, kept, places, admitted.omitted)

    def _hide_ids(self, raw: dict[str, Any]) -> None:
        for name in _IDS:
            value = raw.get(name)
            if type(value) is str:
                raw[name] = self._ids.pseudonym(value)

    def _is_to_be_sealed(self, place: Place) -> bool:
        """Hash or cut a value that only needs that, and tell whether it is another one."""
        holder, name, edge = place
        if edge is Edge.HASHED:
            holder[name] = self._ids.blind(holder["id_type"], holder[name])
        elif edge is Edge.CUT:
            holder[name] = cut_address(holder[name])
            if holder[name] is None:
                del holder[name]
        return edge is Edge.SEALED and place.is_readable


def refused(topic: str, rejected: Rejected, original: bytes, omitted: int = 0) -> Refused:
    """Return a refusal; of a huge message a digest goes on."""
    if len(original) > _KEPT_BYTES:
        digest = blake2b(original, digest_size=16).hexdigest()
        original = orjson.dumps({"bytes": len(original), "blake2b": digest})
    return Refused(topic, rejected, original, omitted)
