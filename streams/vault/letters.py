"""The key that dead letters are sealed under: that of the day, had before it is needed."""

import asyncio
import logging
import time
from datetime import UTC, date, datetime, timedelta
from typing import Final

from streams.vault.keys import DataKey, VaultError
from streams.vault.vault import Vault, day_owner

log = logging.getLogger("warmth.vault")
_LOOK_SECS: Final = 600


class LetterSealer:
    """Seals bytes under the key of today; where that can not be had yet, under the last one that could.

    Args:
        vault: Has the keys.

    Raises:
        VaultError: Keys can not be had.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._keys: dict[date, DataKey] = {}
        self._fetch()

    def seal(self, plain: bytes) -> bytes:
        """Return bytes, encrypted."""
        key = self._keys.get(_today()) or self._keys[max(self._keys)]
        return key.seal(plain)

    async def run(self) -> None:
        """Have the key of tomorrow in time, for ever."""
        while True:
            await asyncio.sleep(_LOOK_SECS)
            try:
                await asyncio.to_thread(self._fetch)
            except VaultError as error:
                log.warning("the key of a new day can not be had yet: %s", error)

    def _fetch(self) -> None:
        days = [_today(), _today() + timedelta(days=1)]
        keys = self._vault.keys([day_owner(day) for day in days])
        self._keys = {day: keys[day_owner(day)] for day in days}


def _today() -> date:
    return datetime.fromtimestamp(time.time(), UTC).date()
