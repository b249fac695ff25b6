"""Events that bear our own contract already: tills, shops and sales systems post them one by one or in lists."""

from typing import Any, Final

from collector.sources.fields import Fields, Mapped, Unusable, compact, instant
from schemas.registry import REGISTRY

_TOPICS: Final = {entry.type: entry.topic for entry in REGISTRY.values()}
RECEIPT: Final = "receipt_issued"
REFUND: Final = "receipt_refunded"
_SHORTHAND: Final = ("card", "phone", "email")


def map_event(raw: Any, message_id: str, received_at: str, source: str | None = None) -> Mapped | Unusable:
    """Return an event of our contract with the envelope completed.

    Args:
        raw: The event, as decoded from JSON.
        message_id: Its id: its own, or one that the same event always gets.
        received_at: When it came, RFC 3339.
        source: Source of the key that brought it.
    """
    if not isinstance(raw, dict):
        return Unusable("an event is a JSON object")
    topic = _TOPICS.get(raw["type"]) if isinstance(raw.get("type"), str) else None
    if topic is None:
        return Unusable("type: no contract has this name")
    times = compact(occurred_at=instant(raw.get("occurred_at")), sent_at=instant(raw.get("sent_at")))
    event = {**raw, "event_id": message_id, **times, "received_at": received_at}
    if source is not None and "source" not in raw:
        event["source"] = source
    return Mapped(topic, event)


def map_receipt(raw: Any, message_id: str, received_at: str, source: str | None = None) -> Mapped | Unusable:
    """Return a receipt or, with a `refund_id`, a return; `type` may be left out, and ids may stand plainly.

    `store_id`, `till_id` and `number` may stand beside the rest instead of in `receipt`; `card`, `phone` and `email` instead
    of in `identifiers`.
    """
    if not isinstance(raw, dict):
        return Unusable("a receipt is a JSON object")
    receipt = Fields(raw)
    type_ = receipt.text("type") or (REFUND if receipt.value("refund_id") else RECEIPT)
    if type_ not in (RECEIPT, REFUND):
        return Unusable(f"type: must be {RECEIPT} or {REFUND}, or left out")
    own = {name: part for name in ("store_id", "till_id", "number") if (part := receipt.text(name)) is not None}
    ids = [{"id_type": kind, "id_value": value} for kind in _SHORTHAND if (value := receipt.text(kind)) is not None]
    event = {name: value for name, value in raw.items() if name not in {*own, *_SHORTHAND}}
    if own and "receipt" not in raw:
        event["receipt"] = own
    if ids and "identifiers" not in raw:
        event["identifiers"] = ids
    return map_event({**event, "type": type_}, message_id, received_at, source)
