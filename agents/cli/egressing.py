"""`warmth egress`: changes to a web address."""

import asyncio
import signal
from typing import Annotated

import typer

from agents.cli.addresses import Data, settings_of
from agents.egress import Egress
from streams.health import Health
from streams.kafka.admin import check_topics
from streams.kafka.topics import SCORE_CHANGES, SEGMENT_CHANGES
from streams.kafka.waiting import wait_for_broker
from streams.probes import serve
from streams.settings import StreamSettings
from streams.worker import configure_logging

_TOPICS = (SCORE_CHANGES, SEGMENT_CHANGES)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: WARMTH_EGRESS_SECRET=… warmth egress https://crm.example/hook --topic segment-change")(
        egress
    )


def egress(
    url: Annotated[str, typer.Argument(help="Takes POST requests; 2xx means that it has what was sent.")],
    topic: Annotated[list[str] | None, typer.Option(help=f"One of {' and '.join(_TOPICS)}; both if left out.")] = None,
    batch: Annotated[int, typer.Option(min=1, max=1_000, help="Most messages in one request.")] = 100,
    data: Data = None,
) -> None:
    """Post every change to a web address until it is taken, signed; runs until SIGTERM. Nothing is lost; some come twice."""
    if not url.startswith(("http://", "https://")):
        raise typer.BadParameter("must begin with http:// or https://", param_hint="URL")
    if unknown := set(topic or ()) - set(_TOPICS):
        raise typer.BadParameter(f"{unknown.pop()}: there are {' and '.join(_TOPICS)}", param_hint="--topic")
    streams = settings_of(data).streams
    secret = streams.egress_secret.get_secret_value()
    if not secret:
        raise typer.BadParameter("set WARMTH_EGRESS_SECRET: the other side knows by it who sends", param_hint="secret")
    configure_logging(streams.log_level)
    health = Health()
    worker = Egress(streams.kafka_bootstrap, streams.partitions, topic or _TOPICS, url, secret.encode(), batch)
    health.require("webhook", worker.calls.trouble)
    serve(health, streams.metrics_host, streams.metrics_port if data is None else 0)
    asyncio.run(_run(streams, health, worker))


async def _run(streams: StreamSettings, health: Health, worker: Egress) -> None:
    told = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, told.set)
    beating = asyncio.create_task(health.keep_beating())
    await wait_for_broker(streams.kafka_bootstrap)
    await check_topics(streams.kafka_bootstrap, streams.partitions)
    await worker.run(told)
    beating.cancel()
