"""An HTTP proxy between loader and ClickHouse whose faults a test switches: answers cut, bodies reset, slow, away."""

import asyncio
import contextlib
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote_plus

CUT_ANSWER = "cut_answer"
RESET_BODY = "reset_body"
_RESET_AT_ONCE = struct.pack("ii", 1, 0)
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Fault(NamedTuple):
    """What happens to the next insert into a table: `CUT_ANSWER` after it took effect, or `RESET_BODY` half-way.

    `first` is called just before the connection is reset, so that what it changes is there at the next attempt.
    """

    kind: str
    table: str
    first: Callable[[], None]


class Proxy:
    """Listens on a loopback port; every connection is one to `upstream`, an URL."""

    def __init__(self, upstream: str):
        host, port = upstream.removeprefix("http://").split(":")
        self._upstream = (host, int(port))
        self.delay_secs = 0.0
        """Every insert waits so long before it is forwarded."""
        self.inserts = 0
        self._armed: list[Fault] = []
        self._struck = threading.Event()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._port = 0
        self.back()
        self.url = f"http://127.0.0.1:{self._port}"

    def arm(self, kind: str, table: str, first: Callable[[], None] = lambda: None) -> None:
        """Let one fault happen to the next insert into `table`; several that are armed happen one after another."""
        self._struck.clear()
        self._armed.append(Fault(kind, table, first))

    def wait_struck(self, seconds: float = 60) -> None:
        """Return once all armed faults have happened."""
        assert self._struck.wait(seconds), f"no insert met {self._armed}"

    def wait_insert(self, seen: int, seconds: float = 60) -> None:
        """Return as soon as there were more than `seen` inserts."""
        deadline = time.monotonic() + seconds
        while self.inserts <= seen:
            assert time.monotonic() < deadline, "nothing is inserted"
            time.sleep(0.001)

    def away(self) -> None:
        """Refuse connections, and reset the ones there are."""
        self._run(self._close())

    def back(self) -> None:
        """Listen again."""
        self._run(self._listen())

    def stop(self) -> None:
        """End the proxy."""
        self.away()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self, work: object) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, limit=1 << 20)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in tuple(self._writers):
            _reset(writer)
        await asyncio.sleep(0.05)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        behind: asyncio.StreamWriter | None = None
        try:
            answers, behind = await asyncio.open_connection(*self._upstream, limit=1 << 20)
            self._writers.add(behind)
            while await self._exchange(reader, writer, answers, behind):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # one end is gone: so is the other
        finally:
            for end in (writer, behind):
                if end is not None:
                    self._writers.discard(end)
                    end.close()

    async def _exchange(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answers: asyncio.StreamReader,
        behind: asyncio.StreamWriter,
    ) -> bool:
        """Pass one request and its answer on; False where a fault has ended the connection."""
        head = await reader.readuntil(b"\r\n\r\n")
        body = await _body(reader, head)
        table = _inserted_into(head, body)
        if table is not None:
            self.inserts += 1
            await asyncio.sleep(self.delay_secs)
        fault = self._armed.pop(0) if self._armed and self._armed[0].table == table else None
        if fault is not None and fault.kind == RESET_BODY:
            behind.write(head + body[: len(body) // 2])
            await behind.drain()
            self._strike(fault, writer, behind)
            return False
        behind.write(head + body)
        await behind.drain()
        answer = await answers.readuntil(b"\r\n\r\n")
        answer += await _body(answers, answer)
        if fault is not None:
            self._strike(fault, writer, behind)
            return False
        writer.write(answer)
        await writer.drain()
        return True

    def _strike(self, fault: Fault, *ends: asyncio.StreamWriter) -> None:
        fault.first()
        for end in ends:
            _reset(end)
        if not self._armed:
            self._struck.set()


def _inserted_into(head: bytes, body: bytes) -> str | None:
    """Return the table that a request inserts into; its statement stands in the URL or at the start of the body."""
    words = unquote_plus((head.partition(b"\r\n")[0] + b" " + body[:300]).decode(errors="replace"))
    insert = re.search(r"INSERT INTO (?:`?\w+`?\.)?`?(\w+)", words)
    return None if insert is None else insert[1]


async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    """Read the body that `head` announces, by its length or in chunks."""
    if (length := _LENGTH.search(head)) is not None:
        return await reader.readexactly(int(length[1]))
    if b"chunked" not in head.lower():
        return b""
    parts = []
    while True:
        size = await reader.readuntil(b"\r\n")
        chunk = await reader.readexactly(int(size.split(b";")[0], 16) + 2)
        parts += [size, chunk]
        if len(chunk) == 2:
            return b"".join(parts)


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with a reset: the other end learns nothing of what was still to come."""
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_ONCE)
    writer.transport.abort()
