"""Which worker answers for which partition: each says so in `warmth-control` when it has taken partitions over."""

import hashlib
import socket
from collections.abc import Iterable
from typing import Final

import orjson

from streams.kafka.compacted import Entry
from streams.kafka.publishing import Publisher
from streams.kafka.topics import CONTROL
from streams.settings import StreamSettings

PATH: Final = "/profiles/"
MERGED: Final = 301
"""Status of an answer that names the profile which another one has become part of; 200 is the profile itself."""
_KEY: Final = b"owner:"
_EVERYWHERE: Final = ("0.0.0.0", "::")


class Owners:
    """Addresses of workers by partition, as they announced them."""

    def __init__(self) -> None:
        self._urls: dict[int, str] = {}

    def take(self, entry: Entry) -> None:
        """Learn from a record of the control topic; of others nothing is learned."""
        if entry.key.startswith(_KEY):
            self._urls[int(entry.key.removeprefix(_KEY))] = orjson.loads(entry.value)["url"]

    def url_of(self, partition: int) -> str | None:
        """Return the address of the worker that owns a partition, None where none has said so."""
        return self._urls.get(partition)


async def announce(bootstrap: str, url: str, partitions: Iterable[int]) -> None:
    """Say that a worker owns partitions now."""
    value = orjson.dumps({"url": url})
    async with Publisher(bootstrap, 1) as publisher:
        await publisher.send(CONTROL, [(_KEY + str(number).encode(), value) for number in partitions])


def own_url(settings: StreamSettings, port: int) -> str:
    """Return the address at which others reach the server of this worker."""
    host = socket.gethostname() if settings.metrics_host in _EVERYWHERE else settings.metrics_host
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def token_of(settings: StreamSettings) -> str:
    """Return what the processes of one installation know each other by: all of them have its hash key."""
    secret = settings.hash_key.get_secret_value().encode()
    return hashlib.blake2b(b"profile lookup", key=secret, digest_size=32).hexdigest()
