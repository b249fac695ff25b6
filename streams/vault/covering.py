"""From what may leave the edge to records: values are sealed under their owner's key, refusals under the day's."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import orjson

from core.gate import Leaving, Refused
from core.records import OMITTED_HEADER
from core.refusals import refusal_document
from schemas.sealed import text_of
from streams.vault.keys import DataKey
from streams.vault.vault import Vault, day_owner


class Record(NamedTuple):
    """What goes to Kafka."""

    topic: str
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


class Covering:
    """Makes records of what may leave.

    Args:
        vault: Has the keys.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def records(self, leaving: Sequence[Leaving | Refused]) -> list[Record]:
        """Return the records, in order; keys that are not in memory are fetched without holding up the loop.

        Raises:
            VaultError: Keys can not be had.
        """
        owners, today = _owners(leaving)
        keys = self._vault.recall(owners)
        if keys is None:
            keys = await asyncio.to_thread(self._vault.keys, owners)
        return [_record(one, keys, today) for one in leaving]

    def records_now(self, leaving: Sequence[Leaving | Refused]) -> list[Record]:
        """Return the records, in order.

        Raises:
            VaultError: Keys can not be had.
        """
        owners, today = _owners(leaving)
        keys = self._vault.keys(owners)
        return [_record(one, keys, today) for one in leaving]


def _owners(leaving: Sequence[Leaving | Refused]) -> tuple[set[str], str]:
    today = day_owner(datetime.fromtimestamp(time.time(), UTC).date())
    owners = {one.owner for one in leaving if isinstance(one, Leaving) and one.places}
    return (owners | {today} if any(isinstance(one, Refused) for one in leaving) else owners), today


def _record(one: Leaving | Refused, keys: Mapping[str, DataKey], today: str) -> Record:
    if isinstance(one, Refused):
        sealed = text_of(keys[today].seal(one.original))
        return Record(one.topic, None, orjson.dumps(refusal_document(one.rejected, sealed)))
    for holder, name, _ in one.places:
        holder[name] = text_of(keys[one.owner].seal(holder[name].encode()))
    headers = ((OMITTED_HEADER, b"%d" % one.omitted),) if one.omitted else ()
    return Record(one.topic, one.owner.encode(), orjson.dumps(one.document), headers)
