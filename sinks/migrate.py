"""Applies the numbered migrations, each once."""

import logging
import re
from pathlib import Path
from typing import Final, NamedTuple

import clickhouse_connect
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential_jitter

from sinks.clickhouse import OUTAGES, connection
from sinks.settings import SinkSettings

log = logging.getLogger("warmth.clickhouse")
FOLDER: Final = Path(__file__).parent / "migrations"
_NAME: Final = re.compile(r"^(\d{4})_([a-z0-9_]+)\.sql$")


class Migration(NamedTuple):
    """A numbered file of statements."""

    number: int
    name: str
    statements: list[str]


def read_migrations(folder: Path = FOLDER) -> list[Migration]:
    """Return the migrations in order; a file with another kind of name is refused.

    Raises:
        ValueError: A name is no number and name, or a number is missing or stands twice.
    """
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.match(path.name)
        if match is None:
            raise ValueError(f"{path.name}: a migration is called 0001_name.sql")
        text = re.sub(r"^\s*--.*$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        statements = [statement.strip() for statement in text.split(";") if statement.strip()]
        found.append(Migration(int(match[1]), match[2], statements))
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise ValueError("migrations must be numbered 1, 2, 3 … without a gap")
    return found


def _wait(settings: SinkSettings) -> None:
    def say(state: RetryCallState) -> None:
        pause = state.next_action.sleep if state.next_action else 0.0
        log.warning("ClickHouse at %s does not answer; next try in %.1f s", settings.clickhouse_url, pause)

    for attempt in Retrying(
        wait=wait_exponential_jitter(initial=0.5, max=15), retry=retry_if_exception_type(OUTAGES), before_sleep=say
    ):
        with attempt:
            clickhouse_connect.get_client(**connection(settings, database=False)).close()


def migrate(settings: SinkSettings, *, wait: bool) -> list[str]:
    """Apply what is missing and return the names of what was applied.

    Statements can be repeated: a run that was cut short is mended by the next one.

    Args:
        settings: Where to.
        wait: Whether to wait for a ClickHouse that is away, with a line for each try.
    """
    if wait:
        _wait(settings)
    database = settings.clickhouse_database
    with clickhouse_connect.get_client(**connection(settings, database=False)) as client:
        client.command(f"CREATE DATABASE IF NOT EXISTS {database}")
    with clickhouse_connect.get_client(**connection(settings)) as client:
        tables = {row[0] for row in client.query("SHOW TABLES").result_rows}
        done = (
            {row[0] for row in client.query("SELECT number FROM migrations").result_rows}
            if "migrations" in tables
            else set()
        )
        applied = []
        for migration in read_migrations():
            if migration.number in done:
                continue
            for statement in migration.statements:
                client.command(statement)
            client.insert("migrations", [[migration.number, migration.name]], column_names=["number", "name"])
            applied.append(f"{migration.number:04d}_{migration.name}")
        return applied
