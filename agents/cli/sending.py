"""`warmth send`: a file of events into a topic."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, BinaryIO, NamedTuple

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from agents.cli.addresses import Data, settings_of
from schemas.registry import INPUT_TOPICS
from streams.kafka.admin import check_topics
from streams.kafka.publishing import Publisher
from streams.kafka.waiting import wait_for_broker
from streams.settings import StreamSettings
from streams.vault.encoder import Encoder

_CHUNK_BYTES = 1_000_000


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: warmth send purchase receipts.jsonl --data /tmp/warmth")(send)


def send(
    topic: Annotated[str, typer.Argument(help=f"One of {', '.join(INPUT_TOPICS)}.")],
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="One JSON event a line.")],
    data: Data = None,
) -> None:
    """Send each line of a file as one event, keyed by its customer; returns once all are acknowledged.

    What names people is sealed or hashed on the way, as by the collector. Lines that are no events become dead letters.
    """
    if topic not in INPUT_TOPICS:
        raise typer.BadParameter(
            f"no input topic is called {topic!r}; use one of {', '.join(INPUT_TOPICS)}", param_hint="TOPIC"
        )
    streams = settings_of(data).streams
    with file.open("rb") as stream:
        sent = asyncio.run(send_chunks(streams, topic, _chunks(stream), stream.tell, file.stat().st_size))
    typer.echo(f"{sent.sentence('events')} to {topic}")


class Sent(NamedTuple):
    """How many were sent, how many of them will be dead letters, and how many fields no contract names."""

    events: int = 0
    refused: int = 0
    omitted: int = 0

    def sentence(self, what: str) -> str:
        """Return it for people."""
        refused = f" ({self.refused:,} of them will be dead letters: see `warmth query dead_letters_by_reason`)"
        omitted = f", {self.omitted:,} fields that no contract names left out"
        return f"{self.events:,} {what} sent{refused * bool(self.refused)}{omitted * bool(self.omitted)}"


async def send_chunks(
    streams: StreamSettings,
    topic: str,
    chunks: Iterable[Sequence[bytes | dict[str, Any]]],
    read: Callable[[], int],
    size: int,
) -> Sent:
    """Send events of a file and show how far it is read; return what was sent once all are acknowledged.

    Args:
        streams: Where to.
        topic: Topic.
        chunks: Events, some at a time.
        read: How many bytes of the file are read.
        size: How many it has.
    """
    await wait_for_broker(streams.kafka_bootstrap)
    await check_topics(streams.kafka_bootstrap, streams.partitions)
    encoder, sent = Encoder.of(streams), Sent()
    columns = (TextColumn("sending"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("send", total=size)
        async with Publisher(streams.kafka_bootstrap, streams.partitions) as publisher:
            for events in chunks:
                records, refused, omitted = encoder.encode(topic, events)
                await publisher.send_with_headers(topic, (record[1:] for record in records))
                sent = Sent(sent.events + len(records), sent.refused + refused, sent.omitted + omitted)
                progress.update(task, completed=read())
    return sent


def _chunks(stream: BinaryIO) -> Iterator[list[bytes]]:
    """Yield the lines of a file, about a megabyte at a time; empty lines are none."""
    while lines := stream.readlines(_CHUNK_BYTES):
        yield [stripped for line in lines if (stripped := line.rstrip(b"\r\n"))]
