"""Brings ClickHouse to what this version needs: numbered migrations once, views and terms whenever they differ."""

import logging
from collections.abc import Sequence
from typing import Any, Final

import clickhouse_connect
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential_jitter

from sinks.clickhouse import OUTAGES, connection
from sinks.clusters import on_cluster
from sinks.departments import department_views, role_step
from sinks.queries import read_queries
from sinks.retention import term_steps
from sinks.settings import SinkSettings
from sinks.statements import Step, read_migrations, read_selects, undone, view_steps

log = logging.getLogger("warmth.clickhouse")
_LEDGER: Final = (
    "CREATE TABLE IF NOT EXISTS migrations (number UInt32, name String, applied_at DateTime64(3, 'UTC') DEFAULT"
    " now64(3, 'UTC')) ENGINE = MergeTree ORDER BY number",
    "ALTER TABLE migrations ADD COLUMN IF NOT EXISTS checksum String",
)
_COLUMNS: Final = "SELECT name FROM system.columns WHERE database = {database:String} AND table = 'migrations'"
_DONE: Final = "SELECT number, name, argMax({checksum}, applied_at) FROM {database}.migrations GROUP BY number, name"
_DEFINER: Final = " DEFINER = CURRENT_USER SQL SECURITY DEFINER"
"""Views read by the rights of who migrates, so that a department needs none to what they read."""
Done = dict[tuple[int, str], str]
"""Checksum of each step that was taken, by number and name; empty where a version without checksums noted it."""


class ChangedMigrationError(ValueError):
    """A migration was applied with another text than its file has now."""


def wanted(settings: SinkSettings) -> list[Step]:
    """Return all that this version needs, in order."""
    migrations = read_migrations()
    selects = read_selects() | {query.name: query.select for query in read_queries().values()}
    for views in department_views().values():
        selects |= views
    security = _DEFINER if settings.clickhouse_roles else ""
    steps = [*migrations, *view_steps(selects, len(migrations), security), *term_steps(settings.rows_kept_days)]
    return [*steps, role_step(settings.clickhouse_database)] if settings.clickhouse_roles else steps


def missing(done: Done, steps: Sequence[Step]) -> list[Step]:
    """Return the steps that were not taken yet, or that changed since, and what takes away views that are gone.

    Raises:
        ChangedMigrationError: A migration was applied already, with another text.
    """
    found = []
    for step in steps:
        before = done.get((step.number, step.name))
        if step.number and before and before != step.checksum:
            raise ChangedMigrationError(
                f"{step.title}.sql is not what was applied here: restore it, and say what is to change in a new migration"
            )
        if before is None or (not step.number and before != step.checksum):
            found.append(step)
    gone = done.keys() - {(step.number, step.name) for step in steps}
    names = sorted(name for number, name in gone if not number and done[number, name])
    return found + [Step(0, name, "", [statement]) for name in names if (statement := undone(name)) is not None]


def migrate(settings: SinkSettings, *, wait: bool, dry_run: bool = False) -> list[str]:
    """Do what is missing and return the names of it.

    Args:
        settings: Where to.
        wait: Whether to wait for a ClickHouse that is away, with a line for each try.
        dry_run: Whether to change nothing.

    Raises:
        ChangedMigrationError: A migration was applied already, with another text.
    """
    if wait:
        _wait(settings)
    with clickhouse_connect.get_client(**connection(settings, database=False)) as client:
        if not dry_run:
            client.command(f"CREATE DATABASE IF NOT EXISTS {settings.clickhouse_database}")
        steps = missing(_done(client, settings.clickhouse_database), wanted(settings))
    if steps and not dry_run:
        with clickhouse_connect.get_client(**connection(settings)) as client:
            for statement in _LEDGER:
                client.command(statement)
            for step in steps:
                _take(client, step, settings.clickhouse_cluster)
    return [step.title for step in steps]


def _done(client: Any, database: str) -> Done:
    columns = {row[0] for row in client.query(_COLUMNS, {"database": database}).result_rows}
    if not columns:
        return {}
    checksum = "checksum" if "checksum" in columns else "''"
    rows = client.query(_DONE.format(checksum=checksum, database=database)).result_rows
    return {(number, name): found for number, name, found in rows}


def statements(step: Step, cluster: str) -> list[str]:
    """Return what a step sends: as it stands to one server, else what brings about the same on every server of a cluster."""
    return on_cluster(step.statements, cluster) if cluster else list(step.statements)


def _take(client: Any, step: Step, cluster: str) -> None:
    for statement in statements(step, cluster):
        client.command(statement)
    row = [step.number, step.name, step.checksum]
    client.insert("migrations", [row], column_names=["number", "name", "checksum"])


def _wait(settings: SinkSettings) -> None:
    def say(state: RetryCallState) -> None:
        pause = state.next_action.sleep if state.next_action else 0.0
        log.warning("ClickHouse at %s does not answer; next try in %.1f s", settings.clickhouse_url, pause)

    for attempt in Retrying(
        wait=wait_exponential_jitter(multiplier=0.5, max=15), retry=retry_if_exception_type(OUTAGES), before_sleep=say
    ):
        with attempt:
            clickhouse_connect.get_client(**connection(settings, database=False)).close()
