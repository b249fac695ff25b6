"""The data map: each declared field, what for, how close to a person, where it stands and for how long."""

from typing import Any, Final

from schemas.datamap import EVERY, DeclaredField, declared_fields
from schemas.fields import Edge, PersonalData
from streams.kafka.topics import DEAD_LETTERS, ENRICHED, TOPICS

_DAY_MS: Final = 86_400_000
_TERMS: Final = {
    topic.name: f"{int(topic.config['retention.ms']) // _DAY_MS} days" for topic in TOPICS if "retention.ms" in topic.config
}
_PROFILE_TERM: Final = "as long as the profile"


def data_map(rows_kept_days: int) -> list[dict[str, Any]]:
    """Return a line for each field that producers may send.

    Args:
        rows_kept_days: For how long ClickHouse keeps rows; 0 for ever.
    """
    rows = f"{rows_kept_days} days" if rows_kept_days else "for ever"
    return [
        {
            "topic": declared.topic,
            "type": declared.type,
            "field": declared.path,
            "says": declared.says,
            "class": str(declared.personal),
            "at_edge": declared.edge,
            "purposes": list(declared.purposes),
            "stores": _stores(declared, rows),
        }
        for declared in declared_fields()
    ]


def _stores(declared: DeclaredField, rows: str) -> dict[str, str]:
    """Return where a field stands, and for how long. What identifies goes beyond its own topic only sealed."""
    if declared.topic == EVERY:
        stores = {"topics of events": "7 to 30 days", DEAD_LETTERS: _TERMS[DEAD_LETTERS]}
    else:
        stores = {declared.topic: _TERMS[declared.topic], DEAD_LETTERS: _TERMS[DEAD_LETTERS]}
    if declared.edge in {Edge.HASHED, Edge.CUT}:
        return stores
    stores |= {ENRICHED: _TERMS[ENRICHED], "ClickHouse events": rows}
    if declared.edge:
        return stores
    if declared.personal is PersonalData.ATTRIBUTE or declared.topic == "consent":
        stores["profile"] = _PROFILE_TERM
    return stores
