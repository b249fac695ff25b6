"""The ordinary ClickHouse client, with the settings that exact loading needs and the one place that retries."""

import gc
import logging
import time
from collections.abc import Sequence
from typing import Any, Final, cast
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential_jitter

from sinks.refusals import find_refused, is_refusal
from sinks.settings import SinkSettings
from streams import metrics
from streams.health import Call, Calls

log = logging.getLogger("warmth.clickhouse")

OUTAGES: Final = (ClickHouseError, OSError, TimeoutError)
"""What a retry may mend; anything else is a bug and ends the process."""

_OF_PRODUCERS: Final = frozenset({"events"})
"""Tables whose rows hold what producers wrote, so that a row of them can be to blame."""
_COLUMNS: Final = """
    SELECT name, type FROM system.columns
    WHERE database = currentDatabase() AND table = {table:String} AND default_kind NOT IN ('ALIAS', 'MATERIALIZED')
    ORDER BY position
"""

_ONE_BLOCK: Final = {
    "async_insert": 0,
    "date_time_input_format": "best_effort",
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "input_format_null_as_default": 1,
    "input_format_parallel_parsing": 0,
    "input_format_skip_unknown_fields": 0,
    "input_format_try_infer_dates": 0,
    "input_format_try_infer_datetimes": 0,
    "max_insert_block_size": 1_000_000,
    "max_partitions_per_insert_block": 1,
    "min_insert_block_size_bytes": 0,
    "min_insert_block_size_rows": 1_000_000,
    "wait_end_of_query": 1,
}
"""One insert is one block in one table partition: only that is atomic, and only that a token can name.

Within JSON a text that looks like a date stays the text that it is: rules read it again.
"""


def connection(settings: SinkSettings, *, database: bool = True) -> dict[str, Any]:
    """Return the arguments of clickhouse-connect's clients."""
    url = urlsplit(settings.clickhouse_url)
    return {
        "host": url.hostname,
        "port": url.port or (8443 if url.scheme == "https" else 8123),
        "secure": url.scheme == "https",
        "username": settings.clickhouse_user,
        "password": settings.clickhouse_password.get_secret_value(),
        "database": settings.clickhouse_database if database else "default",
        "compress": False,
        "send_receive_timeout": settings.clickhouse_timeout_secs,
        "autogenerate_session_id": False,
    }


def _say(state: RetryCallState, call: Call) -> None:
    error = state.outcome.exception() if state.outcome else None
    pause = state.next_action.sleep if state.next_action else 0.0
    metrics.INSERT_RETRIES.inc()
    why = "it refuses rows" if error and is_refusal(error) else " ".join(str(error).split())[:200]  # a refusal cites them
    call.failed(why or type(error).__name__)
    log.warning("ClickHouse did not take it; next try in %.1f s: %s", pause, why)
    gc.collect()  # frames of what failed hold its block, and each other; by itself the collector comes seldom here


class RefusedRowsError(Exception):
    """ClickHouse refuses some rows of a block for what they are; `refused` has their indexes and the fields to blame."""

    def __init__(self, refused: dict[int, str]) -> None:
        super().__init__(f"{len(refused)} rows")
        self.refused = refused


class ClickHouse:
    """Writes blocks of JSON rows; whatever is away, each is written once or the call does not return."""

    def __init__(self, settings: SinkSettings) -> None:
        self._settings = settings
        self._client: Any = None
        self.asked_at = time.monotonic()
        """When something was last tried; monotonic. It tells waiting for an answer from hanging."""
        self.calls = Calls()
        """What ClickHouse was asked and has not answered yet, for `/readyz`."""
        metrics.CLICKHOUSE_FAILING.set_function(lambda: bool(self.calls.trouble()))

    async def insert(self, table: str, rows: Sequence[bytes], token: str) -> None:
        """Insert `rows` as one block, trying again for ever while ClickHouse is away or its tables are broken.

        Args:
            table: Table of our database.
            rows: JSON objects, one a row; the block is kept in memory until it is in.
            token: Name of the block: a block of the same name is not inserted again.

        Raises:
            RefusedRowsError: Some of the rows can never get in; nothing was inserted.
        """
        if not rows:
            return
        block, settings = b"\n".join(rows), {**_ONE_BLOCK, "insert_deduplication_token": token}
        with self.calls.one() as call:
            async for attempt in self._again(call):
                with attempt:
                    await self._insert(table, rows, block, settings)
        metrics.ROWS_LOADED.labels(table).inc(len(rows))

    async def rows(self, query: str, parameters: dict[str, Any]) -> Sequence[Sequence[Any]]:
        """Return the rows of a query whose parameters are named as `{name:Type}`, trying again for ever."""
        with self.calls.one() as call:
            async for attempt in self._again(call):
                with attempt:
                    client = await self._connected()
                    answer = await client.query(query, parameters=parameters)
        return cast("Sequence[Sequence[Any]]", answer.result_rows)

    async def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            await self._client.close()

    def _again(self, call: Call) -> AsyncRetrying:
        return AsyncRetrying(
            wait=wait_exponential_jitter(multiplier=0.2, max=10),
            retry=retry_if_exception_type(OUTAGES),
            before=self._note_try,
            before_sleep=lambda state: _say(state, call),
        )

    def _note_try(self, _state: RetryCallState | None = None) -> None:
        self.asked_at = time.monotonic()

    async def _insert(self, table: str, rows: Sequence[bytes], block: bytes, settings: dict[str, Any]) -> None:
        """Try once; where rows are to blame, say which."""
        try:
            with metrics.INSERT_SECONDS.time():
                await self._send(table, block, settings)
        except ClickHouseError as error:
            if table in _OF_PRODUCERS and is_refusal(error) and (refused := await self._refused(table, rows)):
                raise RefusedRowsError(refused) from None
            raise

    async def _refused(self, table: str, rows: Sequence[bytes]) -> dict[int, str] | None:
        """Return which rows a table cannot take, as `find_refused`: they are read into nothing, with its columns."""
        columns = await self.rows(_COLUMNS, {"table": table})
        structure = ", ".join(f"`{name}` {type_}" for name, type_ in columns).replace("\\", "\\\\").replace("'", "\\'")

        async def attempt(part: Sequence[bytes]) -> ClickHouseError | None:
            self._note_try()
            try:
                await self._send(f"FUNCTION null('{structure}')", b"\n".join(part), _ONE_BLOCK)
            except ClickHouseError as error:
                if is_refusal(error):
                    return error
                raise
            return None

        return await find_refused(rows, attempt)

    async def _send(self, table: str, block: bytes, settings: dict[str, Any]) -> None:
        client = await self._connected()
        await client.raw_insert(table, insert_block=block, fmt="JSONEachRow", settings=settings)

    async def _connected(self) -> Any:
        if self._client is None:
            self._client = await clickhouse_connect.get_async_client(**connection(self._settings))
        return self._client
