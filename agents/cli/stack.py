"""`warmth up`, `down`, `status`: the embedded stack."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from typing import Annotated

import orjson
import typer

from agents.cli.addresses import Data, Json, settings_of
from agents.reseed import reseed
from agents.settings import AllSettings
from agents.status import Status, read_status
from deploy.embedded.programs import PORT_BASE, Broker, Plan
from deploy.embedded.state import alive, read_state, remove_state
from deploy.embedded.supervisor import Supervisor
from sinks.migrate import migrate
from sinks.settings import SinkSettings
from streams.kafka.admin import create_topics
from streams.settings import StreamSettings

Folder = Annotated[Path, typer.Option("--data", help="Folder for all that the stack keeps; made if missing.")]
Ports = Annotated[int, typer.Option("--port-base", min=1024, max=65000, help="First of the ports that are used.")]
Workers = Annotated[int, typer.Option(min=0, max=16, help="Workers of this kind; 0: run the workers yourself.")]
_STOP_SECS = 60.0


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog="Example: warmth up --data /tmp/warmth --json")(up)
    app.command(epilog="Example: warmth down --data /tmp/warmth")(down)
    app.command(epilog="Example: warmth status --data /tmp/warmth --json")(status)


def prepare(plan: Plan) -> None:
    """Create topics and tables of a stack; a broker that keeps nothing gets the profiles that ClickHouse has kept."""
    asyncio.run(create_topics(plan.kafka, plan.partitions, 1))
    sinks = SinkSettings(clickhouse_url=plan.clickhouse)
    migrate(sinks, wait=False)
    if not plan.broker_isolates:
        streams = StreamSettings(kafka_bootstrap=plan.kafka, partitions=plan.partitions)
        asyncio.run(reseed(AllSettings(streams, sinks)))


def up(
    data: Folder,
    as_json: Json = False,  # noqa: FBT002  # an option
    port_base: Ports = PORT_BASE,
    broker: Annotated[
        Broker, typer.Option(help="embedded keeps nothing over a restart; kafka needs Java and Maven.")
    ] = "embedded",
    scorers: Workers = 1,
    loaders: Workers = 1,
) -> None:
    """Start broker, ClickHouse, collector, scorer and loader on this machine, and stay until SIGTERM or Ctrl-C."""
    settings_of(None)
    plan = Plan(data.resolve(), port_base, broker, scorers, loaders)
    asyncio.run(_up(plan, as_json=as_json))


async def _up(plan: Plan, *, as_json: bool) -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, told.set)
    supervisor = Supervisor(plan, prepare, lambda line: print(f"warmth: {line}", file=sys.stderr, flush=True))  # noqa: T201
    try:
        starting = asyncio.create_task(supervisor.start())
        stopped = asyncio.create_task(told.wait())
        await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            _announce(supervisor, plan, as_json=as_json)
            await stopped
        else:
            starting.cancel()
    finally:
        await supervisor.stop()


def _announce(supervisor: Supervisor, plan: Plan, *, as_json: bool) -> None:
    announcement = supervisor.state.announcement()
    if as_json:
        typer.echo(orjson.dumps(announcement))
        sys.stdout.flush()
        return
    typer.echo(
        f"Kafka      {announcement['kafka']}\nClickHouse {announcement['clickhouse']}   (database warmth)\n"
        f"Collector  {announcement['collector']}   (takes any write key until keys are configured)"
    )
    if plan.broker == "embedded":
        typer.echo(
            "The embedded broker keeps nothing over a restart: what is not loaded when it ends is lost, and a subscriber\n"
            "may see aborted records after a crash. `--broker kafka` keeps everything."
        )
    typer.echo(f"Try: warmth status --data {plan.data}\nCtrl-C stops all of it.")


def down(data: Folder) -> None:
    """Stop the stack of a data folder."""
    state = read_state(data)
    if state is None:
        typer.echo(f"no stack runs in {data}")
        return
    if alive(state.supervisor):
        os.kill(state.supervisor, signal.SIGTERM)
    else:  # it was killed: end what it left behind
        for pid in filter(alive, state.pids.values()):
            os.kill(pid, signal.SIGTERM)
    pids = [state.supervisor, *state.pids.values()]
    deadline = time.monotonic() + _STOP_SECS
    while any(map(alive, pids)):
        if time.monotonic() > deadline:
            typer.echo(f"warmth: still running after {_STOP_SECS:.0f} s: {[pid for pid in pids if alive(pid)]}", err=True)
            raise typer.Exit(1)
        time.sleep(0.1)
    remove_state(data)
    typer.echo("stopped")


def status(data: Data = None, as_json: Json = False) -> None:  # noqa: FBT002  # an option
    """Show lag, records, rows and processes; exit code 1 where something is not ready.

    Lag 0 means that everything sent is readable. Records count offsets, so transaction markers are among them.
    """
    current = asyncio.run(read_status(settings_of(data), None if data is None else read_state(data)))
    typer.echo(orjson.dumps(current.document()) if as_json else _table(current))
    if not current.ready:
        raise typer.Exit(1)


def _table(current: Status) -> str:
    lines = [f"{'ready' if current.ready else 'NOT READY'}{''.join(f'; {reason}' for reason in current.reasons)}"]
    lines += [f"lag      {worker:28} {lag:>12,}" for worker, lag in current.lag.items()]
    lines += [f"records  {topic:28} {count:>12,}" for topic, count in current.records.items()]
    lines += [f"rows     {table:28} {count:>12,}" for table, count in current.rows.items()]
    lines += [f"pid      {name:28} {pid:>12}" for name, pid in current.pids.items()]
    return "\n".join(lines)
