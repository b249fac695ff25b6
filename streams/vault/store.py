"""Where wrapped data keys rest until they are destroyed: SQLite on one machine, PostgreSQL for several."""

import os
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError, SQLAlchemyError

from streams.vault.keys import VaultError

_TABLES: Final = sa.MetaData()
_KEYS: Final = sa.Table(
    "data_keys",
    _TABLES,
    sa.Column("id", sa.LargeBinary(16), primary_key=True),
    sa.Column("owner", sa.String(200), nullable=False, unique=True),
    sa.Column("wrapped", sa.LargeBinary(100), nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False, comment="Seconds since 1970."),
)
_INSERT: Final[dict[str, Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_PRAGMAS: Final = ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "busy_timeout=10000")
_MANY: Final = 500
"""Values that one statement asks for."""


class StoredKey(NamedTuple):
    """A data key as it is kept."""

    id: bytes
    owner: str
    wrapped: bytes


class KeyStore:
    """The table of data keys.

    Args:
        url: Where it is, as SQLAlchemy has it: `sqlite:///FILE` or `postgresql+psycopg://USER:PASSWORD@HOST/DATABASE`.

    Raises:
        VaultError: There is no such store, or it does not answer.
    """

    def __init__(self, url: str) -> None:
        try:
            parsed = sa.make_url(url)
            if parsed.get_backend_name() not in _INSERT:
                raise VaultError(f"{parsed.get_backend_name()}: keys rest in sqlite or postgresql; mend WARMTH_VAULT_URL")
            self._said = parsed.render_as_string(hide_password=True)
            self._insert = _INSERT[parsed.get_backend_name()]
            if parsed.get_backend_name() == "sqlite":
                _make_file(parsed.database)
            self._engine = sa.create_engine(parsed, pool_pre_ping=True, connect_args=_options(parsed))
        except (SQLAlchemyError, ImportError) as error:
            raise VaultError(f"WARMTH_VAULT_URL: {_line(error)}") from None
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", _prepare)
        with self._asking():
            try:
                _TABLES.create_all(self._engine)
            except (IntegrityError, OperationalError, ProgrammingError):
                _TABLES.create_all(self._engine)  # another process made it at the same time: now it is there

    def of_owners(self, owners: Collection[str]) -> list[StoredKey]:
        """Return the keys that there are for some owners."""
        return self._select(_KEYS.c.owner, list(owners))

    def of_ids(self, ids: Collection[bytes]) -> list[StoredKey]:
        """Return the keys that there are with some ids."""
        return self._select(_KEYS.c.id, list(ids))

    def add(self, keys: Collection[StoredKey]) -> None:
        """Keep new keys; an owner who has one already, by now, keeps it."""
        now = int(time.time())
        rows = [{**key._asdict(), "created_at": now} for key in sorted(keys, key=lambda key: key.owner)]
        statement = self._insert(_KEYS).on_conflict_do_nothing(index_elements=["owner"])
        with self._asking(), self._engine.begin() as connection:
            connection.execute(statement, rows)

    def replace(self, keys: Collection[StoredKey]) -> None:
        """Keep keys that are wrapped anew in place of what was kept of them."""
        statement = _KEYS.update().where(_KEYS.c.id == sa.bindparam("key")).values(wrapped=sa.bindparam("code"))
        with self._asking(), self._engine.begin() as connection:
            connection.execute(statement, [{"key": key.id, "code": key.wrapped} for key in keys])

    def destroy(self, owners: Collection[str]) -> int:
        """Destroy the keys of some owners; return how many there were. Nobody can read what they sealed any more."""
        with self._asking(), self._engine.begin() as connection:
            gone = sum(
                connection.execute(_KEYS.delete().where(_KEYS.c.owner.in_(part))).rowcount for part in _parts(list(owners))
            )
        if gone and self._engine.dialect.name == "sqlite":
            with self._asking(), self._engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")  # the log still has the pages as they were
        return gone

    def every(self) -> Iterator[list[StoredKey]]:
        """Yield all keys, some at a time, in the order of their ids."""
        after = b""
        while True:
            statement = _columns().where(_KEYS.c.id > after).order_by(_KEYS.c.id).limit(_MANY)
            with self._asking(), self._engine.connect() as connection:
                rows = [_stored(row) for row in connection.execute(statement)]
            if not rows:
                return
            yield rows
            after = rows[-1].id

    def close(self) -> None:
        """Hang up."""
        self._engine.dispose()

    def _select(self, column: Any, values: list[Any]) -> list[StoredKey]:
        with self._asking(), self._engine.connect() as connection:
            return [
                _stored(row) for part in _parts(values) for row in connection.execute(_columns().where(column.in_(part)))
            ]

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, OSError) as error:
            raise VaultError(f"{self._said}: {_line(error)}") from None


def _columns() -> sa.Select[Any]:
    return sa.select(_KEYS.c.id, _KEYS.c.owner, _KEYS.c.wrapped)


def _stored(row: Any) -> StoredKey:
    return StoredKey(bytes(row.id), row.owner, bytes(row.wrapped))


def _parts(values: list[Any]) -> Iterator[list[Any]]:
    return (values[first : first + _MANY] for first in range(0, len(values), _MANY))


def _options(url: sa.URL) -> dict[str, Any]:
    return {} if url.get_backend_name() == "sqlite" else {"connect_timeout": 5}


def _make_file(path: str | None) -> None:
    """Make the file, and its folder, so that nobody else may read it."""
    if not path:
        raise VaultError("WARMTH_VAULT_URL: sqlite needs a file, such as sqlite:////var/lib/warmth/vault.sqlite")
    try:
        Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise VaultError(f"{path}: {error.strerror}; set WARMTH_VAULT_DIR to a folder that can be written") from None


def _prepare(connection: Any, _record: Any) -> None:
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _line(error: Exception) -> str:
    return " ".join(str(getattr(error, "orig", None) or error).split())[:200]
