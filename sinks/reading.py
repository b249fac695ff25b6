"""Reads ClickHouse: the client of commands and reports."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, NamedTuple, Self

import clickhouse_connect

from sinks.clickhouse import connection
from sinks.settings import SinkSettings


class Answer(NamedTuple):
    """Columns and rows of a query."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


class Reader:
    """A connection for queries, closed at the end of its block."""

    def __init__(self, settings: SinkSettings) -> None:
        self._settings = settings

    def __enter__(self) -> Self:
        """Connect."""
        self._client = clickhouse_connect.get_client(**connection(self._settings))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Disconnect."""
        self._client.close()

    def ask(self, sql: str, parameters: dict[str, Any] | None = None) -> Answer:
        """Return the answer to a query whose parameters are named as `{name:Type}`."""
        answer = self._client.query(sql, parameters=parameters)
        return Answer(answer.column_names, answer.result_rows)

    def rows(self, sql: str, parameters: dict[str, Any] | None = None) -> Sequence[Sequence[Any]]:
        """Return the rows of `ask`."""
        return self.ask(sql, parameters).rows

    def formatted(self, sql: str, parameters: dict[str, Any], form: str) -> bytes:
        """Return the answer in a format of ClickHouse, such as `CSVWithNames`."""
        return bytes(self._client.raw_query(sql, parameters=parameters, fmt=form))

    def command(self, sql: str, parameters: dict[str, Any] | None = None) -> None:
        """Run a statement that answers nothing."""
        self._client.command(sql, parameters=parameters)

    @contextmanager
    def stream(self, sql: str, parameters: dict[str, Any] | None = None) -> Iterator[Iterator[Sequence[Any]]]:
        """Give the rows of a query one by one as they come, so that memory does not depend on how many there are."""
        with self._client.query_rows_stream(sql, parameters=parameters) as rows:
            yield iter(rows)
