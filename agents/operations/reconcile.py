"""`warmth reconcile`: do Kafka and ClickHouse tell the same, and does ClickHouse agree with itself?"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from aiokafka import AIOKafkaConsumer

from agents.operations.conservation import Conservation
from agents.operations.copies import check_profiles, check_score_changes
from agents.operations.extents import Extents, read_extents
from agents.operations.findings import Check, Report
from agents.operations.logs import bar, log_reader
from agents.operations.rollups import ROLLUPS, check_rollup
from agents.settings import AllSettings
from sinks.reading import Reader
from streams.kafka.topics import SCORED

Look = Callable[[Extents, Reader, AIOKafkaConsumer], Awaitable[Check]]
_LOOKS: Final = 3
_PAUSE_SECS: Final = 2.0


def _checks() -> list[Look]:
    return [
        *(partial(_conservation, topic) for topic in SCORED),
        check_profiles,
        check_score_changes,
        *(partial(_rollup, rollup.name) for rollup in ROLLUPS),
    ]


async def reconcile(settings: AllSettings) -> Report:
    """Compare everything, and name the first disagreement of each check.

    A row may be between two tables just now, so a disagreement counts only if it is still found after some seconds.
    """
    with Reader(settings.sinks) as reader:
        async with log_reader(settings.streams) as log:
            extents = await read_extents(settings, reader)
            lag = extents.lag
            looks = _checks()
            checks = [await look(extents, reader, log) for look in looks]
            for _ in range(_LOOKS - 1):
                doubtful = [number for number, check in enumerate(checks) if not check.agrees]
                if not doubtful:
                    break
                await asyncio.sleep(_PAUSE_SECS)
                extents = await read_extents(settings, reader)
                for number in doubtful:
                    checks[number] = await looks[number](extents, reader, log)
    return Report(lag, checks)


async def _conservation(topic: str, extents: Extents, reader: Reader, log: AIOKafkaConsumer) -> Check:
    with bar(f"conservation of {topic}", 1):
        return await Conservation(topic, extents, reader, log).check()


async def _rollup(name: str, extents: Extents, reader: Reader, _log: AIOKafkaConsumer) -> Check:
    rollup = next(known for known in ROLLUPS if known.name == name)
    with bar(name, 1):
        return check_rollup(rollup, reader, extents.rows_kept_days)
