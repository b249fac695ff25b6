"""Changes to a web address, for systems that can not read Kafka: each is sent until it is taken, a customer's in order."""

import asyncio
import hashlib
import hmac
import logging
import time
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from typing import Any, Final

import aiohttp
import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.health import Calls

log = logging.getLogger("warmth.egress")
GROUP: Final = "warmth-egress"
SIGNATURE_HEADER: Final = "Warmth-Signature"
_FIRST_PAUSE_SECS: Final = 0.5
_LONGEST_PAUSE_SECS: Final = 60.0
_TAKEN: Final = range(200, 300)


def signature(secret: bytes, body: bytes, at: int) -> str:
    """Return what proves that a body is ours and how old it is: HMAC-SHA256 of `AT.BODY`, `at` in seconds since 1970."""
    digest = hmac.new(secret, b"%d.%b" % (at, body), hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


class Egress:
    """Posts changes.

    One of it runs: all partitions are its own, and it waits as long as the other side makes it wait.

    Args:
        bootstrap: Brokers, host:port, comma between.
        partitions: Partitions of every topic.
        topics: Topics of changes.
        url: Where to.
        secret: Key of the signatures.
        batch: Most messages in one request.
    """

    def __init__(self, bootstrap: str, partitions: int, topics: Sequence[str], url: str, secret: bytes, batch: int) -> None:
        self._bootstrap = bootstrap
        self._partitions = partitions
        self._topics = topics
        self._url = url
        self._secret = secret
        self._batch = batch
        self.calls = Calls()
        """The requests that are under way."""
        self.sent = 0

    async def run(self, told: asyncio.Event) -> None:
        """Post what is said from where the group has come to, until told to stop; what was not taken comes again then."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            group_id=GROUP,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        await consumer.start()
        consumer.assign([TopicPartition(topic, number) for topic in self._topics for number in range(self._partitions)])
        stopping = asyncio.create_task(told.wait())
        try:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
                while not told.is_set():
                    slices = await consumer.getmany(timeout_ms=500, max_records=self._batch)
                    if not slices:
                        continue
                    posting = asyncio.create_task(self._post_all(session, slices))
                    await asyncio.wait({posting, stopping}, return_when=asyncio.FIRST_COMPLETED)
                    if not posting.done():
                        posting.cancel()
                        return
                    await posting
                    await consumer.commit(_reached(slices))
        finally:
            stopping.cancel()
            await consumer.stop()

    async def _post_all(self, session: aiohttp.ClientSession, slices: dict[TopicPartition, list[Any]]) -> None:
        await asyncio.gather(*(self._post(session, tp.topic, records) for tp, records in slices.items()))

    async def _post(self, session: aiohttp.ClientSession, topic: str, records: Sequence[Any]) -> None:
        """Post messages of one partition until they are taken."""
        body = orjson.dumps({"topic": topic, "messages": [orjson.loads(record.value) for record in records]})
        pause = _FIRST_PAUSE_SECS
        with self.calls.one() as call:
            while True:
                said, wait_secs = await self._try(session, body)
                if not said:
                    self.sent += len(records)
                    return
                call.failed(said)
                log.warning("%s; %d messages wait", said, len(records))
                await asyncio.sleep(max(pause, min(wait_secs, _LONGEST_PAUSE_SECS)))
                pause = min(2 * pause, _LONGEST_PAUSE_SECS)

    async def _try(self, session: aiohttp.ClientSession, body: bytes) -> tuple[str, float]:
        """Post once; return why it was not taken, empty where it was, and for how long the other side wants to be left."""
        at = int(time.time())
        headers = {"Content-Type": "application/json", SIGNATURE_HEADER: signature(self._secret, body, at)}
        try:
            async with session.post(self._url, data=body, headers=headers, allow_redirects=False) as answer:
                await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            return f"{self._url}: {' '.join(str(error).split()) or type(error).__name__}", 0.0
        if answer.status in _TAKEN:
            return "", 0.0
        return f"{self._url}: answered {answer.status}", _retry_after(answer.headers.get("Retry-After", ""), at)


def _reached(slices: dict[TopicPartition, list[Any]]) -> dict[TopicPartition, int]:
    return {tp: records[-1].offset + 1 for tp, records in slices.items()}


def _retry_after(said: str, now: int) -> float:
    if said.isdecimal():
        return float(said)
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - now)
    except ValueError:
        return 0.0
