"""The command line: `warmth --help`. Errors are one clear line with what to do; exit code 0 means success."""

import asyncio
import sys

import typer
from aiokafka.errors import KafkaError
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

from agents.cli import (
    collecting,
    demo,
    egressing,
    fitting,
    importing,
    inspect,
    operations,
    publishing,
    queries,
    reporting,
    rules,
    schemas,
    scoring,
    segments,
    sending,
    stack,
    trying,
    vault,
    workers,
)
from agents.cli.addresses import AddressError
from agents.fitting import FitError
from agents.importing import TableError
from agents.operations import OperationError
from agents.parameters import ParametersError
from agents.settings import SettingsError
from deploy.embedded.supervisor import StackError
from sinks.migrate import ChangedMigrationError
from streams.kafka.admin import TopicsError
from streams.rules_files import RulesError
from streams.vault.keys import VaultError
from streams.worker import configure_logging

app = typer.Typer(
    help="Real-time behavioural scoring of customers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
PARTS = (
    stack, demo, sending, importing, scoring, inspect, segments, queries, reporting, fitting, rules, trying, publishing,
    operations, workers, collecting, egressing, vault, schemas,
)  # fmt: skip
for part in PARTS:
    part.register(app)

_CLEAR = (
    AddressError, ChangedMigrationError, FitError, OperationError, ParametersError, RulesError, SettingsError, StackError,
    TableError, TopicsError, VaultError,
)  # fmt: skip
"""Errors whose message is for a person."""


def main() -> None:
    """Run the command line."""
    configure_logging("WARNING")
    try:
        app()
    except _CLEAR as error:
        _end(str(error))
    except KafkaError as error:
        _end(f"Kafka does not answer as expected: {' '.join(str(error).split())[:200]}; is it up? see `warmth status`")
    except OperationalError:
        _end("ClickHouse does not answer; is it up? see `warmth status`, or WARMTH_CLICKHOUSE_URL for its address")
    except ClickHouseError as error:
        _end(f"ClickHouse refused: {' '.join(str(error).split())[:300]}")
    except (KeyboardInterrupt, asyncio.CancelledError):
        _end("interrupted")
    except OSError as error:
        _end(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")


def _end(message: str) -> None:
    print(f"warmth: {message}", file=sys.stderr)  # noqa: T201  # the command line speaks here
    raise SystemExit(1)
