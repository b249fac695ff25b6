"""`warmth demo`: the whole journey on real purchases, once, and a report of it."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console

from agents.cli.addresses import settings_of
from deploy.embedded.programs import PORT_BASE, Broker, port_is_taken
from deploy.embedded.state import read_state
from deploy.embedded.supervisor import StackError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: warmth demo --events 50000")(demo)


def demo(  # noqa: PLR0913, PLR0917  # one argument an option
    events: Annotated[
        int, typer.Option(min=1_000, help="Events to send; 155,848 of them at most are real baskets.")
    ] = 200_000,
    seed: Annotated[int, typer.Option(help="Seed of the simulator.")] = 1,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack up when the demo ends.")] = False,  # noqa: FBT002
    data: Annotated[Path | None, typer.Option("--data", help="Folder for the stack; a scratch folder if left out.")] = None,
    port_base: Annotated[int | None, typer.Option("--port-base", help="First of the ports; free ones if left out.")] = None,
    broker: Annotated[Broker, typer.Option(help="embedded, or Apache Kafka from Maven artifacts.")] = "embedded",
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,  # noqa: FBT002
) -> None:
    """Stream real purchases and simulated behaviour through Kafka, the scorer and ClickHouse, and show what came out."""
    from agents.demo.joining import join_names  # noqa: PLC0415
    from agents.demo.journey import run_journey  # noqa: PLC0415  # its input needs pyarrow: no worker shall load that
    from agents.demo.report import print_report  # noqa: PLC0415
    from agents.demo.site import make_key  # noqa: PLC0415

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console = Console(stderr=as_json)
    folder = data or Path(tempfile.mkdtemp(prefix="warmth-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    site_key = make_key(folder)
    os.environ |= site_key.settings
    with _stack(folder, ["--port-base", str(port_base or _free_base()), "--broker", broker], console, keep=keep):
        settings = settings_of(folder)
        measured = asyncio.run(run_journey(folder, settings, site_key.secret, events, seed, console))
        with console.status("joining the names of one person"):
            scenes = asyncio.run(join_names(settings, folder))
        print_report(console, settings, measured, folder, scenes, keep=keep)
        stack = read_state(folder)
        if keep and stack is not None:
            console.print(f"  curl -u {site_key.secret}: {stack.collector}/v1/profiles/hh-1", highlight=False)
    if data is None and not keep:
        shutil.rmtree(folder, ignore_errors=True)
    if as_json:
        typer.echo(orjson.dumps(measured.document()))
    if not measured.conserved:
        raise typer.Exit(1)


def _free_base() -> int:
    for base in range(PORT_BASE, PORT_BASE + 2_000, 50):
        if not any(port_is_taken(port) for port in range(base, base + 20)):
            return base
    raise StackError(f"no free ports from {PORT_BASE} on; choose some with --port-base")


@contextmanager
def _stack(folder: Path, options: list[str], console: Console, *, keep: bool) -> Iterator[None]:
    """Run `warmth up` beside us, for as long as the block runs, or for good."""
    console.print(f"Starting broker, ClickHouse, collector, scorer and loader in {folder}")
    command = [sys.executable, "-P", "-m", "agents.cli", "up", "--data", str(folder), *options, "--json"]
    log = folder / "up.log"
    with log.open("wb") as errors:
        stack = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, start_new_session=True)
    try:
        _wait_ready(stack, log)
        yield
    except BaseException:
        keep = False
        raise
    finally:
        if not keep:
            stack.send_signal(signal.SIGTERM)
            stack.wait(60)


def _wait_ready(stack: subprocess.Popen[bytes], log: Path) -> None:
    stdout: Any = stack.stdout
    if not stdout.readline():
        lines = log.read_text(encoding="utf-8").strip().splitlines() or ["it printed nothing"]
        raise StackError(lines[-1].removeprefix("warmth: "))
