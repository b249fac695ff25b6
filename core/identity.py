"""Step `resolve`: from the ids of an event to the key of a profile, and what else the event says of who is who."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from core.identifiers import ANONYMOUS, IDENTIFIER, PREFIXES, VISITOR, Identifiers, Kind
from core.outcomes import Rejected
from schemas.envelope import Envelope, Identifier
from schemas.reasons import ReasonCode, Stage

LINKED: Final = "identity_linked"


class Claim(NamedTuple):
    """An id that belongs to the person of an event, besides the one that names the profile: its kind and key."""

    kind: Kind
    key: str


def rank(key: str) -> tuple[int, str]:
    """Return what decides which of two profiles survives: the lower one; a customer before a visitor before a card."""
    return (2 if key.startswith(IDENTIFIER) else 1 if key.startswith(VISITOR) else 0), key


def is_customer(key: str) -> bool:
    """Tell whether a key is a customer's id."""
    return not key.startswith(PREFIXES)


def resolve(event: Envelope, ids: Identifiers) -> str | Rejected:
    """Return the profile key: the customer, else the visitor, else the first further identifier; none that is blocked."""
    customer_id, visitor = event.customer_id, event.anonymous_id
    if customer_id is not None and not ids.is_blocked(customer_id):
        if customer_id.startswith(PREFIXES):
            return Rejected(Stage.RESOLVE, ReasonCode.RESERVED_IDENTITY, "customer_id: begins with a: or card:")
        return customer_id
    if visitor is not None and not ids.is_blocked(visitor):
        return VISITOR + visitor
    for identifier in event.identifiers or ():
        key = ids.key(identifier.id_type, identifier.id_value)
        if key is not None:
            return key
    if customer_id is None and visitor is None and not event.identifiers:
        return Rejected(
            Stage.RESOLVE,
            ReasonCode.MISSING_IDENTITY,
            "customer_id, anonymous_id, identifiers: none names a person",
        )
    return Rejected(
        Stage.RESOLVE,
        ReasonCode.BLOCKED_IDENTITY,
        "customer_id, anonymous_id, identifiers: stand for nobody, by the list in identity.yaml",
    )


def misnamed(event: Any, ids: Identifiers) -> Rejected | None:
    """Return what is wrong with the other customer that an event of topic `customer` names."""
    merged_id = getattr(event, "merged_id", None)
    if merged_id is None:
        return None
    if not is_customer(merged_id):
        return Rejected(Stage.RESOLVE, ReasonCode.RESERVED_IDENTITY, "merged_id: begins with a: or card:")
    if ids.is_blocked(merged_id):
        return Rejected(
            Stage.RESOLVE, ReasonCode.BLOCKED_IDENTITY, "merged_id: stands for nobody, by the list in identity.yaml"
        )
    return None


def claims(event: Any, key: str, ids: Identifiers) -> Iterator[Claim]:
    """Yield the other ids of the person whose profile `key` names; few events have any."""
    visitor = event.anonymous_id
    if visitor is not None and VISITOR + visitor != key and not ids.is_blocked(visitor):
        yield Claim(ANONYMOUS, VISITOR + visitor)
    stated: list[Identifier | Any] = [*event.identifiers] if event.identifiers else []
    if event.type == LINKED:
        stated.append(event)
    for identifier in stated:
        other = ids.key(identifier.id_type, identifier.id_value)
        if other is not None and other != key:
            yield Claim(identifier.id_type, other)
