"""The keys of owners, with those that were needed of late in memory."""

import os
import re
import threading
from collections.abc import Collection
from datetime import date
from typing import Final

from cachetools import TTLCache

from schemas.sealed import bytes_of
from streams.settings import StreamSettings
from streams.vault.keys import ID_BYTES, KEY_BYTES, DataKey, MasterKeys, VaultError, key_id_of, master_key_in
from streams.vault.store import KeyStore, StoredKey

_REMEMBERED: Final = 50_000
_REMEMBERED_SECS: Final = 60
"""A destroyed key is forgotten by every process after this time."""
_SEALED: Final = re.compile(r"sealed:[A-Za-z0-9_-]{60,}")
GONE: Final = "(its key was destroyed)"
"""Stands for what nobody can read any more."""


class Vault:
    """Makes, finds and destroys data keys. Threads may share it.

    Args:
        store: Where they rest.
        masters: What they are wrapped by.
    """

    def __init__(self, store: KeyStore, masters: MasterKeys) -> None:
        self._store = store
        self._masters = masters
        self._known: TTLCache[str, DataKey] = TTLCache(_REMEMBERED, _REMEMBERED_SECS)
        self._lock = threading.Lock()

    def recall(self, owners: Collection[str]) -> dict[str, DataKey] | None:
        """Return the keys of owners from memory; None where one of them is not there."""
        with self._lock:
            known = {owner: self._known.get(owner) for owner in owners}
        found = {owner: key for owner, key in known.items() if key is not None}
        return found if len(found) == len(known) else None

    def keys(self, owners: Collection[str]) -> dict[str, DataKey]:
        """Return the keys of owners; who has none gets one, which is kept before this returns.

        Raises:
            VaultError: The store does not answer, or keeps what no master key has wrapped.
        """
        found = self.recall(owners)
        if found is not None:
            return found
        wanted = set(owners)
        stored = self._store.of_owners(wanted)
        missing = wanted - {key.owner for key in stored}
        if missing:
            self._store.add([self._new(owner) for owner in missing])
            stored += self._store.of_owners(missing)
        found = {key.owner: self._unwrapped(key) for key in stored}
        with self._lock:
            self._known.update(found)
        return found

    def key_of(self, owner: str) -> DataKey:
        """Return the key of one owner."""
        return self.keys([owner])[owner]

    def open(self, sealed: bytes) -> bytes | None:
        """Return bytes that were sealed; None where their key was destroyed.

        Raises:
            VaultError: They are not sealed, were changed, or the store does not answer.
        """
        stored = self._store.of_ids([key_id_of(sealed)])
        return self._unwrapped(stored[0]).open(sealed) if stored else None

    def open_text(self, text: str) -> str:
        """Return a text with everything in it readable that was sealed, as far as its key is there."""
        found = set(_SEALED.findall(text))
        plain = {sealed: self.open(bytes_of(sealed)) for sealed in found}
        return _SEALED.sub(lambda match: _readable(plain[match[0]]), text)

    def destroy(self, owners: Collection[str]) -> int:
        """Destroy keys; return how many there were. Other processes forget them within a minute."""
        with self._lock:
            for owner in owners:
                self._known.pop(owner, None)
        return self._store.destroy(owners)

    def rewrap(self) -> int:
        """Wrap every key by the first master key that is not yet; return how many."""
        count = 0
        for keys in self._store.every():
            older = [key for key in keys if not self._masters.is_wrapped_by_first(key.wrapped)]
            if older:
                self._store.replace([self._wrapped(key.id, key.owner, self._secret(key)) for key in older])
            count += len(older)
        return count

    def close(self) -> None:
        """Let go of the store."""
        self._store.close()

    def _new(self, owner: str) -> StoredKey:
        return self._wrapped(os.urandom(ID_BYTES), owner, os.urandom(KEY_BYTES))

    def _wrapped(self, id_: bytes, owner: str, secret: bytes) -> StoredKey:
        return StoredKey(id_, owner, self._masters.wrap(id_, secret))

    def _secret(self, key: StoredKey) -> bytes:
        return self._masters.unwrap(key.id, key.wrapped)

    def _unwrapped(self, key: StoredKey) -> DataKey:
        return DataKey(key.id, self._secret(key))


def day_owner(day: date) -> str:
    """Return the owner of the key that letters of a day, which nobody owns, are sealed under."""
    return f"day:{day.isoformat()}"


def vault_of(settings: StreamSettings) -> Vault:
    """Return the vault of the settings.

    Raises:
        VaultError: It can not be opened; the message says why.
    """
    masters = settings.master_keys.get_secret_value()
    if settings.vault_url and not masters:
        raise VaultError("WARMTH_VAULT_URL needs WARMTH_MASTER_KEYS: make one with `warmth vault new-master-key`")
    folder = settings.vault_dir
    url = settings.vault_url or f"sqlite:///{folder.absolute() / 'vault.sqlite'}"
    return Vault(KeyStore(url), MasterKeys.parse(masters or master_key_in(folder)))


def _readable(plain: bytes | None) -> str:
    return GONE if plain is None else plain.decode(errors="replace")
