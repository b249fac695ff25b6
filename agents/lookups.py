"""Profiles for those who ask: a worker answers for the partitions that it owns, and tells others that it owns them.

The server stands in the worker's own event loop, between two chunks of records: there the table is at rest, and an answer
waits for no other thread.
"""

import asyncio
import hmac
import logging
import time
from typing import Any, Final

import orjson
from aiohttp import web
from aiokafka.errors import KafkaError

from agents.scoring import Scoring
from core.view import view
from streams.epochs import Epochs
from streams.exits import leave
from streams.kafka.partitions import partitioner
from streams.owners import MERGED, PATH, announce, own_url, token_of
from streams.profiles import ProfilesTable
from streams.settings import StreamSettings

log = logging.getLogger("warmth.lookups")
_LOOK_SECS: Final = 0.25


class Lookups:
    """Answers lookups.

    Args:
        settings: Kafka, and the address of this worker's servers.
        profiles: The table.
        scoring: Knows the rules that hold.
    """

    def __init__(self, settings: StreamSettings, profiles: ProfilesTable, scoring: Scoring) -> None:
        self._settings = settings
        self._profiles = profiles
        self._epochs: Epochs = profiles.epochs
        self._scoring = scoring
        self._partition_of = partitioner(settings.partitions)
        self._bearer = f"Bearer {token_of(settings)}"

    async def run(self) -> None:
        """Answer from now on, and announce every assignment, for ever."""
        application = web.Application()
        application.router.add_get(f"{PATH}{{key}}", self._answer)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        try:
            try:
                await web.TCPSite(runner, self._settings.metrics_host, self._settings.lookup_port).start()
            except OSError as error:
                leave("nobody can ask for profiles: see WARMTH_LOOKUP_PORT", error)
            await self._announce(own_url(self._settings, runner.addresses[0][1]))
        finally:
            await runner.cleanup()

    async def _announce(self, url: str) -> None:
        announced: dict[int, int] = {}
        while True:
            await asyncio.sleep(_LOOK_SECS)
            if not self._epochs.ready or self._epochs.owned == announced:
                continue
            owned = dict(self._epochs.owned)
            try:
                await announce(self._settings.kafka_bootstrap, url, owned)
                announced = owned
            except (KafkaError, OSError) as error:
                log.info("partitions were not announced yet: %r", error)

    async def _answer(self, request: web.Request) -> web.Response:
        if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), self._bearer.encode()):
            return _json(401, {"error": "profiles are for the collector"})
        return self._look_up(request.match_info["key"])

    def _look_up(self, key: str) -> web.Response:
        number = self._partition_of(key.encode())
        if not self._epochs.ready or number not in self._epochs.owned:
            return _json(421, {"error": f"partition {number} is another worker's"})
        state = self._profiles.partition(number).get(key)
        if state is None:
            return _json(404, {"error": "no profile has this key"})
        if state.merged_into is not None:
            return _json(MERGED, {"merged_into": state.merged_into})
        shown = view(key, state, self._scoring.rules, time.time_ns() // 1000)
        return web.Response(body=shown.model_dump_json().encode(), content_type="application/json")


def _json(status: int, document: dict[str, Any]) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(document), content_type="application/json")
