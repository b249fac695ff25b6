"""Profiles of others' memory: the worker that owns a key is asked, by whatever id somebody knows the customer."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

import aiohttp
import orjson
from aiokafka.errors import KafkaError

from collector.bodies import Refusal
from core.identifiers import Identifiers
from core.identity import is_customer
from streams.exits import leave
from streams.kafka.compacted import follow
from streams.kafka.partitions import partitioner
from streams.kafka.topics import CONTROL
from streams.owners import MERGED, PATH, Owners, token_of
from streams.settings import StreamSettings

log = logging.getLogger("warmth.collector")
_PAUSE_SECS: Final = 1.0
_RETRY_SECS: Final = 2
_ANSWER_SECS: Final = aiohttp.ClientTimeout(total=5.0)
_MOST_MERGES: Final = 64
_OK: Final = 200
_NOT_FOUND: Final = 404


class Profiles:
    """Finds profiles.

    Args:
        settings: Kafka, and what the installation's processes know each other by.
        ids: Spells ids.
    """

    def __init__(self, settings: StreamSettings, ids: Identifiers) -> None:
        self._bootstrap = settings.kafka_bootstrap
        self._ids = ids
        self._owners = Owners()
        self._partition_of = partitioner(settings.partitions)
        self._session = aiohttp.ClientSession(
            timeout=_ANSWER_SECS, headers={"Authorization": f"Bearer {token_of(settings)}"}
        )

    async def run(self) -> None:
        """Follow which worker owns what, for ever; what nobody foresaw ends the process."""
        try:
            await self._follow()
        except Exception as error:  # without this task nobody is found any more
            leave("owners of profiles can not be followed", error)

    async def _follow(self) -> None:
        while True:
            try:
                async for entries in follow(self._bootstrap, [CONTROL]):
                    for entry in entries:
                        self._owners.take(entry)
            except (KafkaError, OSError) as error:
                log.info("owners are not known yet: %r", error)
                await asyncio.sleep(_PAUSE_SECS)

    async def close(self) -> None:
        """Hang up."""
        await self._session.close()

    async def find(self, any_id: str) -> bytes:
        """Return the profile, JSON, of whom an id stands for: a customer, visitor, card, phone, e-mail or device.

        Raises:
            Refusal: Nobody is known by it, or the worker that would know does not answer.
        """
        for key in self._keys(any_id):
            profile = await self._profile(key)
            if profile is not None:
                return profile
        raise Refusal(_NOT_FOUND, "unknown_profile", "nobody is known by this id")

    def _keys(self, any_id: str) -> Iterator[str]:
        """Yield the keys that an id can be or stand for, the likeliest first."""
        if not is_customer(any_id):
            yield any_id
            return
        yield from self._ids.names(any_id)

    async def _profile(self, key: str) -> bytes | None:
        for _ in range(_MOST_MERGES):
            status, body = await self._ask(key)
            if status != MERGED:
                return body if status == _OK else None
            key = orjson.loads(body)["merged_into"]
        raise _unavailable()

    async def _ask(self, key: str) -> tuple[int, bytes]:
        """Return what the owner of a key says: the profile, what it was merged into, or that there is none."""
        url = self._owners.url_of(self._partition_of(key.encode()))
        if url is None:
            raise _unavailable()
        try:
            async with self._session.get(f"{url}{PATH}{quote(key, safe='')}", allow_redirects=False) as answer:
                body = await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _unavailable() from error
        if answer.status not in (_OK, MERGED, _NOT_FOUND):
            raise _unavailable()
        return answer.status, body


def _unavailable() -> Refusal:
    return Refusal(503, "unavailable", "the worker that knows this profile does not answer; ask again later", _RETRY_SECS)
