"""Profiles for those who ask: a worker answers for the partitions that it owns, and tells others that it owns them."""

import asyncio
import hmac
import logging
import time
from typing import Final
from urllib.parse import unquote

from aiokafka.errors import KafkaError

from agents.scoring import Scoring
from core.view import view
from streams.epochs import Epochs
from streams.kafka.partitions import partitioner
from streams.owners import PATH, announce, own_url, token_of
from streams.probes import Answer, Desk, json_answer
from streams.profiles import ProfilesTable
from streams.settings import StreamSettings

log = logging.getLogger("warmth.lookups")
_LOOK_SECS: Final = 0.25
_ANSWER_SECS: Final = 5.0


class Lookups:
    """Answers lookups.

    Args:
        settings: Kafka, and the address of this worker's server.
        profiles: The table.
        scoring: Knows the rules that hold.
        desk: Where requests come in; they do so on other threads.
    """

    def __init__(self, settings: StreamSettings, profiles: ProfilesTable, scoring: Scoring, desk: Desk) -> None:
        self._settings = settings
        self._profiles = profiles
        self._epochs: Epochs = profiles.epochs
        self._scoring = scoring
        self._desk = desk
        self._partition_of = partitioner(settings.partitions)
        self._bearer = f"Bearer {token_of(settings)}"

    async def run(self) -> None:
        """Answer from now on, and announce every assignment, for ever."""
        loop = asyncio.get_running_loop()

        def ask(path: str, authorization: str) -> Answer:
            if not hmac.compare_digest(authorization, self._bearer):
                return json_answer(401, {"error": "profiles are for the collector"})
            looking = asyncio.run_coroutine_threadsafe(self._look_up(unquote(path.removeprefix(PATH))), loop)
            return looking.result(_ANSWER_SECS)

        self._desk.ask = ask
        announced: dict[int, int] = {}
        while True:
            await asyncio.sleep(_LOOK_SECS)
            if not self._epochs.ready or self._epochs.owned == announced:
                continue
            owned = dict(self._epochs.owned)
            try:
                await announce(self._settings.kafka_bootstrap, own_url(self._settings, self._desk.port), owned)
                announced = owned
            except (KafkaError, OSError) as error:
                log.info("partitions were not announced yet: %r", error)

    async def _look_up(self, key: str) -> Answer:
        number = self._partition_of(key.encode())
        if not self._epochs.ready or number not in self._epochs.owned:
            return json_answer(421, {"error": f"partition {number} is another worker's"})
        state = self._profiles.partition(number).get(key)
        if state is None:
            return json_answer(404, {"error": "no profile has this key"})
        if state.merged_into is not None:
            return json_answer(200, {"merged_into": state.merged_into})
        shown = view(key, state, self._scoring.rules, time.time_ns() // 1000)
        return json_answer(200, {"profile": shown.model_dump(mode="json")})
