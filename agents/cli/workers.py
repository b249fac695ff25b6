"""Commands that servers run: the workers, the topics, the tables."""

import asyncio
from typing import Annotated

import orjson
import typer
from aiokafka.errors import KafkaError

from agents.cli.addresses import Data, Json, settings_of
from agents.loader import make_loader
from agents.scorer import make_scorer
from agents.settings import AllSettings
from sinks.migrate import migrate
from streams import metrics, worker
from streams.exits import leave
from streams.health import Health
from streams.kafka.admin import check_topics, create_topics
from streams.kafka.waiting import wait_for_broker
from streams.memory import memory_limit_bytes
from streams.probes import serve

worker_app = typer.Typer(help="Run one worker in the foreground.", no_args_is_help=True)
topics_app = typer.Typer(help="Create and check topics.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(worker_app, name="worker")
    app.add_typer(topics_app, name="topics")
    app.command(name="migrate", epilog="Example: warmth migrate --data /tmp/warmth")(migrate_command)


@worker_app.command(epilog="Example: WARMTH_SLOT=1 warmth worker scorer")
def scorer() -> None:
    """Fold events into profiles; ends with 75 when it wants to be started again."""
    health = Health()
    settings, incarnations = _prepare(health)
    worker.run(make_scorer(settings.streams, incarnations), health, settings.streams.log_level)


@worker_app.command(epilog="Example: warmth worker loader")
def loader() -> None:
    """Load enriched events into ClickHouse; ends with 75 when it wants to be started again."""
    health = Health()
    settings, incarnations = _prepare(health)
    worker.run(make_loader(settings.streams, settings.sinks, incarnations, health), health, settings.streams.log_level)


def _prepare(health: Health) -> tuple[AllSettings, dict[str, str]]:
    settings = settings_of(None)
    streams = settings.streams
    worker.configure_logging(streams.log_level)
    metrics.PARTITIONS.set(streams.partitions)
    metrics.MEMORY_LIMIT.set(memory_limit_bytes())
    health.require("kafka", lambda: f"{streams.kafka_bootstrap} has not answered yet")
    serve(health, streams.metrics_host, streams.metrics_port)
    return settings, asyncio.run(_topics(settings, health))


async def _topics(settings: AllSettings, health: Health) -> dict[str, str]:
    streams = settings.streams
    beating = asyncio.create_task(health.keep_beating())
    await wait_for_broker(streams.kafka_bootstrap)
    try:
        incarnations = await check_topics(streams.kafka_bootstrap, streams.partitions)
    except KafkaError as error:
        leave("the broker went away while the topics were looked at", error)
    beating.cancel()
    return incarnations


@topics_app.command(epilog="Example: WARMTH_KAFKA_BOOTSTRAP=kafka:9092 warmth topics create")
def create(data: Data = None) -> None:
    """Create the topics that are missing and give each new one an incarnation."""
    streams = settings_of(data).streams

    async def run() -> None:
        await wait_for_broker(streams.kafka_bootstrap)
        done = await create_topics(streams.kafka_bootstrap, streams.partitions, streams.replication)
        typer.echo(f"{len(done.created)} topics created, {len(done.present)} were there")

    asyncio.run(run())


@topics_app.command(epilog="Example: warmth topics check --json")
def check(data: Data = None, as_json: Json = False) -> None:  # noqa: FBT002  # an option
    """Check that every topic is there, with its partitions and incarnation."""
    streams = settings_of(data).streams
    incarnations = asyncio.run(check_topics(streams.kafka_bootstrap, streams.partitions))
    if as_json:
        typer.echo(orjson.dumps(incarnations))
    else:
        typer.echo(f"{len(incarnations)} topics, {streams.partitions} partitions each: as they should be")


def migrate_command(
    data: Data = None,
    wait: Annotated[bool, typer.Option(help="Wait until ClickHouse answers.")] = True,  # noqa: FBT002  # an option
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,  # noqa: FBT002
    as_json: Json = False,  # noqa: FBT002  # an option
) -> None:
    """Bring ClickHouse's tables, views, terms and roles to what this version needs."""
    applied = migrate(settings_of(data).sinks, wait=wait, dry_run=dry_run)
    if as_json:
        typer.echo(orjson.dumps({"dry_run": dry_run, "steps": applied}))
    else:
        typer.echo("\n".join(applied) or "nothing to apply")
