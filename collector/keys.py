"""Who may post and read: keys that are kept as hashes, with scopes, sources, origins and rates."""

import hashlib
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from collector.bodies import Refusal

Scope = Literal["write", "read"]
_LOOK_SECS: Final = 1.0
_BURST_SECS: Final = 2.0


class KeysError(Exception):
    """The file of keys can not be used; the message says where and why."""


class Key(BaseModel):
    """One key: `sha256` is the hash of what its holder sends.

    `source` names its events' source, `origins` the sites whose pages may use it; all may where none is said.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[\w.-]{1,60}$")]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] = ""
    scopes: frozenset[Scope] = frozenset({"write"})
    source: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    origins: frozenset[str] = frozenset()
    events_per_sec: Annotated[int, Field(ge=1)] | None = None


class KeyFile(BaseModel):
    """The file: YAML with a list `keys`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keys: list[Key] = []


ANYONE: Final = Key(name="anyone", scopes=frozenset({"write", "read"}))
"""Whoever has a key, while none are configured."""


def read_file(path: Path) -> KeyFile:
    """Return the keys of a file; none where it is not there.

    Raises:
        KeysError: It is no YAML, or says what no key can say.
    """
    try:
        return KeyFile.model_validate(yaml.safe_load(path.read_text()) or {})
    except FileNotFoundError:
        return KeyFile()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise KeysError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise KeysError(f"{path}: {' '.join(str(error).split())[:200]}") from None


def write_file(path: Path, keys: KeyFile) -> None:
    """Replace the file at once; only its owner may read it."""
    new = path.with_name(f"{path.name}.new")
    new.touch(mode=0o600)
    documents = [
        {name: sorted(value) if isinstance(value, frozenset) else value for name, value in key.model_dump().items() if value}
        for key in keys.keys
    ]
    new.write_text(yaml.safe_dump({"keys": documents}, sort_keys=False))
    new.replace(path)


def new_secret() -> str:
    """Return a key as its holder sends it: 192 random bits."""
    return secrets.token_urlsafe(24)


def digest(secret: str) -> str:
    """Return what is kept of a key; it is random and long, so that a plain hash can not be searched."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


class Keyring:
    """The keys of a file that may change: it is looked at again every second.

    Args:
        path: The file; None lets in whoever has any key.
        clock: Seconds that never fall.
    """

    def __init__(self, path: Path | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._looked_at = clock()
        self._stamp = self._stamp_of()
        self._by_digest = self._read()
        self.trouble = ""
        """Why the file as it is now can not be used; the keys before it go on to be known."""

    def admit(self, secret: str, scope: Scope, origin: str | None) -> Key:
        """Return the key that a request bears.

        Raises:
            Refusal: It bears none, an unknown one, or one that may not do this or not from that page.
        """
        if not secret:
            raise Refusal(401, "missing_key", "send the key by Basic auth, or as writeKey in query or body")
        if self._path is None:
            return ANYONE
        self._look_again()
        key = self._by_digest.get(digest(secret))
        if key is None:
            raise Refusal(401, "unknown_key", "the key is unknown, or was revoked")
        if scope not in key.scopes:
            raise Refusal(403, "wrong_scope", f"the key has no scope {scope}")
        if origin is not None and key.origins and origin not in key.origins:
            raise Refusal(403, "wrong_origin", "the key may not be used from pages of this origin")
        return key

    def _look_again(self) -> None:
        now = self._clock()
        if now - self._looked_at < _LOOK_SECS:
            return
        self._looked_at = now
        stamp = self._stamp_of()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._by_digest = self._read()
            self.trouble = ""
        except KeysError as error:
            self.trouble = str(error)

    def _read(self) -> dict[str, Key]:
        return {} if self._path is None else {key.sha256: key for key in read_file(self._path).keys}

    def _stamp_of(self) -> tuple[int, int]:
        try:
            known = self._path.stat() if self._path is not None else None
        except OSError:
            known = None
        return (known.st_mtime_ns, known.st_ino) if known is not None else (0, 0)


class Rates:
    """How much each key has sent of late: a bucket that fills with its rate and holds two seconds of it.

    Args:
        events_per_sec: Rate of a key that says none.
        clock: Seconds that never fall.
    """

    def __init__(self, events_per_sec: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = events_per_sec
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def check(self, key: Key) -> None:
        """Let a request pass whose bucket is not empty, before anything of it is read.

        Raises:
            Refusal: The key has sent too much.
        """
        left = self._left(key)
        if left <= 0:
            secs = max(1, round(0.5 - left / (key.events_per_sec or self._rate)))
            raise Refusal(429, "too_many_events", "this key sends too much; send again later", secs)

    def spend(self, key: Key, events: int) -> None:
        """Take the events of a request out of the bucket; the last one may overdraw it, and the next then waits."""
        self._buckets[key.name] = (self._left(key) - events, self._clock())

    def _left(self, key: Key) -> float:
        rate, now = key.events_per_sec or self._rate, self._clock()
        left, at = self._buckets.get(key.name, (rate * _BURST_SECS, now))
        return min(rate * _BURST_SECS, left + (now - at) * rate)
