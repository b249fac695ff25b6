"""Data keys, and how they are wrapped: AES-256-GCM throughout."""

import base64
import binascii
import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
ID_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_VERSION: Final = b"\x01"
_HEAD_BYTES: Final = len(_VERSION) + ID_BYTES + _NONCE_BYTES
_PRINT_BYTES: Final = 4


class VaultError(Exception):
    """Keys can not be had; the message says why and what to do."""


class DataKey:
    """The key of one owner.

    What it seals is: version (1 byte), id of the key (16), nonce (12), ciphertext and tag; all that stands before the
    ciphertext is authenticated with it.

    Args:
        id_: Its id, which what is sealed names.
        secret: 32 bytes.
    """

    def __init__(self, id_: bytes, secret: bytes) -> None:
        self.id = id_
        self._cipher = AESGCM(secret)

    def seal(self, plain: bytes) -> bytes:
        """Return bytes, encrypted under a nonce of their own."""
        head = _VERSION + self.id + os.urandom(_NONCE_BYTES)
        return head + self._cipher.encrypt(head[-_NONCE_BYTES:], plain, head)

    def open(self, sealed: bytes) -> bytes:
        """Return the bytes that were sealed.

        Raises:
            VaultError: They were sealed under another key, or changed.
        """
        head = sealed[:_HEAD_BYTES]
        try:
            return self._cipher.decrypt(head[-_NONCE_BYTES:], sealed[_HEAD_BYTES:], head)
        except InvalidTag:
            raise VaultError("what was sealed has been changed") from None


def key_id_of(sealed: bytes) -> bytes:
    """Return the id of the key that something was sealed under.

    Raises:
        VaultError: It was not sealed by this version.
    """
    if len(sealed) < _HEAD_BYTES or sealed[:1] != _VERSION:
        raise VaultError("is not sealed, or by a newer version")
    return sealed[1 : 1 + ID_BYTES]


class _Master(NamedTuple):
    print: bytes
    cipher: AESGCM


class MasterKeys:
    """What wraps data keys: the first one wraps, the others unwrap what they wrapped before they were replaced.

    Args:
        keys: 32 bytes each.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise VaultError(f"a master key is {KEY_BYTES} random bytes; make one with `warmth vault new-master-key`")
        self._masters = [_Master(hashlib.sha256(key).digest()[:_PRINT_BYTES], AESGCM(key)) for key in keys]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the keys that stand in a text as base64, with commas or blanks between.

        Raises:
            VaultError: They are no base64 of 32 bytes each.
        """
        try:
            return cls([base64.b64decode(part, validate=True) for part in text.replace(",", " ").split()])
        except binascii.Error:
            raise VaultError("a master key is no base64; make one with `warmth vault new-master-key`") from None

    def wrap(self, id_: bytes, secret: bytes) -> bytes:
        """Return a data key as the store keeps it."""
        first, nonce = self._masters[0], os.urandom(_NONCE_BYTES)
        return first.print + nonce + first.cipher.encrypt(nonce, secret, id_)

    def unwrap(self, id_: bytes, wrapped: bytes) -> bytes:
        """Return a data key from how the store keeps it.

        Raises:
            VaultError: None of the master keys has wrapped it.
        """
        nonce, code = wrapped[_PRINT_BYTES:][:_NONCE_BYTES], wrapped[_PRINT_BYTES + _NONCE_BYTES :]
        for known in self._masters:
            if wrapped.startswith(known.print):
                try:
                    return known.cipher.decrypt(nonce, code, id_)
                except InvalidTag:
                    break
        raise VaultError("none of the master keys has wrapped this data key: add the older one to WARMTH_MASTER_KEYS")

    def is_wrapped_by_first(self, wrapped: bytes) -> bool:
        """Tell whether a data key needs no wrapping anew."""
        return wrapped.startswith(self._masters[0].print)


def new_master_key() -> str:
    """Return a master key as settings have it."""
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


def master_key_in(folder: Path) -> str:
    """Return the master key of a folder; the first who asks makes it, and only its owner may read it.

    Raises:
        VaultError: The folder can not be written.
    """
    path = folder / "master.key"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            with tempfile.NamedTemporaryFile("w", dir=folder, delete=False) as new:
                new.write(new_master_key())
                new.flush()
                os.fsync(new.fileno())
            try:
                os.link(new.name, path)
            except FileExistsError:
                pass  # another process was quicker, and its key is the one
            finally:
                Path(new.name).unlink()
        return path.read_text(encoding="ascii")
    except OSError as error:
        raise VaultError(f"{path}: {error.strerror}; set WARMTH_VAULT_DIR to a folder that can be written") from None
