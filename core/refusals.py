"""What the edge has refused, as it goes through Kafka: why, and its bytes, sealed. The scorer makes a dead letter of it."""

from collections.abc import Mapping
from typing import Any

from core.outcomes import Rejected
from schemas.reasons import ReasonCode, Stage
from schemas.sealed import is_sealed


def refusal_document(rejected: Rejected, sealed: str) -> dict[str, Any]:
    """Return what goes on of a message that the edge has refused: why, and its bytes, sealed."""
    return {"refused": {"stage": rejected.stage, "reason": rejected.reason, "detail": rejected.detail}, "sealed": sealed}


def refusal_of(document: Mapping[str, Any]) -> Rejected | None:
    """Return why the edge has refused a message; None where a document says nothing of that kind."""
    said, sealed = document.get("refused"), document.get("sealed")
    if not isinstance(said, dict) or not is_sealed(sealed):
        return None
    try:
        return Rejected(Stage(said["stage"]), ReasonCode(said["reason"]), str(said["detail"])[:1000], str(sealed))
    except (KeyError, ValueError):
        return None
