"""ClickHouse's engine in this process (chDB): every statement on a connection of its own.

A chDB connection runs one statement at a time and keeps what SET and USE told it; connections to one folder
run beside each other and share nothing but the tables. Opening one takes a third of a millisecond, so each
statement gets a fresh one and no setting outlives it.
"""

import asyncio
import fcntl
import os
import re
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import SpooledTemporaryFile
from threading import Event
from typing import IO, Any
from uuid import uuid4

import chdb

from deploy.embedded.clickhouse_errors import refused
from deploy.embedded.clickhouse_native import WALKABLE, with_revision
from deploy.embedded.clickhouse_sql import Statement

_connect: Callable[[str], Any] = chdb.connect  # chdb types nothing
_THREADS = 16
_LOAD_THREADS = 4  # of their own, so that slow readers never hold up an insert
_CHUNK_BYTES = 1 << 20
_SPOOL_BYTES = 16 << 20
_MARK_CACHE_BYTES = 256 << 20
_KILL_AGAIN_SECS = 0.1
_DEFAULT_DATABASE = "default"
_READ_ONLY = {"readonly": "2"}
# A body becomes one block, hence one atomic part per table partition, up to these sizes.
_ONE_BLOCK = {
    "max_insert_block_size": "10000000",
    "min_insert_block_size_rows": "10000000",
    "min_insert_block_size_bytes": str(1 << 30),
}


class FolderError(Exception):
    """The data folder cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Session:
    """What one statement runs under.

    Attributes:
        settings: Settings and `param_…` values as text; names are identifiers.
        mark: Ours alone, found again in `system.processes`, so that the statement can be stopped.
    """

    database: str = _DEFAULT_DATABASE
    settings: Mapping[str, str] = field(default_factory=dict)
    read_only: bool = False
    mark: str = field(default_factory=lambda: uuid4().hex)


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows and bytes of a statement that ended well."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0


@dataclass(frozen=True, slots=True)
class Rows:
    """A running SELECT: its answer in the format asked for, and how it ended."""

    answer: asyncio.StreamReader
    ended: asyncio.Future[Counts]

    async def read(self) -> bytes:
        """Return the next bytes; none left means that the statement is over and `ended` is about to tell."""
        return await self.answer.read(_CHUNK_BYTES)


class Engine:
    """The only user of a data folder until closed."""

    def __init__(self, folder: Path, memory_bytes: int) -> None:
        """Open `folder`, made if it is not there.

        Args:
            folder: Where tables live.
            memory_bytes: Above this a query is refused rather than the machine brought down.

        Raises:
            FolderError: If another process has it or it cannot be written to.
        """
        _check_folder(folder)
        self._address = str(folder)
        self._spool = folder / "spool"
        shutil.rmtree(self._spool, ignore_errors=True)
        self._spool.mkdir()
        limits = f"max_server_memory_usage={memory_bytes}&mark_cache_size={_MARK_CACHE_BYTES}"
        try:
            self._keeper = _connect(f"{folder}?{limits}")  # keeps the engine up between statements
        except (RuntimeError, chdb.ChdbError) as error:
            raise FolderError(f"the data folder {folder} cannot be opened: {error}") from error
        facts = self._keeper.query("SELECT displayName(), version(), timezone()", "TabSeparatedRaw").bytes().decode()
        self.display_name, self.version, self.timezone = facts.rstrip("\n").split("\t")
        self._threads = ThreadPoolExecutor(_THREADS, "statement")
        self._load_threads = ThreadPoolExecutor(_LOAD_THREADS, "load")
        self._stopping: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Wait for every running statement, then let go of the folder."""
        await asyncio.gather(*self._stopping)
        await asyncio.to_thread(self._load_threads.shutdown)
        await asyncio.to_thread(self._threads.shutdown)
        self._keeper.close()

    def spool(self) -> IO[bytes]:
        """Return an empty file that stays in memory while small and leaves nothing behind."""
        return SpooledTemporaryFile(max_size=_SPOOL_BYTES, dir=str(self._spool))

    async def command(self, session: Session, statement: Statement, form: str) -> tuple[bytes, Counts]:
        """Return the whole answer of a statement whose answer is small."""

        def run() -> tuple[bytes, Counts]:
            with self._connection(session) as connection:
                result = connection.query(statement.sql, form)
                return result.bytes(), _counts(result)

        return await asyncio.get_running_loop().run_in_executor(self._threads, run)

    async def load(self, session: Session, statement: Statement, rows: IO[bytes]) -> Counts:
        """Insert `rows`, read to their end and closed, as one block."""

        def run() -> Counts:
            with rows, _held(rows) as held, self._connection(session, _ONE_BLOCK) as connection:
                source = f" FROM INFILE '/dev/fd/{held.fileno()}' COMPRESSION 'none' ".encode()
                result = connection.query(statement.sql + source + statement.tail + f" FORMAT {statement.format}".encode())
                return Counts(written_rows=result.rows_written(), written_bytes=result.bytes_written())

        return await asyncio.get_running_loop().run_in_executor(self._load_threads, run)

    @asynccontextmanager
    async def select(self, session: Session, statement: Statement, form: str, revision: int = 0) -> AsyncIterator[Rows]:
        """Run a SELECT whose answer comes through a pipe; leaving early stops the engine's work.

        The pipe keeps the answer out of memory and holds the engine back when nobody reads.

        Args:
            session: What it runs under.
            statement: The SELECT.
            form: The format of the answer.
            revision: Protocol revision of Native blocks, 0 for the engine's own.
        """
        loop = asyncio.get_running_loop()
        source, sink = os.pipe()
        answer = asyncio.StreamReader(limit=_CHUNK_BYTES // 4)
        pipe = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(answer), os.fdopen(source, "rb", 0))
        unwanted = Event()
        run = _blocks(statement, revision) if revision else _outfile(statement, form)

        def feed() -> Counts:
            with os.fdopen(sink, "wb", 0) as end:
                if unwanted.is_set():
                    return Counts()
                with self._connection(session, WALKABLE if revision else None) as connection:
                    return run(connection, end)

        ended = loop.run_in_executor(self._threads, feed)
        try:
            yield Rows(answer, ended)
        finally:
            unwanted.set()
            pipe[0].close()
            if not ended.done():
                task = asyncio.create_task(self._stop(session.mark, ended))
                self._stopping.add(task)
                task.add_done_callback(self._stopping.discard)

    async def _stop(self, mark: str, ended: asyncio.Future[Counts]) -> None:
        """Kill a statement; the engine ignores a closed pipe and would compute to the end."""
        while not ended.done():
            await asyncio.to_thread(self._keeper.query, f"KILL QUERY WHERE Settings['log_comment'] = '{mark}'")
            await asyncio.wait({ended}, timeout=_KILL_AGAIN_SECS)
        ended.exception()  # nobody is left to be told

    @contextmanager
    def _connection(self, session: Session, defaults: Mapping[str, str] | None = None) -> Iterator[Any]:
        """Yield a connection that runs under `session`; whatever it raises comes out as `RefusedError`."""
        marked = {"log_comment": session.mark} | (_READ_ONLY if session.read_only else {})
        settings = {**(defaults or {}), **session.settings, **marked}
        connection = _connect(self._address)
        try:
            if session.database != _DEFAULT_DATABASE:
                connection.query(f"USE {_quoted(session.database, '`')}")
            connection.query("SET " + ", ".join(f"{name} = {_quoted(value)}" for name, value in settings.items()))
            yield connection
        except (RuntimeError, chdb.ChdbError) as error:
            raise refused(error) from error
        finally:
            connection.close()


def _held(rows: IO[bytes]) -> IO[bytes]:
    """Return the rest of `rows` in memory, under a descriptor; chDB's own stream of rows hides that a commit failed."""
    held = os.fdopen(os.memfd_create("rows"), "w+b")
    shutil.copyfileobj(rows, held, _CHUNK_BYTES)
    held.flush()
    return held


def _outfile(statement: Statement, form: str) -> Callable[[Any, IO[bytes]], Counts]:
    """Return a run in which the engine itself writes the whole document, whatever the format."""

    def run(connection: Any, end: IO[bytes]) -> Counts:
        into = f"\nINTO OUTFILE '/dev/fd/{end.fileno()}' APPEND FORMAT {form}\n".encode()
        return _counts(connection.query(statement.sql + into + statement.tail, form))

    return run


def _blocks(statement: Statement, revision: int) -> Callable[[Any, IO[bytes]], Counts]:
    """Return a run that passes Native blocks on, each rewritten for `revision`."""

    def run(connection: Any, end: IO[bytes]) -> Counts:
        rows = 0
        with connection.send_query(statement.sql + b"\n" + statement.tail, "Native") as blocks:
            for block in blocks:
                rows += block.rows_read()
                try:
                    _write_all(end, with_revision(block.bytes(), revision))
                except BrokenPipeError:
                    break
        return Counts(read_rows=rows, result_rows=rows)

    return run


def _write_all(end: IO[bytes], chunk: bytes) -> None:
    left = memoryview(chunk)
    while left:
        left = left[end.write(left) :]


def _counts(result: Any) -> Counts:
    return Counts(
        result.storage_rows_read(),
        result.storage_bytes_read(),
        result.rows_written(),
        result.bytes_written(),
        result.rows_read(),
    )


def _quoted(text: str, quote: str = "'") -> str:
    """Return `text` as one SQL literal or identifier, whatever is in it."""
    return quote + text.replace("\\", "\\\\").replace(quote, "\\" + quote) + quote


def _check_folder(folder: Path) -> None:
    """Raise FolderError with a reason of ours where the engine would only fail."""
    if "?" in str(folder):
        raise FolderError(f"the data folder {folder} has a '?' in its name, which chDB cannot open: choose another name")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        status = folder / "status"  # the engine's own lock
        if not status.exists():
            return
        with status.open("r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = re.search(r"PID: (\d+)", status.read_text())
        process = f"process {holder[1]}" if holder else "another process"
        raise FolderError(f"the data folder {folder} is in use by {process}: stop it or choose another --data") from error
    except OSError as error:
        raise FolderError(f"the data folder {folder} cannot be used ({error.strerror}): choose another --data") from error
