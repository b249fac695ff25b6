"""The command line: `warmth --help`. Errors are one clear line with what to do; exit code 0 means success."""

import asyncio
import sys

import typer
from aiokafka.errors import KafkaError
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

from agents.cli import demo, inspect, operations, queries, schemas, scoring, sending, stack, workers
from agents.cli.addresses import AddressError
from agents.operations import OperationError
from agents.settings import SettingsError
from deploy.embedded.supervisor import StackError
from streams.kafka.admin import TopicsError
from streams.rules_files import RulesError
from streams.worker import configure_logging

app = typer.Typer(
    help="Real-time behavioural scoring of customers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for part in (stack, demo, sending, scoring, inspect, queries, operations, workers, schemas):
    part.register(app)


def main() -> None:
    """Run the command line."""
    configure_logging("WARNING")
    try:
        app()
    except (AddressError, OperationError, RulesError, SettingsError, StackError, TopicsError) as error:
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
