"""`warmth send`: a file of events into a topic."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from agents.cli.addresses import Data, settings_of
from streams.kafka.admin import check_topics
from streams.kafka.publishing import Publisher, key_of_bytes
from streams.kafka.topics import SCORED
from streams.kafka.waiting import wait_for_broker
from streams.rules_files import identifiers_of
from streams.settings import StreamSettings

_CHUNK_BYTES = 1_000_000
Keyed = tuple[bytes | None, bytes]
"""Key and value of a record."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: warmth send purchase receipts.jsonl --data /tmp/warmth")(send)


def send(
    topic: Annotated[str, typer.Argument(help=f"One of {', '.join(SCORED)}.")],
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="One JSON event a line.")],
    data: Data = None,
) -> None:
    """Send each line of a file as one event, keyed by its customer; returns once all are acknowledged.

    Lines are sent as they are: the scorer says what is wrong with them, on topic dead-letter.
    """
    if topic not in SCORED:
        raise typer.BadParameter(f"no input topic is called {topic!r}; use one of {', '.join(SCORED)}", param_hint="TOPIC")
    streams = settings_of(data).streams
    ids = identifiers_of(streams)
    with file.open("rb") as stream:
        chunks = ([(key_of_bytes(line, ids), line) for line in lines] for lines in _chunks(stream))
        count = asyncio.run(send_chunks(streams, topic, chunks, stream.tell, file.stat().st_size))
    typer.echo(f"{count:,} events sent to {topic}")


async def send_chunks(
    streams: StreamSettings, topic: str, chunks: Iterable[list[Keyed]], read: Callable[[], int], size: int
) -> int:
    """Send records of a file and show how far it is read; return their number once all are acknowledged.

    Args:
        streams: Where to.
        topic: Topic.
        chunks: Keys and values, some at a time.
        read: How many bytes of the file are read.
        size: How many it has.
    """
    await wait_for_broker(streams.kafka_bootstrap)
    await check_topics(streams.kafka_bootstrap, streams.partitions)
    count = 0
    columns = (TextColumn("sending"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("send", total=size)
        async with Publisher(streams.kafka_bootstrap, streams.partitions) as publisher:
            for records in chunks:
                await publisher.send(topic, records)
                count += len(records)
                progress.update(task, completed=read())
    return count


def _chunks(stream: BinaryIO) -> Iterator[list[bytes]]:
    """Yield the lines of a file, about a megabyte at a time; empty lines are none."""
    while lines := stream.readlines(_CHUNK_BYTES):
        yield [stripped for line in lines if (stripped := line.rstrip(b"\r\n"))]
