"""Step `resolve`: from the identifiers of an event to the key of a profile."""

import hashlib
from typing import Final

from core.outcomes import Rejected
from schemas.envelope import Envelope
from schemas.reasons import ReasonCode, Stage

VISITOR: Final = "a:"
CARD: Final = "card:"
_RESERVED: Final = (VISITOR, CARD)


def keyed_hash(id_type: str, id_value: str, secret: bytes) -> str:
    """Return 32 hex digits that stand for an identifier; without `secret` they can be neither made nor undone."""
    return hashlib.blake2b(f"{id_type}:{id_value}".encode(), key=secret, digest_size=16).hexdigest()


def resolve(event: Envelope, secret: bytes) -> str | Rejected:
    """Return the profile key: the customer, else the visitor, else the first card or phone.

    Args:
        event: A valid event.
        secret: Key of the hash of cards and phones, at most 64 bytes.
    """
    customer_id = event.customer_id
    if customer_id is not None:
        if customer_id.startswith(_RESERVED):
            return Rejected(Stage.RESOLVE, ReasonCode.RESERVED_IDENTITY, "customer_id: begins with a: or card:")
        return customer_id
    if event.anonymous_id is not None:
        return VISITOR + event.anonymous_id
    for identifier in event.identifiers or ():
        if identifier.id_type in ("card", "phone") and identifier.id_value:
            return CARD + keyed_hash(identifier.id_type, identifier.id_value, secret)
    return Rejected(
        Stage.RESOLVE,
        ReasonCode.MISSING_IDENTITY,
        "customer_id, anonymous_id, identifiers: none names a card, phone or person",
    )
