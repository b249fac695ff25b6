"""Waits for a broker that is away: one clear line, growing pauses, no stack trace."""

import logging

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential_jitter

log = logging.getLogger("warmth.kafka")


async def wait_for_broker(bootstrap: str) -> None:
    """Return once a broker of `bootstrap` answers; try for ever."""

    def say(state: RetryCallState) -> None:
        pause = state.next_action.sleep if state.next_action else 0.0
        log.warning("Kafka at %s does not answer; next try in %.1f s", bootstrap, pause)

    async for attempt in AsyncRetrying(
        wait=wait_exponential_jitter(multiplier=0.5, max=15),
        retry=retry_if_exception_type((KafkaError, OSError)),
        before_sleep=say,
    ):
        with attempt:
            admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5000)
            try:
                await admin.start()
            finally:
                await admin.close()
