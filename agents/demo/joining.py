"""Somebody of several names: what is known before something says that they are one person, and after."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from rich.table import Table

from agents.pages.showing import Showing
from agents.settings import AllSettings
from agents.status import read_status
from core.identifiers import VISITOR
from core.state import State, decode
from core.times import Micros
from deploy.embedded.state import read_state
from sinks.reading import Reader
from streams.kafka.publishing import Publisher
from streams.rules_files import identifiers_of
from streams.vault.encoder import Encoder

_VISITOR: Final = "demo-visitor"
_CUSTOMER: Final = "demo-anna"
_CARD: Final = {"id_type": "card", "id_value": "2200 0001"}
_PRODUCT: Final = {"id": "p-1", "price": "24.90", "currency": "USD"}
_RECEIPT: Final = {
    "receipt": {"store_id": "demo", "till_id": "1", "number": "1"},
    "total": "42.00",
    "currency": "USD",
    "identifiers": [_CARD],
}
_STORY: Final[tuple[tuple[str, str, list[dict[str, Any]]], ...]] = (
    (
        "a visitor looks at a product, and takes it",
        "site-interaction",
        [
            {"type": "product_viewed", "anonymous_id": _VISITOR, "product": _PRODUCT},
            {"type": "product_added", "anonymous_id": _VISITOR, "product": _PRODUCT, "quantity": 1},
        ],
    ),
    (
        f"the visitor logs in as {_CUSTOMER}",
        "customer",
        [{"type": "customer_identified", "customer_id": _CUSTOMER, "anonymous_id": _VISITOR}],
    ),
    ("a receipt bears a card and no name", "purchase", [{"type": "receipt_issued", **_RECEIPT}]),
    ("the card is hers", "customer", [{"type": "identity_linked", "customer_id": _CUSTOMER, **_CARD}]),
)
_STATES: Final = """
SELECT customer_key, state FROM profiles_now WHERE customer_key IN {keys:Array(String)} ORDER BY customer_key
"""
_LOOK_SECS: Final = 0.25


class Scene(NamedTuple):
    """What happened, and the profiles that there were after it, with their keys."""

    happened: str
    profiles: list[tuple[str, State]]


async def join_names(settings: AllSettings, folder: Path) -> list[Scene]:
    """Send the events of somebody of several names to a stack that is at rest; return what came of each step.

    Args:
        settings: Addresses of the stack.
        folder: Its folder.
    """
    ids, encoder = identifiers_of(settings.streams), Encoder.of(settings.streams)
    keys = [_CUSTOMER, VISITOR + _VISITOR, ids.key(_CARD["id_type"], _CARD["id_value"])]
    scenes: list[Scene] = []
    for number, (happened, topic, events) in enumerate(_STORY):
        said = [_event(event, f"demo-joined-{number}-{place}") for place, event in enumerate(events)]
        async with Publisher(settings.streams.kafka_bootstrap, settings.streams.partitions) as publisher:
            records = encoder.encode(topic, said).records
            await publisher.send_with_headers(topic, [record[1:] for record in records])
        await wait_until_read(settings, folder)
        with Reader(settings.sinks) as reader:
            states = reader.rows(_STATES, {"keys": keys})
        scenes.append(Scene(happened, [(key, decode(state.encode())) for key, state in states]))
    return scenes


def _event(event: dict[str, Any], event_id: str) -> dict[str, Any]:
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    return {"event_id": event_id, "occurred_at": at, "source": "demo", **event}


async def wait_until_read(settings: AllSettings, folder: Path) -> None:
    """Return once nothing lags, seen twice: what was folded may ask other partitions for more."""
    seen = 0
    while seen < 2:
        status = await read_status(settings, read_state(folder))
        seen = seen + 1 if status.lag == {"scorer": 0, "loader": 0} else 0
        await asyncio.sleep(_LOOK_SECS)


def joining_table(scenes: list[Scene], shown_by: Showing, now: Micros) -> Table:
    """Return the steps with the profiles after each."""
    table = Table(title="One person, one profile: what is known after each step", title_justify="left")
    for column in ("what happened", "profile", "engagement", "visits", "orders", "revenue"):
        table.add_column(column, justify="right" if column in {"engagement", "visits", "orders", "revenue"} else "left")
    for happened, profiles in scenes:
        for place, (key, state) in enumerate(profiles):
            shown = shown_by.profile(key, state, now)
            revenue = ", ".join(f"{amount} {currency}" for currency, amount in shown.value.revenue.items())
            engagement = f"{shown.scores['engagement'].value:.1f}"
            cells = (engagement, str(shown.activity.sessions), str(shown.value.orders), revenue)
            table.add_row("" if place else happened, key if len(key) < 20 else f"{key[:16]}…", *cells)
    return table
