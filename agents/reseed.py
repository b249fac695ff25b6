"""Gives a broker that keeps nothing the profiles that ClickHouse has kept."""

from agents.settings import AllSettings
from core import state
from sinks.reading import Reader
from streams.kafka.publishing import Publisher
from streams.kafka.topics import CHANGELOG


async def reseed(settings: AllSettings) -> int:
    """Write every profile of ClickHouse to an empty changelog, before a scorer starts; return their number.

    Nothing is said on `score-change`: profiles and bands are as they were. What they have applied is forgotten, since the
    topics it speaks of are gone.
    """
    with Reader(settings.sinks) as reader:
        rows = reader.rows("SELECT customer_key, state FROM profiles_kept")
    async with Publisher(settings.streams.kafka_bootstrap, settings.streams.partitions) as publisher:
        await publisher.send(CHANGELOG, ((key.encode(), _without_applied(row.encode())) for key, row in rows))
    return len(rows)


def _without_applied(row: bytes) -> bytes:
    profile = state.decode(row)
    profile.applied.clear()
    return state.encode(profile)
